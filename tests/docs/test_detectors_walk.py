"""The way through ``docs/detectors.md``, in its order, as a reader types it; only the cohort is a tiny one."""

import json
from pathlib import Path

from documents import command_lines
from tiny import call

from semioscope.core.progress import QuietProgress
from semioscope.preprocess.track_files import read_tracks, tracks_path
from semioscope.synthetic import make_ward_cohort

WALK = [found.words[1:] for found in command_lines() if found.document == "detectors.md"]
KEPT = 3
"""Pictures of each patient that are trained on."""


def test_the_walk_is_whole():
    assert [words[:2] for words in WALK] == [["synth", "ward"], ["detector", "train"], ["detector", "track"]]


def fewer(boxes: Path) -> None:
    """Keep some pictures of each patient in a COCO file."""
    content = json.loads(boxes.read_text())
    by_patient: dict[str, list[int]] = {}
    for image in content["images"]:
        by_patient.setdefault(image["patient_id"], []).append(image["id"])
    kept = {number for numbers in by_patient.values() for number in numbers[:KEPT]}
    content["images"] = [image for image in content["images"] if image["id"] in kept]
    content["annotations"] = [item for item in content["annotations"] if item["image_id"] in kept]
    boxes.write_text(json.dumps(content))


def test_the_way_from_boxes_to_tracks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_ward_cohort(
        tmp_path / "ward", num_patients=3, num_seizures=3, size=(160, 90), fps=5.0, min_seconds=5.0, max_seconds=6.0,
        workers=1, progress=QuietProgress(),
    )  # fmt: skip
    fewer(tmp_path / "ward" / "truth" / "boxes.json")
    small = {
        "train": ["--epochs", "1", "--min-size", "64", "--progress", "quiet"],
        "track": ["--progress", "quiet"],
    }
    for words in WALK[1:]:
        shown = call(*words, *small[words[1]])
        assert shown.exit_code == 0, f"{words}\n{shown.text}"
        assert "Next: " in shown.out, f"{words} does not say what comes next"
    tracks = read_tracks(tracks_path(tmp_path / "ward"))
    assert len(tracks) == 3
    assert all(one.track.num_looks >= 6 for one in tracks.values())
