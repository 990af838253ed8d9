"""Whether pre-training helped: the differences, the verdict, and whom pre-training has seen."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
from compared import made_up_events, plan_of
from made_up_benefit import OVERLAP, PRETRAINING, made_up_content

from semioscope.recipes import apply_overrides, make_config
from semioscope.runs.benefit_answer import answer_of, overlap_sentence
from semioscope.runs.benefit_pretraining import PretrainingFacts, overlap_of
from semioscope.runs.compare import compare
from semioscope.runs.compare_checks import check_comparable
from semioscope.runs.compare_sources import read_compared
from semioscope.scoring import METRICS

SKILLS = {"pretrained": 1.5, "scratch": 1.0, "frozen": 0.8}
GOOD = {"pretrained": 9.0, "scratch": 0.0, "frozen": 9.0}
SEEDS = {"pretrained": 1, "scratch": 2, "frozen": 3}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """Runs that differ a little: their folder and what follows."""
    out = tmp_path_factory.mktemp("usual")
    return out, made_up_content(out, skills=SKILLS, seeds=SEEDS)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Runs that differ much."""
    return made_up_content(tmp_path_factory.mktemp("good"), skills=GOOD, seeds=SEEDS, num_patients=12)


def pair_of(content, run, against):
    return next(
        pair for pair in content["comparison"]["pairs"] if (pair["run"], pair["against"]) == (run, against)
    )


def test_the_differences_are_those_of_a_comparison(usual):
    out, content = usual
    runs = read_compared([f"{name}={out / name}" for name in ("scratch", "frozen", "pretrained")])
    wanted = compare(runs, check_comparable(runs), metric="accuracy")
    assert content["comparison"]["pairs"] == wanted["pairs"]
    assert content["comparison"]["num_comparisons"] == 3
    values = {one["name"]: one["averages"]["overall"] for one in content["variants"]}
    for run, against in (("pretrained", "scratch"), ("frozen", "scratch"), ("pretrained", "frozen")):
        cells = pair_of(content, run, against)["metrics"]
        for metric in ("accuracy", "balanced_accuracy", "macro_f1"):
            difference = values[run][metric]["value"] - values[against][metric]["value"]
            assert cells[metric]["difference"]["value"] == pytest.approx(difference)


def test_the_content_is_the_same_in_any_folder(usual, tmp_path):
    out, content = usual
    made_up_content(tmp_path / "two", skills=SKILLS, seeds=SEEDS)
    assert (out / "benefit.json").read_bytes() == (tmp_path / "two" / "benefit.json").read_bytes()
    assert str(out) not in json.dumps(content)


def test_a_clear_difference_is_shown(good):
    content, answer = good, good["answer"]
    assert (answer["verdict"], answer["title"]) == ("helped", "Pre-training helped")
    assert answer["lead"].endswith(": shown.")
    found = pair_of(content, "pretrained", "scratch")["metrics"]["accuracy"]
    assert found["difference"]["low"] > 0
    assert found["p_holm"] < 0.05
    assert f"difference {found['difference']['value']:+.2f}" in answer["lead"]
    assert "over 12 patients" in answer["lead"]


def test_other_metrics_in_which_it_is_shown_are_named(good):
    """Where lower is better, a difference below 0 is an improvement."""
    told = [
        sentence for sentence in good["answer"]["sentences"] if "In other metrics it is shown" in sentence
    ]
    assert len(told) == 1
    for name, sign in (("auroc", 1), ("brier", -1)):
        cells = pair_of(good, "pretrained", "scratch")["metrics"][name]
        assert sign * cells["difference"]["value"] > 0
        assert f"{METRICS[name].label} (better, {cells['difference']['value']:+.2f})" in told[0]
    assert "not corrected for looking at 7 metrics" in told[0]


def test_a_pre_training_that_harms_is_told_so(tmp_path):
    turned = {"pretrained": 0.0, "scratch": 9.0, "frozen": 0.0}
    content = made_up_content(tmp_path, skills=turned, seeds=SEEDS, num_patients=12)
    assert content["answer"]["verdict"] == "harmed"
    assert content["answer"]["title"] == "Pre-training made it worse"
    assert "Brier score (worse, +" in " ".join(content["answer"]["sentences"])
    assert content["answer"]["lead"].endswith(": shown.")


def test_with_few_patients_nothing_is_shown(tmp_path):
    """The interval may leave out 0, but with three patients no arrangement is rare."""
    content = made_up_content(tmp_path, skills=GOOD, seeds=SEEDS, num_patients=4)
    assert content["answer"]["verdict"] == "not shown"
    assert content["answer"]["lead"].endswith(": not shown.")


def test_equal_runs_do_not_differ(tmp_path):
    content = made_up_content(tmp_path, skills=dict.fromkeys(SKILLS, 1.0))
    answer = content["answer"]
    assert answer["verdict"] == "not shown"
    assert "difference +0.00" in answer["lead"]
    assert "no interval" in answer["lead"]
    assert "p = 1 corrected" in answer["lead"]
    assert not any("In other metrics" in sentence for sentence in answer["sentences"])


