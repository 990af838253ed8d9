"""Prediction below the command line: missing frames, names, intervals."""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny import Tiny

from semioscope.cli.predict import describe
from semioscope.core.errors import ConfigError, VideoError
from semioscope.runs import (
    Bundle,
    PredictionRequest,
    predict_all,
    predict_clips,
    predict_event,
    prediction,
    read_bundle,
)
from semioscope.video import Frame, FrameReader, probe


@pytest.fixture(scope="module")
def bundle(tiny: Tiny) -> Bundle:
    return read_bundle(tiny.bundle)


def longer(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let videos promise more than they hold."""

    def promising(path: Path) -> object:
        info = probe(path)
        return dataclasses.replace(info, duration_seconds=info.duration_seconds + seconds)

    monkeypatch.setattr(prediction, "probe", promising)


def test_clips_with_missing_frames_give_way_to_their_neighbours(
    tiny: Tiny, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = PredictionRequest(event_id="e", videos=(tiny.held_out,), onset_seconds=2.0)
    whole = predict_event(request, bundle)
    longer(monkeypatch, 2.0)
    found = predict_event(request, bundle)
    end = probe(tiny.held_out).duration_seconds
    for view, before in zip(found.views, whole.views, strict=True):
        assert before.num_replaced_clips == 0
        assert view.num_replaced_clips >= 1
        assert view.interval.end_seconds == pytest.approx(end + 2)
        assert np.all(view.end_seconds <= end + 0.1)
        assert np.all(np.diff(view.start_seconds) >= 0)
        assert np.isfinite(view.y_score).all()


def test_too_many_missing_frames_are_told(
    tiny: Tiny, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer(monkeypatch, 500.0)
    request = PredictionRequest(event_id="e", videos=(tiny.held_out,), onset_seconds=100.0)
    message = r"h01-s1\.mp4, view large: too many frames are missing between 100\.0 s and .* Check the file"
    with pytest.raises(VideoError, match=message):
        predict_event(request, bundle)


def test_the_length_must_be_known_or_given(
    tiny: Tiny, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer(monkeypatch, float("nan"))
    request = PredictionRequest(event_id="e", videos=(tiny.held_out,))
    with pytest.raises(
        VideoError, match=r"cannot be told from the file\. Give the end of the event with --offset"
    ):
        predict_event(request, bundle)
    found = predict_event(dataclasses.replace(request, offset_seconds=6.0), bundle)
    assert found.views[0].interval.end_seconds == 6.0
    assert found.notes == ()


def test_an_offset_behind_the_end_is_noted(tiny: Tiny, bundle: Bundle) -> None:
    end = probe(tiny.held_out).duration_seconds
    for offset, noted in ((end + 0.2, False), (end + 5, True)):
        request = PredictionRequest(
            event_id="e", videos=(tiny.held_out,), onset_seconds=3, offset_seconds=offset
        )
        found = predict_event(request, bundle)
        assert bool(found.notes) == noted
        assert found.views[0].interval.end_seconds == pytest.approx(end)
    assert f"before the offset {end + 5:.1f} s: check whether the file is complete" in found.notes[0]


def test_each_camera_can_have_its_own_times(tiny: Tiny, bundle: Bundle) -> None:
    one, two = tiny.videos()[:2]
    request = PredictionRequest(
        event_id="e", videos=(one, two), onset_seconds=1, offset_seconds=9, times={two: (3.0, 8.0)}
    )
    found = predict_event(request, bundle)
    times = [(view.interval.start_seconds, view.interval.end_seconds) for view in found.views]
    assert times == [(1.0, 9.0), (3.0, 8.0)]
    assert found.y_score == pytest.approx(np.mean([view.y_score for view in found.views], axis=0))


def test_only_the_frames_of_the_clips_are_read(tiny: Tiny, bundle: Bundle) -> None:
    plan, segments = bundle.facts.clips, bundle.facts.segments
    found = predict_event(PredictionRequest(event_id="e", videos=(tiny.held_out,)), bundle)
    assert found.num_frames <= plan.frames_per_clip * segments.num_segments


@pytest.mark.parametrize("status", ["held", "damaged"])
def test_a_frame_that_clips_and_views_share_counts_once(
    tiny: Tiny, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    class Spoilt(FrameReader):
        """Every picture is held or damaged."""

        def read(self, times_seconds: np.ndarray) -> Iterator[Frame]:
            for frame in super().read(times_seconds):
                self.report = dataclasses.replace(
                    self.report, num_ok=0, **{f"num_{status}": self.report.num_requested}
                )
                yield dataclasses.replace(frame, status=status)

    monkeypatch.setattr(
        predict_clips, "stream_features", functools.partial(predict_clips.stream_features, reader=Spoilt)
    )
    found = predict_event(PredictionRequest(event_id="e", videos=(tiny.held_out,)), bundle)
    spoilt = getattr(found.frames, f"num_{status}")
    clips = {start for view in found.views for start in view.start_seconds.tolist()}
    assert 0 < spoilt == found.num_frames <= bundle.facts.clips.frames_per_clip * len(clips)
    assert found.frames.num_missing == 0
    told = {"held": "frames repeat an older picture", "damaged": "frames are damaged"}[status]
    assert f"  {spoilt} {told}" in describe(found, bundle)


def test_one_event_that_fails_does_not_stop_the_others(tiny: Tiny, bundle: Bundle, tmp_path: Path) -> None:
    requests = [
        PredictionRequest(event_id="a", videos=(tmp_path / "gone.mp4",)),
        PredictionRequest(event_id="b", videos=(tiny.held_out,)),
        PredictionRequest(event_id="c", videos=(tiny.held_out,), onset_seconds=5, offset_seconds=5.1),
        PredictionRequest(event_id="d", videos=(tiny.held_out,), onset_seconds=9, offset_seconds=5),
    ]
    done, failed = predict_all(requests, bundle)
    assert [prediction.event_id for prediction in done] == ["b"]
    assert [event_id for event_id, _ in failed] == ["a", "c", "d"]
    assert "must hold at least one clip of 2.00 s" in failed[1][1]


def test_unknown_engines_stop_everything(tiny: Tiny, bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="Unknown engine 'foo'"):
        predict_all([PredictionRequest(event_id="b", videos=(tiny.held_out,))], bundle, engine="foo")


def test_a_cut_off_video_is_told(tiny: Tiny, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    end = probe(tiny.held_out).duration_seconds
    plain = PredictionRequest(event_id="e", videos=(tiny.held_out,), onset_seconds=1)

    def promising(path: Path) -> object:
        return dataclasses.replace(probe(path), header_duration_seconds=end + 30)

    assert predict_event(plain, bundle).notes == ()
    monkeypatch.setattr(prediction, "probe", promising)
    for offset, words in (
        (None, "Only these were judged; the seizure may go on in the lost part. Copy the video again"),
        (end + 9, f"in the lost part (the offset is {end + 9:.1f} s)"),
        (end - 0.5, "The seizure ends before that, so what was judged is not affected."),
    ):
        (note,) = predict_event(dataclasses.replace(plain, offset_seconds=offset), bundle).notes
        assert f"h01-s1.mp4 is incomplete: by its header it lasted {end + 30:.1f} s, but only" in note
        assert words in note
    late = dataclasses.replace(plain, onset_seconds=end + 5)
    with pytest.raises(ConfigError, match=r"it was cut off\) and onset is .* Copy the video again"):
        predict_event(late, bundle)
