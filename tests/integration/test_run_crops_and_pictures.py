"""The crops of a run, and the pictures of an infrared camera in its report."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import Called, call, edit_rows
from tiny_ward import ward_arguments
from ward_run import RECIPE, SLICE_SETTINGS, WardRun

from semioscope.core.files import read_json
from semioscope.core.progress import QuietProgress
from semioscope.evaluation import read_examples
from semioscope.preprocess.crops import read_crops
from semioscope.recipes import apply_overrides, make_config, read_config
from semioscope.runs import RunPlan, plan_run
from semioscope.runs.crops import RunCrops, crop_stage
from semioscope.runs.results import Failure, ViewScore, collect, one_per_view
from semioscope.runs.thumbnails import GRAY_PICTURE_SIZE, PICTURES_PER_VIEW, write_thumbnails
from semioscope.video import grey_window, open_gray16, to_8bit


def plan_of(ward_run: WardRun, cohort: Path, *settings: str) -> RunPlan:
    return plan_run(apply_overrides(read_config(ward_run.run / "config.yaml"), settings), cohort)


@pytest.fixture
def own_ward(ward_run: WardRun, tmp_path: Path) -> Path:
    """Return a cohort of one's own, with the crops of the shared one."""
    folder = tmp_path / "own"
    folder.mkdir()
    for file in (*ward_run.cohort.glob("*.tsv"), ward_run.cohort / "synthetic.json"):
        shutil.copy(file, folder)
    shutil.copytree(ward_run.cohort / "videos", folder / "videos", copy_function=os.link)
    return folder


def staged(plan: RunPlan) -> tuple[RunCrops, list[Failure]]:
    failures: list[Failure] = []
    return crop_stage(plan, workers=1, progress=QuietProgress(), failures=failures), failures


def test_the_report_counts_what_the_table_holds(ward_run: WardRun) -> None:
    scores = read_json(ward_run.run / "scores.json")
    rows = read_crops(ward_run.cohort / "crops.tsv")
    states = [row.status for row in rows]
    facts = scores["crops"]
    assert facts["num_accepted"] == states.count("accepted") >= 1
    assert facts["num_flagged"] == states.count("flagged") >= 1
    assert (facts["num_rejected"], facts["num_manual"], facts["num_failed"]) == (0, 0, 0)
    assert [one["event_id"] for one in facts["flagged"]] == [
        row.event_id for row in rows if row.status == "flagged"
    ]
    assert all(one["reason"] for one in facts["flagged"] + facts["remarks"])


def test_what_stands_stays_and_what_is_missing_is_planned(ward_run: WardRun, own_ward: Path) -> None:
    table = own_ward / "crops.tsv"
    edit_rows(
        table,
        lambda row: (
            None
            if row["event_id"] == "p03-s1"
            else {**row, "origin": "manual", "status": "rejected"}
            if row["event_id"] == "p02-s1"
            else row
        ),
    )
    crops, failures = staged(plan_of(ward_run, own_ward))
    assert failures == []
    by_event = {crop.event_id: crop for crop in crops.plans}
    before = {crop.event_id: crop for crop in read_crops(ward_run.cohort / "crops.tsv")}
    assert by_event["p03-s1"] == before["p03-s1"]
    assert (by_event["p02-s1"].origin, by_event["p02-s1"].status) == ("manual", "rejected")
    assert (crops.facts["num_rejected"], crops.facts["num_manual"]) == (1, 1)
    assert ("p02-s1", "p02-s1") in crops.not_accepted
    assert {crop.event_id for crop in read_crops(table)} == set(before)


@pytest.mark.parametrize("all_of_them", [False, True])
def test_what_cannot_be_planned_is_a_failure_and_keeps_the_raw_picture(
    ward_run: WardRun, own_ward: Path, all_of_them: bool
) -> None:
    (own_ward / "crops.tsv").unlink()
    lost = [f"p0{k}-s1" for k in range(1, 7)] + ["p06-s2"] if all_of_them else ["p01-s1"]
    edit_rows(
        own_ward / "recordings.tsv",
        lambda row: {**row, "depth_path": "n/a"} if row["recording_id"] in lost else row,
    )
    crops, failures = staged(plan_of(ward_run, own_ward))
    assert [(one.stage, one.event_id) for one in failures] == [("crops", name) for name in lost]
    assert all("must have depth for the cropper depth" in one.message for one in failures)
    assert all(one.message.endswith("seen as the raw picture.") for one in failures)
    assert crops.facts["num_failed"] == len(lost)
    assert len(crops.plans) == 7 - len(lost)


