"""Attributions by hand, and of every student by every method."""

import numpy as np
import pytest
import torch

from explain.toy_students import CLASSES, SMALL, images, linear, model_of, multibranch, random_arrays, vector, volumes
from xdistill.deployment.explain import Options, explain_arrays
from xdistill.deployment.explain.columns import Columns, merged
from xdistill.deployment.explain.layers import on_grid
from xdistill.errors import UserError
from xdistill.types import ColumnSpec, ModalitySpec

METHODS = ("gradcam", "ig", "occlusion")
BRANCHES = multibranch("hbp", "pre")["branches"]
STUDENTS = {
    "multibranch": multibranch("hbp", "pre"),
    "vectors": multibranch("hbp", "pre", fusion={"use": "cross_attention"}),
    "voxels": multibranch("hbp", "pre", fusion={"use": "cross_attention", "tokens": "voxels"}),
    "concat": {"use": "concat", "branches": BRANCHES, "hidden": [8]},
    "concat_2s": {"use": "concat_2s", "branches": BRANCHES, "hidden": [8]},
    "lstm": {"use": "lstm", "branches": BRANCHES, "sequence": ["pre", "hbp"], "hidden": 8},
    "lstm_shared": {"use": "lstm", "branches": BRANCHES, "sequence": ["pre", "hbp"], "share_encoder": True},
    "cnn3d": {"use": "cnn3d", "phases": ["hbp", "pre"], "encoder": {"use": "mri_only", "inputs": ["stack"], **SMALL}},
    "m2net": {"use": "m2net", "modalities": ["hbp", "pre"], "width": 0.0625, "bilinear_features": 16},
    "fitted": linear("hbp", "pre"),
    "svm": linear("hbp", "pre", estimator="linear_svm"),
    "forest": linear("hbp", "pre", estimator="random_forest"),
}
NO_CONVOLUTION = {"m2net", "fitted", "svm"}
NO_GRADIENT = {"forest"}


