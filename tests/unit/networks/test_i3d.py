"""I3D: its padding against indices written out, its steps, its size, and that every engine gives the same."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from i3d_files import NARROW, narrow_i3d, own_arrays, piergiaj_state, reference_steps

from semioscope.networks import backbone_spec, load
from semioscope.networks.backbones.i3d import build_i3d
from semioscope.networks.backbones.i3d_network import SameConv3d, max_pool, same_padding
from semioscope.networks.engines import make_runner
from semioscope.networks.runner import Runner
from semioscope.networks.torch_engine import fold_batch_norm

SPEC = backbone_spec("i3d")
LENGTHS = range(9, 65)
SIDE = 32


@cache
def network() -> torch.nn.Module:
    module = narrow_i3d()
    state = {name: torch.from_numpy(array) for name, array in own_arrays(piergiaj_state()).items()}
    module.load_state_dict(state, strict=False)
    return module.requires_grad_(False)


@cache
def openvino() -> Runner:
    return make_runner(network(), engine="openvino", num_threads=1)


def clips_of(num_frames: int, *, side: int = SIDE, num_clips: int = 1) -> np.ndarray:
    rng = np.random.default_rng(num_frames)
    return (2 * rng.random((num_clips, 3, num_frames, side, side), dtype=np.float32) - 1).astype(np.float32)


def eager(clips: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        found: np.ndarray = network()(torch.from_numpy(clips)).numpy()
    return found


def relative_error(found: np.ndarray, reference: np.ndarray) -> float:
    assert found.shape == reference.shape
    return float(np.linalg.norm(found - reference) / np.linalg.norm(reference))


def test_it_has_the_published_numbers_of_numbers() -> None:
    with torch.device("meta"):
        module = build_i3d()
    counts = {name: p.numel() for name, p in module.state_dict().items() if not name.endswith("tracked")}
    trained = sum(p.numel() for p in module.parameters())
    assert sum(count for name, count in counts.items() if name.endswith("conv.weight")) == 12_272_704
    assert trained == SPEC.num_parameters == 12_279_984
    assert sum(counts.values()) == 12_294_544
    assert sum(counts.values()) + 400 * 1024 + 400 == 12_704_544
    assert len(counts) == 57 * 4


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (60, 7, 2, (2, 3)),
        (64, 7, 2, (2, 3)),
        (79, 7, 2, (3, 3)),
        (224, 7, 2, (2, 3)),
        (112, 3, 2, (0, 1)),
        (15, 2, 2, (0, 1)),
        (16, 2, 2, (0, 0)),
        (9, 3, 1, (1, 1)),
        (5, 1, 1, (0, 0)),
    ],
)
def test_padding_is_that_of_tensorflow(size, kernel, stride, expected) -> None:
    assert same_padding(size, kernel, stride) == expected


sizes = st.tuples(*[st.integers(1, 9)] * 3)
kernels = st.sampled_from([(1, 1, 1), (3, 3, 3), (7, 7, 7), (1, 3, 3), (2, 2, 2)])
strides = st.sampled_from([(1, 1, 1), (2, 2, 2), (1, 2, 2)])


def windows(x: np.ndarray, kernel: tuple[int, ...], stride: tuple[int, ...], fill: float) -> np.ndarray:
    """Return (..., t, h, w, kt, kh, kw): the values that each output sees, after TensorFlow's own description."""
    sides = []
    for size, k, s in zip(x.shape[-3:], kernel, stride, strict=True):
        total = max(k - s, 0) if size % s == 0 else max(k - size % s, 0)
        sides.append((total // 2, total - total // 2))
    padded = np.pad(x, [(0, 0)] * (x.ndim - 3) + sides, constant_values=fill)
    seen = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(-3, -2, -1))
    return seen[..., :: stride[0], :: stride[1], :: stride[2], :, :, :]


@settings(max_examples=60)
@given(size=sizes, kernel=kernels, stride=strides, seed=st.integers(0, 99))
def test_a_padded_convolution_sees_what_tensorflows_sees(size, kernel, stride, seed) -> None:
    rng = np.random.default_rng(seed)
    x, weight = rng.standard_normal((1, 2, *size)), rng.standard_normal((3, 2, *kernel))
    convolution = SameConv3d(2, 3, kernel, stride=stride, bias=False).double()
    with torch.no_grad():
        convolution.weight.copy_(torch.from_numpy(weight))
        found = convolution(torch.from_numpy(x)).numpy()
    expected = np.einsum("bithwxyz,oixyz->bothw", windows(x, kernel, stride, 0.0), weight)
    np.testing.assert_allclose(found, expected, atol=1e-10)


@settings(max_examples=60)
@given(
    size=sizes,
    shape=st.sampled_from([((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (2, 2, 2)), ((2, 2, 2), (2, 2, 2))])
    | st.just(((3, 3, 3), (1, 1, 1))),
    seed=st.integers(0, 99),
)
def test_a_padded_pool_sees_what_tensorflows_sees(size, shape, seed) -> None:
    x = np.random.default_rng(seed).standard_normal((1, 2, *size))
    found = max_pool(torch.from_numpy(x), *shape).numpy()
    np.testing.assert_array_equal(found, windows(x, *shape, -np.inf).max(axis=(-3, -2, -1)))


def test_the_steps_are_those_of_the_rule_and_never_negative() -> None:
    for num_frames in LENGTHS:
        found = eager(clips_of(num_frames, side=16))
        assert found.shape == (1, -(-num_frames // 8) - 1, NARROW) == (1, SPEC.num_steps(num_frames), NARROW)
        assert (found >= 0).all()
    assert {SPEC.num_steps(num_frames) for num_frames in range(57, 65)} == {7}
    assert SPEC.num_steps(9) == 1
    assert SPEC.num_steps(SPEC.frames_per_clip) == 7


@pytest.mark.parametrize(("num_frames", "side"), [(9, 32), (60, 32), (21, 45), (10, 224)])
def test_the_whole_network_equals_one_with_its_padding_written_out(num_frames, side) -> None:
    clips = clips_of(num_frames, side=side)
    assert relative_error(eager(clips), reference_steps(piergiaj_state(), clips)) < 1e-5


def test_a_clip_of_a_batch_equals_the_clip_alone() -> None:
    clips = clips_of(20, num_clips=3)
    alone = np.concatenate([eager(clip[None]) for clip in clips])
    np.testing.assert_allclose(eager(clips), alone, rtol=1e-4, atol=1e-6)


def test_the_order_of_pictures_matters_and_steps_follow_time() -> None:
    clips = clips_of(64)
    changed = clips.copy()
    changed[:, :, 63] += 1
    found, other = eager(clips), eager(changed)
    distance = np.abs(found - other).max(axis=(0, 2))
    assert distance[-1] > 0
    assert distance[-1] == distance.max()


@pytest.mark.parametrize(
    "num_frames", [9, 60, *(pytest.param(number, marks=pytest.mark.slow) for number in (21, 57))]
)
def test_openvino_equals_eager_torch_for_several_lengths(num_frames) -> None:
    clips = clips_of(num_frames)
    assert relative_error(openvino().run(clips), eager(clips)) < 1e-5


@pytest.mark.slow
def test_openvino_equals_eager_torch_for_every_length() -> None:
    for num_frames in LENGTHS:
        clips = clips_of(num_frames)
        assert relative_error(openvino().run(clips), eager(clips)) < 1e-5, num_frames


def test_folding_the_normalisation_changes_nothing() -> None:
    folded = fold_batch_norm(network())
    assert not any("Norm" in type(layer).__name__ for layer in folded.modules())
    clips = clips_of(17)
    with torch.inference_mode():
        found = folded(torch.from_numpy(clips)).numpy()
    assert relative_error(found, eager(clips)) < 1e-5


def test_half_precision_is_near() -> None:
    clips = clips_of(24)
    found = make_runner(narrow_copy(), engine="torch", precision="bf16").run(clips)
    assert relative_error(found, eager(clips)) < 0.03


def narrow_copy() -> torch.nn.Module:
    copied = narrow_i3d()
    copied.load_state_dict(network().state_dict())
    return copied.requires_grad_(False)


def test_the_input_is_from_minus_one_to_one() -> None:
    backbone = load("i3d", weights="random", engine="torch")
    frames = np.zeros((9, 10, 10, 3), dtype=np.uint8)
    frames[0], frames[1] = 255, 51
    clip = backbone.preprocess(frames)
    np.testing.assert_allclose(clip[:, :3, 0, 0], [[1, 2 * 51 / 255 - 1, -1]] * 3, atol=1e-6)
    assert backbone(clip[None, :, :, :32, :32]).shape == (1, 1, 1024)
