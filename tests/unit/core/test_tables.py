"""Tables: what is written is read back, and everything wrong is said at once."""

import math
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.core.cells import check_id, format_value, misspelt
from semioscope.core.errors import StoreError
from semioscope.core.formats import PATIENTS, PREDICTIONS, RECORDINGS, SCHEMA_VERSION, SEIZURES, TABLES
from semioscope.core.tables import Problem, read_rows, read_table, table_text, write_table

HEADER = "seizure_id\trecording_id\tonset\tclonic_onset\toffset\tuse\tseizure_type"
GOOD = "s1\tr1\t60.0\t80\t97.5\ttrain\tTCS"
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def problems_of(tmp_path, content, schema=SEIZURES):
    path = tmp_path / schema.file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rows, problems = read_table(path, schema)
    return rows, [str(problem) for problem in problems]


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_has_all_its_columns(name, tmp_path):
    schema = TABLES[name]
    write_table(tmp_path / schema.file, schema, [])
    assert (tmp_path / schema.file).read_text() == "\t".join(schema.names) + "\n"
    assert read_table(tmp_path / schema.file, schema) == ((), ())


def test_the_schema_has_a_version():
    assert SCHEMA_VERSION == 1


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_exactly(value):
    assert float(format_value(value)) == value
    assert float(format_value(np.float32(value if abs(value) < 1e38 else 1))) == float(
        str(np.float32(value if abs(value) < 1e38 else 1))
    )


def test_numbers_are_written_in_one_way():
    assert format_value(np.float64(52)) == format_value(52.0) == "52.0"
    assert format_value(np.float32(0.1)) == "0.1"
    assert format_value(np.int64(3)) == format_value(3) == "3"
    assert format_value(-0.0) == format_value(np.float32(-0.0)) == "0.0"
    assert format_value(math.nan) == format_value(np.float32("nan")) == format_value(None) == "n/a"
    assert format_value(True) == format_value(np.True_) == "true"
    assert format_value(datetime(2026, 3, 1, 14)) == "2026-03-01T14:00:00"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS), max_size=5))
