"""What ``semioscope predict`` says around its predictions."""

from dataclasses import replace

import pytest
from tiny import call

from semioscope.cli.predict import cautions
from semioscope.runs import read_bundle


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