def test_a_run_without_crops_looks_at_no_table(ward_run: WardRun, own_ward: Path) -> None:
    (own_ward / "crops.tsv").write_text("not a table\n")
    crops, failures = staged(plan_of(ward_run, own_ward, "crops.method=none", "gray.depth_crop=false"))
    assert (crops.plans, crops.facts, failures) == ((), {}, [])


OF_2020_AND_2022 = ("karacsony-2020", "karacsony-2022-b", "karacsony-2022-a")


def test_recipes_get_their_own_boxes_whatever_runs_first(ward_run: WardRun, own_ward: Path) -> None:
    detections = ward_run.cohort / "truth" / "detections.json"
    settings = (
        "crops.detector=recorded",
        f"crops.weights={detections}",
        "backbone.name=motion",
        "baselines=[majority]",
    )
    table = own_ward / "crops.tsv"
    found: list[tuple[bytes, dict[str, tuple]]] = []
    for order in (OF_2020_AND_2022, tuple(reversed(OF_2020_AND_2022))):
        table.unlink(missing_ok=True)
        seen = {}
        for recipe in order:
            plan = plan_run(apply_overrides(make_config(recipe), [*settings, "folds.num_folds=2"]), own_ward)
            crops, failures = staged(plan)
            assert failures == []
            assert {crop.cropper for crop in crops.plans} == {plan.config.crops.method}
            seen[recipe] = crops.plans
        found.append((table.read_bytes(), seen))
    assert found[0] == found[1]
    other = own_ward / "other.json"
    other.write_text(detections.read_text() + "\n")
    plan = plan_run(
        apply_overrides(make_config("karacsony-2022-b"), [*settings, f"crops.weights={other}"]), own_ward
    )
    assert any("made with another detector (recorded:" in told for told in plan.warnings)
    _, seen = found[0]
    assert seen["karacsony-2022-a"] == seen["karacsony-2022-b"]
    boxes = [{crop.place: crop.box for crop in seen[recipe]} for recipe in OF_2020_AND_2022[:2]]
    assert boxes[0].keys() == boxes[1].keys()
    both = [place for place in boxes[0] if boxes[0][place] and boxes[1][place]]
    assert both
    assert all(boxes[0][place] != boxes[1][place] for place in both)  # 20 % and 30 % further out


def dry_run(ward_run: WardRun, cohort: Path, tmp_path: Path) -> Called:
    command = ward_arguments(RECIPE, cohort, tmp_path / "no-run", settings=SLICE_SETTINGS)
    return call(*command, "--dry-run")


def test_a_dry_run_tells_what_is_wrong_with_the_table(
    ward_run: WardRun, own_ward: Path, tmp_path: Path
) -> None:
    table = own_ward / "crops.tsv"
    before = table.read_text()
    shown = dry_run(ward_run, own_ward, tmp_path)
    assert (shown.exit_code, "Warning: crops.tsv" in shown.out) == (0, False)
    edit_rows(
        table, lambda row: row | {"onset_seconds": "0.25"} if row["event_id"] in ("p01-s1", "p02-s1") else row
    )
    edit_rows(table, lambda row: row | {"origin": "manual"} if row["event_id"] == "p02-s1" else row)
    shown = dry_run(ward_run, own_ward, tmp_path)
    assert shown.exit_code == 0
    assert (
        "Warning: crops.tsv row 2 (event p01-s1): made automatically for other times of its event"
        in shown.out
    )
    assert "Warning: crops.tsv row 3 (event p02-s1): made by hand for other times of its event" in shown.out
    table.write_text(before.replace("auto", "bogus", 1))
    shown = dry_run(ward_run, own_ward, tmp_path)
    assert shown.exit_code == 2
    assert "crops.tsv row 2 (event p01-s1): origin must be auto or manual, got 'bogus'." in shown.err
    assert not (tmp_path / "no-run").exists()