def test_any_text_survives_but_for_breaks_and_outer_spaces(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("tables") / "patients.tsv"
    rows = [{"patient_id": f"p{number}", "a": a, "b": b} for number, (a, b) in enumerate(cells)]
    write_table(path, PATIENTS, rows)
    read, problems = read_table(path, PATIENTS)
    assert problems == ()
    again = table_text(PATIENTS, [dict(row.values) for row in read])
    assert len(read) == len(rows)
    write_table(path, PATIENTS, [dict(row.values) for row in read])
    assert path.read_text() == again
    assert read_table(path, PATIENTS)[0] == read


def test_scores_read_back_with_their_types(tmp_path):
    row = {"fold": 0, "level": "clip", "event_id": "s1", "recording_id": "r1", "patient_id": "p1",
           "start_seconds": 1 / 3, "end_seconds": 2.0, "y_true": 1,
           "y_score_FOS": 0.1, "y_score_TCS": math.nan}  # fmt: skip
    write_table(tmp_path / "predictions.tsv", PREDICTIONS, [row])
    assert read_rows(tmp_path / "predictions.tsv", PREDICTIONS) == [{**row, "y_score_TCS": None}]


def test_a_damaged_result_is_one_error(tmp_path):
    (tmp_path / "predictions.tsv").write_text("fold\tlevel\n")
    with pytest.raises(
        StoreError, match=r"must be a table as docs/formats.md(.|\n)*must have a column event_id"
    ):
        read_rows(tmp_path / "predictions.tsv", PREDICTIONS)


def test_only_columns_of_the_schema_are_written():
    with pytest.raises(ValueError, match=r"recordings.tsv has no column 'pth'; its columns are recording_id"):
        table_text(RECORDINGS, [{"recording_id": "r1", "patient_id": "p1", "pth": "a"}])


def test_what_must_be_filled_is_not_written_empty():
    with pytest.raises(ValueError, match=r"seizures.tsv: offset must not be missing"):
        table_text(SEIZURES, [{"seizure_id": "s", "recording_id": "r", "onset": 1.0, "offset": math.nan}])


def test_a_good_table_has_no_problems_and_counts_rows_as_a_spreadsheet(tmp_path):
    rows, problems = problems_of(tmp_path, f"{HEADER}\n{GOOD}\n\n{GOOD}\n")
    assert problems == []
    assert [row.number for row in rows] == [2, 4]
    assert rows[0].values["seizure_type"] == "TCS"
    assert rows[0].text("annotator") is None


def test_spreadsheet_quotes_are_understood(tmp_path):
    rows, problems = problems_of(tmp_path, f'{HEADER}\ns1\t"r1, r2"\t"60,5"\tn/a\t97\t\t"a ""b"""\n')
    assert problems == []
    assert rows[0].values["recording_id"] == "r1, r2"
    assert rows[0].values["seizure_type"] == 'a "b"'
    assert rows[0].values["use"] == "train"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "seizures.tsv: must begin with a header row, but is empty"),
        ("\n\n", "seizures.tsv: must begin with a header row, but is empty"),
        (f"{HEADER}\n{GOOD}\n".encode("utf-16"), "must be UTF-8 text, but is UTF-16"),
        (f"{HEADER}\n{GOOD}ü\n".encode("cp1252"), "seizures.tsv row 2: must be UTF-8 text, but byte 0xfc is not"),
        (b"seizure_id\0", "must be text, but holds zero bytes"),
        (f"\ufeff{HEADER}\n{GOOD}\n", "begins with a byte order mark, which is ignored"),
        (f"{HEADER}\r\n{GOOD}\r\n", r"has Windows line ends \(CRLF\), which are accepted"),
        (f"{HEADER}\n{GOOD}\n".replace("\t", "  "), "separated by tabs, but the header has spaces"),
        (f"{HEADER}\n{GOOD}\n".replace("\t", ";"), "separated by tabs, but the header has semicolons"),
        (f"{HEADER}\n{GOOD}\n".replace("\t", ","), "separated by tabs, but the header has commas"),
        (f"{HEADER}\n" + GOOD.replace("\t", "   "), "row 2: must have 7 cells .*, has 1. It looks as if tabs"),
        (f"{HEADER}\n{GOOD}\textra\n", "row 2: must have 7 cells separated by tabs, has 8"),
        (f"{HEADER}\tuse\n{GOOD}\tno\n", "row 1: column use must occur once, but stands there again"),
        (f"{HEADER}\t\tside\n{GOOD}\t\tleft\n", "row 1: column 8 must have a name"),
        (HEADER.replace("onset\tc", "onest\tc") + f"\n{GOOD}\n", "unknown column 'onest': did you mean onset"),
        (HEADER.replace("use", "Use") + f"\n{GOOD}\n", "unknown column 'Use': did you mean use"),
        (HEADER.replace("offset", "finish") + f"\n{GOOD}\n", "must have a column offset, but has seizure_id"),
        (f"{HEADER}\tonset_clock\n{GOOD}\t14:03\n", "must have onset or onset_clock, but has both"),
        (f"{HEADER}\n{GOOD.replace('s1', 's 1')}\n", r"seizure_id must be letters.*got 's 1' \(with a space\)"),
        (f"{HEADER}\n{GOOD.replace('s1', ' s1')}\n", "seizure_id 's1' has spaces around it, which are ignored"),
        (f"{HEADER}\n{GOOD.replace('s1', '')}\n", "row 2: seizure_id must not be empty or n/a"),
        (f"{HEADER}\n{GOOD.replace('train', 'maybe')}\n", r"\(seizure s1\): use must be train or evaluate or no"),
        (f'{HEADER}\n"{GOOD}\n{GOOD}\n', 'opens a quotation mark'),
        (f'{HEADER}\n{GOOD}"\n"x\t{GOOD}\n', 'opens a quotation mark'),
    ],
)  # fmt: skip
def test_each_fault_is_said(tmp_path, content, message):
    _, problems = problems_of(tmp_path, content)
    assert len(problems) >= 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError("\n".join(problems))


