"""The report of a real run: what it reads is what the run writes."""

import importlib.util
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import Tiny

from semioscope.report import page, write_report
from semioscope.report.inputs import RunTables, read_run_tables
from semioscope.report.sections import yardstick_notes

KINDS = ("num_clips", "num_missing_clips", "num_held_clips", "num_damaged_clips")


class Watched(dict[str, Any]):
    """A JSON object that remembers which keys it was asked for, by their path."""

    def __init__(self, content: dict[str, Any], path: str, asked: set[str]) -> None:
        super().__init__({key: watched(value, f"{path}{key}", asked) for key, value in content.items()})
        self.path, self.asked = path, asked

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(self.path + key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(self.path + key)
        return super().__getitem__(key)


def watched(value: Any, path: str, asked: set[str]) -> Any:
    if isinstance(value, dict):
        return Watched(value, f"{path}.", asked)
    return [watched(item, path, asked) for item in value] if isinstance(value, list) else value


def keys_of(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}{key}"
            yield from keys_of(item, f"{path}{key}.")
    elif isinstance(value, list):
        for item in value:
            yield from keys_of(item, path)


def of_clips(keys: set[str]) -> set[str]:
    """Return the keys of the parts that a run and its report share without any choice."""
    return {key for key in keys if key.startswith(("decode.", "events.", "per_fold.", "per_patient."))}


@pytest.fixture(scope="module")
def run(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real") / "run"
    shutil.copytree(
        tiny.run, folder, ignore=shutil.ignore_patterns("units", "models", "figures", "report.html")
    )
    return folder


@pytest.fixture(scope="module")
def scores(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    return content


def test_the_section_about_failures_counts_clips_and_leaves_nothing_undefined(
    run: Path, scores: dict[str, Any]
) -> None:
    html = write_report(run).read_text(encoding="utf-8")
    found = re.search(r'<h2 id="failures">.*?</section>', html, re.DOTALL)
    assert found is not None
    section = found.group()
    assert "undefined" not in section
    assert scores["decode"]["num_clips"] > 0
    clips, missing, held, damaged = (scores["decode"][name] for name in KINDS)
    assert (
        f"Clips: {clips}. Left out because frames are missing: {missing}. With a picture held over a gap: {held}. "
        f"With damaged pictures: {damaged}." in section
    )
    table = html[html.index('<h2 id="events">') : html.index('<h2 id="failures">')]
    assert "Clips left out / held / damaged" in table
    assert table.count("0 / 0 / 0") == len(scores["events"])


def test_the_report_asks_for_nothing_that_a_run_does_not_write(
    run: Path, scores: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()

    def tables(folder: Path) -> RunTables:
        return replace(read_run_tables(folder), scores=Watched(scores, "", asked))

    monkeypatch.setattr(page, "read_run_tables", tables)
    write_report(run)
    assert {f"decode.{name}" for name in KINDS} <= asked
    assert {f"events.views.{name}" for name in KINDS[1:]} <= asked
    assert of_clips(asked) <= set(keys_of(scores))


def test_the_clips_of_the_views_sum_to_those_of_the_run(scores: dict[str, Any]) -> None:
    views = [view for event in scores["events"] for view in event["views"]]
    assert set(scores["decode"]) == set(KINDS)
    assert {name: sum(view[name] for view in views) for name in KINDS} == scores["decode"]


def test_the_made_up_run_has_the_keys_of_a_real_one(scores: dict[str, Any], tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("made_up", Path(__file__).with_name("made_up_run.py"))
    assert spec is not None
    assert spec.loader is not None
    made_up = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made_up)
    made_up.write_run(tmp_path)
    invented = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert of_clips(set(keys_of(invented))) == of_clips(set(keys_of(scores)))


@pytest.mark.parametrize(("area", "told"), [(0.5, False), (None, False), (0.41, True)])
def test_a_majority_class_that_is_not_at_guessing_is_explained(area: float | None, told: bool) -> None:
    notes = yardstick_notes(
        {"baseline_notes": ["First."], "baselines": {"majority": {"auroc": {"value": area}}}}
    )
    assert notes[0] == "First."
    assert len(notes) == 1 + told
    if told:
        assert "The area under ROC of the majority class is 0.41, not 0.5" in notes[1]
        assert "the class frequencies differ between the pooled folds" in notes[1]
    assert yardstick_notes({}) == []
