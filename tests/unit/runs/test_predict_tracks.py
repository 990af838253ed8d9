"""A model whose pictures follow the patient looks for him in a video that it judges."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import Tiny

from semioscope.cohort import Cohort
from semioscope.core.errors import ConfigError
from semioscope.core.intervals import Interval
from semioscope.core.records import Event, Region
from semioscope.networks.detections import Detection
from semioscope.plans import ExcerptStepPlan
from semioscope.preprocess.frame_pictures import FramePictureConfig
from semioscope.runs import predict_crops
from semioscope.runs.bundle import Bundle, read_bundle
from semioscope.runs.bundle_crops import BundleCrops
from semioscope.runs.predict_crops import check_crops, event_crops
from semioscope.runs.predict_whole import _cohort
from semioscope.runs.prediction import PredictionRequest

BOX = Region(x=0.25, y=0.5, width=0.5, height=0.25)


class Eye:
    """A detector that always answers the same."""

    weights_hash = "eye"

    def __init__(self, *found: Detection) -> None:
        self.found = found

    def detect(self, picture: np.ndarray) -> tuple[Detection, ...]:
        assert picture.ndim == 3
        return self.found


@pytest.fixture
def bundle(tiny: Tiny) -> Bundle:
    """A model that follows the patient; what it was trained on does not matter here."""
    read = read_bundle(tiny.bundle)
    changes = {
        "frame": FramePictureConfig(),
        "segments": ExcerptStepPlan(),
        "crops": BundleCrops(method="track", detector="own", weights="random"),
    }
    return replace(read, facts=read.facts.model_copy(update=changes))


def asked(tiny: Tiny, folder: Path, bundle: Bundle) -> tuple[Cohort, Event, PredictionRequest]:
    video = tiny.held_out
    request = PredictionRequest(event_id="asked", videos=(video,))
    views = {"large": bundle.facts.views["large"]}
    interval = Interval(start_seconds=1.0, end_seconds=4.0)
    cohort, event = _cohort(folder, video, "video", request, views, interval)
    return cohort, event, request


def test_the_patient_is_followed_inside_the_view(
    tiny: Tiny, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eye = Eye(Detection(label="patient", score=0.9, box=BOX))
    monkeypatch.setattr(predict_crops, "load_detector", lambda name, weights: eye)
    cohort, event, request = asked(tiny, tmp_path, bundle)
    check_crops(request, bundle)
    found = event_crops(cohort, event, request, bundle)
    assert (found.plans, found.notes) == ((), ())
    [(name, moving)] = found.moving.items()
    assert name == ("asked", "video-large")
    assert moving.rule == bundle.facts.crops.boxes
    whole = cohort.recording("video-large").region or Region(x=0, y=0, width=1, height=1)
    for time in (1.0, 2.3, 3.9):
        region = moving.at(time)
        assert region.x == pytest.approx(whole.x + BOX.x * whole.width, abs=1e-4)
        assert region.height == pytest.approx(BOX.height * whole.height, abs=1e-4)


def test_where_nobody_is_found_the_raw_picture_is_used_and_told(
    tiny: Tiny, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_crops, "load_detector", lambda name, weights: Eye())
    found = event_crops(*asked(tiny, tmp_path, bundle), bundle)
    assert found.moving == {}
    assert [note for note in found.notes if "Nothing was found in any of 4 looks; the raw picture" in note]


def test_a_model_of_other_pictures_cannot_follow(tiny: Tiny, bundle: Bundle, tmp_path: Path) -> None:
    other = replace(bundle, facts=bundle.facts.model_copy(update={"frame": None}))
    with pytest.raises(
        ConfigError, match=r"track follows the patient frame by frame, for models of single frames, but"
    ):
        check_crops(PredictionRequest(event_id="asked", videos=(tiny.held_out,)), other)
