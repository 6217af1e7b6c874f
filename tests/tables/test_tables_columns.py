"""How a column is read, by all of its cells."""

import pytest

from xdistill.tables import ColumnSettings, Habits, Reading, find_reading, habits_of, plain_row


def read(*cells, habits=None, **settings):
    habits = habits_of([cells]) if habits is None else habits
    return find_reading("x", cells, ColumnSettings(**settings), habits)


def plain(found, *cells):
    return [found.reading.plain(cell) for cell in cells]


def test_plain_columns_stay_as_they_are():
    for cells in (("1", "2.5", ""), ("a", "b"), ("Ja", "Nein"), ("<18", "18-65", ">65"), ("1a", "2b")):
        found = read(*cells)
        assert found.reading.is_plain, cells
        assert (found.problem, found.left_out, found.wrong) == ("", "", ())


def test_a_laboratory_column():
    cells = ("<0,5", "0,7 ng/mL", ">400", "k.A.", "nicht bestimmt", "")
    found = read(*cells)
    assert plain(found, *cells) == ["0.5", "0.7", "400", "", "", ""]
    assert [found.reading.limit(cell) for cell in cells] == ["<", "no", ">", "", "", ""]
    assert found.reading.columns == ("x", "x censored")
    assert found.reading.unit == "ng/mL"
    assert found.reading.notes == (
        "decimal commas",
        "unit 'ng/mL' in 1 of 3 cells",
        "1 below a limit (<)",
        "1 above a limit (>)",
        "missing: 'nicht bestimmt'",
        "missing: 'k.A.'",
    )
    assert plain(found, "n.d.", "12,5", "a") == ["", "12.5", None]  # of new subjects


def test_the_file_decides_where_a_column_does_not():
    assert plain(read("1.204", "2.350", habits=Habits(commas=2)), "1.204") == ["1204"]
    assert plain(read("1.204", "2.350", habits=Habits(points=2)), "1.204") == ["1.204"]
    assert "is ambiguous: '1,204' is 1204" in read("1,204", "2,350", habits=Habits()).problem
    assert plain(read("1,204", "2,350", habits=Habits(), decimal=","), "1,204") == ["1.204"]
    found = read("1.204", "2.350", habits=Habits())
    assert (plain(found, "1.204"), len(found.reading.notes)) == (["1.204"], 1)  # two readings, which is reported
    assert plain(read("1.204", "2.350", habits=Habits(), decimal=","), "1.204") == ["1204"]
    assert read("1.204", "2.35", habits=Habits()).reading.notes == ()


def test_two_units_are_a_problem():
    assert "has several units: 'mg/dL' (2), 'g/L'" in read("3 mg/dL", "4 mg/dL", "5 g/L").problem


def test_one_text_among_numbers_is_a_problem_and_not_a_category():
    said = read("0,5", "0,6", "0,7", "0,8", "hemolytic").problem
    assert "holds 4 numbers ('0,5', '0,6', '0,7', …) and 1 other texts ('hemolytic')" in said


def test_grades_and_given_orders():
    assert plain(read("neg", "2+", "1+"), "neg", "1+", "3+") == ["0", "1", "3"]
    ordered = read("low", "High", "mid", levels=("low", "mid", "high"))
    assert plain(ordered, "LOW", "high") == ["0", "2"]
    assert read("low", "huge", levels=("low", "high")).wrong == ("huge",)


def test_one_word_in_four_spellings():
    found = read("Ja", "Nein", "ja", "NEIN", "nein ")
    assert plain(found, "Ja", "nein ", "yes", "FALSE") == ["yes", "no", "yes", "no"]
    found = read("Female", "female", "Female", "male")
    assert plain(found, "FEMALE", "male") == ["Female", "male"]
    assert found.reading.notes == ("'Female', 'female' are one word",)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (("01.03.2021", "2021-04-09"), "holds dates"),
        (("a.nrrd", "b.nrrd"), "holds names of files"),
        (("a.jpg", "b.jpg", "a.jpg"), "holds names of files"),
        (("train", "test", "train"), "holds parts of a split ('train' (2), 'test')"),
    ],
)
def test_what_is_no_clinical_value(cells, why):
    assert read(*cells).left_out == why


def test_days_since_a_reference():
    found = read("3/4/2021", "13/4/2021", since="visit")
    assert found.reading.plain("13/4/2021", "3/4/2021") == "10"
    assert found.reading.plain("13/4/2021", "") == ""
    assert "set `clinical.day_first`" in read("3/4/2021", "1/2/2021", since="visit").problem


def test_a_question_mark_is_missing_unless_it_is_kept():
    assert read("1", "?", "2").reading.notes == ("missing: '?'",)
    assert plain(read("a", "?", kept=frozenset("?")), "?") == ["?"]


def test_a_reading_is_stored_and_applied_to_new_rows():
    reading = read("<0,5", "0,7", "1,5").reading
    again = Reading.from_json(reading.to_json())
    assert again == reading
    row = plain_row({"x": "<0,5", "y": "a"}, [again])
    assert row == {"x": "0.5", "y": "a", "x censored": "<"}
    assert plain_row({"x": "what", "y": "a"}, [again])["x"] == "what"


def test_plain_numbers_of_new_subjects_are_no_limits():
    reading = read("<0,5", "7,5", "8,5").reading
    assert plain_row({"x": "7.5"}, [reading]) == {"x": "7.5", "x censored": "no"}
    assert plain_row({"x": "0.5", "x censored": "<"}, [reading])["x censored"] == "<"  # as `data export` writes it
    assert plain_row({"x": "k.A.", "x censored": "<"}, [reading]) == {"x": "", "x censored": ""}
