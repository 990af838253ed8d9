"""Runs beside each other: laws of the comparison, and what it refuses."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from compared import made_up_events, write_run, write_study

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.files import canonical_json, read_json
from semioscope.core.formats import PREDICTIONS
from semioscope.core.tables import read_rows
from semioscope.runs.compare import COMPARED, COMPARISONS, compare, compare_runs, write_comparison_tables
from semioscope.runs.compare_checks import check_comparable
from semioscope.runs.compare_sources import flat_settings, read_compared
from semioscope.scoring import METRICS, holm

FEW = {"num_flips": 300, "num_resamples": 60}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three runs on the same folds, from poor to good, that differ in two settings."""
    base = tmp_path_factory.mktemp("runs")
    write_run(base / "poor", skill=0.2, seed=1)
    write_run(base / "fair", skill=1.0, seed=2, settings=["aggregator.name=mean"])
    write_run(base / "good", skill=3.0, seed=3, settings=["segments.gamma=.inf"])
    return base


def runs_of(folders, *names):
    return read_compared([str(folders / name) for name in names])


def compared(folders, *names, **more):
    return compare_runs([str(folders / name) for name in names], **{**FEW, **more})


def pair_of(content, run, against):
    return next(pair for pair in content["pairs"] if (pair["run"], pair["against"]) == (run, against))


def test_figures_are_those_of_the_tables(folders):
    content = compared(folders, "poor", "good")
    rows = [
        row for row in read_rows(folders / "good" / "predictions.tsv", PREDICTIONS) if row["level"] == "event"
    ]
    y_true = np.array([row["y_true"] for row in rows])
    y_score = np.array([[row["y_score_FOS"], row["y_score_TCS"]] for row in rows])
    assert content["metrics"] == list(COMPARED)
    for name in COMPARED:
        value = METRICS[name](y_true, y_score)
        assert content["runs"][1]["estimates"][name]["value"] == pytest.approx(value)
        difference = value - content["runs"][0]["estimates"][name]["value"]
        found = pair_of(content, "good", "poor")["metrics"][name]
        assert found["difference"]["value"] == pytest.approx(difference)
        assert found["test"]["difference"] == pytest.approx(difference)
        assert found["difference"]["low"] <= difference <= found["difference"]["high"]
    assert content["events"] == {
        "num_common": 24, "num_patients": 8, "per_class": {"FOS": 12, "TCS": 12}, "left_out": [],
    }  # fmt: skip


def test_what_differs_in_the_settings(folders):
    content = compared(folders, "poor", "fair", "good")
    assert {row["key"]: list(map(str, row["values"])) for row in content["settings"]} == {
        "aggregator.name": ["blstm", "mean", "blstm"],
        "segments.gamma": ["4.0", "4.0", "inf"],
    }
    assert flat_settings({"a": {"b": 1, "c": [1, 2]}, "d": None}) == {"a.b": 1, "a.c": [1, 2], "d": None}


def test_exchanging_two_runs_turns_every_difference(folders):
    one, two = compared(folders, "poor", "fair"), compared(folders, "fair", "poor")
    before, after = pair_of(one, "fair", "poor"), pair_of(two, "poor", "fair")
    for name in COMPARED:
        a, b = before["metrics"][name], after["metrics"][name]
        assert a["difference"]["value"] == pytest.approx(-b["difference"]["value"])
        assert a["difference"]["low"] == pytest.approx(-b["difference"]["high"])
        assert a["test"]["p_value"] == b["test"]["p_value"]
        assert one["runs"][0]["estimates"][name] == two["runs"][1]["estimates"][name]
    assert before["mcnemar_events"]["num_only_run"] == after["mcnemar_events"]["num_only_against"]
    assert before["mcnemar_events"]["p_value"] == after["mcnemar_events"]["p_value"]


