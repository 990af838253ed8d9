"""The section ``slices`` of scores.json: every fold by itself, their mean and spread, and what is undefined."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from semioscope.core.files import canonical_json
from semioscope.core.records import Event, EventView
from semioscope.evaluation import ViewExample
from semioscope.plans import SlicePlan, slices_of
from semioscope.runs.results import ViewScore
from semioscope.runs.slice_facts import data_summary, pace
from semioscope.runs.slice_scores import SLICE_METRICS, slice_scores, spread
from semioscope.scoring import METRICS

TWO, THREE = ("FLE", "TLE"), ("FLE", "TLE", "nonepileptic")


def example(event: str, *, y_true: int, num_clips: int, patient: str = "", **more: Any) -> ViewExample:
    fields: dict[str, Any] = {
        "recording_id": f"{event}-ir",
        "num_frames": 60 * num_clips,
        "onset_seconds": 1.0,
        "offset_seconds": 1.0 + 2.0 * num_clips,
        "num_missing_clips": 0,
    }
    return ViewExample(
        event_id=event, view="ir", patient_id=patient or f"p-{event}", y_true=y_true, use="train",
        clonic_onset_seconds=None, num_clips=num_clips, num_held_clips=0, num_damaged_clips=0, **(fields | more),
    )  # fmt: skip


def view(fold: int, shown: ViewExample, clip: Sequence[Sequence[float]]) -> ViewScore:
    return ViewScore(fold=fold, example=shown, row={"clip": clip, "start_seconds": [0.0] * len(clip)})


def cohort(num_classes: int, *, num_folds: int = 3, seed: int = 0) -> list[ViewScore]:
    """Return views of a made-up run, of all classes in every fold, with probabilities that are often right."""
    rng = np.random.default_rng(seed)
    views = []
    for number in range(12 * num_classes):
        y_true, num_clips = number % num_classes, int(rng.integers(3, 9))
        scores = rng.random((num_clips, num_classes)) + 0.6 * np.eye(num_classes)[y_true]
        scores /= scores.sum(axis=1, keepdims=True)
        shown = example(f"e{number:02d}", y_true=y_true, num_clips=num_clips, patient=f"p{number // 2:02d}")
        views.append(view(number // num_classes % num_folds, shown, scores.tolist()))
    return views


def scored(views: Sequence[ViewScore], classes: Sequence[str], **more: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"slices": SlicePlan(), "recipe": "my-own", "aggregator": "lstm_fc", "seed": 0}
    return slice_scores(views, classes=classes, **(settings | more))


def of_fold(views: Sequence[ViewScore], fold: int) -> tuple[np.ndarray, np.ndarray]:
    own = [item for item in views if item.fold == fold]
    y_true = np.repeat([item.example.y_true for item in own], [len(item.row["clip"]) for item in own])
    return y_true, np.concatenate([item.row["clip"] for item in own])


@pytest.mark.parametrize("classes", [TWO, THREE])
def test_every_fold_agrees_with_scikit_learn(classes: tuple[str, ...]) -> None:
    views = cohort(len(classes))
    for fold in scored(views, classes)["per_fold"]:
        y_true, y_score = of_fold(views, fold["fold"])
        called = y_score.argmax(axis=1) if len(classes) > 2 else (y_score[:, 1] >= 0.5).astype(int)
        assert fold["num_slices"] == len(y_true)
        assert fold["macro_f1"] == pytest.approx(f1_score(y_true, called, average="macro"))
        assert fold["macro_precision"] == pytest.approx(precision_score(y_true, called, average="macro"))
        assert fold["macro_sensitivity"] == pytest.approx(recall_score(y_true, called, average="macro"))
        assert fold["accuracy"] == pytest.approx(np.mean(called == y_true))
        area = roc_auc_score(
            y_true, y_score[:, 1] if len(classes) == 2 else y_score, multi_class="ovr", average="macro"
        )
        assert fold["auroc"] == pytest.approx(area)
        assert np.sum(fold["confusion"]) == len(y_true)
        assert [row["num_slices"] for row in fold["per_class"]] == np.sum(fold["confusion"], axis=1).tolist()
        assert [row["num_called"] for row in fold["per_class"]] == np.sum(fold["confusion"], axis=0).tolist()
        for number, row in enumerate(fold["per_class"]):
            others = y_true != number
            assert row["specificity"] == pytest.approx(np.mean(called[others] != number))


@pytest.mark.parametrize("classes", [TWO, THREE])
def test_means_are_over_folds_and_pooled_figures_over_slices(classes: tuple[str, ...]) -> None:
    views = cohort(len(classes))
    content = scored(views, classes)
    for name in SLICE_METRICS:
        values = [fold[name] for fold in content["per_fold"]]
        assert content["mean"][name] == {"mean": np.mean(values), "sd": np.std(values), "num_folds": 3}
    every = [of_fold(views, fold) for fold in range(3)]
    y_true, y_score = np.concatenate([one for one, _ in every]), np.concatenate([two for _, two in every])
    for name, estimate in content["pooled"].items():
        assert estimate["value"] == pytest.approx(METRICS[name](y_true, y_score))
        assert estimate["low"] < estimate["value"] < estimate["high"]
        assert estimate["num_resamples"] == 2000
    assert (
        content["confusion"] == np.sum([fold["confusion"] for fold in content["per_fold"]], axis=0).tolist()
    )
    assert content["num_slices"] == len(y_true)
    values = [fold["per_class"][1]["sensitivity"] for fold in content["per_fold"]]
    assert content["per_class"][1]["sensitivity"] == {
        "mean": np.mean(values),
        "sd": np.std(values),
        "num_folds": 3,
    }
    assert content["notes"] == []
    assert json.loads(canonical_json(content))["plan"]["slice_frames"] == 60


@pytest.mark.parametrize(("classes", "names"), [(TWO, ["TLE"]), (THREE, list(THREE))])
def test_curves_are_those_of_the_positive_class_or_of_each_against_the_rest(
    classes: tuple[str, ...], names: list[str]
) -> None:
    content = scored(cohort(len(classes)), classes)
    for curves in (content["roc"], *(fold["roc"] for fold in content["per_fold"])):
        assert [curve["class"] for curve in curves] == names
        for curve in curves:
            assert (curve["x"][0], curve["x"][-1], curve["y"][-1]) == (0.0, 1.0, 1.0)
            assert np.all(np.diff(curve["y"]) >= 0)
    for fold in content["per_fold"]:
        assert np.mean([curve["auroc"] for curve in fold["roc"]]) == pytest.approx(fold["auroc"])
        for curve in fold["roc"]:  # the grid is fine enough for the area
            assert np.trapezoid(curve["y"], curve["x"]) == pytest.approx(curve["auroc"], abs=0.02)
    heights = [fold["roc"][0]["y"] for fold in content["per_fold"]]
    assert content["roc"][0]["y"] == pytest.approx(np.mean(heights, axis=0))


def test_a_fold_without_a_class_is_undefined_and_told() -> None:
    sure, wrong = [0.9, 0.1], [0.2, 0.8]
    views = [
        view(0, example("a", y_true=0, num_clips=2), [sure, wrong]),
        view(0, example("b", y_true=1, num_clips=1), [wrong]),
        view(1, example("c", y_true=0, num_clips=2), [sure, wrong]),
    ]
    content = scored(views, TWO)
    first, second = content["per_fold"]
    assert first["macro_f1"] == pytest.approx(2 / 3)
    for name in ("macro_f1", "macro_precision", "macro_sensitivity", "auroc"):
        assert math.isnan(second[name])
        assert content["mean"][name]["num_folds"] == 1
        assert math.isnan(content["mean"][name]["sd"])
    assert second["accuracy"] == 0.5
    assert content["mean"]["accuracy"]["num_folds"] == 2
    absent = second["per_class"][1]
    assert all(math.isnan(absent[name]) for name in ("sensitivity", "precision", "f1"))
    assert absent["specificity"] == 0.5
    assert content["per_class"][1]["sensitivity"] == {"mean": 1.0, "sd": pytest.approx(math.nan, nan_ok=True),
                                                      "num_folds": 1}  # fmt: skip
    assert np.isnan(second["roc"][0]["y"]).all()
    assert content["roc"][0]["y"] == first["roc"][0]["y"]
    assert content["notes"] == [
        "Fold 1 tests no slice of TLE, so its macro F1, macro precision, macro sensitivity and area under ROC are "
        "undefined; the means leave such folds out."
    ]
    assert content["pooled"]["macro_f1"]["note"].startswith("No interval: it needs at least 5 patients")


def test_a_class_that_is_never_called_has_no_precision_but_an_f1_of_zero() -> None:
    views = [view(0, example(name, y_true=y, num_clips=1), [[0.9, 0.1]]) for name, y in (("a", 0), ("b", 1))]
    content = scored(views, TWO)
    (fold,) = content["per_fold"]
    assert fold["per_class"][1]["f1"] == 0
    assert math.isnan(fold["macro_precision"])
    assert fold["macro_f1"] == pytest.approx(1 / 3)
    assert content["notes"] == [
        "In fold 0 no slice was called TLE, so macro precision is undefined there; its mean leaves such folds out."
    ]


def test_an_event_that_two_folds_test_counts_in_both() -> None:
    views = cohort(2)
    twice = ViewScore(fold=2, example=views[0].example, row=views[0].row)
    once, both = scored(views, TWO), scored([*views, twice], TWO)
    more = len(twice.row["clip"])
    assert both["num_slices"] == once["num_slices"] + more
    assert both["per_fold"][2]["num_slices"] == once["per_fold"][2]["num_slices"] + more
    assert both["pace"] == once["pace"]
    assert both["notes"] == once["notes"]  # the plan of the folds tells of it


def test_nothing_depends_on_the_order_of_the_views() -> None:
    views = cohort(3)
    assert canonical_json(scored(views, THREE)) == canonical_json(scored(views[::-1], THREE))


def test_every_key_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    section = page[page.index("### `slices` of `scores.json`") : page.index("`crops` of `scores.json`")]
    known = set(re.findall(r"\w+", section))
    content = scored(cohort(2), TWO)
    content["data"] = data_summary([event("a", "p", 0)], [], classes=TWO, slices=SlicePlan())
    keys = {*content, *content["plan"], *content["pace"], *content["data"], *content["pooled"]}
    keys |= {key for row in (*content["per_fold"], *content["per_class"], *content["roc"]) for key in row}
    keys |= {key for fold in content["per_fold"] for row in (*fold["per_class"], *fold["roc"]) for key in row}
    keys |= {key for key in content["data"]["total"] if not key.endswith("_seconds")} | set(spread([1.0]))
    assert keys - known == set()


def test_published_values_stand_beside() -> None:
    content = scored(cohort(3), THREE, recipe="karacsony-2022-b05", extended=True)
    assert content["published"]["classifier"] == "Extended LSTM"
    assert set(content["published"]["mean"]) <= set(content["mean"])
    assert set(content["published"]["per_class"]) == {row["class"] for row in content["per_class"]}
    assert scored(cohort(3), THREE)["published"] == {}


@pytest.mark.parametrize("views", [[], [view(0, example("a", y_true=0, num_clips=0), [])]])
def test_there_must_be_a_slice(views: list[ViewScore]) -> None:
    with pytest.raises(ValueError, match=f"need at least one slice, got {len(views)} views"):
        scored(views, TWO)


def test_spread_is_that_of_a_population() -> None:
    assert spread([0.0, 1.0]) == {"mean": 0.5, "sd": 0.5, "num_folds": 2}
    none = spread([math.nan])
    assert none["num_folds"] == 0
    assert math.isnan(none["mean"])


def test_counts_are_over_views_once_each() -> None:
    first = example(
        "a", y_true=0, num_clips=3, num_off_pace_clips=2, num_dropped_frames=7, num_missing_clips=1
    )
    second = example("b", y_true=0, num_clips=1)
    assert pace([first, second, first]) == {
        "num_views": 2, "num_slices": 4, "num_off_pace": 2, "num_missing": 1, "num_dropped_frames": 7,
        "num_views_with_dropped_frames": 1,
    }  # fmt: skip


def event(name: str, patient: str, y_true: int | None) -> Event:
    seen = EventView(recording_id=f"{name}-ir", onset_seconds=0.0, offset_seconds=9.0)
    return Event(event_id=name, patient_id=patient, y_true=y_true, views=(seen,))


def test_data_summary_counts_as_table_3_does() -> None:
    events = [
        event("a", "p1", 0),
        event("b", "p1", 0),
        event("c", "p2", 1),
        event("d", "p2", 0),
        event("x", "p3", None),
    ]
    views = [
        example("a", y_true=0, num_clips=4, num_frames=200, offset_seconds=8.0),
        example("b", y_true=0, num_clips=1, num_frames=69, offset_seconds=4.0),
        example("c", y_true=1, num_clips=9, num_frames=305, offset_seconds=11.0),
    ]
    plan = SlicePlan(stride=30, leftovers=False)
    content = data_summary(events, views, classes=TWO, slices=plan)
    assert content["as_planned_differs"]
    assert content["per_class"]["FLE"] == {
        "patients": 2, "events": 3, "events_without_slices": 1, "videos": 2,
        "total_frames": 269, "mean_frames": 134.5, "min_frames": 69, "max_frames": 200,
        "total_seconds": 10.0, "mean_seconds": 5.0, "min_seconds": 3.0, "max_seconds": 7.0,
        "num_slices": 5, "num_slices_as_planned": 6, "num_slices_used": 5,
    }  # fmt: skip
    assert content["total"]["patients"] == 2
    assert content["total"]["events"] == 4
    assert content["total"]["num_slices"] == sum(len(slices_of(n, SlicePlan())) for n in (200, 69, 305))
    assert not data_summary(events, views, classes=TWO, slices=SlicePlan())["as_planned_differs"]
    empty = data_summary(events, [], classes=TWO, slices=plan)["per_class"]["TLE"]
    assert empty["total_frames"] == 0
    assert math.isnan(empty["mean_frames"])
