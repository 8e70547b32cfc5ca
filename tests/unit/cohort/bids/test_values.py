import pytest

from ldae.cohort.bids.values import agree_on, expected_number, normalise, read_number


@pytest.mark.parametrize(
    "text, number, assumed",
    [
        ("72", 72, ""),
        ("72.5", 72.5, ""),
        (" 72,5 ", 72.5, "a decimal comma"),
        ("7.25e1", 72.5, ""),
        ("72y", 72, "a unit behind the number"),
        ("72 Years", 72, "a unit behind the number"),
        ("072Y", 72, "a unit behind the number"),
        ("72,5 yrs", 72.5, "a decimal comma and a unit behind the number"),
    ],
)
def test_ages_in_many_ways_of_writing(text, number, assumed):
    assert read_number(text, "age") == (number, assumed)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "89+",
            ">89",
            "> 89",
            "≥90",
            "<18",
            "70-75",
            "70–75",
            "7400",
            "-4",
            "0",
            "0.0",
            "121",
            "inf",
            "nan",
            "1_0",
            "７２",
        ),
        *("864 months", "072M", "72.5.1", "7 2", "y", "", '"72', "1937-09-17", "seventy"),
    ],
)
def test_ages_that_are_none(text):
    assert read_number(text, "age") == (None, "")


@pytest.mark.parametrize("text", ["89+", ">89", "≥ 90", "<=18"])
def test_a_bound_is_said_to_be_one(text):
    assert expected_number(text, "age") == "a number from 1 to 120, not a bound"
    assert expected_number("7400", "age") == "a number from 1 to 120"


@pytest.mark.parametrize(
    "text, key", [("3T", "field_strength_t"), ("1,5 Tesla", "field_strength_t"), ("12 m", "months")]
)
def test_other_numbers_may_have_their_units(text, key):
    assert read_number(text, key)[0] in (3, 1.5, 12)


def test_numbers_are_one_value_however_they_are_written():
    assert len({normalise(text) for text in ("0.5", "0.50", ".5", "0,5")}) == 1
    assert normalise(" Emci ") == "emci"


@pytest.mark.parametrize(
    "cells, value",
    [(["70", "70.0"], "70"), (["", "n/a"], ""), (["NA", "CN"], "CN"), (["NA"], "NA"), (["CN", "AD"], None), ([], "")],
)
def test_cells_that_should_say_the_same(cells, value):
    assert agree_on(cells) == value
