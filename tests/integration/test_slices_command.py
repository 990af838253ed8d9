"""From infrared and depth to a report in one command: every recipe and series of slices, at tiny size."""

import csv
import json
from pathlib import Path

import pytest
from tiny import assert_same_files, call
from tiny_ward import ward_arguments

from semioscope.recipes import RECIPES, SERIES, make_config

OF_SLICES = [name for name in RECIPES if make_config(name).has_slices]
THREE = ("--task", "fle-vs-tle-vs-nonepileptic")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def scores_of(run: Path) -> dict:
    return json.loads((run / "scores.json").read_text())


@pytest.mark.parametrize("recipe", OF_SLICES)
def test_every_recipe_goes_from_streams_to_a_report(recipe: str, ward: Path, tmp_path: Path) -> None:
    done = call(*ward_arguments(recipe, ward, tmp_path / "run"))
    assert done.exit_code == 0, done.text
    assert "macro F1 per slice" in done.out
    assert "these scores mean nothing clinically" in done.out
    scores = scores_of(tmp_path / "run")
    assert scores["slices"]["published"]["source"]
    assert len(scores["slices"]["per_fold"]) == 2
    assert scores["crops"]["num_accepted"] + scores["crops"]["num_flagged"] == 7
    rows = rows_of(tmp_path / "run" / "predictions.tsv")
    by_level = {level: [row for row in rows if row["level"] == level] for level in ("clip", "view", "event")}
    assert len(by_level["event"]) == 7
    assert len(by_level["clip"]) == scores["slices"]["num_slices"] > 7
    for row in by_level["view"]:
        own = [float(one["y_score_TLE"]) for one in by_level["clip"] if one["event_id"] == row["event_id"]]
        assert float(row["y_score_TLE"]) == pytest.approx(sum(own) / len(own))
    page = (tmp_path / "run" / "report.html").read_text()
    assert "not a medical device" in page
    assert "0.8" in page  # what the paper reports


def test_three_classes_and_the_papers_folds(ward: Path, tmp_path: Path) -> None:
    settings = ("--set", "folds.patients_per_class=2", "--set", "folds.num_folds=2")
    done = call(
        *ward_arguments("karacsony-2022-b", ward, tmp_path / "run", *THREE, "--protocol", "paper", *settings)
    )
    assert done.exit_code == 0, done.text
    scores = scores_of(tmp_path / "run")
    assert scores["classes"] == ["FLE", "TLE", "nonepileptic"]
    assert "duration" not in scores["baselines"]
    folds = json.loads((tmp_path / "run" / "folds.json").read_text())
    tested = [event for fold in folds["folds"] for event in fold["test"]]
    assert len(tested) > len(set(tested))
    rows = rows_of(tmp_path / "run" / "predictions.tsv")
    assert len([row for row in rows if row["level"] == "event"]) == len(set(tested))
    assert len([row for row in rows if row["level"] == "view"]) == len(tested)
    parts = {row["event_id"] for row in rows if row["y_true"] == "2"}
    assert parts
    of_parts = scores["cohort"]["per_class"]["nonepileptic"]
    assert of_parts["seizures"] == scores["cohort"]["num_parts"] >= len(parts)
    assert 0 < of_parts["min_seconds"] <= of_parts["median_seconds"] <= of_parts["max_seconds"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Seizures or parts" in page
    assert all(event.endswith(("-pre", "-post")) for event in parts)


@pytest.mark.slow
def test_the_same_command_changes_nothing_and_so_does_another_number_of_workers(
    ward: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = ward_arguments("karacsony-2022-b", ward, run)
    assert call(*command).exit_code == 0
    call(*ward_arguments("karacsony-2022-b", ward, tmp_path / "again", "--workers", "2"))
    assert_same_files(tmp_path / "again", run)
    crops = (ward / "crops.tsv").read_bytes()
    assert call(*command).exit_code == 0
    assert_same_files(tmp_path / "again", run)
    assert (ward / "crops.tsv").read_bytes() == crops


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SERIES)
def test_every_series_makes_its_table(
    name: str, step: int, ward: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = SERIES[name]()[::step]
    monkeypatch.setitem(SERIES, name, lambda: some)
    done = call(*ward_arguments(name, ward, tmp_path / "series", "--set", "training.epochs=1"))
    assert done.exit_code == 0, done.text
    content = json.loads((tmp_path / "series" / "series.json").read_text())
    assert [row["name"] for row in content["rows"]] == [row.name for row in SERIES[name]()]
    assert {row["status"] for row in content["rows"]} == {"done"}
    page = (tmp_path / "series" / "report.html").read_text()
    assert 'id="crops"' in page
    for row in content["rows"]:
        assert row["crops"] == scores_of(tmp_path / "series" / row["folder"])["crops"]
        assert (row["cropper"], row["depth_crop"]) == ("depth_box", row["data_set"] != "A")
        assert (tmp_path / "series" / row["folder"] / "report.html").is_file()
        assert f"{row['folder']}/report.html" in page


def test_options_that_mean_nothing_for_a_series_are_refused(ward: Path, tmp_path: Path) -> None:
    done = call("run", "karacsony-2022-table2", "--cohort", ward, "--out", tmp_path / "x", *THREE)
    assert done.exit_code != 0
    assert "--task must not be given with it" in done.text
    done = call(
        *ward_arguments("karacsony-2022-table2", ward, tmp_path / "x", "--set", "slices={stride: 15}")
    )
    assert "slices.stride tells the runs of karacsony-2022-table2 apart" in done.text
    assert not (tmp_path / "x").exists()
    done = call("run", "karacsony-2022-table2", "--out", tmp_path / "x")
    assert "needs --cohort DIR" in done.text
