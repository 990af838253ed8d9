"""The catalogue of detectors: every entry, its weights, and the networks against torchvision's own."""

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core.errors import ConfigError, WeightsError
from semioscope.core.records import Region
from semioscope.networks import (
    ARCHITECTURES,
    DETECTORS,
    Detection,
    Detector,
    DetectorDesign,
    list_weights,
    load_detector,
    weights_status,
    write_detector,
    write_recorded,
)
from semioscope.networks.checkpoints import expected_shapes
from semioscope.networks.detections import clipped_detection
from semioscope.networks.detector_networks import (
    empty_network,
    fill_network,
    fill_random,
    translate_published,
)
from semioscope.networks.detectors import DetectorEntry, DetectorSpec, NetworkDetector

PUBLISHED = [name for name, entry in DETECTORS.items() if entry.spec.weights is not None]
THIN = np.random.default_rng(0).integers(0, 256, (12, 120, 3), dtype=np.uint8)
"""So long that a network which wants a shorter side of 800 pixels gets few of them."""


@pytest.fixture(autouse=True)
def empty_mirror(tmp_path, monkeypatch):
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS_URL", (tmp_path / "mirror").as_uri())
    before = torch.get_rng_state().clone()
    yield
    assert torch.equal(before, torch.get_rng_state()), "PyTorch's global generator was used"


def loaded(name, tmp_path) -> Detector:
    """Return any entry of the catalogue without a download."""
    if name == "own":
        design = DetectorDesign(min_size=64, max_size=640)
        module = empty_network(design.build)
        fill_random(module, name="own", seed=1)
        write_detector(tmp_path / "own.safetensors", design, module.state_dict())
        return load_detector("own", weights=tmp_path / "own.safetensors")
    if name == "recorded":
        box = Region(x=0.1, y=0.2, width=0.3, height=0.4)
        found = [Detection(label="bed", score=0.9, box=box), Detection(label="person", score=0.8, box=box)]
        write_recorded(tmp_path / "seen.json", {("e1", "r1"): found})
        return load_detector("recorded", weights=tmp_path / "seen.json").for_event("e1", "r1")
    return load_detector(name, weights="random", seed=3)


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_gives_detections_best_first(name, tmp_path):
    detector = loaded(name, tmp_path)
    assert isinstance(detector, Detector)
    found = detector.detect(THIN)
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
    assert {item.label for item in found} <= {"bed", "person"}
    assert all(isinstance(item.box, Region) for item in found)


@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_have_the_published_size(name):
    entry = DETECTORS[name]
    with torch.device("meta"):
        module = entry.build()
    assert sum(parameter.numel() for parameter in module.parameters()) == entry.spec.num_parameters
    assert entry.spec.weights.file_name.endswith(f"-{entry.spec.weights.sha256_prefix}.pth")


def test_faster_rcnn_is_that_of_torchvision():
    from torchvision.models import detection

    with torch.random.fork_rng(devices=[]):
        theirs = detection.fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None).eval()
    fill_random(theirs, name="x", seed=0)
    ours = empty_network(DETECTORS["fasterrcnn_mobilenet"].build)
    state = {key: value for key, value in theirs.state_dict().items() if "num_batches" not in key}
    assert expected_shapes(theirs) == expected_shapes(ours)
    fill_network(ours, state)
    picture = torch.from_numpy(np.random.default_rng(1).random((3, 64, 96), dtype=np.float32))
    with torch.inference_mode():
        want, got = theirs([picture])[0], ours([picture])[0]
    assert len(got["boxes"]) > 0
    for key in ("boxes", "labels", "scores"):
        torch.testing.assert_close(got[key], want[key], rtol=1e-3, atol=1e-3)


def test_ssd_is_that_of_torchvision():
    from torchvision.models import detection

    with torch.device("meta"):
        theirs = expected_shapes(detection.ssd300_vgg16(weights=None, weights_backbone=None))
        ours = expected_shapes(DETECTORS["ssd300_vgg16"].build())
    assert theirs == ours


