import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdistill.recipe.yaml.nodes import locate, to_plain
from xdistill.recipe.yaml.reader import MAX_VALUES, Reading, read_yaml


def read(text: str) -> Reading:
    return read_yaml(text, "recipe.yaml")


def plain(text: str) -> object:
    reading = read(text)
    assert reading.problems == ()
    assert reading.root is not None
    return to_plain(reading.root)


def only_problem(text: str) -> tuple[int, int, str]:
    (problem,) = read(text).problems
    return problem.line, problem.column, problem.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("+4", 4),
        ("no", "no"),
        ("off", "off"),
        ("Yes", "Yes"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-02", "2024-01-02"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("9" * 400, "9" * 400),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text, value):
    found = plain(f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


def test_a_version_directive_changes_nothing():
    assert plain("%YAML 1.1\n---\na: no\n") == {"a": "no"}


def test_names_of_fields_are_text():
    assert plain("1: a\nno: b\nnull: c") == {"1": "a", "no": "b", "null": "c"}


def test_every_value_knows_its_line_and_column():
    root = read("a: 1\nb:\n  c: [x, yy]\n  d: {e: 5}\nf:\n").root
    places = {
        ("a",): (1, 4),
        ("b",): (2, 1),  # a block mapping is where its name is
        ("b", "c"): (3, 6),
        ("b", "c", 1): (3, 10),
        ("b", "d", "e"): (4, 10),
        ("f",): (5, 1),
        ("b", "d", "zzz"): (4, 6),  # the nearest ancestor
        (): (1, 1),
    }
    assert {path: (locate(root, path).line, locate(root, path).column) for path in places} == places
    key = locate(root, ("b", "d", "e"), key=True)
    assert (key.line, key.column) == (4, 7)


def test_aliases_and_merge_keys_point_to_where_the_value_stands():
    text = "base: &base {lr: 1, use: sgd}\nother:\n  <<: *base\n  lr: 2\nlist: [*base]\n"
    assert plain(text)["other"] == {"lr": 2, "use": "sgd"}
    root = read(text).root
    assert locate(root, ("other", "use")).line == 1
    assert locate(root, ("other", "lr")).line == 4
    assert locate(root, ("list", 0)).line == 1


def test_a_merge_key_may_take_a_list_and_the_first_wins():
    assert plain("a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc: {<<: [*a, *b]}")["c"] == {"x": 1, "y": 3}


def test_a_merge_key_wants_mappings():
    assert only_problem("a: {<<: 3}")[:2] == (1, 5)


@pytest.mark.parametrize(
    "tagged",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!!python/object/new:subprocess.Popen {args: 'true'}",
        "!custom 3",
        "!!binary aGk=",
        "!!str 5",
        "!!set {a}",
    ],
)
def test_tags_are_refused_with_their_position(tagged):
    line, column, message = only_problem(f"name: x\nseed: {tagged}\n")
    assert (line, column) == (2, 7)
    assert "plain data" in message
    assert tagged.split(" ", maxsplit=1)[0] in message


def test_a_tag_on_a_field_name_is_refused():
    assert only_problem("!!python/name:os.system x: 1")[2].startswith(
        "the tag `!!python/name:os.system` is not allowed"
    )


def test_a_field_twice_names_both_lines():
    (problem,) = read("a: 1\nb: {c: 1, c: 2}\n").problems
    assert (problem.line, problem.column, problem.path) == (2, 11, "b.c")
    assert problem.message == "duplicate field `c`; first set in line 2"


def test_all_problems_of_a_file_are_found_at_once():
    problems = read("a: 1\na: 2\nb: !x 3\nc: .nan\n").problems
    assert [(problem.line, problem.column) for problem in problems] == [(2, 1), (3, 4), (4, 4)]


def test_an_alias_bomb_is_stopped():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    started = time.process_time()  # not the time that others take from it
    reading = read("\n".join(lines))
    assert time.process_time() - started < 1
    assert not reading.understood
    assert f"{MAX_VALUES:,}" in reading.problems[0].message


def test_a_value_that_holds_itself_is_refused():
    line, _, message = only_problem("a: &a [1, *a]")
    assert line == 1
    assert "contains its own alias" in message
    assert "contains its own alias" in only_problem("a: &a {<<: *a}")[2]


def test_a_problem_behind_several_aliases_is_reported_once():
    assert only_problem("a: &a {b: !x 1}\nc: *a\nd: [*a, *a]\n")[:2] == (1, 11)


def test_an_unknown_alias_is_refused():
    assert only_problem("a: *b")[:2] == (1, 4)


def test_deep_nesting_is_stopped():
    reading = read("a: " + "[" * 5000)
    assert "deep" in reading.problems[0].message


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a:\n\tb: 1\n", 2, 1, "indent with spaces"),
        ("a: 1\nb: [1, 2\nc: 3\n", 2, 4, "the bracket that opens here is not closed"),
        ("a: {b: 1\n", 1, 4, "the bracket that opens here is not closed"),
        ("a: b: c\n", 1, 5, "put the text in quotes"),
        ("a: 'x\nb: 1\n", 1, 4, "the quoted text that starts here is not closed"),
        ("- a\nb: 1\n", 2, 1, "indentation"),
        ("a: @x\n", 1, 4, "in quotes"),
        ("a: 1\nb: \x07\n", 2, 4, "U+0007"),
        ("a: 1\n---\nb: 2\n", 2, 1, "expected one document"),
        ('a: 1\nb: "x\\UFFFFFFFF"\n', 2, 6, "invalid escape"),
        ('a: "\\U00110000"', 1, 5, "invalid escape"),
        ("? [a]\n: b\n", 1, 3, "must be a string"),
    ],
)
def test_what_is_no_yaml_is_explained_where_it_stands(text, line, column, words):
    reading = read(text)
    assert not reading.understood
    (problem,) = reading.problems
    assert (problem.line, problem.column) == (line, column)
    assert words in problem.message


@pytest.mark.parametrize("number", [".inf", "-.INF", ".nan", "1e999"])
def test_numbers_have_to_be_finite(number):
    assert only_problem(f"a: {number}") == (1, 4, f"numbers must be finite, got {number}")


def test_half_a_surrogate_pair_is_refused():
    assert only_problem('a: "\\ud800"')[:2] == (1, 4)
    assert only_problem('"\\ud800": 1')[:2] == (1, 1)


def test_nothing_at_all_reads_as_none():
    for text in ("", "# only a remark\n", "---\n...\n"):
        reading = read(text)
        assert reading.understood
        assert reading.root is None or to_plain(reading.root) is None


MARKS = st.sampled_from([*"[]{}:,-?!&*|>'\"%@#~ \n\t\\ab01.", "\\U00110000", "%YAML 1.2\n", "---", "<<: ", "&a ", "*a"])


@given(st.lists(MARKS, max_size=25))
def test_any_text_is_read_or_refused_but_never_breaks(marks):
    reading = read("".join(marks))
    assert reading.understood or reading.problems
    assert all(problem.line > 0 for problem in reading.problems)
