"""A published set in place of a cohort: imported once, with what was asked to be left out."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from semioscope.cohort import read_cohort
from semioscope.core.errors import CohortError, ConfigError
from semioscope.core.files import read_json, write_json
from semioscope.core.progress import QuietProgress
from semioscope.runs import cohort_of_features
from semioscope.synthetic import plan_feature_set, write_feature_set


class Told(QuietProgress):
    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def message(self, text: str, *, level: str = "info") -> None:
        self.texts.append((level, text))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of four seizures, of which the first row has lost its folders."""
    folder = tmp_path_factory.mktemp("published")
    write_feature_set(plan_feature_set(num_seizures=4, num_patients=3, seed=5, minutes=1.2), folder)
    for view in sorted((folder / "features_fpc_8_fps_15").iterdir())[:2]:
        shutil.rmtree(view)
    return folder


def cohort_of(source: Path, out: Path, **options: Any) -> tuple[Path, list[tuple[str, str]]]:
    progress = Told()
    return cohort_of_features(source, out, store=None, progress=progress, **options), progress.texts


def test_rows_without_folders_are_left_out_only_where_it_was_asked(published: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(CohortError, match="or leave such rows out with --skip-unmatched"):
        cohort_of(published, out)
    folder, told = cohort_of(published, out, skip_unmatched=True)
    lines = (published / "seizures.csv").read_text().splitlines()[1:]
    ids = {"_".join(line.split(",")[1:3]) for line in lines}
    [gone] = ids - {seizure.seizure_id for seizure in read_cohort(folder).seizures}
    named = "subject {}, seizure {}".format(*gone.split("_"))
    assert any(
        f"Warning: left out: seizures.csv row 2 ({named}): must have a folder" in text for _, text in told
    )


def test_a_run_goes_on_with_what_it_began_with(published: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    folder, _ = cohort_of(published, out, skip_unmatched=True)
    assert cohort_of(published, out, skip_unmatched=True) == (folder, [])
    with pytest.raises(ConfigError, match=r"began with --skip-unmatched. Give it again"):
        cohort_of(published, out)


def test_a_whole_set_is_the_same_with_the_option(published: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(published, whole)
    lines = (whole / "seizures.csv").read_text().splitlines(keepends=True)
    (whole / "seizures.csv").write_text("".join([lines[0], *lines[2:]]))
    out = tmp_path / "run"
    folder, _ = cohort_of(whole, out)
    note = out / "units" / "features.json"
    write_json(note, {"set": read_json(note)["set"]})  # as it was written before the option was there
    assert cohort_of(whole, out, skip_unmatched=True) == (folder, [])
    other, _ = cohort_of(whole, tmp_path / "other", skip_unmatched=True)
    assert (other / "seizures.tsv").read_bytes() == (folder / "seizures.tsv").read_bytes()


def test_a_cohort_has_nothing_to_skip(published: Path, tmp_path: Path) -> None:
    folder, _ = cohort_of(published, tmp_path / "run", skip_unmatched=True)
    assert cohort_of(folder, tmp_path / "second") == (folder, [])
    same, told = cohort_of(folder, tmp_path / "second", skip_unmatched=True)
    assert same == folder
    assert [level for level, _ in told] == ["warning"]
    assert "--skip-unmatched has no effect" in told[0][1]