def test_the_order_of_the_runs_does_not_change_p_values(folders):
    def p_values(*names):
        return {
            (frozenset((pair["run"], pair["against"])), name): (cells["test"]["p_value"], cells["p_holm"])
            for pair in compared(folders, *names)["pairs"]
            for name, cells in pair["metrics"].items()
        }

    wanted = p_values("poor", "fair", "good")
    assert len(wanted) == 3 * len(COMPARED)
    assert p_values("good", "poor", "fair") == wanted


def test_a_run_against_a_copy_of_itself(folders, tmp_path):
    shutil.copytree(folders / "fair", tmp_path / "copy")
    content = compare_runs([str(folders / "fair"), str(tmp_path / "copy")], **FEW)
    for cells in content["pairs"][0]["metrics"].values():
        assert cells["difference"]["value"] == 0
        assert (cells["test"]["p_value"], cells["p_holm"], cells["p_bonferroni"]) == (1, 1, 1)
        assert "give the same value" in cells["difference"]["note"]
    assert content["settings"] == content["disagreements"] == []
    assert content["pairs"][0]["mcnemar_events"] == {"num_only_run": 0, "num_only_against": 0, "p_value": 1.0}


def test_p_values_are_corrected_per_metric_over_the_pairs(folders):
    content = compared(folders, "poor", "fair", "good")
    assert content["num_comparisons"] == 3
    assert content["reference"] is None
    for name in COMPARED:
        cells = [pair["metrics"][name] for pair in content["pairs"]]
        plain = np.array([cell["test"]["p_value"] for cell in cells])
        assert [cell["p_holm"] for cell in cells] == pytest.approx(holm(plain).tolist())
        assert [cell["p_bonferroni"] for cell in cells] == pytest.approx(np.minimum(3 * plain, 1).tolist())


def test_more_than_four_runs_are_compared_with_the_first(tmp_path):
    paths = [str(write_run(tmp_path / f"r{i}", seed=i)) for i in range(5)]
    content = compare_runs(paths, num_flips=20, num_resamples=20)
    assert content["reference"] == "r0"
    assert [(pair["run"], pair["against"]) for pair in content["pairs"]] == [
        (f"r{i}", "r0") for i in range(1, 5)
    ]
    assert content["num_comparisons"] == 4
    assert len(compare_runs(paths[:4], num_flips=20, num_resamples=20)["pairs"]) == 6


def test_patients_and_disagreements_add_up(folders):
    content = compared(folders, "poor", "good")
    assert [row["patient_id"] for row in content["per_patient"]] == [f"p{i:02d}" for i in range(8)]
    for position, run in enumerate(content["runs"]):
        right = sum(row["num_correct"][position] for row in content["per_patient"])
        assert right / 24 == pytest.approx(run["estimates"]["accuracy"]["value"])
        assert right == np.trace(np.array(run["confusion"]))
    pair = content["pairs"][0]["mcnemar_events"]
    assert len(content["disagreements"]) == pair["num_only_run"] + pair["num_only_against"]
    for row in content["disagreements"]:
        assert len({call["class"] for call in row["calls"]}) == 2
        assert [call["correct"] for call in row["calls"]] == [
            call["class"] == row["truth"] for call in row["calls"]
        ]


def test_events_without_a_score_are_left_out_and_named(folders, tmp_path):
    write_run(tmp_path / "holes", skill=1.0, seed=2, without=["sz-00-1", "sz-07-2"])
    content = compare_runs([str(folders / "fair"), str(tmp_path / "holes")], **FEW)
    assert content["comparison"] == "same folds"
    assert content["events"]["num_common"] == 22
    assert content["events"]["left_out"] == [
        {"event_id": name, "not_scored": ["holes"], "not_tested": []} for name in ("sz-00-1", "sz-07-2")
    ]
    assert content["runs"][1]["unscored"] == ["sz-00-1", "sz-07-2"]
    assert [run["num_scored"] for run in content["runs"]] == [24, 22]
    for cells in content["pairs"][0]["metrics"].values():  # the rest of the two is equal
        assert cells["difference"]["value"] == 0


