import pickle

from ldae.errors import UserError, UserErrors


def test_message_names_place_expectation_finding_and_cure():
    text = str(UserError("a.csv", "ten columns", "nine", "download it again"))
    for part in ("a.csv", "expected: ten columns", "found:    nine", "cure:     download it again"):
        assert part in text


def test_survives_the_way_between_processes():
    error = UserError("a.csv", "x", "y", "z")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.cure == "z"


def test_several_problems_are_told_at_once_and_survive_the_way_between_processes():
    two = UserErrors([UserError("a.csv", "x", "nine", "z"), UserError("b.csv", "x", "ten", "z")])
    three = UserErrors([two, UserError("c.csv", "x", "eleven", "z")])
    for text in (str(three), str(pickle.loads(pickle.dumps(three)))):
        assert text.startswith("3 problems")
        for part in ("a.csv", "nine", "b.csv", "ten", "c.csv", "eleven"):
            assert part in text


def test_one_problem_of_several_reads_like_one():
    error = UserError("a.csv", "x", "y", "z")
    assert str(UserErrors([error])) == str(error)
