"""``semioscope cohort`` in process."""

import json

import pytest
from tiny import call

from semioscope.cli.cohort import parse_mapping
from semioscope.core.errors import ConfigError

TABLE = "patient,video,onset,clonic,offset,type\np1,n/a,10,30,50,TCS\np2,n/a,10,,50,FOS\n"
TABLES = {
    "patients": "patient_id\np1\np2\n",
    "recordings": "recording_id\tpatient_id\tpath\nr1\tp1\tn/a\nr2\tp2\tn/a\n",
    "seizures": "seizure_id\trecording_id\tonset\toffset\tseizure_type\ns1\tr1\t0\t20\tFOS\ns2\tr2\t0\t20\tTCS\n",
}


@pytest.fixture
def cohort(tmp_path):
    folder = tmp_path / "cohort"
    folder.mkdir()
    for name, text in TABLES.items():
        (folder / f"{name}.tsv").write_text(text)
    return folder


def run(*arguments):
    shown = call("cohort", *arguments)
    return shown.exit_code, shown.out


def test_new_then_check_then_filled(tmp_path):
    folder = tmp_path / "new"
    code, text = run("new", folder)
    assert code == 0
    assert f"Next: semioscope cohort import table TABLE.xlsx {folder} --preview" in text
    code, text = run("check", folder, "--progress", "quiet")
    assert code == 1
    assert text.count("ERROR    ") == 3
    assert f"Next: mend these, then semioscope cohort check {folder}" in text


def test_new_does_not_touch_a_cohort(cohort):
    code, text = run("new", cohort)
    assert code == 1
    assert "must not be a cohort yet" in text


def test_check_passes_with_warnings(cohort):
    code, text = run("check", cohort, "--progress", "quiet", "--full")
    assert code == 0
    assert "class FOS of task fos-vs-tcs must have at least two patients" in text
    assert "0 errors, 2 warnings." in text
    assert f"Next: semioscope cohort summary {cohort}" in text


def test_check_says_when_all_is_well(cohort):
    table = cohort / "seizures.tsv"
    table.write_text(TABLES["seizures"] + "s3\tr1\t30\t50\tTCS\ns4\tr2\t30\t50\tFOS\n")
    code, text = run("check", cohort, "--progress", "quiet", "--task", "fos-vs-tcs")
    assert (code, text.splitlines()[0]) == (0, "No problems.")


def test_check_lists_errors(cohort):
    (cohort / "seizures.tsv").write_text(TABLES["seizures"].replace("\t20\tFOS", "\tx\tFOS"))
    code, text = run("check", cohort, "--progress", "quiet")
    assert code == 1
    assert "ERROR    seizures.tsv row 2 (seizure s1): offset must be a time" in text


def test_unknown_tasks_are_an_error(cohort):
    shown = call("cohort", "summary", cohort, "--task", "fos")
    assert shown.exit_code == 2
    assert "Unknown task 'fos'" in shown.err


def test_summary_prints_figures_and_the_next_step(cohort):
    code, text = run("summary", cohort)
    assert code == 0
    assert "GESTURES 2021 (published)" in text
    assert f"--cohort {cohort} --out RUN --set folds.num_folds=2" in text.splitlines()[-2]
    assert "add --backbone motion" in text.splitlines()[-1]


def test_summary_as_json_is_json(cohort):
    code, text = run("summary", cohort, "--json", "--min-duration-seconds", "5")
    summary = json.loads(text)
    assert code == 0
    assert summary["num_events"] == 2
    assert summary["ratio"]["mean"] is None


def test_summary_of_a_broken_cohort_lists_its_problems(cohort):
    (cohort / "patients.tsv").unlink()
    code, text = run("summary", cohort)
    assert code == 1
    assert "patients.tsv: must exist" in text
    assert f"semioscope cohort check {cohort}" in text


def test_import_previews_then_writes_then_refuses(tmp_path):
    table, folder = tmp_path / "table.csv", tmp_path / "made"
    table.write_text(TABLE.replace("n/a", "a.mp4", 1).replace("n/a", "b.mp4", 1))
    code, text = run("import", "table", table, folder, "--preview")
    assert code == 0
    assert "clonic -> clonic_onset" in text
    assert text.splitlines()[-1] == "Nothing was written. Next: the same command without --preview."
    assert not folder.exists()
    code, text = run("import", "table", table, folder, "--annotator", "anna")
    assert code == 0
    assert "patients.tsv: 2, recordings.tsv: 2, seizures.tsv: 2" in text
    assert text.splitlines()[-1] == f"Next: semioscope cohort check {folder}"
    code, text = run("import", "table", table, folder)
    assert code == 1
    assert "--force" in text
    code, text = run("import", "table", table, folder, "--force", "--map", "side=type", "--drop", "clonic")
    assert code == 0
    assert "side" in (folder / "seizures.tsv").read_text().splitlines()[0]


def test_import_says_row_by_row_why_not(tmp_path):
    table, folder = tmp_path / "table.csv", tmp_path / "made"
    table.write_text("patient,video,onset,offset\np1,a.mp4,9,5\np1,b.mp4,x,5\n")
    for more in ([], ["--preview"]):
        code, text = run("import", "table", table, folder, *more)
        assert code == 1
        assert "table.csv row 2 (seizure p1-s01): offset 5.0 must come after onset 9.0" in text
        assert "table.csv row 3 (seizure p1-s02): onset must be a time" in text
        assert not folder.exists()


def test_mappings_are_target_and_column():
    assert parse_mapping(["onset=Beginn", "a = b = c"]) == {"onset": "Beginn", "a": "b = c"}


@pytest.mark.parametrize("item", ["onset", "=x", "onset="])
def test_wrong_mappings_are_named(item):
    with pytest.raises(ConfigError, match="--map must be TARGET=COLUMN, got"):
        parse_mapping([item])


def test_a_target_is_mapped_once():
    with pytest.raises(ConfigError, match="--map onset must be given once, got 'a' and 'b'"):
        parse_mapping(["onset=a", "onset=b"])