def test_faults_are_said_all_at_once(tmp_path):
    _, problems = problems_of(
        tmp_path, f"{HEADER}\n{GOOD}\tx\n{GOOD.replace('train', 'x')}\n{GOOD.replace('s1', '')}\n"
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "seizures.tsv row 2", "seizures.tsv row 3 (seizure s1)", "seizures.tsv row 4",
    ]  # fmt: skip


def test_other_columns_of_seizures_are_labels(tmp_path):
    content = f"{HEADER}\tside\tage\tonset_region\n{GOOD}\tleft\t30\tfrontal\n"
    rows, problems = problems_of(tmp_path, content)
    assert problems == []
    assert rows[0].values["onset_region"] == "frontal"


def test_other_columns_of_recordings_are_refused_with_the_nearest_name(tmp_path):
    _, problems = problems_of(
        tmp_path, "recording_id\tpatient_id\tpath\tcamera\tviews\nr\tp\ta\tb\tc\n", RECORDINGS
    )
    assert "unknown column 'camera'." in problems[0]
    assert "Allowed: recording_id, patient_id" in problems[0]
    assert "unknown column 'views': did you mean view?" in problems[1]


def test_repeated_ids_name_the_first_row(tmp_path):
    _, problems = problems_of(tmp_path, "patient_id\np1\np2\np1\n", PATIENTS)
    assert problems == [
        "patients.tsv row 4 (patient p1): patient_id must be unique, but row 2 has it too. "
        "Delete or rename one of the rows."
    ]


@pytest.mark.parametrize(("column", "cell"), [("depth_offset_seconds", "1.2.3"), ("start_datetime", "14:00")])
def test_cells_of_other_kinds_are_refused(tmp_path, column, cell):
    content = f"recording_id\tpatient_id\tpath\t{column}\nr\tp\ta\t{cell}\n"
    _, problems = problems_of(tmp_path, content, RECORDINGS)
    assert f"(recording r): {column} must be a" in problems[0]
    assert len(problems) == 1


def test_whole_numbers_are_whole(tmp_path):
    header = "\t".join([*PREDICTIONS.names, "y_score_a"])
    _, problems = problems_of(tmp_path, f"{header}\n0.5\tclip\ts\tr\tp\t0\t1\tn/a\t0.5\n", PREDICTIONS)
    assert problems == [
        "predictions.tsv row 2 (event s): fold must be a whole number, got '0.5'. Correct the cell."
    ]


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert "must exist, but does not" in str(read_table(tmp_path / "seizures.tsv", SEIZURES)[1][0])
    (tmp_path / "patients.tsv").mkdir()
    assert "must be a file that can be read" in str(read_table(tmp_path / "patients.tsv", PATIENTS)[1][0])


def test_umlauts_are_compared_in_one_form(tmp_path):
    rows, _ = problems_of(tmp_path, "patient_id\tort\nMu\u0308ller\tKo\u0308ln\n", PATIENTS)
    assert rows[0].values == {"patient_id": "Müller", "ort": "Köln"}


@pytest.mark.parametrize("name", ["", ".hidden", "-x", "a b", "a/b", "a\\b", "..", "a:b", "a,b"])
def test_ids_that_would_be_trouble_are_refused(name):
    with pytest.raises(ValueError, match=r"must be letters, digits, - _ and . only"):
        check_id(name)


@given(st.sampled_from(SEIZURES.names), st.data())
def test_one_slip_in_a_name_is_noticed(name, data):
    place = data.draw(st.integers(0, len(name) - 2))
    swapped = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    assert misspelt(swapped, SEIZURES.names) is not None
    assert misspelt(name[:place] + name[place + 1 :], SEIZURES.names) is not None
    assert misspelt(name.upper(), SEIZURES.names) == name


def test_problems_say_where():
    problem = Problem(severity="error", file="seizures.tsv", row=14, subject="seizure sz-031", message="No.")
    assert str(problem) == "seizures.tsv row 14 (seizure sz-031): No."
    assert str(Problem(severity="error", file="a.tsv", message="No.")) == "a.tsv: No."
