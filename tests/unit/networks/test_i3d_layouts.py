"""Every published form of the weights of I3D gives the same network; what is wrong with a file is named."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from i3d_files import (
    NARROW,
    WRITERS,
    deepmind_arrays,
    keras_arrays,
    narrow_i3d,
    piergiaj_state,
    reference_steps,
    write_bundle,
    write_h5,
    write_torch,
)

from semioscope.core.errors import ConfigError, WeightsError
from semioscope.networks import BACKBONES, Backbone, BackboneEntry, load
from semioscope.networks import weights as manager
from semioscope.networks.backbones.i3d_layouts import LAYOUTS, UNITS, translate_i3d
from semioscope.networks.checkpoints import expected_shapes

CLIPS = np.random.default_rng(5).standard_normal((1, 3, 17, 24, 24), dtype=np.float32)
KERNEL = {
    "semioscope": "mixed.4d.b1b.conv.weight",
    "deepmind": "RGB/inception_i3d/Mixed_4d/Branch_1/Conv3d_0b_3x3/conv_3d/w",
    "keras": "Conv3d_4d_1b_3x3_conv/Conv3d_4d_1b_3x3_conv/kernel:0",
    "piergiaj": "Mixed_4d.b1b.conv3d.weight",
    "hassony2": "mixed_4d.branch_1.1.conv3d.weight",
}
"""The same tensor in every form."""


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the narrow network in the place of the whole one: the names are the same."""
    from dataclasses import replace

    entry = BACKBONES["i3d"]
    spec = replace(entry.spec, num_features=NARROW)
    narrow_entry = BackboneEntry(spec=spec, build=narrow_i3d, translate=entry.translate)
    monkeypatch.setitem(BACKBONES, "i3d", narrow_entry)


def write(folder: Path, layout: str, state: Mapping[str, np.ndarray], **changes: np.ndarray | None) -> Path:
    """Write a file of one form; a change replaces the tensor that ``KERNEL`` names, None leaves it out."""
    names, file_name, writer = WRITERS[layout]
    arrays = dict(names(state))
    if "kernel" in changes:
        del arrays[KERNEL[layout]]
        if changes["kernel"] is not None:
            arrays[KERNEL[layout]] = changes["kernel"]
    return writer(folder / file_name, arrays)


def opened(path: Path) -> Backbone:
    return load("i3d", weights=path, engine="torch")


