"""Laws over every backbone, and independent references for the networks."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from i3d_files import NARROW, narrow_i3d

from semioscope import backbones
from semioscope.core.errors import ConfigError, WeightsError
from semioscope.networks import BACKBONES, Backbone, backbone_spec, load
from semioscope.networks.backbones.r2plus1d_network import R2Plus1D
from semioscope.networks.checkpoints import expected_shapes, fit_state
from semioscope.networks.engines import make_runner
from semioscope.networks.random_weights import fill_random
from semioscope.networks.spec import STEP_RULES

NETWORKS = sorted(name for name, entry in BACKBONES.items() if entry.build is not None)
SIDE = 16
"""Pixels of the clips of these tests, to save time: every network is fully convolutional."""


HEAVY = {"r2plus1d_34_8", "r2plus1d_34_32", "i3d", "resnet152", "wide_resnet50_2"}
"""Backbones whose laws run with the slow tests; a small R(2+1)D and a narrow I3D stand in for them."""


@pytest.fixture(
    scope="module",
    params=[
        "small_r2plus1d",
        "narrow_i3d",
        *(pytest.param(name, marks=pytest.mark.slow if name in HEAVY else ()) for name in sorted(BACKBONES)),
    ],
)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    if request.param == "small_r2plus1d":
        module, weights_hash = tiny(0)
        spec = replace(backbone_spec("r2plus1d_34_8"), name="small_r2plus1d", num_features=16)
    elif request.param == "narrow_i3d":
        module = narrow_i3d()
        spec = replace(backbone_spec("i3d"), name="narrow_i3d", num_features=NARROW)
        weights_hash = fill_random(module, spec, seed=0)
    else:
        return load(request.param, weights="random", engine="torch", batch_size=2)
    runner = make_runner(module.requires_grad_(False), engine="torch")
    return Backbone(spec, weights_hash=weights_hash, runner=runner, batch_size=2, notes=("mean nothing",))


@pytest.mark.parametrize("name", ["r2plus1d_34_8", "resnet152"])
def test_the_deep_ones_run_and_do_not_overflow(name) -> None:
    backbone = load(name, weights="random", engine="torch", batch_size=1)
    test_shapes_and_types(backbone)
    test_random_features_neither_vanish_nor_overflow(backbone)


def clips_for(backbone: Backbone, num_clips: int, num_frames: int | None = None) -> np.ndarray:
    frames = num_frames or max(backbone.min_frames, 1)
    rng = np.random.default_rng(3)
    return rng.random((num_clips, 3, frames, SIDE, SIDE), dtype=np.float32)


def meta_module(name: str) -> torch.nn.Module:
    build = BACKBONES[name].build
    assert build is not None
    with torch.device("meta"):
        return build()


@pytest.mark.parametrize("name", BACKBONES)
def test_a_spec_says_where_it_comes_from(name) -> None:
    spec = backbone_spec(name)
    assert spec.name == name
    assert spec.paper
    assert spec.preprocessing
    assert str(spec.input_size) in spec.preprocessing
    if spec.weights is not None:
        assert spec.weights.name == name
        assert spec.weights.licence
        assert spec.weights.url == f"{spec.weights.url.rpartition('/')[0]}/{spec.weights.file_name}"
        in_the_name = re.findall(r"-([0-9a-f]{8})\.pth$", spec.weights.url)
        assert spec.weights.sha256_prefix == (in_the_name[0] if in_the_name else None)
        assert spec.weights.sha256_prefix or spec.weights.git_blob


@pytest.mark.parametrize("rule", STEP_RULES)
def test_a_rule_of_steps_gives_whole_numbers_that_do_not_fall(rule) -> None:
    kind = "2d" if rule == "frames" else "3d"
    spec = replace(backbone_spec("i3d"), kind=kind, steps_rule=rule)
    steps = [spec.num_steps(num_frames) for num_frames in range(spec.min_frames, 200)]
    assert steps[0] >= 1
    assert steps == sorted(steps)
    with pytest.raises(ValueError, match="needs clips of at least 9 frames, got 8"):
        spec.num_steps(8)


def test_a_rule_of_steps_must_exist_and_fit() -> None:
    for change in ({"steps_rule": "halves"}, {"steps_rule": "frames"}, {"kind": "2d"}):
        with pytest.raises(
            ValueError, match="steps_rule of i3d must be frames for a 2d network, else another"
        ):
            replace(backbone_spec("i3d"), **change)


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_counted(name) -> None:
    module = meta_module(name)
    assert sum(p.numel() for p in module.parameters()) == backbone_spec(name).num_parameters
    assert not any(key.startswith("fc.") for key in module.state_dict())


@pytest.mark.parametrize(
    ("name", "with_fc"),
    [("resnet34", 21_797_672), ("resnet152", 60_192_808), ("wide_resnet50_2", 68_883_240)],
)
def test_the_published_parameter_counts_differ_by_the_classification_layer(name, with_fc) -> None:
    spec = backbone_spec(name)
    assert spec.num_parameters + 1000 * spec.num_features + 1000 == with_fc


def test_r2plus1d_has_the_published_number_of_parameters() -> None:
    assert backbone_spec("r2plus1d_34_8").num_parameters == 63_491_975
    assert 63_491_975 + 400 * 513 == 63_697_175


@pytest.mark.parametrize("name", NETWORKS)
def test_no_network_takes_a_number_that_is_not_finite(name) -> None:
    """Stored in double precision, 1e39 is finite; the network computes in single precision."""
    expected = expected_shapes(meta_module(name))
    state = {key: torch.zeros(1).expand(shape) for key, shape in expected.items()}
    spoilt = sorted(expected)[-1]
    state[spoilt] = torch.full(expected[spoilt], 1e39, dtype=torch.float64)
    with pytest.raises(
        WeightsError, match=rf"finite numbers only.*: {re.escape(spoilt)} (\d+) of \1\. The file"
    ):
        fit_state(state, expected, network=name, where="a file")


def test_a_variance_below_zero_is_refused() -> None:
    expected = expected_shapes(meta_module("resnet34"))
    state = {key: torch.ones(1).expand(shape) for key, shape in expected.items()}
    fit_state(state, expected, network="resnet34", where="a file")
    spoilt = next(key for key in expected if key.endswith("running_var"))
    state[spoilt] = torch.full(expected[spoilt], -1e-6)
    with pytest.raises(WeightsError, match=rf"variances of 0 or more.*: {re.escape(spoilt)}\. The file"):
        fit_state(state, expected, network="resnet34", where="a file")


def test_shapes_and_types(backbone) -> None:
    out = backbone(clips_for(backbone, 2))
    assert out.shape == (2, backbone.num_steps(max(backbone.min_frames, 1)), backbone.spec.num_features)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()


def test_no_clips_give_no_features(backbone) -> None:
    assert backbone(clips_for(backbone, 1)[:0]).shape[0] == 0


def test_preprocess_gives_what_the_network_takes(backbone) -> None:
    spec = backbone.spec
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (max(spec.min_frames, 1), 50, 50, 3), dtype=np.uint8)
    before = frames.copy()
    clip = backbone.preprocess(frames)
    assert clip.shape == (3, len(frames), spec.input_size, spec.input_size)
    assert clip.dtype == np.float32
    np.testing.assert_array_equal(frames, before)


def test_a_batch_equals_one_by_one(backbone) -> None:
    clips = clips_for(backbone, 3)
    alone = np.concatenate([backbone(clip[None]) for clip in clips])
    scale = np.abs(alone).max()
    np.testing.assert_allclose(backbone(clips), alone, rtol=1e-5, atol=1e-6 * scale)


def test_a_clip_does_not_know_its_neighbours(backbone) -> None:
    clips = clips_for(backbone, 2)
    others = clips.copy()
    others[0] = 100 * others[0] - 3
    np.testing.assert_array_equal(backbone(clips)[1], backbone(others)[1])


def test_the_same_call_gives_the_same_bits_and_changes_no_input(backbone) -> None:
    clips = clips_for(backbone, 1)
    before = clips.copy()
    np.testing.assert_array_equal(backbone(clips), backbone(clips))
    np.testing.assert_array_equal(clips, before)


def test_longer_clips_run(backbone) -> None:
    frames = max(backbone.min_frames, 1) + 3
    out = backbone(clips_for(backbone, 1, frames))
    assert out.shape[1] == backbone.num_steps(frames) == (frames if backbone.spec.kind == "2d" else 1)
    longest = 2 * frames + 8
    assert backbone(clips_for(backbone, 1, longest)).shape[1] == backbone.num_steps(longest)


def test_too_short_clips_are_refused(backbone) -> None:
    if backbone.min_frames < 2:
        pytest.skip("takes single frames")
    least = backbone.min_frames
    problem = f"{backbone.spec.name} needs clips of at least {least} frames, got {least - 1}"
    with pytest.raises(ValueError, match=problem):
        backbone(clips_for(backbone, 1, least - 1))
    with pytest.raises(ValueError, match=problem):
        backbone.preprocess(np.zeros((least - 1, 8, 8, 3), dtype=np.uint8))


def test_random_weights_say_so(backbone) -> None:
    if backbone.spec.kind == "none":
        pytest.skip("has no weights")
    assert backbone.weights_hash.startswith("random-0-")
    assert any("mean nothing" in note for note in backbone.notes)
    assert backbone.spec.name in repr(backbone)
    assert (backbone.engine, backbone.precision) == ("torch", "f32")


def test_random_features_neither_vanish_nor_overflow(backbone) -> None:
    spec = backbone.spec
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    picture = (90 + 80 * np.sin(6 * y) * np.cos(9 * x)).astype(np.uint8)
    frames = np.broadcast_to(picture[None, :, :, None], (max(spec.min_frames, 1), SIDE, SIDE, 3))
    features = backbone(replace_size(backbone, frames)[None])
    assert np.abs(features).max() < 1e3
    if spec.kind != "none":
        assert features.std() > 1e-2


def replace_size(backbone: Backbone, frames: np.ndarray) -> np.ndarray:
    """Preprocess at a small size, to save time."""
    small = Backbone(replace(backbone.spec, input_size=SIDE), weights_hash="", runner=backbone._runner)
    return small.preprocess(np.ascontiguousarray(frames))


def tiny(seed: int) -> tuple[torch.nn.Module, str]:
    module = R2Plus1D(num_blocks=(1, 1, 1, 1), widths=(4, 6, 8, 16), stem_planes=5)
    return module, fill_random(module, backbone_spec("r2plus1d_34_8"), seed=seed)


def test_random_weights_come_from_the_seed_alone() -> None:
    torch_state = torch.get_rng_state()
    (a, hash_a), (b, hash_b), (c, hash_c) = tiny(0), tiny(0), tiny(1)
    assert hash_a == hash_b != hash_c
    for key, tensor in a.state_dict().items():
        assert torch.equal(tensor, b.state_dict()[key])
    assert not torch.equal(a.state_dict()["stem.0.weight"], c.state_dict()["stem.0.weight"])
    torch.set_rng_state(torch_state)


def test_loading_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    load("resnet34", weights="random", engine="torch")
    assert torch.equal(torch.get_rng_state(), before)


def test_r2plus1d_equals_torchvisions_with_the_middle_planes_of_caffe2() -> None:
    from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D, R2Plus1dStem, VideoResNet

    with torch.device("meta"):
        reference = VideoResNet(BasicBlock, [Conv2Plus1D] * 4, [3, 4, 6, 3], R2Plus1dStem, num_classes=40)
        for layer, planes, middle in (("layer2", 128, 288), ("layer3", 256, 576), ("layer4", 512, 1152)):
            getattr(reference, layer)[0].conv2[0] = Conv2Plus1D(planes, planes, middle)
    reference = reference.to_empty(device="cpu")
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.eps = 1e-3
    x = torch.from_numpy(np.random.default_rng(0).random((1, 3, 8, 32, 32), dtype=np.float32))
    fill_random(reference, backbone_spec("r2plus1d_34_8"), seed=0)
    state = {key: value for key, value in reference.state_dict().items() if not key.startswith("fc.")}
    with torch.device("meta"):
        ours = R2Plus1D().eval()
    ours.load_state_dict(state, strict=True, assign=True)
    with torch.no_grad():
        torch.testing.assert_close(reference.fc(ours(x)), reference(x), rtol=1e-4, atol=1e-5)


def test_resnet_features_give_torchvisions_logits(tmp_path: Path) -> None:
    from torchvision.models import resnet34

    with torch.random.fork_rng():
        torch.manual_seed(0)
        reference = resnet34(weights=None).eval()
        x = torch.rand(2, 3, 1, 64, 64)
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    ours = load("resnet34", weights=tmp_path / "weights.pth", engine="torch")
    with torch.no_grad():
        expected = reference(x[:, :, 0])
        found = reference.fc(torch.from_numpy(ours(x.numpy())[:, 0]))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_two_dimensional_networks_see_each_frame_alone() -> None:
    backbone = load("resnet34", weights="random", engine="torch")
    clips = clips_for(backbone, 2, 3)
    together = backbone(clips)
    for frame in range(3):
        alone = backbone(clips[:, :, frame : frame + 1])
        np.testing.assert_allclose(together[:, frame], alone[:, 0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "resnet43"}, "Unknown backbone 'resnet43'. Did you mean resnet34"),
        ({"engine": "openvina"}, "Unknown engine 'openvina'. Did you mean openvino"),
        ({"precision": "f16"}, "Unknown precision 'f16'. Did you mean .*bf16"),
        ({"num_threads": 0}, "num_threads must be 1 or more, got 0"),
        ({"batch_size": 0}, "batch_size must be 1 or more, got 0"),
        ({"weights": "pretraind"}, "must be 'pretrained', 'random' or a file that exists, got 'pretraind'"),
        ({"name": "motion", "fps": 0.0}, "fps must be above 0 frames per second, got 0"),
    ],
)
def test_wrong_choices_are_named(options, message) -> None:
    with pytest.raises(ConfigError, match=message):
        load(**{"name": "resnet34", "weights": "random", **options})


def test_the_public_door_is_the_same() -> None:
    assert backbones.load is load
    assert backbones.BACKBONES is BACKBONES


def test_reading_the_catalogue_loads_no_network_library() -> None:
    code = (
        "import sys, semioscope.backbones, semioscope.networks as n; n.list_weights(); n.load('motion'); "
        "print([m for m in ('torch', 'torchvision', 'openvino', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
