"""``semioscope compare`` as it is typed."""

import json
import shlex

import pytest
from compared import write_run, write_study
from tiny import call, run_arguments


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    base = tmp_path_factory.mktemp("runs")
    write_run(base / "poor", skill=0.2, seed=1)
    write_run(base / "good", skill=3.0, seed=3, settings=["aggregator.name=mean"])
    return base


def test_it_prints_tables_and_the_next_command(runs):
    shown = call("compare", runs / "poor", runs / "good")
    assert shown.exit_code == 0
    lines = shown.out.splitlines()
    assert lines[0] == "good is better than poor in balanced accuracy."
    assert lines[1] == "2 runs on 24 seizures of 8 patients, tested in the same folds."
    assert any(line.split() == ["aggregator.name", "blstm", "mean"] for line in lines)
    for title in ("Scores (95 % interval over patients)", "Settings that differ", "good minus poor"):
        assert title in lines
    assert "in all possible arrangements" in shown.out
    assert "McNemar's exact test of seizures" in shown.out
    assert lines[-1].startswith("Next: semioscope compare ")
    assert "--out DIR" in lines[-1]


def test_out_writes_a_page_and_tables(runs, tmp_path):
    out = tmp_path / "new folder" / "out"
    shown = call("compare", runs / "poor", f"mine={runs / 'good'}", "--out", out, "--metric", "auroc")
    assert shown.exit_code == 0
    assert shown.out.splitlines()[-1] == f"Next: open {out / 'report.html'} in a browser"
    assert "mine is better than poor in area under the ROC curve" in shown.out
    assert {path.name for path in out.iterdir()} == {
        "comparison.json",
        "comparison.tsv",
        "figures",
        "report.html",
    }


def test_json_and_nothing_else(runs):
    shown = call("compare", runs / "poor", runs / "good", "--json")
    content = json.loads(shown.out)
    assert content["kind"] == "comparison"
    assert [run["name"] for run in content["runs"]] == ["poor", "good"]


def test_many_runs_stay_within_the_width(tmp_path):
    names = [f"a-run-with-a-rather-long-name-{i}" for i in range(5)]
    paths = [write_run(tmp_path / name, seed=i) for i, name in enumerate(names)]
    shown = call("compare", *paths)
    assert shown.exit_code == 0
    tables = [line for line in shown.out.splitlines() if line.startswith("  ")]
    assert max(map(len, tables)) <= 110
    for name in names:
        assert name in shown.out


def test_other_folds_are_refused_and_allowed_on_request(runs, tmp_path):
    other = write_run(tmp_path / "other", settings=["folds.rule=seizure", "selection.on=test"])
    shown = call("compare", runs / "poor", other)
    assert shown.exit_code == 2
    assert shown.out == ""
    assert shown.err.startswith("Error: Runs must have tested the same events in the same folds")
    allowed = call("compare", runs / "poor", other, "--allow-different-folds")
    assert allowed.exit_code == 0
    assert allowed.out.startswith("Between protocols: ")
    assert "Note: This compares protocols, not only models" in allowed.out
    again = shlex.split(allowed.out.splitlines()[-1].removeprefix("Next: ").partition(" (")[0])
    assert again[-3:] == ["--allow-different-folds", "--out", "DIR"]


def test_cells_of_a_study(tmp_path):
    study = write_study(tmp_path / "study", {"mean-4-inf": ("mean", 0.1), "blstm-5-inf": ("blstm", 3.0)})
    shown = call("compare", f"{study / 'patient'}@mean-4-inf", f"{study / 'patient'}@blstm-5-inf")
    assert shown.exit_code == 0
    assert shown.out.startswith("blstm-5-inf is better than mean-4-inf in balanced accuracy.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["good"], "needs two runs or more"),
        (["good", "good"], "given twice"),
        (["good", "godo"], "Did you mean"),
        (["good", "poor", "--metric", "acuracy"], "Unknown metric 'acuracy'. Did you mean accuracy"),
    ],
)
def test_mistakes_are_one_sentence(runs, words, message, monkeypatch):
    monkeypatch.chdir(runs)
    shown = call("compare", *words)
    assert (shown.exit_code, shown.out) == (2, "")
    assert message in shown.err


def test_real_runs(tiny, tmp_path):
    """A finished run against another aggregator on its folds."""
    other, out = tmp_path / "other", tmp_path / "out"
    more = [
        "--store",
        str(tiny.store),
        "--folds",
        str(tiny.run / "folds.json"),
        "--set",
        "aggregator.name=mean",
    ]
    assert call(*run_arguments(tiny.cohort, other, *more)).exit_code == 0
    shown = call("compare", tiny.run, other, "--out", out)
    assert shown.exit_code == 0, shown.text
    content = json.loads((out / "comparison.json").read_text())
    assert [row["key"] for row in content["settings"]] == ["aggregator.name"]
    scores = [json.loads((run / "scores.json").read_text()) for run in (tiny.run, other)]
    for run, wanted in zip(content["runs"], scores, strict=True):
        for name, cells in run["estimates"].items():
            assert cells["value"] == pytest.approx(wanted["event"][name]["value"])
    assert content["events"]["num_common"] == len(scores[0]["events"])