def test_the_vgg_of_torchvision_fills_the_layers_of_ssd_that_compute_the_same():
    """The features of both agree up to the last layer that they share."""
    from torchvision.models import vgg16

    rng = np.random.default_rng(0)
    with torch.device("meta"):
        vgg = vgg16(weights=None).features
    vgg = vgg.to_empty(device="cpu").eval()
    state = {}
    for key, tensor in vgg.state_dict().items():
        bound = 0.1 if tensor.ndim == 1 else float(np.sqrt(6 / np.prod(tensor.shape[1:])))
        values = torch.from_numpy(rng.uniform(-bound, bound, tuple(tensor.shape)).astype(np.float32))
        state[f"features.{key}"] = values
        tensor.copy_(values)
    ssd = empty_network(DETECTORS["ssd300_vgg16"].build)
    fill_random(ssd, name="x", seed=0)
    expected = expected_shapes(ssd)
    fitting = {
        key: value
        for key, value in translate_published(state, expected, where="x").items()
        if key in expected
    }
    assert len(fitting) == len(state) == 26
    fill_network(ssd, {key: value for key, value in ssd.state_dict().items() if key in expected} | fitting)
    picture = torch.from_numpy(rng.random((1, 3, 64, 64), dtype=np.float32))
    with torch.inference_mode():
        ours = ssd.backbone.extra[0][:-1](ssd.backbone.features(picture))
        theirs = vgg[:-1](picture)
    torch.testing.assert_close(ours, theirs)


def test_published_mask_rcnn_has_no_epsilon_in_its_normalisation():
    from torchvision.ops.misc import FrozenBatchNorm2d

    with torch.device("meta"):
        module = DETECTORS["maskrcnn"].build()
    norms = [layer for layer in module.modules() if isinstance(layer, FrozenBatchNorm2d)]
    assert len(norms) == 53
    assert {layer.eps for layer in norms} == {0.0}


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_of_the_published_files_are_translated(name):
    with torch.device("meta"):
        expected = expected_shapes(DETECTORS[name].build())
    published = {}
    for key, shape in expected.items():
        old = key.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
        parts = old.split(".")
        if parts[:2] == ["backbone", "fpn"]:
            old = ".".join([*parts[:4], parts[5]])
        if parts[:2] == ["roi_heads", "mask_head"]:
            old = f"roi_heads.mask_head.mask_fcn{int(parts[2]) + 1}.{parts[4]}"
        published[old] = torch.empty(shape, device="meta")
    assert (published.keys() != expected.keys()) == (name != "ssd300_vgg16"), "SSD was never renamed"
    made = translate_published(published, expected, where="x")
    assert {key: tuple(value.shape) for key, value in made.items()} == expected
    assert translate_published(made, expected, where="x").keys() == expected.keys()


def test_a_published_file_brought_by_hand_is_checked_converted_and_used(tmp_path, monkeypatch):
    entry = DETECTORS["fasterrcnn_mobilenet"]
    module = empty_network(entry.build)
    fill_random(module, name="x", seed=0)
    state = {
        key.replace("rpn.head.conv.0.0.", "rpn.head.conv."): value
        for key, value in module.state_dict().items()
    }
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.save(state, folder / entry.spec.weights.file_name)
    assert weights_status("fasterrcnn_mobilenet").state == "waiting"
    with pytest.raises(WeightsError, match="must be the published weights of fasterrcnn_mobilenet, but"):
        load_detector("fasterrcnn_mobilenet")
    prefix = hashlib.sha256((folder / entry.spec.weights.file_name).read_bytes()).hexdigest()[:8]
    source = dataclasses.replace(entry.spec.weights, sha256_prefix=prefix)
    spec = dataclasses.replace(entry.spec, weights=source)
    monkeypatch.setitem(DETECTORS, "fasterrcnn_mobilenet", dataclasses.replace(entry, spec=spec))
    got = load_detector("fasterrcnn_mobilenet")
    assert weights_status("fasterrcnn_mobilenet").state == "present"
    from_file = load_detector("fasterrcnn_mobilenet", weights=folder / source.file_name)
    assert got.weights_hash == from_file.weights_hash
    assert got.detect(THIN) == from_file.detect(THIN) == load_detector("fasterrcnn_mobilenet").detect(THIN)