def test_what_is_undefined_says_why(tmp_path):
    only = [
        replace(event, y_true=1 if event.event_id in ("sz-00-1", "sz-01-0") else 0)
        for event in made_up_events()
    ]
    names = [event.event_id for event in only if event.y_true == 1]
    paths = []
    for name, seed in (("a", 0), ("b", 1)):
        settings = ["selection.on=none", "folds.num_folds=2"]
        paths.append(
            str(write_run(tmp_path / name, events=only, seed=seed, settings=settings, without=names))
        )
    content = compare_runs(paths, **FEW)
    cells = content["pairs"][0]["metrics"]["auroc"]
    assert math.isnan(cells["test"]["p_value"])
    assert math.isnan(cells["p_holm"])
    assert "undefined" in cells["test"]["note"]
    assert "undefined" in cells["difference"]["note"]
    assert not math.isnan(content["pairs"][0]["metrics"]["brier"]["p_holm"])
    assert json.loads(canonical_json(content))["pairs"][0]["metrics"]["auroc"]["p_holm"] is None


def test_tables_are_written_and_the_same_each_time(folders, tmp_path):
    for name in ("one", "two"):
        write_comparison_tables(tmp_path / name, compared(folders, "poor", "good"))
    for file in ("comparison.json", "comparison.tsv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    rows = read_rows(tmp_path / "one" / "comparison.tsv", COMPARISONS)
    content = read_json(tmp_path / "one" / "comparison.json")
    assert [row["metric"] for row in rows] == list(COMPARED)
    for row in rows:
        assert (row["run"], row["against"]) == ("good", "poor")
        assert row["difference"] == pytest.approx(row["value"] - row["value_against"])
        assert row["p_holm"] == content["pairs"][0]["metrics"][row["metric"]]["p_holm"]


# What may be compared


def refused(paths, match, **options):
    with pytest.raises((ConfigError, StoreError), match=match) as caught:
        compare_runs([str(path) for path in paths], **FEW, **options)
    return str(caught.value)


def test_other_folds_are_refused_and_named(folders, tmp_path):
    other = write_run(tmp_path / "other", seed=4, fold_seed=9)
    told = refused([folders / "fair", other], r"events are tested together with others in other than in fair")
    assert f"--folds {folders / 'fair' / 'folds.json'}" in told
    assert "--allow-different-folds" in told
    content = compare_runs([str(folders / "fair"), str(other)], allow_different_folds=True, **FEW)
    assert content["comparison"] == "other folds"
    assert len(content["differences"]) == 1


def test_renumbered_folds_are_the_same_folds(folders, tmp_path):
    shutil.copytree(folders / "good", tmp_path / "good2")
    path = tmp_path / "good2" / "folds.json"
    content = read_json(path)
    for fold, index in zip(content["folds"], (3, 1, 0, 2), strict=True):
        fold["index"] = index
    path.write_text(json.dumps(content))
    assert compare_runs([str(folders / "poor"), str(tmp_path / "good2")], **FEW)["comparison"] == "same folds"


def test_other_training_patients_are_refused(folders, tmp_path):
    shutil.copytree(folders / "good", tmp_path / "moved")
    path = tmp_path / "moved" / "folds.json"
    content = read_json(path)
    fold = content["folds"][0]
    patient = content["patient_of"][fold["validation"][0]]
    moved = [name for name in fold["validation"] if content["patient_of"][name] == patient]
    fold["validation"] = [name for name in fold["validation"] if name not in moved]
    fold["train"] += moved
    path.write_text(json.dumps(content))
    refused(
        [folders / "poor", tmp_path / "moved"],
        rf"The fold that tests {fold['test'][0]} has other patients \({patient}\) trained on in moved than in poor",
    )


REPEATING = ("folds.rule=patients-per-class", "folds.num_folds=3", "folds.patients_per_class=2")
"""Eight patients on twelve places: some events are tested in two folds."""


def edited_folds(folder, change):
    path = folder / "folds.json"
    content = read_json(path)
    change(content["folds"], content["patient_of"])
    path.write_text(json.dumps(content))
    return folder


def test_events_that_several_folds_test_are_compared_in_all_of_them(tmp_path):
    def renumbered(folds, _):
        for fold, index in zip(folds, (2, 0, 1), strict=True):
            fold["index"] = index
        folds.sort(key=lambda fold: fold["index"])

    one = write_run(tmp_path / "one", settings=REPEATING)
    tests = [set(fold["test"]) for fold in read_json(one / "folds.json")["folds"]]
    assert tests[0] & tests[1] | tests[1] & tests[2] | tests[0] & tests[2]
    two = edited_folds(write_run(tmp_path / "two", settings=REPEATING, seed=3), renumbered)
    assert compare_runs([str(one), str(two)], **FEW)["comparison"] == "same folds"


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("word", ["trained on", "used to choose the epoch"])
def test_other_patients_in_any_fold_of_an_event_are_refused(tmp_path, number, word):
    moved = []

    def without_one_patient(folds, patient_of):
        fold = folds[number]
        side = "train" if word == "trained on" else "validation"
        moved.append(patient_of[fold[side][0]])
        kept = [name for name in fold[side] if patient_of[name] != moved[0]]
        fold["train" if side == "validation" else "validation"] += [n for n in fold[side] if n not in kept]
        fold[side] = kept

    one = write_run(tmp_path / "one", settings=REPEATING)
    two = edited_folds(write_run(tmp_path / "two", settings=REPEATING), without_one_patient)
    told = refused(
        [one, two], r"The fold that tests \S+ has other patients \(p0\d\) trained on in two than in one"
    )
    assert moved[0] in told
    first = min(read_json(one / "folds.json")["folds"][number]["test"])
    assert f"The fold that tests {first} has" in told


def test_an_event_that_fewer_folds_test_is_refused(tmp_path):
    def once_less(folds, patient_of):
        again = sorted(set(folds[0]["test"]) & {name for fold in folds[1:] for name in fold["test"]})
        patient = patient_of[again[0]]
        for name in [name for name in folds[0]["test"] if patient_of[name] == patient]:
            folds[0]["test"].remove(name)
            folds[0]["train"].append(name)

    one = write_run(tmp_path / "one", settings=REPEATING)
    two = edited_folds(write_run(tmp_path / "two", settings=REPEATING), once_less)
    refused([one, two], r"events are tested together with others in two than in one")


def test_another_protocol_is_a_comparison_of_protocols(folders, tmp_path):
    other = write_run(tmp_path / "paper", settings=["folds.rule=seizure", "selection.on=test"])
    refused(
        [folders / "fair", other],
        r"paper has folds.rule seizure \(fair: patient\) and selection.on test \(fair: inner\)",
    )
    content = compare_runs([str(folders / "fair"), str(other)], allow_different_folds=True, **FEW)
    assert content["comparison"] == "protocols"


def test_another_cohort_or_other_events(folders, tmp_path):
    changed = write_run(tmp_path / "changed", cohort_hash="beef")
    refused([folders / "fair", changed], "The tables of the cohorts of fair and changed differ")
    fewer = write_run(tmp_path / "fewer", events=made_up_events(7))
    refused([folders / "fair", fewer], r"3 events are tested in fair only \(sz-07-0, sz-07-1, sz-07-2\)")
    content = compare_runs([str(folders / "fair"), str(fewer)], allow_different_folds=True, **FEW)
    assert content["events"]["num_common"] == 21
    assert content["events"]["left_out"][0] == {
        "event_id": "sz-07-0",
        "not_scored": [],
        "not_tested": ["fewer"],
    }


def test_the_cohort_of_the_command_counts_rather_than_that_of_a_folds_file(folders, tmp_path):
    shutil.copytree(folders / "good", tmp_path / "later")
    (tmp_path / "later" / "units").mkdir()
    (tmp_path / "later" / "units" / "request.json").write_text('{"cohort_hash": "changed"}')
    refused([folders / "good", tmp_path / "later"], "tables of the cohorts of .*good and .*later differ")


def test_another_task_is_refused(folders, tmp_path):
    labels = "task={name: mine, column: side, classes: {FOS: [f], TCS: [t]}}"
    mine = write_run(tmp_path / "mine", settings=[labels])
    refused(
        [folders / "fair", mine], r"The tasks of fair and mine differ in task\.classes\.FOS, .*task\.name"
    )


def test_other_classes_and_labels_are_refused_whatever_is_allowed(folders):
    first, second = runs_of(folders, "fair", "good")
    other = replace(second, classes=("TCS", "FOS"))
    with pytest.raises(ConfigError, match="the same classes apart, in the same order, but fair has FOS, TCS"):
        check_comparable([first, other], allow_different_folds=True)
    turned = replace(second.events, y_true=1 - second.events.y_true)
    with pytest.raises(ConfigError, match="sz-00-0 has class FOS in fair and TCS in good"):
        check_comparable([first, replace(second, events=turned)], allow_different_folds=True)
    whose = replace(second.events, patients=("x", *second.events.patients[1:]))
    with pytest.raises(ConfigError, match="sz-00-0 has patient p00 in fair and x in good"):
        check_comparable([first, replace(second, events=whose)], allow_different_folds=True)


def test_runs_without_a_common_event_are_refused(folders):
    first, second = runs_of(folders, "fair", "good")
    names = tuple(f"other-{name}" for name in second.events.event_ids)
    strange = replace(second, events=replace(second.events, event_ids=names))
    with pytest.raises(ConfigError, match="share events that all of them scored, but there is none"):
        check_comparable([first, strange], allow_different_folds=True)


def test_an_unknown_metric(folders):
    runs = runs_of(folders, "fair", "good")
    with pytest.raises(ConfigError, match=r"Unknown metric 'auroq'\. Did you mean auroc"):
        compare(runs, check_comparable(runs), metric="auroq", **FEW)


# What is given


def test_names_are_made_distinct(tmp_path):
    paths = [write_run(tmp_path / group / "run", seed=i) for i, group in enumerate(("north", "south"))]
    assert [run.name for run in read_compared(list(map(str, paths)))] == ["north/run", "south/run"]
    named = [f"wide={paths[0]}", str(paths[1])]
    assert [run.name for run in read_compared(named)] == ["wide", "run"]
    refused([f"x={paths[0]}", f"x={paths[1]}"], "'x' is given twice")
    refused([f"={paths[0]}", paths[1]], "must be PATH or NAME=PATH")


def test_a_folder_may_have_any_sign_in_its_name(tmp_path):
    paths = [write_run(tmp_path / name, seed=i) for i, name in enumerate(("a=b", "a@b"))]
    assert [run.name for run in read_compared(list(map(str, paths)))] == ["a=b", "a@b"]


@pytest.mark.parametrize(("number", "match"), [(0, "got none"), (1, "got one, ")])
def test_one_run_is_not_enough(folders, number, match):
    refused([folders / "fair"][:number], f"needs two runs or more, but {match}")


def test_the_same_run_twice(folders):
    refused([folders / "fair", folders / "poor" / ".." / "fair"], "given once, but .*fair is given twice")
    refused([folders / "fair", f"again={folders / 'fair'}"], "is given twice")


def test_what_is_no_finished_run(folders, tmp_path):
    good = folders / "good"
    refused([good, folders / "fiar"], rf"fiar does not exist. Did you mean {folders / 'fair'}\?")
    refused([good, tmp_path / "nowhere" / "x"], "does not exist. Check the path")
    refused([good, good / "folds.json"], "is a file. Give the folder")
    (tmp_path / "empty").mkdir()
    refused([good, tmp_path / "empty"], "has no config.yaml")
    for missing in ("predictions.tsv", "scores.json", "folds.json"):
        shutil.copytree(good, tmp_path / missing)
        (tmp_path / missing / missing).unlink()
        refused(
            [good, tmp_path / missing], f"Only finished runs can be compared, but .* has no {missing} yet"
        )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda text: text.replace("\tevent\t", "\tview\t"), "has no row of level event"),
        (
            lambda text: text + text.splitlines()[1] + "\n",
            "one row of level event per event, but sz-00-0 has",
        ),
        (
            lambda text: text.replace("y_score_TCS", "y_score_GTCS"),
            "must name the same classes, got FOS, GTCS",
        ),
        (lambda text: text.replace("\tp00\t", "\tn/a\t"), "event sz-00-0 lacks one"),
    ],
)
def test_damaged_predictions(folders, tmp_path, change, match):
    shutil.copytree(folders / "good", tmp_path / "bad")
    path = tmp_path / "bad" / "predictions.tsv"
    path.write_text(change(path.read_text()))
    refused([folders / "good", tmp_path / "bad"], match)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda content: content.pop("rule"), "must be the folds.json that a run wrote"),
        (lambda content: content.update(schema_version=99), "schema_version 99, this semioscope reads up to"),
    ],
)
def test_damaged_folds(folders, tmp_path, change, match):
    shutil.copytree(folders / "good", tmp_path / "bad")
    path = tmp_path / "bad" / "folds.json"
    content = read_json(path)
    change(content)
    path.write_text(json.dumps(content))
    refused([folders / "good", tmp_path / "bad"], match)


