"""The published values of slices agree with themselves, with the documentation, and with the recipes."""

import json
import re
from pathlib import Path

import pytest

from semioscope.cohort import TASKS
from semioscope.plans import SlicePlan, slices_of
from semioscope.recipes import RECIPES
from semioscope.recipes.published_karacsony import (
    CLASSIFIER_NAMES,
    KARACSONY_2020,
    KARACSONY_2022,
    PUBLISHED_SLICES,
    published_slices,
)
from semioscope.recipes.published_records import PublishedSlicePaper

PAGE = (Path(__file__).parents[3] / "docs" / "published-results.md").read_text(encoding="utf-8")
PAPERS = (KARACSONY_2020, KARACSONY_2022)


@pytest.mark.parametrize("recipe", PUBLISHED_SLICES)
def test_every_entry_belongs_to_a_recipe_and_is_plain_data(recipe: str) -> None:
    assert recipe in RECIPES
    for num_classes in (2, 3):
        found = published_slices(
            recipe, num_classes=num_classes, aggregator=RECIPES[recipe]().aggregator.name
        )
        assert json.loads(json.dumps(found))["source"] == PUBLISHED_SLICES[recipe][0].source
        assert bool(found["mean"]) == (num_classes == 2 or recipe != "karacsony-2020")


def test_every_row_is_found_by_one_run_only() -> None:
    found = []
    for recipe, (paper, data_set) in PUBLISHED_SLICES.items():
        for num_classes in (2, 3):
            for aggregator, names in CLASSIFIER_NAMES.items():
                for extended in sorted({names.index(name) > 0 for name in names}):
                    row = published_slices(
                        recipe, num_classes=num_classes, aggregator=aggregator, extended=extended
                    )
                    if row["classifier"]:
                        found.append((paper.source, data_set, num_classes, row["classifier"]))
    rows = [
        (paper.source, row.data_set, row.num_classes, row.classifier)
        for paper in PAPERS
        for row in paper.rows
    ]
    assert len(rows) == len(set(rows)) == 14
    assert sorted(found) == sorted(rows)


@pytest.mark.parametrize(
    ("recipe", "num_classes", "aggregator", "extended", "mean", "sd"),
    [
        ("karacsony-2020", 2, "lstm_fc", False, 0.844, 0.042),
        ("karacsony-2022-a", 2, "lstm_fc", False, 0.833, 0.061),
        ("karacsony-2022-a", 3, "i3d_head", False, 0.483, 0.051),
        ("karacsony-2022-b", 2, "i3d_head", False, 0.682, 0.111),
        ("karacsony-2022-b", 3, "lstm_fc", False, 0.751, 0.065),
        ("karacsony-2022-b05", 2, "lstm_fc", False, 0.672, 0.214),
        ("karacsony-2022-b05", 3, "lstm_fc", True, 0.763, 0.083),
    ],
)
def test_a_run_finds_its_figure(
    recipe: str, num_classes: int, aggregator: str, extended: bool, mean: float, sd: float
) -> None:
    found = published_slices(recipe, num_classes=num_classes, aggregator=aggregator, extended=extended)
    assert found["mean"]["macro_f1"] == {"mean": mean, "sd": sd}


def test_what_a_paper_does_not_have_is_empty() -> None:
    assert published_slices("my-own", num_classes=2, aggregator="lstm_fc") == {}
    mean = published_slices("karacsony-2022-b", num_classes=2, aggregator="mean")
    assert (mean["classifier"], mean["mean"], mean["per_class"]) == ("", {}, {})
    assert mean["data"]["per_class"]["FLE"]["seizures"] == 78
    extended = published_slices("karacsony-2022-b", num_classes=3, aggregator="lstm_fc", extended=True)
    assert extended["mean"] == {}
    assert published_slices("karacsony-2020", num_classes=3, aggregator="lstm_fc")["data"]["total"] == {}


def test_classes_are_those_of_the_tasks() -> None:
    assert tuple(KARACSONY_2020.per_class) == TASKS["fle-vs-tle"].class_names
    assert tuple(KARACSONY_2022.per_class) == TASKS["fle-vs-tle-vs-nonepileptic"].class_names
    for row in KARACSONY_2022.rows:
        assert tuple(row.per_class) == tuple(KARACSONY_2022.per_class)[: row.num_classes]


def test_with_two_classes_what_one_finds_the_other_leaves_alone() -> None:
    rows = [row for row in KARACSONY_2022.rows if row.num_classes == 2]
    assert len(rows) == 6
    for row in rows:
        assert row.per_class["FLE"]["sensitivity"] == row.per_class["TLE"]["specificity"]
        assert row.per_class["TLE"]["sensitivity"] == row.per_class["FLE"]["specificity"]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.source)
def test_totals_are_sums(paper: PublishedSlicePaper) -> None:
    own, total = list(paper.per_class.values()), paper.total
    assert total.num_slices == sum(videos.num_slices for videos in own)
    assert total.seizures == sum(videos.seizures or 0 for videos in own)
    if paper is KARACSONY_2022:
        assert total.total_frames == sum(videos.total_frames or 0 for videos in own)
        assert total.num_slices_overlapping == sum(videos.num_slices_overlapping or 0 for videos in own)
        assert total.patients == own[0].patients + own[1].patients
    else:
        assert total.total_seconds == sum(videos.total_seconds or 0 for videos in own)
    for videos in (*own, total):
        for unit in ("frames", "seconds"):
            length, mean = getattr(videos, f"total_{unit}"), getattr(videos, f"mean_{unit}")
            if length is not None and videos is not total and videos.seizures is not None:
                assert length / videos.seizures == pytest.approx(mean, abs=0.051)


def test_counts_of_slices_can_be_had_from_the_lengths() -> None:
    """A video has at most one leftover more than whole slices, and overlapping slices have none."""
    for videos in KARACSONY_2022.per_class.values():
        assert videos.total_frames is not None
        number = videos.seizures or 114
        assert videos.total_frames / 60 <= videos.num_slices + number * 9 / 60
        assert videos.num_slices <= videos.total_frames / 60 + number * 50 / 60
    assert len(slices_of(179, SlicePlan())) == 3  # the shortest published seizure


def test_the_page_of_published_results_has_the_same_figures() -> None:
    table = {
        (cells[0], cells[1][0], data_set): text
        for line in PAGE.splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 5 and "±" in line
        for data_set, text in zip(("A", "B", "B0.5"), cells[2:], strict=True)
        if "±" in text and cells[1][:1].isdigit() and cells[0] in ("I3D", "LSTM", "extended LSTM")
    }
    assert len(table) == len(KARACSONY_2022.rows)
    for row in KARACSONY_2022.rows:
        classifier = row.classifier.replace("Extended", "extended")
        score = row.mean["macro_f1"]
        assert table[classifier, str(row.num_classes), row.data_set] == f"{score.mean:.3f} ± {score.sd:.3f}"
        for name, cells in row.per_class.items():
            pair = [f"{cells[key].mean:.3f} ± {cells[key].sd:.3f}" for key in ("specificity", "sensitivity")]
            line = f"| {row.data_set} | {row.num_classes} | {classifier} | {name} | {pair[0]} | {pair[1]} |"
            assert line in PAGE
    for number in ("122/126", "110/115", "111/115", "1252", "1372", "8852", "2333", "2666", "17,424"):
        assert re.search(rf"(?<!\d){re.escape(number)}(?!\d)", PAGE)