def test_a_failed_run_leaves_what_can_be_said(tmp_path):
    content = made_up_content(tmp_path, skills=SKILLS, seeds=SEEDS, failed={"frozen": "The disk is full."})
    assert content["answer"]["verdict"] in ("helped", "not shown")
    assert len(content["comparison"]["pairs"]) == 1
    assert not any("Frozen" in sentence for sentence in content["answer"]["sentences"])
    content = made_up_content(tmp_path, skills=SKILLS, seeds=SEEDS, failed={"scratch": "The disk is full."})
    assert content["answer"]["verdict"] == "unknown"
    assert content["answer"]["title"] == "Whether pre-training helped cannot be said"
    assert content["answer"]["lead"] == "From scratch: The disk is full."
    both = {"scratch": "The disk is full.", "frozen": "The disk is full."}
    content = made_up_content(tmp_path, skills=SKILLS, seeds=SEEDS, failed=both)
    assert content["comparison"] == {}
    assert content["answer"]["verdict"] == "unknown"
    assert content["largest"]["class"] == "FOS"


def test_the_larger_class_is_held_against_every_run(good):
    content = good
    assert content["largest"]["overall"]["accuracy"] == 0.5
    told = next(sentence for sentence in content["answer"]["sentences"] if "To call every" in sentence)
    right = {
        one["title"].lower()
        for one in content["variants"]
        if one["averages"]["overall"]["accuracy"]["value"] > 0.5
    }
    assert {title for title in ("pre-trained", "from scratch", "frozen") if title in told} == right


def test_patients_and_events_are_counted_by_class(usual):
    cohort = usual[1]["cohort"]
    assert (cohort["num_patients"], cohort["num_events"]) == (8, 24)
    assert cohort["per_class"] == {
        "FOS": {"patients": 8, "events": 12}, "TCS": {"patients": 8, "events": 12},
    }  # fmt: skip


def test_the_two_groups_of_patients_add_up(usual):
    content = usual[1]
    seen, others = content["overlap"]["groups"]["seen"], content["overlap"]["groups"]["not_seen"]
    assert (seen["num_patients"], seen["num_events"]) == (2, 6)
    assert (others["num_patients"], others["num_events"]) == (6, 18)
    for one in content["variants"]:
        right = seen["num_right"][one["name"]] + others["num_right"][one["name"]]
        assert right / 24 == pytest.approx(one["averages"]["overall"]["accuracy"]["value"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"step": 12}, "The pre-training is not finished: step 12 of 40 was used."),
        (
            {"epoch_loss": [70.0, 55.0]},
            "The pre-training has learnt nothing that could help: its loss was 55 in the last whole epoch, and "
            "always the mean feature has 50 and the spoilt excerpt as it is has 20.",
        ),
        (
            {"epoch_loss": [70.0, 25.0]},
            "The pre-training has learnt little that could help: its loss was 25 in the last whole epoch, and the "
            "spoilt excerpt as it is has 20.",
        ),
        ({"epoch_loss": [70.0, 15.0]}, None),
        ({"epoch_loss": []}, None),
    ],
)
def test_what_is_to_be_known_of_the_pre_training(usual, changes, told):
    answer = answer_of(usual[1] | {"pretraining": PRETRAINING | changes}, metric="accuracy")
    sentences = [one for one in answer["sentences"] if one.startswith("The pre-training")]
    assert [sentence.startswith(told) for sentence in sentences] == ([True] if told else [])


def facts(patients):
    return PretrainingFacts(
        folder=Path("pre"),
        recipe="made-up",
        step=1,
        num_steps=1,
        backbone={},
        patients=tuple(patients),
        curve={},
    )


def test_the_overlap_is_of_tested_patients_only():
    events = made_up_events(6)
    folds = plan_of(events, apply_overrides(make_config("gestures-2021"), ["folds.num_folds=3"]))
    found = overlap_of(facts(["p04", "p00", "somebody"]), folds)
    assert found.patients == ("p00", "p04")
    assert (found.num_tested, found.num_events, found.num_events_tested) == (6, 6, 18)
    assert found.share == pytest.approx(1 / 3)
    untested = replace(
        folds, folds=tuple(replace(fold, test=()) for fold in folds.folds[1:]) + folds.folds[:1]
    )
    tested = {folds.patient_of[event] for event in folds.folds[0].test}
    assert set(overlap_of(facts([f"p{number:02d}" for number in range(6)]), untested).patients) == tested
    assert overlap_of(facts([]), folds).patients == ()


def test_the_sentence_about_the_overlap():
    assert overlap_sentence({"patients": (), "num_tested": 4}).startswith(
        "No tested patient's contextual video"
    )
    told = overlap_sentence({"patients": OVERLAP.patients, "num_tested": 8})
    assert told.startswith("Contextual video of 2 of 8 tested patients (25 %) was used in pre-training")
    assert "without labels: p01 and p02." in told
    many = [f"p{number:03d}" for number in range(40)]
    told = overlap_sentence({"patients": many, "num_tested": 40})
    assert "p011, ..." in told
    assert "p012" not in told


def test_an_undefined_difference_is_no_answer(usual):
    content = copy.deepcopy(usual[1])
    content["comparison"]["pairs"][1]["metrics"]["accuracy"]["difference"]["value"] = float("nan")
    answer = answer_of(content, metric="accuracy")
    assert (answer["verdict"], answer["lead"]) == ("unknown", "The accuracy is undefined.")