# Studies


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    cells = {"mean-4-inf": ("mean", 0.4), "blstm-5-inf": ("blstm", 2.0), "lstm-6-inf": ("lstm", 1.0)}
    return write_study(tmp_path_factory.mktemp("study") / "grid", cells)


def test_cells_of_a_study(study, folders):
    part = study / "patient"
    runs = read_compared([f"{part}@mean-4-inf", f"best={part}@blstm-5-inf", str(folders / "good")])
    assert [run.name for run in runs] == ["mean-4-inf", "best", "good"]
    assert [run.settings["aggregator.name"] for run in runs] == ["mean", "blstm", "blstm"]
    assert [run.settings["segments.num_segments"] for run in runs] == [4, 5, 16]
    content = compare(runs, check_comparable(runs), **FEW)
    keys = {row["key"] for row in content["settings"]}
    assert {"aggregator.name", "segments.num_segments", "segments.gamma"} <= keys
    assert content["runs"][0]["source"] == f"{part}@mean-4-inf"
    assert all(run["num_folds"] == 4 for run in content["runs"])


def test_a_cell_must_be_named_and_exist(study, folders, tmp_path):
    good = folders / "good"
    refused([good, study], r"is a study of several configurations; name one of them: .*patient@CELL")
    refused(
        [good, study / "patient"], r"holds 3 configurations.*Its cells: blstm-5-inf, lstm-6-inf, mean-4-inf"
    )
    refused(
        [good, f"{study / 'patient'}@blstm-5"], "has no cell 'blstm-5' among its 3. The nearest: blstm-5-inf"
    )
    refused([good, f"{folders / 'fair'}@x"], "is a run and has no cells to choose from. Leave out @x")
    single = write_study(tmp_path / "single", {"only": ("mean", 1.0)})
    assert read_compared([str(good), str(single / "patient")])[1].name == "only"
    shutil.copytree(study, tmp_path / "half")
    (tmp_path / "half" / "patient" / "predictions.tsv").unlink()
    refused([good, tmp_path / "half" / "patient"], "has no predictions.tsv yet")
