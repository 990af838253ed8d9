"""A run with a search: settings are compared inside the training patients, and an interruption changes nothing."""

import json
import os
from pathlib import Path

import pytest
from tiny import assert_same_files, call
from tiny_ward import ward_arguments
from ward_run import RECIPE, SLICE_SETTINGS, WardRun

from semioscope.core.files import read_json
from semioscope.runs import read_bundle
from semioscope.training.search_space import SEARCH_SPACES, Choice, WholeNumber

SEARCH = ("search.num_trials=3",)
SPACE = {
    "aggregator.lstm_sizes": WholeNumber(low=4, high=16, count=2),
    "training.loss": Choice(values=("weighted_mse", "bce")),
    "training.epochs": WholeNumber(low=2, high=5),
}


@pytest.fixture(autouse=True)
def small_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search what is trained in moments; the work is done in this process."""
    monkeypatch.setitem(SEARCH_SPACES, "lstm_fc", SPACE)


def searched(ward_run: WardRun, out: Path, *more: str) -> list[str]:
    return ward_arguments(RECIPE, ward_run.cohort, out, *more, settings=(*SLICE_SETTINGS, *SEARCH))


def stop_before(monkeypatch: pytest.MonkeyPatch, part: str, number: int) -> None:
    """Let Ctrl-C come when the N-th file of a name takes its place."""
    replace, seen = os.replace, []

    def watched(source: str, target: str) -> None:
        if part in Path(target).as_posix():
            seen.append(target)
            if len(seen) == number:
                raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)


def test_an_interrupted_search_gives_what_an_undisturbed_one_gives(ward_run: WardRun, tmp_path: Path) -> None:
    whole = call(*searched(ward_run, tmp_path / "whole"))
    assert whole.exit_code == 0, whole.text
    for part, number in (
        ("units/search/fold-0/trial-", 2),
        ("units/search/fold-2/trial-", 1),
        ("/fold-1.json", 1),
    ):
        with pytest.MonkeyPatch.context() as patch:
            stop_before(patch, part, number)
            assert call(*searched(ward_run, tmp_path / "broken")).exit_code == 130
    done = call(*searched(ward_run, tmp_path / "broken"))
    assert done.exit_code == 0, done.text
    assert_same_files(tmp_path / "broken", tmp_path / "whole")


def test_the_bundle_has_the_settings_that_the_search_chose(ward_run: WardRun, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert call(*searched(ward_run, run)).exit_code == 0
    search = read_json(run / "scores.json")["search"]
    assert (search["num_trials"], search["num_failed"], search["space"]) == (3, 0, "lstm_fc")
    scores = {}
    for chosen in search["chosen"]:
        trials = [read_json(path) for path in (run / "units" / "search" / f"fold-{chosen['fold']}").iterdir()]
        assert len(trials) == 3
        best = max(trials, key=lambda trial: (trial["score"], -trial["number"]))
        assert chosen["score"] == best["score"]
        assert chosen["aggregator"]["lstm_sizes"] == best["settings"]["aggregator"]["lstm_sizes"]
        assert chosen["training"]["loss"] == best["settings"]["training"]["loss"]
        for trial in trials:
            scores.setdefault(trial["number"], []).append((trial["score"], trial["settings"]))
    assert [chosen["fold"] for chosen in search["chosen"]] == [0, 1, 2]
    number = max(scores, key=lambda one: (sum(score for score, _ in scores[one]), -one))
    wanted = scores[number][0][1]["aggregator"]["lstm_sizes"]
    assert search["final"]["aggregator"]["lstm_sizes"] == wanted
    facts = read_bundle(run / "models" / f"{RECIPE}.semio").facts
    assert list(facts.aggregator.lstm_sizes) == wanted
    assert (facts.gray is not None, facts.crops.method) == (True, "depth")
    log = [json.loads(line) for line in (run / "run.jsonl").read_text().splitlines()]
    [told] = [line["estimate"] for line in log if line["event"] == "search"]
    assert told.startswith("Search: 3 trials x 3 folds")


def test_a_search_that_cannot_divide_the_training_patients_is_refused_at_once(
    ward_run: WardRun, tmp_path: Path
) -> None:
    done = call(*searched(ward_run, tmp_path / "run", "--set", "folds.num_folds=2"))
    assert done.exit_code == 2
    assert (
        "but those of folds 0 and 1 cannot be divided so that every class has a patient on both sides."
        in done.err
    )
    assert not (tmp_path / "run").exists()
