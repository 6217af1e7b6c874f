"""How suites are inherited: promises, expected failures, and what their authors can get wrong."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from testing.biting import checks_of
from testing.broken_data import Numbers, Right, RightDoubled
from xdistill import testing
from xdistill.errors import SettingsError
from xdistill.interfaces import Settings
from xdistill.plugin import KINDS
from xdistill.testing import Conformance, DatasetConformance, GoldenMetric, MetricConformance

HALF = GoldenMetric([0, 1], [[1.0, 0.0], [1.0, 0.0]], 0.5)


def test_there_is_a_suite_for_every_kind():
    suites = {
        getattr(testing, name).kind
        for name in testing.__all__
        if name.endswith("Conformance") and name != "Conformance"
    }
    assert suites == {kind.name for kind in KINDS}


def test_names_that_are_not_there():
    with pytest.raises(AttributeError, match="no attribute 'LossConformity'"):
        testing.LossConformity  # noqa: B018 - looking it up is the test


def test_what_is_not_promised_is_not_checked():
    class Base(MetricConformance):
        component = Right
        rewards_truth = False

    class Promising(Base):
        rewards_truth = True
        golden = (HALF,)

    assert not {"test_truth_is_better_than_chance", "test_golden_values"} & set(checks_of(Base))
    assert {"test_truth_is_better_than_chance", "test_golden_values"} <= set(checks_of(Promising))


def test_an_expected_failure_has_to_be_one_of_the_tests():
    with pytest.raises(TypeError, match="expects 'test_shape' to fail, and has no such test"):
        type("TestRight", (MetricConformance,), {"component": Right, "expected_failures": {"test_shape": "none"}})


SUITE = """
from testing.broken_data import Right, RightDoubled
from xdistill.testing import GoldenMetric, MetricConformance

HALF = GoldenMetric([0, 1], [[1.0, 0.0], [1.0, 0.0]], 0.5)

class TestRight(MetricConformance):
    component = Right
    golden = (HALF,)

class TestRightDoubled(MetricConformance):
    component = RightDoubled
    golden = (HALF,)
    expected_failures = {"test_golden_values": "its source has another factor"}

class TestTooHopeless(MetricConformance):
    component = Right
    golden = (HALF,)
    expected_failures = {"test_golden_values": "it was broken once"}
"""


def test_pytest_runs_a_suite(pytester):
    """Expected failures are told with their reason, and one that passes fails."""
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rxf")
    result.assert_outcomes(passed=25, xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["*XFAIL*TestRightDoubled::test_golden_values - its source has another factor"])
    result.stdout.fnmatch_lines(["*FAILED*TestTooHopeless::test_golden_values*"])


def test_a_failure_says_what_is_wrong():
    class Doubled(MetricConformance):
        component = RightDoubled
        golden = (GoldenMetric([0, 1], [[1.0, 0.0], [1.0, 0.0]], 0.5, source="by hand"),)

    with pytest.raises(AssertionError, match=r"^by hand: 1.0 instead of 0.5$"):
        Doubled().test_golden_values()


def test_settings_may_come_from_a_fixture():
    suite = type("TestNumbers", (DatasetConformance,), {"component": Numbers})()
    suite.settings = {"subjects": 3}
    with pytest.raises(SettingsError, match="subjects"):
        suite.choice()
    assert isinstance(suite, Conformance)


class Picky(Right):
    """Wants to be told much."""

    name = "picky"

    class Config(Settings):
        level: Annotated[float, Field(le=1)] = 0.5
        parts: tuple[str, ...] = Field(description="what is looked at")


def test_wrong_settings_are_told_in_words():
    suite = type("TestPicky", (MetricConformance,), {"component": Picky})()
    suite.settings = {"level": 2, "part": ["a"]}
    with pytest.raises(SettingsError) as caught:
        suite.choice()
    said = str(caught.value)
    assert said.startswith("the settings that Picky ('picky') is tested with: ")
    assert "level: should be less than or equal to 1, got 2" in said
    assert "part: unknown field `part`; did you mean `parts`?" in said
    assert "parts: this field is required (what is looked at)" in said
    assert caught.value.__cause__ is None
    assert "pydantic" not in said


def test_every_suite_is_described():
    page = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
    for name in testing.__all__:
        assert f"`{name}`" in page or name == "Conformance"
