from ldae.seeds import seed_of


def test_seeds_differ_with_each_part_and_stay():
    assert seed_of(1, "a", "b") == seed_of(1, "a", "b")
    assert len({seed_of(1, "a", "b"), seed_of(2, "a", "b"), seed_of(1, "b", "a"), seed_of(1, "ab")}) == 4


def test_seeds_fill_sixty_bits():
    """Shorter ones would meet in a large cohort: a study has tens of thousands of scans."""
    seeds = {seed_of(3, f"S{number:05d}", "M000") for number in range(5000)}
    assert len(seeds) == 5000
    assert 2**58 < max(seeds) < 2**60
    assert {seed % 16 for seed in seeds} == set(range(16))
