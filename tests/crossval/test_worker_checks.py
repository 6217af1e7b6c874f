"""A worker that is not like its driver says so before it works."""

import copy
import platform

import pytest

from tiny import loaded
from xdistill.crossval.fold import run_fold
from xdistill.crossval.worker_checks import check_files, check_plugins, check_versions, driver_facts
from xdistill.errors import PluginError, RunError
from xdistill.experiment.assemble import assemble
from xdistill.version import __version__

HERE = f"the worker on {platform.node()}"


@pytest.fixture
def driver(catalog):
    return driver_facts(assemble(loaded(), catalog).components, catalog)


def test_the_same_process_agrees(driver, catalog):
    check_versions(driver)
    check_plugins(driver, catalog)
    assert set(driver["plugins"]) == {"mri", "cmdnet", "losses", "networks", "tabular"}
    assert set(driver["sources"]) == {f"xdistill_{name}" for name in driver["plugins"]}


@pytest.mark.parametrize(("name", "here"), [("python", platform.python_version()), ("xdistill", __version__)])
def test_other_versions(driver, name, here):
    changed = copy.deepcopy(driver)
    changed["versions"][name] = "0.0.9"
    with pytest.raises(RunError, match=f"{HERE} has {name} {here}, but the driver has 0.0.9; install the same version"):
        check_versions(changed)


def test_a_plugin_that_the_worker_lacks(driver, catalog):
    driver["plugins"]["ghosts"] = ["ghostly", "1.2"]
    with pytest.raises(PluginError, match=f"{HERE} lacks the plugin 'ghosts', which the driver has from ghostly 1.2"):
        check_plugins(driver, catalog)


def test_a_plugin_of_another_version(driver, catalog):
    driver["plugins"]["mri"] = ["xdistill", "7.0"]
    expected = f"has the plugin 'mri' from xdistill {__version__}, but the driver has it from xdistill 7.0; install"
    with pytest.raises(PluginError, match=expected):
        check_plugins(driver, catalog)


def test_other_sources_of_the_same_version(driver, catalog):
    driver["sources"]["xdistill_mri"] = "0" * 16
    with pytest.raises(PluginError, match=r"the source files of xdistill_mri differ between .* and the driver"):
        check_plugins(driver, catalog)


def test_files_that_the_worker_does_not_see(tmp_path):
    with pytest.raises(RunError, match=f"{HERE} cannot see .*cohort.h5; .* --runs and --cache"):
        check_files(tmp_path / "cohort.h5")
    with pytest.raises(RunError, match=r"cohort.h5: the file was removed during the run; rerun"):
        check_files(tmp_path / "cohort.h5", machine=platform.node())


def test_a_fold_makes_no_folder_where_the_run_is_not(tmp_path):
    payload = {
        "recipe": {},
        "run": str(tmp_path / "elsewhere"),
        "cohort": str(tmp_path / "cohort.h5"),
        "repeat": 0,
        "fold": 0,
    }
    with pytest.raises(RunError, match=r"cannot see .*splits\.json"):
        list(run_fold(payload))
    assert not list(tmp_path.iterdir())
