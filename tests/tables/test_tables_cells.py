"""What single cells mean."""

import pytest

from xdistill.tables.dates import day_comes_first, days
from xdistill.tables.marks import Exact, are_numbers, evidence, quantity
from xdistill.tables.words import is_path, ordinal


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [
        ("12,3 U/L", ",", ("12.3", "", "U/L")),
        ("1.204,5", ",", ("1204.5", "", "")),
        ("1.204", ",", ("1204", "", "")),
        ("1.204", ".", ("1.204", "", "")),
        ("1,204.5", ".", ("1204.5", "", "")),
        ("1'200", ".", ("1200", "", "")),
        ("1 200,5", ",", ("1200.5", "", "")),
        ("<0,5", ",", ("0.5", "<", "")),
        ("≥ 400 mg/dl", ".", ("400", ">", "mg/dl")),
        ("5%", ".", ("5", "", "%")),
        ("\N{MINUS SIGN}3.5e-4", ".", ("-3.5e-4", "", "")),
        (",5", ",", (".5", "", "")),
        (Exact(1.204), ",", ("1.204", "", "")),
    ],
)
def test_numbers_in_every_notation(text, decimal, expected):
    assert quantity(text, decimal) == expected


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("12,3", "."),
        ("1.5", ","),
        ("0,700", "."),
        ("12a", "."),
        ("T2", "."),
        ("3-5", "."),
        ("1 2", "."),
        ("01.03.2021", "."),
    ],
)
def test_what_is_no_number_in_a_notation(text, decimal):
    assert quantity(text, decimal) is None


@pytest.mark.parametrize(
    ("text", "mark"),
    [("12,3 U/L", ","), ("12.35", "."), ("1.204", ""), ("1.204.500", ","), ("1,204.5", "."), ("M1", "")],
)
def test_only_some_numbers_decide_the_mark_of_decimals(text, mark):
    assert evidence(text) == mark


def test_grades_of_test_strips_and_names_of_files():
    assert [ordinal(text) for text in ("neg", "Spur", "+", "1+", "++", "3 +", "M1")] == [0, 0.5, 1, 1, 2, 3, None]
    assert [is_path(text) for text in ("a/b.nrrd", "IMG.JPG", "x.dcm", "scan.nii.gz", "M1", "0.5")] == [True] * 4 + [
        False
    ] * 2


def test_dates_are_days():
    same = ["2021-04-09", "9.4.2021", "09.04.21", "9 Apr 2021", "9. April 2021", "09/04/2021", "2021/4/9"]
    assert {days(text, day_first=True) for text in same} == {18726.0}  # date -d 2021-04-09 +%s is 18726 days
    assert days("2021-04-09 12:00", day_first=True) == 18726.5
    assert days("04/09/2021", day_first=False) == 18726.0
    assert days("31.02.2021", day_first=True) is None
    assert day_comes_first(["13/4/2021", "1/2/2021"]) is True
    assert day_comes_first(["4/13/2021", "1/2/2021"]) is False
    assert day_comes_first(["3/4/2021", "1/2/2021"]) is None
    assert day_comes_first(["13/4/2021", "4/13/2021"]) is None


def test_plain_numbers_are_those_that_python_writes():
    assert are_numbers(["1", "-2.5", "1e3"])
    assert not are_numbers(["1_0"])
    assert not are_numbers(["inf"])
    assert not are_numbers(["1,5"])
