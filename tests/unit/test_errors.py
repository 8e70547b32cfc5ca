import pickle

from ldae.errors import UserError


def test_message_names_place_expectation_finding_and_cure():
    text = str(UserError("a.csv", "ten columns", "nine", "download it again"))
    for part in ("a.csv", "expected: ten columns", "found:    nine", "cure:     download it again"):
        assert part in text


def test_survives_the_way_between_processes():
    error = UserError("a.csv", "x", "y", "z")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.cure == "z"
