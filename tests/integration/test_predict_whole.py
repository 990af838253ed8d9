"""``semioscope predict`` with a model of slices: the way of the run, and what does not fit is told."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gray16 import write_folder, write_video
from tiny import Called, call
from ward_run import WardRun

from semioscope.core.errors import ConfigError, SemioscopeError, VideoError, WeightsError
from semioscope.core.files import file_sha256, write_json
from semioscope.evaluation import ViewExample, read_examples, score_slices
from semioscope.models import load
from semioscope.recipes import CropsConfig
from semioscope.runs import Bundle, Prediction, PredictionRequest, predict_event, read_bundle
from semioscope.video import VideoWriter, open_gray16

ACCEPTED = "p01-s1"
IN_DOUBT = "p02-s1"


@pytest.fixture(scope="module")
def bundle(ward_run: WardRun) -> Bundle:
    return read_bundle(ward_run.bundle)


def videos(ward_run: WardRun, name: str) -> tuple[Path, Path]:
    folder = ward_run.cohort / "videos"
    return folder / f"{name}-infrared.mkv", folder / f"{name}-depth.mkv"


def view_of(ward_run: WardRun, name: str) -> tuple[int, ViewExample]:
    table = read_examples(ward_run.run / "units")
    return next((i, view) for i, view in enumerate(table.views) if view.event_id == name)


def request_of(ward_run: WardRun, name: str, **changes: object) -> PredictionRequest:
    """Return what is asked so that a prediction sees what the run saw of an event."""
    infrared, depth = videos(ward_run, name)
    _, view = view_of(ward_run, name)
    return replace(
        PredictionRequest(
            event_id=name,
            videos=(infrared,),
            onset_seconds=view.onset_seconds,
            offset_seconds=view.offset_seconds,
            depth=depth,
            depth_offset_seconds=ward_run.read().recording(name).depth_offset_seconds,
        ),
        **changes,
    )


def frames_of(path: Path) -> np.ndarray:
    with open_gray16(path) as reader:
        return reader.read(np.arange(reader.num_frames))


def without_depth(request: PredictionRequest) -> PredictionRequest:
    return replace(request, depth=None, depth_offset_seconds=0.0)


@pytest.mark.parametrize("name", [ACCEPTED, IN_DOUBT])
def test_a_prediction_is_exactly_what_the_run_makes_of_the_event(
    ward_run: WardRun, bundle: Bundle, name: str
) -> None:
    position, view = view_of(ward_run, name)
    model = load(ward_run.run / "models" / "final.safetensors")
    table = read_examples(ward_run.run / "units")
    [row] = score_slices(model, table, [position], segments=bundle.facts.segments, clips=bundle.facts.clips)
    found = predict_event(request_of(ward_run, name), bundle)
    [own] = found.views
    assert own.y_score.tolist() == row["scores"]
    assert own.score_alone.tolist() == row["clip"]
    assert own.score_so_far.tolist() == row["prefix"]
    assert own.start_seconds.tolist() == row["start_seconds"]
    assert len(own.start_seconds) == view.num_clips >= 2
    assert own.end_seconds.tolist() == row["end_seconds"]
    # side by side, up to the last frame that is in a slice
    assert own.end_seconds[:-1] == pytest.approx(own.start_seconds[1:], abs=1e-3)
    assert own.end_seconds[-1] <= view.offset_seconds
    said = [note for note in found.notes if "The raw picture was used, as the crop is in doubt" in note]
    assert bool(said) == (name == IN_DOUBT)
    assert found.frames.num_missing == found.frames.num_damaged == 0
    raw = predict_event(without_depth(request_of(ward_run, name)), bundle)
    assert raw.notes[0].startswith(
        "The raw picture was used: the cropper depth needs depth, and none was given."
    )
    assert (raw.y_score.tolist() == found.y_score.tolist()) == (name == IN_DOUBT)


def predict(ward_run: WardRun, out: Path, *arguments: object) -> Called:
    return call("predict", *arguments, "--model", ward_run.bundle, "--out", out, "--progress", "quiet")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_the_command_takes_the_depth_and_its_offset(
    ward_run: WardRun, bundle: Bundle, tmp_path: Path
) -> None:
    asked = request_of(ward_run, ACCEPTED)
    assert asked.depth is not None
    later = write_video(tmp_path / "later", frames_of(asked.depth)[6:])
    times = ("--onset", asked.onset_seconds, "--offset", asked.offset_seconds)
    depth = ("--depth", later, "--depth-offset", asked.depth_offset_seconds + 0.2)
    done = predict(ward_run, tmp_path, asked.videos[0], *times, *depth)
    assert done.exit_code == 0, done.text
    assert "neighbours" not in done.out
    wanted = predict_event(asked, bundle)
    *_, event = rows_of(tmp_path / "predictions.tsv")
    assert [float(event[f"y_score_{name}"]) for name in ("FLE", "TLE")] == wanted.y_score.tolist()
    course = rows_of(tmp_path / "segments.tsv")
    assert [float(row["y_score_clip"]) for row in course] == wanted.views[0].score_alone[:, 1].tolist()
    assert (tmp_path / f"timeline-{asked.videos[0].stem}.svg").read_text().startswith("<svg")


def as_mp4(path: Path, frames: np.ndarray) -> Path:
    """Write what an ordinary recorder would keep of 16-bit frames."""
    pictures = np.repeat((frames / 256).astype(np.uint8)[..., None], 3, axis=-1)
    height, width = frames.shape[1:]
    with VideoWriter(path, width=width, height=height, fps=30, codec="h264") as writer:
        for picture in pictures:
            writer.write(picture)
    return path


def between_frames(request: PredictionRequest) -> PredictionRequest:
    """Return the same with times in the middle between two frames, so that rounded time stamps do not matter."""
    times = [
        round(30 * (value or 0.0)) / 30 + 0.5 / 30
        for value in (request.onset_seconds, request.offset_seconds)
    ]
    return replace(request, onset_seconds=times[0], offset_seconds=times[1])


def test_a_folder_of_pictures_gives_what_the_video_gives(
    ward_run: WardRun, bundle: Bundle, tmp_path: Path
) -> None:
    asked = between_frames(request_of(ward_run, ACCEPTED))
    folder = write_folder(tmp_path / "infrared", frames_of(asked.videos[0]), fps=30)
    whole = predict_event(asked, bundle)
    found = predict_event(replace(asked, videos=(folder,)), bundle)
    assert found.views[0].score_alone == pytest.approx(whole.views[0].score_alone)
    assert found.notes == whole.notes
    raw = without_depth(replace(asked, videos=(folder,)))
    with pytest.raises(
        ConfigError, match=r"must begin inside the video, but infrared lasts .* and onset is 900 s"
    ):
        predict_event(replace(raw, onset_seconds=900.0, offset_seconds=None), bundle)
    *_, note = predict_event(replace(raw, offset_seconds=900.0), bundle).notes[:1]
    assert re.match(r"infrared ends at \d+\.\d s, before the offset 900\.0 s", note)


def test_a_picture_that_cannot_be_read_costs_its_slice(
    ward_run: WardRun, bundle: Bundle, tmp_path: Path
) -> None:
    asked = without_depth(between_frames(request_of(ward_run, ACCEPTED)))
    frames = frames_of(asked.videos[0])
    folder = write_folder(tmp_path / "infrared", frames, fps=30)
    first = round(30 * (asked.onset_seconds or 0.0)) + 1
    broken = folder / f"depth_{first + 70}.png"
    broken.write_bytes(broken.read_bytes()[:40])
    whole = predict_event(asked, bundle).views[0]
    found = predict_event(replace(asked, videos=(folder,)), bundle)
    total = len(whole.start_seconds)
    assert len(found.views[0].start_seconds) == total - 1
    assert found.views[0].num_replaced_clips == found.frames.num_missing == 1
    assert found.views[0].score_alone == pytest.approx(np.delete(whole.score_alone, 1, axis=0))
    assert f"1 of {total} slices of infrared-infrared lacks frames and was left out." in found.notes
    for number in range(first, first + 30 * 8):
        if (folder / f"depth_{number}.png").exists():
            (folder / f"depth_{number}.png").write_bytes(b"\x89PNG")
    with pytest.raises(
        VideoError, match=r"infrared, view infrared: every slice lacks frames\. Check the file"
    ):
        predict_event(replace(asked, videos=(folder,)), bundle)


def test_an_ordinary_video_is_seen_by_its_brightness(
    ward_run: WardRun, bundle: Bundle, tmp_path: Path
) -> None:
    asked = request_of(ward_run, ACCEPTED)
    video = as_mp4(tmp_path / "ward.mp4", frames_of(asked.videos[0]))
    found = predict_event(without_depth(replace(asked, videos=(video,))), bundle)
    assert np.isfinite(found.y_score).all()
    assert "ward.mp4 does not keep 16 bits: the brightness of its pictures was used." in found.notes[0]
    with pytest.raises(
        VideoError, match=r"ward\.mp4.*16.* Or leave --depth out: the raw picture is used then"
    ):
        predict_event(replace(asked, videos=(video,)), bundle)


DEPTHS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float, str]] = {
    "other size": (
        lambda depth: depth[:, :-2],
        0.0,
        r"pictures of one size, .* Or leave --depth out",
    ),
    "no overlap": (
        lambda depth: depth,
        5000.0,
        r"must overlap in time, .* Or leave --depth out",
    ),
}


@pytest.mark.parametrize("fault", DEPTHS)
def test_depth_that_does_not_fit_is_refused(
    ward_run: WardRun, bundle: Bundle, tmp_path: Path, fault: str
) -> None:
    change, offset, message = DEPTHS[fault]
    asked = request_of(ward_run, ACCEPTED)
    assert asked.depth is not None
    depth = write_video(tmp_path / "depth", change(frames_of(asked.depth)))
    with pytest.raises(VideoError, match=message):
        predict_event(replace(asked, depth=depth, depth_offset_seconds=offset), bundle)


def test_depth_that_ends_early_clears_nothing_and_is_told(
    ward_run: WardRun, bundle: Bundle, tmp_path: Path
) -> None:
    asked = request_of(ward_run, ACCEPTED)
    assert asked.depth is not None
    count = round(30 * ((asked.onset_seconds or 0.0) + 1.0 - asked.depth_offset_seconds))
    short = write_video(tmp_path / "short", frames_of(asked.depth)[:count])
    found = predict_event(replace(asked, depth=short), bundle)
    assert re.search(
        r"short\.mkv must give depth for most frames, but \d+ of \d+ have none", " ".join(found.notes)
    )
    assert found.y_score.tolist() == predict_event(without_depth(asked), bundle).y_score.tolist()


def refused(
    request: PredictionRequest, bundle: Bundle, match: str, kind: type[SemioscopeError] = ConfigError
) -> None:
    with pytest.raises(kind, match=match):
        predict_event(request, bundle)


def test_events_that_do_not_fit_the_video(ward_run: WardRun, bundle: Bundle) -> None:
    asked = without_depth(request_of(ward_run, ACCEPTED))
    short = replace(asked, onset_seconds=1.01, offset_seconds=1.2)
    refused(short, bundle, r"must hold at least 10 stored frames, but has [56]\. Check --onset and --offset")
    late = replace(asked, onset_seconds=500.0, offset_seconds=None)
    refused(
        late,
        bundle,
        r"must begin inside the video, but p01-s1-infrared\.mkv lasts \d+\.\d+ s and onset is 500 s",
    )
    backwards = replace(asked, onset_seconds=3.0, offset_seconds=2.0)
    refused(backwards, bundle, r"must end after it begins, got onset 3 s and offset 2 s")


def test_other_croppers_and_detectors_can_be_given(ward_run: WardRun, bundle: Bundle, tmp_path: Path) -> None:
    infrared, _ = videos(ward_run, ACCEPTED)
    name = infrared.stem
    half = {"label": "person", "score": 0.9, "box": [0.1, 0.1, 0.5, 0.9]}
    bed = {"label": "bed", "score": 0.9, "box": [0.05, 0.05, 0.6, 0.95]}
    found = {name: {f"{name}-infrared": [half, bed]}}
    write_json(tmp_path / "seen.json", {"schema_version": 1, "detections": found})
    boxed = ("--cropper", "box", "--detector", "recorded", "--detector-weights", tmp_path / "seen.json")
    done = predict(ward_run, tmp_path / "box", infrared, *boxed)
    assert done.exit_code == 0, done.text
    told = "The cropper box was used, but the model was trained with depth: what it says of other pictures may be"
    assert told in done.out
    assert "raw picture" not in done.out
    none = predict(ward_run, tmp_path / "none", infrared, "--cropper", "none")
    assert "The cropper none was used, but the model was trained with depth" in none.out
    scores = [
        json.loads((tmp_path / out / "predictions.json").read_text())["predictions"][0]["views"]
        for out in ("box", "none")
    ]
    assert scores[0] != scores[1]
    lacking = predict(ward_run, tmp_path / "lacking", videos(ward_run, IN_DOUBT)[0], *boxed)
    assert (
        "as the crop is in doubt and nobody has looked at it. seen.json has no entry for event" in lacking.out
    )


@pytest.mark.parametrize(
    ("crops", "match"),
    [
        (
            CropsConfig(method="box", detector="maskrcnn"),
            r"detector maskrcnn, which cannot be loaded\. .*maskrcnn",
        ),
        (CropsConfig(method="box", weights="/gone/mine.pth"), r"which cannot be loaded\. .*/gone/mine\.pth"),
    ],
)
def test_a_detector_without_its_weights_names_the_options(
    ward_run: WardRun,
    bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    crops: CropsConfig,
    match: str,
) -> None:
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS_URL", "http://127.0.0.1:9/")
    asked = without_depth(request_of(ward_run, ACCEPTED, crops=crops))
    refused(asked, bundle, match, WeightsError)
    options = (
        r"give --detector NAME and --detector-weights FILE, or a --cropper that needs none \(none, depth, "
    )
    refused(asked, bundle, options, WeightsError)


def test_a_bundle_works_on_a_machine_that_has_the_file_of_its_detector(
    ward_run: WardRun, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run named the file by its place; the bundle names it by its content, and finds it where it is put."""
    made = ward_run.cohort / "truth" / "detections.json"
    assert bundle.facts.crops.weights == made.name
    assert bundle.facts.crops.weights_sha256 == file_sha256(made)
    assert str(ward_run.cohort.parent) not in (ward_run.bundle / "bundle.json").read_text()
    there = tmp_path / ward_run.bundle.name
    shutil.copytree(ward_run.bundle, there)
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS", str(tmp_path / "weights"))
    infrared, _ = videos(ward_run, ACCEPTED)
    command = (
        "predict",
        infrared,
        "--model",
        there,
        "--out",
        tmp_path / "out",
        "--progress",
        "quiet",
        "--cropper",
        "box",
    )
    absent = call(*command)
    assert absent.exit_code != 0
    assert "The model was trained with the detector detections.json (SHA-256 " in absent.text
    assert "give its path with --detector-weights FILE" in absent.text
    shutil.copy(made, there)
    found = call(*command)
    assert found.exit_code == 0, found.text
    assert (
        "detections.json has no entry for event" in found.out
    )  # it was read; it knows the events of the cohort
    other = tmp_path / "other.json"
    write_json(other, {"schema_version": 1, "detections": {}})
    given = call(*command, "--detector-weights", other)
    assert f"{other} is not the detector detections.json that the model was trained with" in given.out


