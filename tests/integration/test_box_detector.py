"""A detector trained on synthetic frames makes the box crop of scenes that it never saw."""

import math

import numpy as np
import pytest

from semioscope.core.records import Recording, Region
from semioscope.networks import (
    DetectorDesign,
    DetectorExample,
    DetectorTraining,
    LabelledBox,
    fit_detector,
    load_detector,
)
from semioscope.preprocess import box_crop, crop_quality, iou, summarize_quality, true_box
from semioscope.synthetic import PARTS, scene_frames
from semioscope.video import GreyRule, to_8bit
from semioscope.video.grey import percentile_window

SIZE = (128, 106)
MARGIN = 0.2


def shown(frame):
    """Return the 8-bit picture of a frame, its own percentiles as window."""
    grey = to_8bit(frame.infrared, percentile_window([frame.infrared], GreyRule()))
    return np.repeat(grey[:, :, None], 3, axis=2)


def example(frame):
    parts = (("bed", frame.bed), ("person", frame.body))
    boxes = tuple(LabelledBox(label=label, box=box) for label, box in parts if box is not None)
    return DetectorExample(picture=shown(frame), boxes=boxes)


@pytest.mark.slow
def test_a_trained_detector_is_better_than_a_constant_box(tmp_path):
    scenes = [frame for seed in range(8) for frame in scene_frames(seed, num_scenes=16, size=SIZE)]
    fit = fit_detector(
        [example(frame) for frame in scenes],
        design=DetectorDesign(min_size=96, max_size=192),
        training=DetectorTraining(epochs=20, batch_size=8),
        seed=0,
    )
    assert fit.train_loss[-1] < 0.6 * fit.train_loss[0]
    fit.save(tmp_path / "own.safetensors")
    detector = load_detector("own", weights=tmp_path / "own.safetensors")

    truths = [true_box(frame.bed, frame.body, margin=MARGIN) for frame in scenes]
    edges = np.mean([(box.x, box.y, box.width, box.height) for box in truths if box is not None], axis=0)
    constant = Region(**dict(zip(("x", "y", "width", "height"), map(float, edges), strict=True)))

    others = list(scene_frames(100, num_scenes=24, size=SIZE))
    recording = Recording(recording_id="r1", patient_id="p1", view="infrared", path="a.mkv")
    made, plain = [], []
    for frame in others:
        truth = true_box(frame.bed, frame.body, margin=MARGIN)
        plan = box_crop(frame.event_id, recording, shown(frame), detector)
        made.append(crop_quality(plan, truth=truth, body=frame.labels == PARTS["patient"]))
        plain.append(math.nan if truth is None else iou(constant, truth))
    summary = summarize_quality(made)
    print(f"{summary}; a constant box: {np.nanmean(plain):.3f}")
    assert summary.share_made >= 0.8
    assert summary.mean_iou > np.nanmean(plain) + 0.08
    assert summary.mean_body_kept > 0.95
    offered = [0.0 if math.isnan(quality.iou) else quality.iou for quality in made]
    assert np.mean(offered) > np.nanmean(plain) + 0.05  # failures included