@pytest.mark.parametrize("name", PUBLISHED)
def test_absent_weights_are_one_clear_error_and_are_listed(name):
    assert name in [status.name for status in list_weights()]
    with pytest.raises(WeightsError, match=DETECTORS[name].spec.weights.file_name) as caught:
        load_detector(name)
    assert "On a computer with network, download" in str(caught.value)


def test_choices_are_checked(tmp_path):
    with pytest.raises(ConfigError, match=r"Unknown detector 'maskrcn'\. Did you mean maskrcnn"):
        load_detector("maskrcn")
    with pytest.raises(ConfigError, match="Detectors run on the engine torch"):
        load_detector("maskrcnn", engine="openvino")
    with pytest.raises(ConfigError, match="detector own needs a file"):
        load_detector("own")
    with pytest.raises(ConfigError, match="detector recorded needs a file"):
        load_detector("recorded", weights="random")
    with pytest.raises(ConfigError, match="must be 'pretrained', 'random' or a file that exists"):
        load_detector("fasterrcnn_mobilenet", weights=tmp_path / "no.pth")
    (tmp_path / "page.pth").write_text("<html>")
    with pytest.raises(WeightsError, match="something else"):
        load_detector("fasterrcnn_mobilenet", weights=tmp_path / "page.pth")


def test_random_weights_follow_the_seed():
    first, other = (load_detector("own", weights="random", seed=seed) for seed in (0, 1))
    assert first.weights_hash != other.weights_hash
    assert first.notes == ("own has random weights (seed 0): its boxes mean nothing.",)


class Answering(torch.nn.Module):
    """A network that always sees the same."""

    def __init__(self, boxes, labels, scores):
        super().__init__()
        self.answer = {
            "boxes": torch.tensor(boxes),
            "labels": torch.tensor(labels),
            "scores": torch.tensor(scores),
        }

    def forward(self, pictures):
        assert [tuple(picture.shape) for picture in pictures] == [(3, 50, 100)]
        assert pictures[0].max() <= 1
        return [self.answer]


def test_boxes_become_fractions_and_other_labels_are_left_out():
    boxes = [[10.0, 5.0, 60.0, 30.0], [0.0, 0.0, 9.0, 9.0], [4.0, 4.0, 4.0, 9.0], [50.0, 25.0, 100.0, 50.0]]
    detector = NetworkDetector(
        Answering(boxes, [1, 7, 1, 65], [0.5, 0.9, 0.8, 0.75]),
        labels={1: "person", 65: "bed"},
        weights_hash="x",
    )
    assert detector.detect(np.full((50, 100, 3), 255, np.uint8)) == [
        Detection(label="bed", score=0.75, box=Region(x=0.5, y=0.5, width=0.5, height=0.5)),
        Detection(label="person", score=0.5, box=Region(x=0.1, y=0.1, width=0.5, height=0.5)),
    ]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_builds_and_has_weights_for_every_label(name):
    for labels in (("person",), ("bed", "person", "carer")):
        with torch.device("meta"):
            module = DetectorDesign(architecture=name, labels=labels).build()
        assert module.training is False
        assert any(
            len(labels) + 1 in shape or 4 * (len(labels) + 1) in shape
            for shape in expected_shapes(module).values()
        )


edge = st.floats(-2, 3, allow_nan=False)


@given(edges=st.tuples(edge, edge, edge, edge))
def test_clipped_boxes_lie_inside_and_keep_what_was_inside(edges):
    left, top, right, bottom = edges
    if left >= right or top >= bottom:
        with pytest.raises(ValueError, match="left < right and top < bottom"):
            clipped_detection("bed", 0.5, edges)
        return
    found = clipped_detection("bed", 0.5, edges)
    seen = min(right, 1) - max(left, 0) >= 1e-6 and min(bottom, 1) - max(top, 0) >= 1e-6
    assert (found is not None) == seen
    if found is not None:
        assert found.box.x == max(left, 0)
        assert found.box.x + found.box.width == pytest.approx(min(right, 1))
        assert found.clipped == (min(left, top) < -1e-4 or max(right, bottom) > 1 + 1e-4)


def test_an_entry_without_weights_is_no_backbone():
    assert weights_status("own").state == "none needed"
    assert isinstance(DETECTORS["own"], DetectorEntry)
    assert DETECTORS["own"].spec == DetectorSpec(name="own")