def test_every_form_has_a_writer_and_names_every_unit_once() -> None:
    assert set(LAYOUTS) == set(WRITERS) == set(KERNEL)
    assert len(UNITS) == 57
    for layout in LAYOUTS.values():
        names = [*layout.names().values(), *layout.scale_names().values()]
        assert len(set(names)) == len(names) == 57 * (4 if layout.scale is None else 5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_form_gives_the_same_network(tmp_path, layout) -> None:
    state = piergiaj_state()
    backbone = opened(write(tmp_path, layout, state))
    reference = reference_steps(state, CLIPS)
    found = backbone(CLIPS)
    assert np.linalg.norm(found - reference) / np.linalg.norm(reference) < 1e-5
    (tmp_path / "other").mkdir()
    own = opened(write(tmp_path / "other", "semioscope", state))
    assert backbone.weights_hash == own.weights_hash
    np.testing.assert_array_equal(found, own(CLIPS))


def test_a_checkpoint_may_be_named_by_any_of_its_files_and_lack_the_prefix(tmp_path) -> None:
    arrays = deepmind_arrays(piergiaj_state(), prefix="")
    index = write_bundle(tmp_path / "model.ckpt", arrays, per_block=7)
    wanted = opened(write(tmp_path, "piergiaj", piergiaj_state())).weights_hash
    for path in (index, tmp_path / "model.ckpt", tmp_path / "model.ckpt.data-00000-of-00001"):
        assert opened(path).weights_hash == wanted


def test_a_keras_file_of_a_whole_model_is_read(tmp_path) -> None:
    arrays = {f"model_weights/{name}": array for name, array in keras_arrays(piergiaj_state()).items()}
    wanted = opened(write(tmp_path, "piergiaj", piergiaj_state())).weights_hash
    assert opened(write_h5(tmp_path / "model.h5", arrays)).weights_hash == wanted


def test_a_scale_that_is_not_one_is_kept(tmp_path) -> None:
    state = piergiaj_state()
    rng = np.random.default_rng(1)
    for name in [name for name in state if name.endswith("bn.weight")]:
        state[name] = rng.uniform(-0.5, 1.5, state[name].shape).astype(np.float32)
    found = opened(write(tmp_path, "piergiaj", state))(CLIPS)
    reference = reference_steps(state, CLIPS)
    assert np.linalg.norm(found - reference) / np.linalg.norm(reference) < 1e-5
    assert not np.allclose(reference, reference_steps(piergiaj_state(), CLIPS), rtol=0.1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_missing_tensor_is_named_as_in_the_file(tmp_path, layout) -> None:
    path = write(tmp_path, layout, piergiaj_state(), kernel=None)
    with pytest.raises(WeightsError, match=r"must hold the weights of i3d.*missing: .*\. Bring") as caught:
        opened(path)
    assert f"missing: {KERNEL[layout]}." in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_wrong_shape_is_named_with_both_shapes(tmp_path, layout) -> None:
    wrong = np.zeros((3, 3, 3, 5, 7), np.float32)
    path = write(tmp_path, layout, piergiaj_state(), kernel=wrong)
    right = "3x3x3x16x32" if LAYOUTS[layout].kernel_last else "32x16x3x3x3"
    with pytest.raises(WeightsError, match=f"wrong shape: .* 3x3x3x5x7 instead of {right}") as caught:
        opened(path)
    assert KERNEL[layout] in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbers_that_are_not_finite_are_refused(tmp_path, layout, value) -> None:
    spoilt = np.array(dict(WRITERS[layout][0](piergiaj_state()))[KERNEL[layout]])
    spoilt.flat[[0, 7]] = value
    path = write(tmp_path, layout, piergiaj_state(), kernel=spoilt)
    told = rf"must hold finite numbers only.*mixed\.4d\.b1b\.conv\.weight 2 of {spoilt.size}\. The file"
    with pytest.raises(WeightsError, match=told):
        opened(path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weights_of_optical_flow_are_refused(tmp_path, layout) -> None:
    path = write(tmp_path, layout, piergiaj_state(in_channels=2))
    with pytest.raises(WeightsError, match=r"has 2 input channels: they are for optical flow.*RGB") as caught:
        opened(path)
    assert str(path) in str(caught.value)


def test_flow_weights_under_their_own_prefix_are_refused_too(tmp_path) -> None:
    arrays = deepmind_arrays(piergiaj_state(in_channels=2), prefix="Flow/inception_i3d/")
    with pytest.raises(WeightsError, match="for optical flow"):
        opened(write_bundle(tmp_path / "model.ckpt", arrays))


def test_left_over_tensors_are_named(tmp_path) -> None:
    state = piergiaj_state() | {"Mixed_6a.b0.conv3d.weight": np.zeros(3, np.float32)}
    with pytest.raises(WeightsError, match=r"not known: Mixed_6a\.b0\.conv3d\.weight"):
        opened(write_torch(tmp_path / "w.pt", state))


def test_weights_of_another_network_are_refused(tmp_path) -> None:
    path = write_torch(tmp_path / "w.pt", {"layer1.0.weight": np.zeros(3, np.float32)})
    with pytest.raises(WeightsError, match=r"of another network: layer1\.0\.weight.*semioscope weights list"):
        opened(path)


def test_a_scale_of_the_wrong_length_is_named() -> None:
    state = {name: torch.from_numpy(array) for name, array in piergiaj_state().items()}
    state["Mixed_5c.b0.bn.weight"] = torch.ones(5)
    with pytest.raises(WeightsError, match=r"wrong shape: Mixed_5c\.b0\.bn\.weight 5 instead of 48"):
        translate_i3d(state, expected_shapes(narrow_i3d()), where="a file")


def test_a_truncated_h5_is_damaged(tmp_path) -> None:
    path = write(tmp_path, "keras", piergiaj_state())
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(WeightsError, match=r"rgb_inception_i3d\.h5 is damaged or cut short"):
        opened(path)


def test_a_file_that_does_not_exist_is_named(tmp_path) -> None:
    with pytest.raises(ConfigError, match="or a file that exists, got"):
        opened(tmp_path / "model.ckpt")


def test_the_published_file_is_converted_once_by_name(tmp_path, monkeypatch) -> None:
    from dataclasses import replace

    from semioscope.networks.download import git_blob_sha1

    entry = BACKBONES["i3d"]
    assert entry.spec.weights is not None
    assert entry.spec.weights.git_blob == "73a4fd1d87eb3dbd97f33a9779fa1caa3d28111a"
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS", str(folder))
    path = write_torch(folder / entry.spec.weights.file_name, piergiaj_state())
    with pytest.raises(WeightsError, match="its git blob hash must be 73a4fd1d87eb"):
        load("i3d", engine="torch")
    source = replace(entry.spec.weights, git_blob=git_blob_sha1(path))
    monkeypatch.setitem(
        BACKBONES,
        "i3d",
        BackboneEntry(spec=replace(entry.spec, weights=source), build=entry.build, translate=entry.translate),
    )
    first = load("i3d", engine="torch")
    path.unlink()
    again = load("i3d", engine="torch")
    assert first.weights_hash == again.weights_hash == opened(folder / "i3d.safetensors").weights_hash
    np.testing.assert_array_equal(first(CLIPS), again(CLIPS))
    assert manager.verify_weights("i3d").state == "present"