def test_a_dry_run_tells_what_cannot_be_written(
    ward_run: WardRun, own_ward: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access  # root may write everywhere, so the answer is given here
    monkeypatch.setattr(
        os, "access", lambda path, mode: (path, mode) != (own_ward, os.W_OK | os.X_OK) and access(path, mode)
    )
    shown = dry_run(ward_run, own_ward, tmp_path)
    assert shown.exit_code == 0
    told = " ".join(shown.out.split())
    assert f"but {own_ward} cannot; features that are lacking cannot be kept. Give a folder" in told
    assert "with --store or $SEMIOSCOPE_STORE." in told
    assert "no crop yet" not in told, "crops.tsv is complete"
    (own_ward / "crops.tsv").unlink()
    told = " ".join(dry_run(ward_run, own_ward, tmp_path).out.split())
    assert "have no crop yet, and the folder of the cohort must be a folder that can be written" in told
    command = ward_arguments(RECIPE, own_ward, tmp_path / "run", settings=SLICE_SETTINGS)
    (own_ward / "crops.tsv").write_bytes((ward_run.cohort / "crops.tsv").read_bytes())
    refused = call(*command)
    assert refused.exit_code == 2
    assert "The feature store must be a folder that can be written" in " ".join(refused.err.split())


def test_rows_by_hand_for_other_times_stand_in_the_report(ward_run: WardRun, own_ward: Path) -> None:
    edit_rows(
        own_ward / "crops.tsv",
        lambda row: (
            row | {"onset_seconds": "0.25", "origin": "manual"} if row["event_id"] == "p01-s1" else row
        ),
    )
    first, again = (staged(plan_of(ward_run, own_ward))[0] for _ in range(2))
    assert first.notes == again.notes  # the report of a run that is taken up again is the same
    (note,) = first.notes
    assert note.startswith(
        "1 row of crops.tsv by hand was made for other times of its event and is used as written"
    )


def views_of(run: Path) -> list[ViewScore]:
    results = {k: read_json(run / "units" / f"fold-{k}.json") for k in range(3)}
    return one_per_view(collect(read_examples(run / "units"), results))


def test_pictures_show_the_middle_of_the_slices_as_the_camera_saw_it(
    ward_run: WardRun, tmp_path: Path
) -> None:
    scores, views = read_json(ward_run.run / "scores.json"), views_of(ward_run.run)
    shown = {name for chosen in scores["examples"].values() for name in chosen}
    plan = plan_of(ward_run, ward_run.cohort, "report.thumbnails=shown")
    written = write_thumbnails(tmp_path, plan, scores, views)
    of_event = {name: [path for path in written if path.name.startswith(f"{name}__")] for name in shown}
    view = next(view for view in views if view.example.event_id in shown)
    assert set(of_event) == shown
    for one in views:
        if one.example.event_id in shown:
            wanted = min(PICTURES_PER_VIEW, one.example.num_clips)
            assert len(of_event[one.example.event_id]) == wanted
    path = of_event[view.example.event_id][0]
    picture = np.asarray(Image.open(path)).astype(float)
    assert picture.shape == (GRAY_PICTURE_SIZE, GRAY_PICTURE_SIZE, 3)
    segment = int(path.stem.rsplit("__", 1)[1])
    middle = view.row["start_seconds"][segment] + 1.0
    infrared = plan.cohort.folder / plan.cohort.recording(view.example.recording_id).path
    with open_gray16(infrared) as reader:
        [frame] = reader.read_at(np.array([min(middle, view.example.offset_seconds)]))
        seen = to_8bit(frame, grey_window(reader, plan.config.gray.rule))
    height = round(GRAY_PICTURE_SIZE * seen.shape[0] / seen.shape[1])
    top = (GRAY_PICTURE_SIZE - height) // 2
    assert picture[: top - 8].max() <= 8, "bars above and below are black"
    wanted = np.asarray(Image.fromarray(seen).resize((GRAY_PICTURE_SIZE, height), Image.Resampling.BILINEAR))
    assert np.abs(picture[top : top + height].mean(axis=-1) - wanted).mean() < 4
    assert np.abs(picture - picture.mean(axis=-1, keepdims=True)).max() <= 4, "it is gray"


def test_pictures_are_blurred_unless_asked_for_and_off_leaves_none(ward_run: WardRun, tmp_path: Path) -> None:
    scores, views = read_json(ward_run.run / "scores.json"), views_of(ward_run.run)
    sharpness = {}
    for mode in ("shown", "blurred"):
        plan = plan_of(ward_run, ward_run.cohort, f"report.thumbnails={mode}")
        first = sorted(write_thumbnails(tmp_path, plan, scores, views))[0]
        sharpness[mode] = np.abs(np.diff(np.asarray(Image.open(first)).astype(float), axis=1)).mean()
    assert sharpness["blurred"] < 0.8 * sharpness["shown"]
    plan = plan_of(ward_run, ward_run.cohort, "report.thumbnails=off")
    assert write_thumbnails(tmp_path, plan, scores, views) == []
    assert list((tmp_path / "thumbnails").iterdir()) == []


def test_the_bundle_says_how_pictures_are_seen(ward_run: WardRun) -> None:
    content = json.loads((ward_run.bundle / "bundle.json").read_text())
    assert content["gray"] == {"depth_crop": True, "high": None, "low": None, "window": "percentiles"}
    assert content["crops"]["method"] == "depth"
    assert ward_run.bundle.name == f"{RECIPE}.semio"