def explained(model, arrays, method, **options):
    return list(explain_arrays(model, arrays, Options(method, **options), device="cpu"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("kind", ["volume", "image"])
def test_every_student_by_every_method(student, method, kind):
    if student == "m2net" and kind == "image":
        pytest.skip("m2net reads volumes alone")
    modalities = volumes("hbp", "pre") if kind == "volume" else images("hbp", "pre")
    model, arrays = model_of(STUDENTS[student], modalities), random_arrays(modalities, subjects=2)
    if method != "occlusion" and student in NO_GRADIENT:
        with pytest.raises(UserError, match=r"`fitted` has no gradient.*use `--method occlusion`"):
            explained(model, arrays, method)
        return
    if method == "gradcam" and student in NO_CONVOLUTION:
        with pytest.raises(UserError, match="has no convolution along the axes of `hbp`"):
            explained(model, arrays, method)
        return
    found = explained(model, arrays, method)
    probabilities = model.predict_proba(arrays, device="cpu")
    assert [one.prediction for one in found] == [CLASSES[best] for best in probabilities.argmax(axis=1)]
    np.testing.assert_allclose([one.probability for one in found], probabilities.max(axis=1), atol=1e-6)
    for one in found:
        assert {name: part.values.shape for name, part in one.maps.items()} == {
            name: spec.shape[1:] for name, spec in modalities.items()
        }
        assert all(np.isfinite(part.values).all() for part in one.maps.values())
        assert all(bool(part.layer) == (method == "gradcam") for part in one.maps.values())
        if student not in {"svm", "fitted", "forest"}:  # which have not been fitted
            assert all(part.values.std() > 0 for part in one.maps.values())


def test_integrated_gradients_sum_to_the_change_of_the_logit():
    modalities = volumes("hbp", "pre")
    model, arrays = model_of(multibranch("hbp", "pre"), modalities), random_arrays(modalities)
    (found,) = explained(model, arrays, "ig", target="M1", steps=200)
    network = model.members[0].network
    means = {name: np.full_like(value, value.mean()) for name, value in arrays.items()}
    logits = [_logits(network, values)[1] for values in (arrays, means)]
    total = sum(part.values.sum() for part in found.maps.values())
    assert total == pytest.approx(logits[0] - logits[1], rel=0.02, abs=1e-4)


def _logits(network, arrays):
    from xdistill.types import Batch

    inputs = {name: torch.from_numpy(value) for name, value in arrays.items()}
    present = {name: torch.ones(1, dtype=torch.bool) for name in arrays}
    with torch.no_grad():
        return network(Batch(inputs, present, ("a",))).logits[0].tolist()


def weighted(values):
    """Set the weights of the last class of a linear student."""

    def change(network):
        network.estimator.weight[-1] = torch.tensor(values, dtype=torch.float32).flatten()

    return change


@pytest.mark.parametrize("method", ["ig", "occlusion"])
def test_columns_of_a_linear_student_by_hand(method):
    modalities = {"blood": vector("age", "afp", "size")}
    model = model_of(linear("blood"), modalities, change=weighted([2.0, -1.0, 0.0]))
    (found,) = explained(model, {"blood": np.array([[3.0, 4.0, 5.0]])}, method, target="M2")
    columns = found.columns["blood"]
    assert columns.names == ("age", "afp", "size")
    np.testing.assert_allclose(columns.attributions, [6.0, -4.0, 0.0], atol=1e-5)
    assert columns.values == ("3", "4", "5")
    assert columns.strongest(2) == [("age", "3", pytest.approx(6.0)), ("afp", "4", pytest.approx(-4.0))]
    assert not found.maps


@pytest.mark.parametrize("method", ["ig", "occlusion"])
def test_pixels_of_a_linear_student_by_hand(method):
    weights = np.zeros((4, 4))
    weights[1, 2], weights[3, 0] = 3.0, -2.0
    image = np.arange(16.0).reshape(1, 1, 4, 4)  # of mean 7.5
    model = model_of(linear("xray"), images("xray", shape=(4, 4)), change=weighted(weights))
    options = {"window": (1, 1)} if method == "occlusion" else {}
    (found,) = explained(model, {"xray": image}, method, target="M2", **options)
    np.testing.assert_allclose(found.maps["xray"].values, weights * (image[0, 0] - 7.5), atol=1e-4)


def test_a_voxel_gets_the_mean_of_the_windows_that_cover_it():
    weights = np.zeros((4, 4))
    weights[0, 0] = 1.0
    image = np.zeros((1, 1, 4, 4))
    image[0, 0, 0, 0] = 16.0  # 15 above the mean
    model = model_of(linear("xray"), images("xray", shape=(4, 4)), change=weighted(weights))
    (found,) = explained(model, {"xray": image}, "occlusion", target="M2", window=(2, 2))
    expected = np.zeros((4, 4))
    expected[:2, :2] = np.outer([1, 0.5], [1, 0.5]) * 15  # of windows of 2 by 2 at every pixel, one covers the corner
    np.testing.assert_allclose(found.maps["xray"].values, expected, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_batch_size_changes_nothing(method):
    modalities = volumes("hbp")
    model, arrays = model_of(multibranch("hbp"), modalities), random_arrays(modalities)
    (one,), (many,) = (explained(model, arrays, method, batch_size=size) for size in (1, 64))
    np.testing.assert_allclose(one.maps["hbp"].values, many.maps["hbp"].values, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_an_ensemble_is_the_mean_over_its_members(method):
    modalities = volumes("hbp")
    model, arrays = model_of(multibranch("hbp"), modalities, members=3), random_arrays(modalities)
    (found,) = explained(model, arrays, method, target="M0")
    each = [explained(model.member(f"r0-f{k}"), arrays, method, target="M0")[0].maps["hbp"].values for k in range(3)]
    np.testing.assert_allclose(found.maps["hbp"].values, np.mean(each, axis=0), atol=1e-6)


def test_layers_are_chosen_by_their_number_of_positions():
    modalities = volumes("hbp", "pre", shape=(8, 16, 16))
    model, arrays = model_of(multibranch("hbp", "pre"), modalities), random_arrays(modalities)
    (found,) = explained(model, arrays, "gradcam")
    # The blocks' maps are 4x8x8, 2x4x4, 1x2x2 and 1x1x1.
    assert found.maps["pre"].layer == "branches.pre.trunk.blocks.2.first (2x4x4)"
    (found,) = explained(model, arrays, "gradcam", layers=("*.trunk.last", "branches.hbp.trunk.blocks.0.first"))
    assert found.maps["pre"].layer == "branches.pre.trunk.last (1x1x1)"
    assert found.maps["hbp"].layer == "branches.hbp.trunk.last (1x1x1)"
    (found,) = explained(model, arrays, "gradcam", layers=("branches.hbp.trunk.blocks.0.first",))
    assert found.maps["hbp"].layer == "branches.hbp.trunk.blocks.0.first (8x16x16)"
    assert found.maps["pre"].layer == "branches.pre.trunk.blocks.2.first (2x4x4)"


def test_phases_of_a_shared_encoder_have_maps_of_their_own():
    modalities = volumes("hbp", "pre")
    model, arrays = model_of(STUDENTS["lstm_shared"], modalities), random_arrays(modalities)
    (found,) = explained(model, arrays, "gradcam", target="M0")
    separate = model_of(STUDENTS["lstm"], modalities)
    state = {name: value for name, value in model.members[0].network.state_dict().items() if "shared" not in name}
    for name, value in model.members[0].network.state_dict().items():
        if "shared" in name:
            state |= {name.replace("shared", phase): value for phase in ("hbp", "pre")}
    separate = model_of({**STUDENTS["lstm"], "hidden": 256}, modalities, change=lambda net: net.load_state_dict(state))
    (expected,) = explained(separate, arrays, "gradcam", target="M0")
    for name in modalities:
        np.testing.assert_allclose(found.maps[name].values, expected.maps[name].values, atol=1e-6)


def test_positions_of_a_layer_on_the_grid_of_its_image():
    # Three strides of 2: 8 to 4, and 12 to 3. Position j is at j * stride.
    np.testing.assert_allclose(on_grid(np.float32([0, 1, 0, 0]), (8,)), [0, 0.5, 1, 0.5, 0, 0, 0, 0])
    np.testing.assert_allclose(on_grid(np.float32([4, 0, 0]), (12,)), [4, 3, 2, 1] + [0] * 8)
    # 9 to 2 is no number of halvings: the map covers the image evenly.
    stretched = on_grid(np.float32([0, 3, 0, 0]), (9,))
    assert stretched.argmax() == 3


def test_columns_that_a_transform_made_count_for_their_source():
    before = ModalitySpec("vector", (2,), (ColumnSpec("age"), ColumnSpec("sex", "categorical", "", ("f", "m"))))
    after = ModalitySpec(
        "vector", (3,), (ColumnSpec("age"), ColumnSpec("sex=f", source="sex"), ColumnSpec("sex=m", source="sex"))
    )
    columns = Columns.of(before, after)
    assert (columns.names, columns.index.tolist()) == (("age", "sex"), [0, 1, 1])
    words = Columns.of(ModalitySpec("text", (10,)), ModalitySpec("vector", (1,), (ColumnSpec("liver"),)))
    assert words.names == ("liver",)
    other = Columns(("sex", "liver"), np.array([0, 1]))
    names, values = merged([(columns, np.array([2.0, 4.0])), (other, np.array([2.0, 6.0]))])
    assert names == ("age", "sex", "liver")
    assert values.tolist() == [1.0, 3.0, 3.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "M3"}, r"the model has no class 'M3'.*M2"),
        ({"method": "gradcamm"}, r"unknown method 'gradcamm'.*gradcam"),
        (
            {"method": "gradcam", "layers": ("nothing",)},
            r"no layer `nothing`; its convolutions: branches.hbp.trunk.blocks.0.first",
        ),
        ({"method": "ig", "layers": ("*",)}, "layers are chosen for Grad-CAM alone"),
        ({"window": (2, 2, 2)}, "a window is for occlusion alone"),
        ({"method": "occlusion", "window": (2, 2)}, r"the window 2,2 has 2 numbers, and modality `hbp` has 3 axes"),
        ({"method": "occlusion", "window": (0, 2, 2)}, "at least 1"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_a_wrong_option_is_one_message(options, message):
    modalities = volumes("hbp")
    model = model_of(multibranch("hbp"), modalities)
    with pytest.raises(UserError, match=message):
        list(explain_arrays(model, random_arrays(modalities), Options(**options), device="cpu"))


def test_students_that_cannot_be_explained():
    modalities = {"blood": vector("age")}
    majority = {"use": "fitted", "inputs": [], "estimator": {"use": "majority"}}
    with pytest.raises(UserError, match="reads no modality"):
        list(explain_arrays(model_of(majority, modalities), {"blood": [[1.0]]}, Options("occlusion"), device="cpu"))
    with pytest.raises(UserError, match="Grad-CAM explains images, and the student reads none"):
        list(
            explain_arrays(model_of(linear("blood"), modalities), {"blood": [[1.0]]}, Options("gradcam"), device="cpu")
        )


def test_captum_that_is_missing_is_one_message(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "captum.attr", None)
    modalities = volumes("hbp")
    with pytest.raises(UserError, match=r"needs captum.*pip install 'xdistill\[explain\]'"):
        list(explain_arrays(model_of(multibranch("hbp"), modalities), random_arrays(modalities), device="cpu"))
