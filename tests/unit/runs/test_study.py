"""A finished study against independent calculations from its own tables."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, roc_auc_score
from tiny_study import TinyStudy, results_of

from semioscope.core.formats import STUDY_PREDICTIONS
from semioscope.core.tables import read_table
from semioscope.runs.results import Failure, told_once
from semioscope.runs.study_clips import told_left_out
from semioscope.runs.study_flattery import _above, _mean_sentence
from semioscope.runs.study_scores import study_scores
from semioscope.scoring import resample_patients

PROTOCOLS = ("paper", "patient")
CELLS = [f"{name}-n{n}-gamma{gamma}" for name in ("mean", "lstm") for n in (2, 4) for gamma in ("1", "inf")]


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows, problems = read_table(folder / "predictions.tsv", STUDY_PREDICTIONS)
    assert not problems
    return [dict(row.values) for row in rows]


def scores_of(study: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((study / "scores.json").read_text())
    return content


def arrays(rows: list[dict[str, Any]], cell: str, level: str = "event") -> tuple[np.ndarray, np.ndarray]:
    mine = [row for row in rows if row["cell"] == cell and row["level"] == level]
    return np.array([row["y_true"] for row in mine]), np.array([float(row["y_score_TCS"]) for row in mine])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_event_is_scored_once_in_the_fold_that_tests_it(study: TinyStudy, protocol: str) -> None:
    folds = json.loads((study.event / protocol / "folds.json").read_text())["folds"]
    fold_of = {event_id: fold["index"] for fold in folds for event_id in fold["test"]}
    rows = rows_of(study.event / protocol)
    for cell in CELLS:
        mine = {row["event_id"]: row["fold"] for row in rows if row["cell"] == cell}
        assert mine == fold_of
    assert len(rows) == len(CELLS) * len(fold_of)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_scores_of_cells_are_those_of_their_predictions(study: TinyStudy, protocol: str) -> None:
    rows, part = rows_of(study.event / protocol), scores_of(study.event)["protocols"][protocol]
    assert [cell["cell"] for cell in part["cells"]] == CELLS
    for cell in part["cells"]:
        y_true, y_score = arrays(rows, cell["cell"])
        called = (y_score >= 0.5).astype(int)
        assert cell["accuracy"]["value"] == pytest.approx(accuracy_score(y_true, called))
        assert cell["auroc"]["value"] == pytest.approx(roc_auc_score(y_true, y_score))
        if called.any():
            assert cell["f1"]["value"] == pytest.approx(f1_score(y_true, called))
        assert cell["confusion"][0][1] == int(((y_true == 0) & (called == 1)).sum())
        assert np.sum(cell["confusion"]) == len(y_true) == cell["num_events"]
        assert len(cell["best_epochs"]) == 2
        assert all(1 <= epoch <= 3 for epoch in cell["best_epochs"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_best_of_an_aggregator_has_the_highest_accuracy(study: TinyStudy, protocol: str) -> None:
    part = scores_of(study.event)["protocols"][protocol]
    for aggregator, name in part["best"].items():
        own = [cell for cell in part["cells"] if cell["aggregator"] == aggregator]
        best = next(cell for cell in own if cell["cell"] == name)
        assert best["accuracy"]["value"] == max(cell["accuracy"]["value"] for cell in own)


def test_the_pair_that_is_proposed_is_said_to_be_chosen_by_test_scores(study: TinyStudy) -> None:
    best = scores_of(study.event)["protocols"]["patient"]["best"]
    line = " ".join(study.event_text[study.event_text.index("Next: ") :].split())
    assert all(f"patient@{name} " in line for name in best.values())
    assert line.endswith(
        "(each is the best of its aggregator by test scores, so their difference is no fair test)"
    )


def test_the_terminal_tells_the_setting_chosen_inside_first(study: TinyStudy) -> None:
    lines = scores_of(study.event)["summary"]
    chosen = next(i for i, line in enumerate(lines) if "setting chosen inside the training patients" in line)
    assert lines[chosen].startswith("patient (patient folds, selection on inner): ")
    best = [line for line in lines if ": best " in line]
    assert [line.split()[0] for line in best] == ["paper", "patient"]
    assert lines.index(best[1]) == chosen + 1
    assert all(", chosen after looking at the test scores: accuracy " in line for line in best)


def test_the_setting_is_chosen_by_the_loss_inside_the_training_patients(study: TinyStudy) -> None:
    parts = scores_of(study.event)["protocols"]
    assert parts["paper"]["chosen_inside"] is None  # the tested fold chose the epochs there
    inside = parts["patient"]["chosen_inside"]
    rows = rows_of(study.event / "patient")
    right = total = 0
    for fold, name in inside["cells"].items():
        losses = {
            cell: json.loads((study.event / "units" / "patient" / cell / f"fold-{fold}.json").read_text())[
                "validation_loss"
            ]
            for cell in CELLS
        }
        assert losses[name] == min(losses.values())
        mine = [row for row in rows if row["cell"] == name and row["fold"] == int(fold)]
        right += sum((float(row["y_score_TCS"]) >= 0.5) == row["y_true"] for row in mine)
        total += len(mine)
    assert inside["accuracy"]["value"] == pytest.approx(right / total)


def test_what_the_split_flatters_is_the_difference_of_the_same_settings(study: TinyStudy) -> None:
    content = scores_of(study.event)
    flattery = content["flattery"]
    assert (flattery["from"], flattery["to"]) == PROTOCOLS
    accuracy = {
        protocol: {
            cell["cell"]: (cell["accuracy"]["value"], cell["last_epoch"]["accuracy"])
            for cell in content["protocols"][protocol]["cells"]
        }
        for protocol in PROTOCOLS
    }
    differences = [accuracy["paper"][cell][0] - accuracy["patient"][cell][0] for cell in CELLS]
    assert flattery["metrics"]["accuracy"]["mean_difference"]["value"] == pytest.approx(np.mean(differences))
    chosen = [best - last for best, last in accuracy["paper"].values()]
    assert flattery["selection"]["accuracy"] == pytest.approx(np.mean(chosen))
    for row in flattery["metrics"]["accuracy"]["cells"].values():
        assert row["difference"]["value"] == pytest.approx(row["from"] - row["to"])
    told = " ".join(flattery["sentences"])
    mean = 100 * np.mean(differences)
    side = "below" if mean < 0 else "above"
    assert f"paper lies {abs(mean):.1f} points of accuracy {side} patient" in told
    assert "picked by these scores" in told
    assert content["protocols"]["paper"]["shared_patients"] > 0
    assert content["protocols"]["patient"]["shared_patients"] == 0


def test_the_interval_of_the_mean_resamples_patients_for_all_settings_and_both_protocols(
    study: TinyStudy,
) -> None:
    content = scores_of(study.event)
    found = content["flattery"]["metrics"]["accuracy"]["mean_difference"]
    rows = {protocol: rows_of(study.event / protocol) for protocol in PROTOCOLS}
    owner = {row["event_id"]: row["patient_id"] for row in rows["paper"]}
    right = {
        protocol: {
            (row["cell"], row["event_id"]): (float(row["y_score_TCS"]) >= 0.5) == row["y_true"]
            for row in rows[protocol]
        }
        for protocol in PROTOCOLS
    }
    events = sorted(owner)
    gain = [
        np.mean([float(right["paper"][cell, event]) - right["patient"][cell, event] for cell in CELLS])
        for event in events
    ]
    assert found["value"] == pytest.approx(np.mean(gain))
    y_true = {row["event_id"]: row["y_true"] for row in rows["paper"]}
    times = resample_patients(
        np.array([y_true[event] for event in events]), [owner[event] for event in events]
    )
    names = sorted(set(owner.values()))
    weights = times[:, [names.index(owner[event]) for event in events]]
    drawn = (weights * np.array(gain)).sum(axis=1) / weights.sum(axis=1)
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
    lead = content["flattery"]["sentences"][0]
    assert lead.startswith("On average over the 8 settings that both have, paper lies ")
    ends = " to ".join(f"{100 * found[end]:+.1f}".replace("-", "\N{MINUS SIGN}") for end in ("low", "high"))
    assert f"(95 % interval over 7 patients {ends})" in lead
    assert lead in study.event_text.replace("\n", " ")


def test_the_mean_over_settings_has_a_sentence_where_there_are_too_few_patients(study: TinyStudy) -> None:
    results = results_of(study)
    few = {
        name: f"p{i % 4}"
        for i, name in enumerate(sorted({v.patient_id for v in next(iter(results.tables.values())).views}))
    }
    tables = {
        name: replace(
            table, views=tuple(replace(view, patient_id=few[view.patient_id]) for view in table.views)
        )
        for name, table in results.tables.items()
    }
    lead = study_scores(replace(results, tables=tables))["flattery"]["sentences"][0]
    assert lead.endswith(" points. No interval: it needs at least 5 patients, and there are 4.")


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.01, 0.05, "The interval lies above 0, so which patients happened to come does not explain it."),
        (-0.01, 0.05, "The interval holds 0: which patients happened to come may be all that is behind it."),
        (-0.05, -0.01, "The interval lies below 0: here the split does not flatter."),
    ],
)
def test_what_the_interval_of_the_mean_means_is_said_in_words(low: float, high: float, told: str) -> None:
    accuracy = {"value": (low + high) / 2, "low": low, "high": high, "note": ""}
    f1 = {"value": math.nan, "low": math.nan, "high": math.nan, "note": ""}
    found = {
        "from": "paper", "to": "patient", "num_cells": 2, "num_events": 9, "num_patients": 6, "num_left_out": 0,
        "metrics": {"accuracy": {"mean_difference": accuracy}, "f1": {"mean_difference": f1}},
    }  # fmt: skip
    said = _mean_sentence(found)
    assert said.endswith(told)
    assert "F1 is undefined in some settings" in said


def test_the_mean_of_clip_probabilities_is_a_yardstick(study: TinyStudy) -> None:
    for protocol in PROTOCOLS:
        found = scores_of(study.event)["protocols"][protocol]["baselines"]
        assert set(found) == {"majority", "duration", "clip_mean"}
        assert found["clip_mean"]["num_events"] == 14
        assert "difference" in found["clip_mean"]


def test_the_table_of_feature_extractors_has_a_row_per_backbone(study: TinyStudy) -> None:
    content = scores_of(study.clip)
    for protocol in PROTOCOLS:
        rows = content["table1"]["protocols"][protocol]["rows"]
        assert [row["title"] for row in rows] == ["R2D-34 (1)", "R(2+1)D-34 (8)"]
        assert not rows[0]["available"]
        assert "were imported" in rows[0]["reason"]
        assert rows[1]["available"]
        assert rows[1]["published"]["accuracy"]["median"] == 0.939
        assert rows[1]["num_windows"] >= rows[1]["num_clips"] > 0
    assert "not available: " in study.clip_text


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_values_of_the_table_are_those_of_the_predicted_clips(study: TinyStudy, protocol: str) -> None:
    rows = rows_of(study.clip / protocol)
    row = scores_of(study.clip)["table1"]["protocols"][protocol]["rows"][1]
    by_event: dict[str, list[tuple[int, float]]] = {}
    for one in rows:
        if one["level"] == "clip":
            by_event.setdefault(one["event_id"], []).append((one["y_true"], float(one["y_score_TCS"])))
    accuracies = []
    for event_id, pairs in by_event.items():
        y_true, y_score = (np.array(values) for values in zip(*pairs, strict=True))
        own = row["per_seizure"][event_id]
        accuracies.append(((y_score >= 0.5) == y_true).mean())
        assert own["accuracy"] == pytest.approx(accuracies[-1])
        if y_true.any() and not y_true.all():
            assert own["auc"] == pytest.approx(average_precision_score(y_true, y_score))
    low, middle, high = np.quantile(accuracies, [0.25, 0.5, 0.75])
    assert row["accuracy"]["median"] == pytest.approx(middle)
    assert row["accuracy"]["iqr"] == pytest.approx(high - low)
    assert row["accuracy"]["num"] == len(by_event) == 14


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_rule_that_no_clip_is_positive_is_a_row_apart(study: TinyStudy, protocol: str) -> None:
    part = scores_of(study.clip)["table1"]["protocols"][protocol]
    rule = part["rule"]
    by_event: dict[str, list[int]] = {}
    for row in rows_of(study.clip / protocol):
        if row["level"] == "clip":
            by_event.setdefault(row["event_id"], []).append(row["y_true"])
    accuracy = {event_id: 1 - np.mean(y_true) for event_id, y_true in by_event.items()}
    assert {name: one["accuracy"] for name, one in rule["per_seizure"].items()} == pytest.approx(accuracy)
    assert rule["accuracy"]["median"] == pytest.approx(np.median(list(accuracy.values()))) == 1.0
    assert rule["num_all_right"] == sum(value == 1 for value in accuracy.values()) >= 8
    assert rule["num_seizures"] == 14
    found = [y_true for y_true in by_event.values() if any(y_true)]
    assert rule["auc"]["median"] == pytest.approx(np.median([np.mean(y_true) for y_true in found]))
    assert rule["f1"] == {"median": 0.0, "iqr": 0.0, "num": len(found)}
    assert [row["title"] for row in part["rows"]] == ["R2D-34 (1)", "R(2+1)D-34 (8)"], (
        "not among the networks"
    )
    own, theirs = (
        [one["accuracy"] for one in row["per_seizure"].values()] for row in (part["rows"][1], rule)
    )
    [test] = [test for test in rule["tests"] if test["metric"] == "accuracy"]
    expected = mannwhitneyu(own, theirs, alternative="greater").pvalue
    assert (test["better"], test["worse"]) == ("r2plus1d_34_8", "none")
    assert test["p_value"] == pytest.approx(expected)
    assert not test["significant"]
    assert rule["level_bonferroni"] == 0.05
    told = scores_of(study.clip)["summary"]
    assert any(line.startswith("  Rule: no clip is tonic-clonic  accuracy 100.0 (") for line in told)
    said = f"right on every clip of {rule['num_all_right']} of 14 seizures. Significantly above it in accuracy: no"
    assert any(said in line for line in told)


def test_views_are_told_and_averaged(study: TinyStudy) -> None:
    content = scores_of(study.event)
    views = content["views"]
    assert views["num_events"] == 14
    units = [
        json.loads(path.read_text())
        for path in sorted((study.event / "units" / "paper").glob("mean-n2-gamma1/*.json"))
    ]
    means: dict[str, list[float]] = {}
    for unit in units:
        for row in unit["views"]:
            means.setdefault(row["event_id"], []).append(row["scores"][1])
    rows = {row["event_id"]: row for row in rows_of(study.event / "paper") if row["cell"] == "mean-n2-gamma1"}
    for event_id, scores in means.items():
        assert float(rows[event_id]["y_score_TCS"]) == pytest.approx(np.mean(scores), abs=1e-9)


def test_a_report_stands_beside_the_scores(study: TinyStudy) -> None:
    for folder in (study.event, study.clip):
        page = (folder / "report.html").read_text()
        assert "not a medical device" in page
        assert "mean nothing clinically" in page


def test_settings_that_lack_events_are_told_and_come_last(study: TinyStudy) -> None:
    results = results_of(study)
    lost = replace(
        results,
        trainings={
            name: content
            for name, content in results.trainings.items()
            if not (name.startswith("patient lstm-n4") and name.endswith("fold 0"))
        },
    )
    content = study_scores(lost)
    part = content["protocols"]["patient"]
    assert part["best"]["lstm"].startswith("lstm-n2")
    told = "patient: 2 settings have no score for some of the 14 events"
    assert any(note.startswith(told) for note in content["notes"])
    flattered = content["flattery"]
    assert np.isfinite(flattered["metrics"]["accuracy"]["mean_difference"]["value"])
    kept = len(json.loads((study.event / "patient" / "folds.json").read_text())["folds"][1]["test"])
    assert (flattered["num_events"], flattered["num_left_out"]) == (kept, 14 - kept)
    assert f"on the {kept} seizures that all of them scored, paper lies" in flattered["sentences"][0]
    assert not any("no score for some" in note for note in study_scores(results)["notes"])


def test_views_without_clips_are_counted_and_events_named_only_if_no_view_is_left() -> None:
    found = [
        Failure(recording_id=f"{event}_{letter}", event_id=event, stage="clips", message="Too short.")
        for event, letter in (("002_01", "S"), ("003_01", "L"), ("003_01", "S"))
    ]
    told = told_left_out(found[:1], {"002_01", "003_01"})
    assert told == (
        "1 view takes no part in the classifier of clips (such as 002_01_S of event 002_01: Too short.) "
        "All of their events take part by another view."
    )
    told = told_left_out(found, {"002_01"})
    assert told.startswith(
        "3 views take no part in the classifier of clips (such as 002_01_S of event 002_01"
    )
    assert told.endswith(" No view is left of event 003_01.")


def test_the_word_bears_the_sign_of_a_difference() -> None:
    assert _above(-0.083, "patient") == "8.3 points below patient"
    assert _above(0.083, "patient", " of accuracy") == "8.3 points of accuracy above patient"


def test_failures_of_many_recordings_are_told_once() -> None:
    found = [Failure(recording_id=name, event_id="s", stage="features", message=name) for name in "abb"]
    assert told_once(found) == "a The same holds for 1 more recording."
    assert told_once(found[:1]) == "a"
    assert told_once([]) == ""
