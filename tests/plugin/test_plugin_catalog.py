"""The rules of the catalog: what is wrong with a plugin is said with its name and distribution."""

import re

import pytest

from plugin.toys import Flat, Nearness, Other, Share, hook_that_returns, plugin
from xdistill.errors import PluginError
from xdistill.interfaces import Encoder, Metric, Settings
from xdistill.interfaces.component import UnknownComponentError
from xdistill.plugin import API_VERSION, KINDS, Catalog, hookimpl, load_catalog
from xdistill.plugin.catalog import build_catalog, plugin_entry_points
from xdistill.plugin.importing import DISABLE_VARIABLE
from xdistill.plugin.specs import hookspecs


def refusal(*plugins):
    with pytest.raises(PluginError) as caught:
        build_catalog(plugins)
    return str(caught.value)


def test_components_keep_where_they_came_from():
    catalog = build_catalog(
        [
            plugin("one", xdistill_metrics=[Share], xdistill_encoders=(Flat,)),
            plugin("two", distribution="mine", version="7", xdistill_metrics=[Other]),
        ]
    )
    assert catalog.names("metric") == ("other", "share")
    assert catalog.has("encoder", "flat")
    assert not catalog.has("encoder", "share")
    entry = catalog.entry("metric", "other")
    assert (entry.component, entry.plugin, entry.distribution, entry.version) == (Other, "two", "mine", "7")
    assert catalog.resolve(Metric, "share") is Share
    assert {entry.distribution: entry.version for entry in catalog} == {"xdistill-toy": "1.2", "mine": "7"}
    assert [entry.name for entry in catalog] == ["flat", "other", "share"]


def test_a_catalog_is_frozen():
    catalog = build_catalog([plugin(xdistill_metrics=[Share])])
    with pytest.raises(TypeError):
        catalog._table["metric"]["share"] = None


def test_two_components_of_one_name_name_both_distributions():
    class Copy(Share):
        pass

    said = refusal(
        plugin("one", xdistill_metrics=[Share]),
        plugin("two", distribution="mine", version="7", xdistill_metrics=[Copy]),
    )
    assert "two plugins offer the metric 'share'" in said
    assert "Share of xdistill-toy 1.2" in said
    assert "Copy of mine 7" in said
    assert "uninstall or disable one of them" in said


def test_one_name_may_be_used_for_two_kinds():
    class Flatness(Share):
        name = "flat"

    catalog = build_catalog([plugin(xdistill_metrics=[Flatness], xdistill_encoders=[Flat])])
    assert catalog.resolve(Encoder, "flat") is Flat
    assert catalog.resolve(Metric, "flat") is Flatness


def test_two_plugins_of_one_name():
    said = refusal(plugin(xdistill_metrics=[Share]), plugin(distribution="mine", xdistill_metrics=[Other]))
    assert said == ("two plugins are named 'toy': one of xdistill-toy and one of mine; uninstall one of them")


def misspelt():
    return plugin(xdistill_metric=[Share])


def strange():
    return plugin(xdistill_zzz=[Share])


def with_arguments():
    @hookimpl
    def xdistill_metrics(registry):
        return registry

    return plugin(xdistill_metrics=xdistill_metrics)


def unmarked():
    return plugin(xdistill_metrics=lambda: [Share])


def raises():
    @hookimpl
    def xdistill_metrics():
        raise KeyError("share")

    return plugin(xdistill_metrics=xdistill_metrics)


def of_another_kind():
    return plugin(xdistill_encoders=[Share])


def an_instance():
    return plugin(xdistill_metrics=[Share(Settings())])


def nameless():
    class Nameless(Metric):
        def __call__(self, *_):
            return 0.0

    return plugin(xdistill_metrics=[Nameless])


def numbered():
    class Numbered(Share):
        name = 3

    return plugin(xdistill_metrics=[Numbered])


def strange_config():
    class Strange(Share):
        name = "strange"
        Config = dict

    return plugin(xdistill_metrics=[Strange])


def unfinished():
    class Unfinished(Encoder):
        name = "unfinished"

    return plugin(xdistill_encoders=[Unfinished])


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (misspelt, ["implements `xdistill_metric`, which is not a hook; did you mean `xdistill_metrics`?"]),
        (strange, ["implements `xdistill_zzz`, which is not a hook; valid hooks: xdistill_datasets, "]),
        (with_arguments, ["cannot be used", "Argument(s) {'registry'}"]),
        (unmarked, ["has a function xdistill_metrics that is not marked as a hook; write @hookimpl above it"]),
        (plugin, ["implements no hook; hooks are xdistill_datasets, "]),
        (raises, ["xdistill_metrics of ", "failed: KeyError: 'share'"]),
        (lambda: plugin(xdistill_metrics=Share), ["xdistill_metrics"]),
        (lambda: plugin(xdistill_metrics={Share}), ["must return a list of classes, but returned set"]),
        (lambda: plugin(xdistill_metrics=None), ["must return a list of classes, but returned NoneType"]),
        (of_another_kind, ["Share", "which is not a subclass of Encoder"]),
        (an_instance, ["which is not a subclass of Metric"]),
        (nameless, ["Nameless, which has no `name`"]),
        (numbered, ["Numbered, which has no `name`"]),
        (strange_config, ["Strange.Config is not a subclass of Settings"]),
        (unfinished, ["Unfinished does not implement forward"]),
    ],
)
def test_what_breaks_a_rule_names_the_plugin(make, parts):
    said = refusal(make())
    for part in ["the plugin 'toy' of xdistill-toy 1.2", *parts]:
        assert part in said


