"""``semioscope bench``: what it accepts and how it judges; measuring itself is no test."""

import ast
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny import call

from semioscope.cli import bench

FOLDER = Path(bench.__file__).parents[3] / "benchmarks"


@pytest.mark.parametrize("name", bench.BENCHMARKS)
def test_every_benchmark_is_a_module_with_goals(name):
    source = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    names = {node.name for node in source.body if isinstance(node, ast.FunctionDef)}
    targets = {
        getattr(target, "id", "")
        for node in source.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    assert "measure" in names
    assert "GOALS" in targets


@pytest.fixture
def measured(monkeypatch):
    module = SimpleNamespace(
        GOALS={"ratio": (">=", 2.0), "share": ("<=", 0.1), "absent": ("<", 1.0)},
        measure=lambda *, quick: {"ratio": 3.0, "share": 0.5, "absent": float("nan"), "free": 7.0},
    )
    monkeypatch.setattr(bench, "_benchmark", lambda name: module)


def test_figures_are_judged_in_words(measured):
    shown = call("bench", "engines", "--quick").out
    assert f"engines: {bench.BENCHMARKS['engines']}" in shown
    assert "goal >= 2: reached" in shown
    assert "goal <= 0.1: NOT reached" in shown
    assert "not measured on this machine" in shown
    assert shown.splitlines()[-1].startswith("Next: ")


def test_all_are_measured_by_default_and_kept_as_json(measured, tmp_path):
    shown = call("bench", "--json", tmp_path / "figures.json")
    assert shown.exit_code == 0
    kept = json.loads((tmp_path / "figures.json").read_text())
    assert list(kept["results"]) == sorted(bench.BENCHMARKS)
    assert kept["quick"] is False
    assert "docs/benchmarks.md" in shown.out.splitlines()[-1]


def test_an_installed_package_says_where_benchmarks_are(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "a" / "b" / "c" / "bench.py"))
    shown = call("bench", "engines")
    assert shown.exit_code == 2
    assert "The benchmarks are part of the source tree. Clone the repository" in shown.err
