"""Training of detectors: the same bytes from the same seed; on synthetic frames better than a constant box."""

import numpy as np
import pytest
import torch

from semioscope.core.errors import ConfigError, WeightsError
from semioscope.core.records import Region
from semioscope.networks import (
    ARCHITECTURES,
    DetectorDesign,
    DetectorExample,
    DetectorTraining,
    LabelledBox,
    find_accelerator,
    fit_detector,
    load_detector,
)
from semioscope.networks.detector_training import _batch, _batch_sizes

SMALL = DetectorDesign(labels=("bed", "person"), min_size=64, max_size=96)


def bright_square(seed: int, side: int = 48) -> DetectorExample:
    """Return a dark picture with a bright rectangle, the bed."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 60, (side, side, 3), dtype=np.uint8)
    left, top = rng.integers(0, side // 2, 2)
    picture[top : top + side // 2, left : left + side // 3] = 230
    box = Region(x=left / side, y=top / side, width=1 / 3, height=1 / 2)
    return DetectorExample(picture=picture, boxes=(LabelledBox(label="bed", box=box),))


def test_same_seed_same_bytes_and_a_file_that_loads(tmp_path):
    examples = [bright_square(seed) for seed in range(3)]
    before = torch.get_rng_state().clone()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        fit = fit_detector(
            examples, design=SMALL, training=DetectorTraining(epochs=1, batch_size=2), seed=seed
        )
        fit.save(tmp_path / f"{name}.safetensors")
    assert torch.equal(before, torch.get_rng_state())
    assert np.isfinite(fit.train_loss).all()
    contents = [(tmp_path / f"{name}.safetensors").read_bytes() for name in "abc"]
    assert contents[0] == contents[1] != contents[2]
    detector = load_detector("own", weights=tmp_path / "a.safetensors")
    assert detector.labels == {1: "bed", 2: "person"}
    assert {item.label for item in detector.detect(examples[0].picture)} <= set(SMALL.labels)
    start = fit_detector(
        examples[:2],
        design=SMALL,
        training=DetectorTraining(epochs=1, batch_size=2, learning_rate=1e-9),
        seed=5,
        start=tmp_path / "a.safetensors",
    )
    name = "roi_heads.box_head.fc6.weight"
    torch.testing.assert_close(start.state[name], detector._module.state_dict()[name], rtol=0, atol=1e-6)


def test_what_cannot_be_trained_is_refused(tmp_path):
    one = bright_square(0)
    nothing = DetectorExample(picture=one.picture, boxes=())
    for examples in ([one], [nothing, nothing]):
        with pytest.raises(ConfigError, match="needs at least 2 pictures and a box"):
            fit_detector(examples, design=SMALL, seed=0)
    with pytest.raises(ConfigError, match=r"Picture 1: Unknown label 'bed'"):
        fit_detector([one, one], design=DetectorDesign(labels=("person",)), seed=0)
    torch.save({"x": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"must be of fasterrcnn_mobilenet, but other.pth gives 0 %"):
        fit_detector([one, one], design=SMALL, seed=0, start=tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="must be pretrained, random or a file that exists"):
        fit_detector([one, one], design=SMALL, seed=0, start=tmp_path / "none.pth")


def test_no_batch_has_a_single_picture():
    for count in range(2, 40):
        for size in range(2, 12):
            sizes = _batch_sizes(count, size)
            assert sum(sizes) == count
            assert min(sizes) > 1
            assert max(sizes) <= size + 1


def test_mirrored_pictures_take_their_boxes_along():
    example = bright_square(4)
    rng = np.random.default_rng(0)
    plain = DetectorTraining(mirror=False, brightness=0)
    (picture,), (target,) = _batch([example], SMALL, plain, rng)
    left, top, right, bottom = (round(edge) for edge in target["boxes"][0].tolist())
    assert picture[:, top:bottom, left:right].min() > 0.9
    seen = set()
    for _ in range(20):
        (picture,), (target,) = _batch([example], SMALL, DetectorTraining(brightness=0), rng)
        left, top, right, bottom = (round(edge) for edge in target["boxes"][0].tolist())
        assert picture[:, top:bottom, left:right].min() > 0.9
        assert target["labels"].tolist() == [1]
        seen.add(left)
    assert len(seen) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_trains(name, tmp_path):
    design = DetectorDesign(architecture=name)
    examples = [bright_square(seed) for seed in range(4)]
    fit = fit_detector(examples, design=design, training=DetectorTraining(epochs=2, batch_size=2), seed=0)
    assert np.isfinite(fit.train_loss).all()
    fit.save(tmp_path / "own.safetensors")
    load_detector("own", weights=tmp_path / "own.safetensors").detect(examples[0].picture)


@pytest.mark.needs_gpu
@pytest.mark.skipif(not find_accelerator().usable, reason="no usable graphics card")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_graphics_card_trains_and_leaves_the_random_states_alone(name, tmp_path):
    examples = [bright_square(seed) for seed in range(4)]
    before = torch.cuda.get_rng_state().clone()
    fit = fit_detector(
        examples,
        design=DetectorDesign(architecture=name),
        training=DetectorTraining(epochs=2, batch_size=2),
        seed=0,
    )
    assert torch.equal(before, torch.cuda.get_rng_state())
    assert np.isfinite(fit.train_loss).all()
    assert {tensor.device.type for tensor in fit.state.values()} == {"cpu"}
    fit.save(tmp_path / "own.safetensors")
    load_detector("own", weights=tmp_path / "own.safetensors").detect(examples[0].picture)