@pytest.mark.parametrize(
    ("hook", "base", "field", "reserved"),
    [
        ("xdistill_metrics", Share, "use", True),
        ("xdistill_metrics", Share, "weight", False),
        ("xdistill_distillation_losses", Nearness, "use", True),
        ("xdistill_distillation_losses", Nearness, "on", True),
        ("xdistill_distillation_losses", Nearness, "weight", True),
        ("xdistill_distillation_losses", Nearness, "output", True),
        ("xdistill_distillation_losses", Nearness, "detach_teacher", True),
        ("xdistill_distillation_losses", Nearness, "gamma", False),
    ],
)
def test_fields_that_recipes_reserve(hook, base, field, reserved):
    config = type("Config", (Settings,), {"__annotations__": {field: int}, field: 0})
    component = type("Reserving", (base,), {"name": "reserving", "Config": config})
    offered = plugin(**{hook: [component]})
    if reserved:
        assert f"Reserving.Config has the field '{field}', which recipes reserve" in refusal(offered)
    else:
        assert len(list(build_catalog([offered]))) == 1


def test_one_module_under_two_names():
    first = plugin(xdistill_metrics=[Share])
    said = refusal(first, type(first)("again", first.module, "mine", "7"))
    assert "the plugin 'again' of mine 7 cannot be used" in said
    assert "already registered under a different name" in said


def test_versions_of_the_interface():
    older = refusal(plugin(api=API_VERSION - 1, xdistill_metrics=[Share]))
    assert f"written for plugin API {API_VERSION - 1}, but this xdistill supports {API_VERSION}" in older
    assert "upgrade xdistill-toy, or install an older xdistill" in older
    newer = refusal(plugin(api=API_VERSION + 1, xdistill_metrics=[Share]))
    assert "upgrade xdistill, or install an older xdistill-toy" in newer
    assert "plugin API two" in refusal(plugin(api="two", xdistill_metrics=[Share]))
    assert list(build_catalog([plugin(api=API_VERSION, xdistill_metrics=[Share])]))


OWN_FILE = "Add components from a file with `--plugin FILE`"


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("metric", "shar", "there is no metric 'shar'; did you mean 'share'?"),
        ("encoder", "share", "'share' is a metric, and an encoder is required here"),
        ("metric", "zzz", f"there is no metric 'zzz'; available: other, share. {OWN_FILE}"),
        ("dataset", "zzz", f"there is no dataset 'zzz'; available: none. {OWN_FILE}"),
    ],
)
def test_unknown_components(kind, name, message):
    catalog = build_catalog([plugin(xdistill_metrics=[Share, Other])])
    with pytest.raises(UnknownComponentError, match=f"^{re.escape(message)}$"):
        catalog.entry(kind, name)


def test_what_is_no_kind_is_a_programming_error():
    with pytest.raises(TypeError, match="not a kind of component"):
        Catalog([]).resolve(Share, "share")


def test_every_kind_has_a_hook_and_an_interface():
    for kind in KINDS:
        assert kind.interface.__name__ == kind.interface_name
        assert getattr(hookspecs(), kind.hook).__doc__ == kind.about
    assert [kind.hook for kind in KINDS][-6:] == [
        "xdistill_task_losses",
        "xdistill_distillation_losses",
        "xdistill_metrics",
        "xdistill_callbacks",
        "xdistill_executors",
        "xdistill_trackers",
    ]


def test_plugins_of_a_test_stand_beside_the_installed_ones():
    catalog = load_catalog(extra=[plugin(xdistill_metrics=[Share])])
    assert catalog.has("metric", "share")
    assert catalog.has("dataset", "hcc_phantom")


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_plugins_can_be_left_out(monkeypatch, way):
    assert "mri" in {point.name for point in plugin_entry_points()}
    if way == "environment":
        monkeypatch.setenv(DISABLE_VARIABLE, " mri, none_such,")
        catalog = load_catalog()
    else:
        catalog = load_catalog(disabled=["mri"])
    assert not catalog.has("dataset", "hcc_phantom")
    assert catalog.has("encoder", "mri_only")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put the files of a distribution where its entry point is found."""

    def installed(source):
        (tmp_path / "broken_plugin.py").write_text(source)
        info = tmp_path / "xdistill_broken-0.3.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: xdistill-broken\nVersion: 0.3\n")
        (info / "entry_points.txt").write_text("[xdistill]\nbroken = broken_plugin\n")
        monkeypatch.syspath_prepend(tmp_path)

    return installed


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import a_library_that_is_not_there", "ModuleNotFoundError: No module named 'a_library_that_is_not_there'"),
        ("def broken(:", "SyntaxError"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_a_plugin_that_cannot_be_imported_stops_everything(install, monkeypatch, source, reason):
    install(source)
    with pytest.raises(PluginError) as caught:
        load_catalog()
    said = str(caught.value)
    assert f"the plugin 'broken' of xdistill-broken 0.3 cannot be imported: {reason}" in said
    assert "repair or uninstall xdistill-broken" in said
    assert "XDISTILL_DISABLE_PLUGINS=broken" in said
    monkeypatch.setenv("XDISTILL_DISABLE_PLUGINS", "broken")
    assert load_catalog().has("dataset", "hcc_phantom"), "the remedy works"


def test_hooks_are_marked_by_pluggy():
    assert hook_that_returns("xdistill_metrics", []).xdistill_impl
