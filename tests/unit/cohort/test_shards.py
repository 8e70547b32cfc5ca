from ldae.cohort.shards import shard_of


def test_shards_are_stable_and_about_equal():
    labels = [f"ADNI011S{number:04d}" for number in range(2000)]
    counts = [[shard_of(label, 4) for label in labels].count(shard) for shard in range(4)]
    assert sum(counts) == 2000
    assert min(counts) > 400
    assert shard_of("ADNI011S0021", 4) == 3
