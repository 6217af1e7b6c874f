"""Networks of MONAI as encoders: built by name, filled from a file, partly frozen."""

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from xdistill.errors import SettingsError
from xdistill.interfaces.fine_tuning import rate_factors, weights_follow
from xdistill.recipe.schema.recipe import Optimizer
from xdistill.training.model import set_modes
from xdistill.training.optimizer import make_optimizer
from xdistill.types import ModalitySpec
from xdistill_networks.monai.encoder import MonaiNetwork

pytest.importorskip("monai")

PHOTO = ModalitySpec("image", (3, 20, 24))
SCAN = ModalitySpec("volume", (1, 12, 16, 16))
SMALL = {"init_features": 4, "growth_rate": 2, "block_config": [1, 1]}


def encoder(network="DenseNet", spec=PHOTO, **settings):
    config = MonaiNetwork.Config.model_validate(
        {"inputs": ["photo"], "network": network, "settings": SMALL, "features": 5, **settings}
    )
    return MonaiNetwork(config, inputs={"photo": spec})


def encoded(module, spec=PHOTO):
    return module.eval()({"photo": torch.zeros(2, *spec.shape)}, {})


@pytest.mark.parametrize("spec", [PHOTO, SCAN])
@pytest.mark.parametrize(
    ("network", "settings", "map_channels"),
    [
        ("DenseNet", SMALL, 0),
        ("resnet10", {"widen_factor": 0.0625}, 0),
        ("Classifier", {"channels": [2, 2], "strides": [2, 2]}, 0),
        ("UNet", {"channels": [2, 4], "strides": [2]}, 5),
    ],
)
def test_networks_of_both_dimensions(network, settings, map_channels, spec):
    module = encoder(network, spec, settings=settings)
    assert (module.width, module.map_channels) == (5, map_channels)
    assert encoded(module, spec).vector.shape == (2, 5)


def test_a_layer_can_be_the_map():
    module = encoder(map="features")
    found = encoded(module)
    assert found.map.shape[:2] == (2, module.map_channels)
    assert found.map.ndim == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": "DensNet121"}, "MONAI has no network 'DensNet121' that reads an image; did you mean"),
        ({"settings": {"init_feature": 4}}, "takes no 'init_feature'; did you mean 'init_features'"),
        ({"network": "DenseNet121", "settings": {"pretrained": True}}, "weights are read from a file"),
        ({"network": "UNet", "settings": {}}, "MONAI cannot build UNet.*it needs.*channels"),
        ({"map": "feature"}, "has no layer 'feature'; its layers are features, class_layers"),
        ({"freeze": ["layer1"]}, "has no layer like 'layer1'"),
        ({"weights": {"path": "none.pt"}}, "none.pt: cannot be read: no such file"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        encoder(**settings)


def test_an_image_that_is_too_small_is_refused():
    with pytest.raises(SettingsError, match="DenseNet121 cannot read an image of 1x4x4"):
        encoder("DenseNet121", ModalitySpec("image", (1, 4, 4)), settings={})
    with pytest.raises(SettingsError, match="monai reads one volume or image, not photo"):
        encoder(spec=ModalitySpec("vector", (4,)))


@pytest.fixture
def pretrained(tmp_path):
    """The weights of a network with another number of outputs, in three forms."""
    torch.manual_seed(7)
    state = encoder(features=9).network.state_dict()
    save_file(state, tmp_path / "w.safetensors")
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, tmp_path / "w.pt")
    torch.save({f"backbone.{name}": value for name, value in state.items()}, tmp_path / "other.pt")
    return tmp_path, state


@pytest.mark.parametrize(("file", "rename"), [("w.safetensors", {}), ("w.pt", {}), ("other.pt", {"backbone.": ""})])
def test_weights_of_a_file_are_matched_by_name_and_shape(pretrained, file, rename):
    folder, state = pretrained
    module = encoder(weights={"path": str(folder / file), "rename": rename})
    own = module.network.state_dict()
    different = {name for name in own if own[name].shape != state[name].shape}
    assert different == {"class_layers.out.weight", "class_layers.out.bias"}
    for name in own.keys() - different:
        torch.testing.assert_close(own[name], state[name], rtol=0, atol=0)
    counted = sum(not name.endswith("num_batches_tracked") for name in own)
    assert module.notes[0].startswith(f"DenseNet: {counted - 2} of {counted} tensors are from {file}")
    assert "of another shape there: class_layers.out.weight, class_layers.out.bias" in module.notes[0]


def test_files_without_fitting_weights_are_refused(pretrained):
    folder, _ = pretrained
    with pytest.raises(SettingsError, match=r"none of the \d+ tensors of the network is in other\.pt.*set `rename`"):
        encoder(weights={"path": str(folder / "other.pt")})
    (folder / "bad.pt").write_bytes(b"no weights")
    with pytest.raises(SettingsError, match="damaged or not a file of weights"):
        encoder(weights=str(folder / "bad.pt"))
    torch.save({"network": nn.Linear(2, 2)}, folder / "code.pt")
    with pytest.raises(SettingsError, match="damaged or not a file of weights"):
        encoder(weights=str(folder / "code.pt"))


def test_another_file_makes_another_run_and_a_changed_one_is_refused(pretrained):
    folder, _ = pretrained
    path = str(folder / "w.pt")
    config = MonaiNetwork.Config.model_validate(
        {"inputs": ["photo"], "network": "DenseNet", "settings": SMALL, "features": 5, "weights": path}
    )
    assert len(config.weights.sha256) == 64
    (folder / "w.pt").write_bytes((folder / "other.pt").read_bytes())
    with pytest.raises(SettingsError, match="is not the file of the recipe"):
        MonaiNetwork(config, inputs={"photo": PHOTO})
    (folder / "w.pt").unlink()
    with weights_follow():  # as a trained model is loaded, elsewhere
        MonaiNetwork(config, inputs={"photo": PHOTO})


def test_frozen_layers_stay_and_slower_layers_have_a_smaller_rate():
    module = encoder(freeze=["features.conv0", "features.denseblock1"], rates={"features": 0.1})
    networks = {"student": module}
    set_modes(networks, ["student"])
    factors = {name: rate_factors(module).get(value, 1.0) for name, value in module.named_parameters()}
    assert factors["network.features.conv0.weight"] == 0
    assert factors["network.features.norm0.weight"] == 0.1
    assert factors["network.class_layers.out.bias"] == 1
    optimizer = make_optimizer(nn.ModuleDict(networks), Optimizer(lr=0.5, weight_decay=0.1))
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.05]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module({"photo": torch.randn(2, *PHOTO.shape)}, {}).vector.square().sum().backward()
    optimizer.step()
    after = module.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[2] for name in changed} >= {"norm0", "transition1", "out"}
    assert not {name for name in changed if ".conv0." in name or ".denseblock1." in name}


def test_groups_without_factors_are_those_of_before():
    optimizer = make_optimizer(nn.Linear(2, 2), Optimizer(lr=0.5))
    assert len(optimizer.param_groups) == 1


def test_rates_are_positive():
    with pytest.raises(ValidationError):
        encoder(rates={"features": 0})