def test_what_a_model_has_no_use_for_is_refused(ward_run: WardRun, bundle: Bundle, tmp_path: Path) -> None:
    infrared, depth = videos(ward_run, ACCEPTED)
    cases = (
        (
            ("--cropper", "box", "--depth", depth),
            "Depth is for croppers that use it (depth_box or depth), but the",
        ),
        (("--cropper", "bocks"), "Unknown cropper 'bocks'."),
        (("--detector", "rcnn"), "Unknown detector 'rcnn'."),
        (("--depth-offset", "0.4"), "--depth-offset belongs to a depth recording, got 0.4 without one."),
        ((depth, "--depth", depth), "--depth belongs to one video, but 2 were given."),
    )
    for options, message in cases:
        done = predict(ward_run, tmp_path / "out", infrared, *options)
        assert done.exit_code == 2, options
        assert message in done.err
        assert not (tmp_path / "out").exists()
    several = request_of(ward_run, ACCEPTED, videos=(infrared, infrared))
    refused(several, bundle, r"belongs to one video, but the event has 2\. Predict them one by one")


def test_a_blank_frame_is_not_a_crop(ward_run: WardRun, bundle: Bundle, tmp_path: Path) -> None:
    """Nothing of the depth can be read: the plan waits for a person, and the raw picture is used."""
    asked = request_of(ward_run, ACCEPTED)
    assert asked.depth is not None
    empty = write_video(tmp_path / "empty", np.zeros_like(frames_of(asked.depth)))
    found: Prediction = predict_event(replace(asked, depth=empty), bundle)
    assert any("The raw picture was used, as the crop is in doubt" in note for note in found.notes)
    assert found.y_score.tolist() == predict_event(without_depth(asked), bundle).y_score.tolist()
