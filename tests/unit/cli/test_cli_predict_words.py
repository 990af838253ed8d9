"""What ``semioscope predict`` says around its predictions."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import call

from semioscope.cli.predict import cautions, describe
from semioscope.cli.predict_requests import make_requests
from semioscope.core.errors import CohortError
from semioscope.runs import PredictionRequest, predict_event, read_bundle


def test_cautions_follow_the_model(tiny):
    bundle = read_bundle(tiny.bundle)

    def changed(**values):
        return cautions(replace(bundle, facts=bundle.facts.model_copy(update=values)))

    last = "Research software, not a medical device."
    assert changed(synthetic=False, backbone_weights_hash="abc") == [last]
    synthetic, *rest = changed(synthetic=True, backbone_weights_hash="abc")
    assert "means nothing clinically" in synthetic
    assert rest == [last]
    assert "random weights" in changed(synthetic=False, backbone_weights_hash="random-0-1")[0]


@pytest.mark.parametrize(
    ("score", "threshold", "said"),
    [
        (0.56, 0.58, "FOS (probability of TCS 0.56, below the threshold 0.58; calibrated 0.27; views: "),
        (
            0.61,
            0.58,
            "TCS (probability of TCS 0.61, at or above the threshold 0.58; calibrated 0.27; views: ",
        ),
        (
            0.5799,
            0.58,
            "FOS (probability of TCS 0.5799, below the threshold 0.5800; calibrated 0.27; views: ",
        ),
        (
            0.579999,
            0.58,
            "FOS (probability of TCS 0.579999, below the threshold 0.580000; calibrated 0.27; views: ",
        ),
        (0.58, 0.58, "TCS (probability of TCS 0.5800, at or above the threshold 0.5800; calibrated 0.27"),
    ],
)
def test_a_prediction_tells_the_positive_class_and_the_threshold(tiny, score, threshold, said):
    bundle = read_bundle(tiny.bundle)
    bundle = replace(bundle, facts=bundle.facts.model_copy(update={"threshold": threshold}))
    found = predict_event(PredictionRequest(event_id="e", videos=(tiny.held_out,)), bundle)
    views = tuple(
        replace(view, y_score=np.array([1 - own, own]))
        for view, own in zip(found.views, (0.5, 0.62), strict=True)
    )
    found = replace(
        found,
        views=views,
        y_score=np.array([1 - score, score]),
        y_predicted=int(score >= threshold),
        calibrated=np.array([0.73, 0.27]),
    )
    first = describe(found, bundle).splitlines()[0]
    assert first.startswith(f"e: {said}")
    assert "views: large 0.50, small 0.62); judged from 0.0 s to " in first


@pytest.mark.parametrize("name", ["gone.mp4", "text.mp4"])
def test_without_any_prediction_there_is_nothing_to_open(tiny, tmp_path, name):
    (tmp_path / "text.mp4").write_text("no video")
    shown = call(
        "predict", tmp_path / name, "--model", tiny.bundle, "--out", tmp_path / "p", "--progress", "quiet"
    )
    assert shown.exit_code == 1
    assert f"{name[:-4]}: failed. {name} must be a video" in shown.out
    assert "timeline" not in shown.out
    assert shown.out.splitlines()[-1] == "Next: mend the failed ones, then the same command again."


def test_one_success_and_one_failure_lead_to_one_next_step(tiny, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    videos = (tiny.held_out, tmp_path / "text.mp4")
    shown = call("predict", *videos, "--model", tiny.bundle, "--out", tmp_path / "p", "--progress", "quiet")
    assert shown.exit_code == 1
    (last,) = [line for line in shown.out.splitlines() if line.startswith("Next:")]
    timeline = tmp_path / "p" / f"timeline-{tiny.held_out.stem}.svg"
    assert last == (f"Next: open {timeline} in a browser; mend the failed ones, then the same command again.")
    assert timeline.is_file()


def test_it_says_when_the_times_were_not_given(tiny, tmp_path):
    common = (
        "predict",
        tiny.held_out,
        "--model",
        tiny.bundle,
        "--out",
        tmp_path / "p",
        "--progress",
        "quiet",
    )
    whole = call(*common)
    assert whole.exit_code == 0, whole.text
    assert "the video's own beginning or end was taken" in whole.out
    part = call(*common, "--onset", "1", "--offset", "0:06,5")
    assert "judged from 1.0 s to 6.5 s" in part.out
    assert "own beginning" not in part.out
    assert part.out.splitlines()[-1].startswith(f"Next: open {tmp_path / 'p' / 'timeline-h01'}")


def test_the_table_of_a_cohort_names_recordings(tmp_path):
    (tmp_path / "videos").mkdir()
    videos = [tmp_path / "videos" / f"p{number}.mpg" for number in (1, 2)]
    for video in videos:
        video.touch()
    (tmp_path / "recordings.tsv").write_text(
        "recording_id\tpatient_id\tview\tpath\n"
        "a-large\tp1\tlarge\tvideos/p1.mpg\na-small\tp1\tsmall\tvideos/p1.mpg\nb\tp2\tmain\tvideos/p2.mpg\n"
    )
    table = tmp_path / "seizures.tsv"
    head = "seizure_id\trecording_id\tonset\toffset\n"
    table.write_text(f"{head}s1\ta-large\t2\t8\ns1\ta-small\t2\t8\ns2\tb\t1\t9\ns3\tgone\t1\t2\n")
    options = {"onset": None, "offset": None, "seizures": table, "same_event": False}
    copied = tmp_path / "p2.mpg"  # elsewhere, but of that name
    one, two = make_requests([videos[0], copied], **options)
    assert (one.event_id, one.videos, dict(one.times)) == ("s1", (videos[0],), {videos[0]: (2.0, 8.0)})
    assert (two.event_id, two.videos, dict(two.times)) == ("s2", (copied,), {copied: (1.0, 9.0)})
    (tmp_path / "recordings.tsv").write_text("recording_id\tpath\nb\tvideos/p2.mpg\n")
    with pytest.raises(CohortError, match=r"recordings\.tsv.*patient_id"):
        make_requests(videos, **options)
    (tmp_path / "recordings.tsv").unlink()
    with pytest.raises(CohortError, match=r"or the recording_id of recordings\.tsv beside it"):
        make_requests(videos, **options)
