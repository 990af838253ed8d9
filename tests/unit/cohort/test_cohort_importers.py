"""Annotation tables as they come."""

from datetime import datetime, time, timedelta

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.cohort import import_table, read_cohort
from semioscope.cohort.columns import FIELDS, SYNONYMS, guess_mapping, plain
from semioscope.cohort.sources import cell_text, read_source, sniff_delimiter
from semioscope.core.errors import CohortError, ConfigError

GERMAN = (
    "Pat.-Nr.;Name;Anfall;Videodatei;Kamera;Beginn;Klonischer Beginn;Ende;Anfallstyp;Seite\n"
    "1;Meier;1;videos/a.mp4;groß;10,5;00:00:30;1:05;TCS;links\n"
    "1;Meier;2;videos/b.mp4;groß;5;k.A.;25,25;FOS;-\n"
    "2;Müller;1;videos/c.mp4;groß;7;;0:00:27;FOS;rechts\n"
)


@pytest.fixture
def source(tmp_path):
    """Write a source table."""

    def written(content, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return written


@pytest.fixture
def spreadsheet(tmp_path):
    def written(rows, formats=None, title="Anfälle"):
        book = openpyxl.Workbook()
        book.active.title = title
        for row in rows:
            book.active.append(row)
        for cell, number_format in (formats or {}).items():
            book.active[cell].number_format = number_format
        book.create_sheet("notes")
        path = tmp_path / "table.xlsx"
        book.save(path)
        return path

    return written


def test_a_german_table_becomes_a_cohort(source, tmp_path):
    result = import_table(source(GERMAN), tmp_path / "cohort")
    cohort = read_cohort(tmp_path / "cohort")
    assert result.written
    assert [patient.patient_id for patient in cohort.patients] == ["1", "2"]
    assert {name: recording.path for name, recording in cohort.recordings.items()} == {
        "a": "videos/a.mp4", "b": "videos/b.mp4", "c": "videos/c.mp4",
    }  # fmt: skip
    assert [seizure.seizure_id for seizure in cohort.seizures] == ["1-1", "1-2", "2-1"]
    first = cohort.seizures[0]
    view = first.views[0]
    assert (view.onset_seconds, view.clonic_onset_seconds, view.offset_seconds) == (10.5, 30, 65)
    assert first.labels == {"seizure_type": "TCS", "side": "links"}
    assert cohort.seizures[1].labels == {"seizure_type": "FOS"}
    assert "Meier" not in "".join(path.read_text() for path in (tmp_path / "cohort").glob("*.tsv"))
    assert result.left_out == ("Name",)
    assert any("may name a person: Name" in note for note in result.notes)
    assert any("the patient_id was put before them" in note for note in result.notes)


@pytest.mark.parametrize(
    ("delimiter", "encoding", "ends"),
    [(";", "utf-8-sig", "\r\n"), ("\t", "utf-16", "\r\n"), ("|", "cp1252", "\n"), ("\t", "utf-8", "\r")],
)
def test_the_dialect_does_not_matter(source, tmp_path, delimiter, encoding, ends):
    text = GERMAN.replace(";", delimiter).replace("\n", ends)
    import_table(source(text, encoding=encoding), tmp_path / "one")
    import_table(source(GERMAN), tmp_path / "two")
    assert read_cohort(tmp_path / "one").hash == read_cohort(tmp_path / "two").hash


@settings(max_examples=50)
@given(
    st.sampled_from(";,\t|"), st.lists(st.lists(st.sampled_from("ab1"), min_size=3, max_size=3), min_size=2)
)
def test_the_delimiter_is_found(delimiter, rows):
    assert sniff_delimiter("\n".join(delimiter.join(row) for row in rows)) == delimiter


def test_commas_separate_where_points_are_decimal(source, tmp_path):
    text = "patient,file,start,end,type\np1,a.mp4,1.5,20,FOS\n"
    import_table(source(text), tmp_path / "cohort")
    assert read_cohort(tmp_path / "cohort").seizures[0].views[0].onset_seconds == 1.5


def test_a_spreadsheet_with_every_kind_of_time(spreadsheet, tmp_path):
    path = spreadsheet(
        [
            ["Patient", "Video", "Videostart", "Beginn", "Ende", "Typ"],
            ["p1", "a.mp4", datetime(2026, 3, 1, 14), time(0, 1, 15), timedelta(seconds=95.5), "TCS"],
            ["p1", "a.mp4", datetime(2026, 3, 1, 14), 10, 40.25, "FOS"],
            [
                "p2",
                "b.mp4",
                "01.03.2026 14:00:00",
                datetime(2026, 3, 1, 14, 0, 10),
                "01.03.2026 14:01:00",
                "FOS",
            ],
            ["p2", "b.mp4", "01.03.2026 14:00:00", "0:02:00", "2:30,5", "FOS"],
        ],
        formats={"D2": "hh:mm:ss"},
    )
    result = import_table(path, tmp_path / "cohort")
    views = [seizure.views[0] for seizure in read_cohort(tmp_path / "cohort").seizures]
    assert [(view.onset_seconds, view.offset_seconds) for view in views] == [
        (75, 95.5), (10, 40.25), (10, 60), (120, 150.5),
    ]  # fmt: skip
    assert read_cohort(tmp_path / "cohort").recordings["a"].start_datetime == datetime(2026, 3, 1, 14)
    assert any("read sheet 'Anfälle'; other sheets: notes" in note for note in result.notes)
    assert [seizure.seizure_id for seizure in read_cohort(tmp_path / "cohort").seizures] == [
        "p1-s01", "p1-s02", "p2-s01", "p2-s02",
    ]  # fmt: skip


def test_hours_that_may_be_minutes_are_pointed_out(spreadsheet, tmp_path):
    path = spreadsheet(
        [["patient", "video", "onset", "offset"], ["p", "a.mp4", time(1, 15), time(1, 16)]],
        formats={"C2": "h:mm", "D2": "h:mm:ss"},
    )
    result = import_table(path, tmp_path / "cohort", preview=True)
    notes = [note for note in result.notes if "hours and minutes" in note]
    assert len(notes) == 1
    assert notes[0].startswith("column onset shows")


def test_clock_times_are_written_as_seconds_per_recording(write, source):
    folder = write(seizures=None)
    text = "recording;onset_clock;Uhrzeit Ende;type\nr1-large, r1-small;14:00:10;14:01:00;TCS\n"
    import_table(source(text), folder)
    (seizure,) = read_cohort(folder).seizures
    assert [(view.onset_seconds, view.offset_seconds) for view in seizure.views] == [(10, 60), (10, 60)]
    assert "r1-large r1-small\t10.0\tn/a\t60.0" in (folder / "seizures.tsv").read_text()


def test_recordings_that_are_there_stay(write, source):
    folder = write(seizures="seizure_id\trecording_id\tonset\toffset\n")
    before = read_cohort_tables(folder)
    import_table(source("patient,onset,duration,seizure_type\np2,1,30,FOS\np3,2,30,TCS\n"), folder)
    assert read_cohort_tables(folder) == before
    cohort = read_cohort(folder)
    assert [seizure.views[0].recording_id for seizure in cohort.seizures] == ["r2", "r3"]
    assert cohort.seizures[0].views[0].offset_seconds == 31


def read_cohort_tables(folder):
    from semioscope.cohort.reading import read_tables

    tables = read_tables(folder)
    return tables.patients, tables.recordings


def test_labels_of_patients_and_dropped_columns(source, tmp_path):
    text = "patient,video,onset,offset,Syndrom,Kommentar,Rater\np1,a.mp4,1,20,FLE,x,anna\np1,a.mp4,30,50,FLE,y,anna\n"
    import_table(source(text), tmp_path / "c", mapping={"patients.syndrome": "syndrom"}, drop=["Kommentar"])
    cohort = read_cohort(tmp_path / "c")
    assert cohort.patients[0].labels == {"syndrome": "FLE"}
    assert cohort.seizures[0].labels == {}
    assert {row.annotator for row in cohort.annotations} == {"anna"}


def test_views_of_one_file_are_recordings_of_their_own(source, tmp_path):
    text = (
        "patient,seizure,video,view,region,onset,offset,use\n"
        "p1,1,a.mp4,large,n/a,1,20,ja\np1,1,a.mp4,small,0 0 0.4 0.4,1,20,evaluate\np1,2,a.mp4,small,,30,50,nein\n"
    )
    import_table(source(text), tmp_path / "c", annotator="ben")
    cohort = read_cohort(tmp_path / "c")
    assert list(cohort.recordings) == ["a", "a-small"]
    assert [view.use for view in cohort.seizures[0].views] == ["train", "evaluate"]
    assert cohort.seizures[1].views[0].recording_id == "a-small"
    assert cohort.annotations[0].annotator == "ben"


def test_ids_become_ids(source, tmp_path):
    text = "patient,video,onset,offset\nPat 1,Anfall 3 (neu).mp4,1,20\n"
    result = import_table(source(text), tmp_path / "c")
    cohort = read_cohort(tmp_path / "c")
    assert cohort.patients[0].patient_id == "Pat-1"
    assert list(cohort.recordings) == ["Anfall-3-neu"]
    assert any("'Pat 1' -> Pat-1" in note for note in result.notes)


def test_paths_are_found_beside_the_table(source, tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(b"x")
    text = f"patient,video,onset,offset\np,clips\\a.mp4,1,20\np,{tmp_path / 'clips' / 'b.mp4'},1,20\np,c.mp4,1,20\n"
    import_table(source(text), tmp_path / "cohort")
    cohort = read_cohort(tmp_path / "cohort")
    assert [recording.path for recording in cohort.recordings.values()] == [
        "../clips/a.mp4",
        "../clips/b.mp4",
        "c.mp4",
    ]


def test_a_preview_writes_nothing(source, tmp_path):
    result = import_table(source(GERMAN), tmp_path / "cohort", preview=True)
    assert not (tmp_path / "cohort").exists()
    assert not result.written
    text = result.preview(num_rows=1)
    for line in ("  Beginn -> onset", "  Name is left out", "seizures.tsv, 3 rows:", "patients.tsv, 2 rows:"):
        assert line in text.splitlines()
    assert (
        "1-1         a             10.5   30.0          65.0    train  n/a        TCS           links" in text
    )
    assert "1-2" not in text


def test_seizures_are_not_overwritten_without_force(folder, source):
    before = (folder / "seizures.tsv").read_bytes()
    table = source("recording,onset,offset\nr2,1,20\n")
    with pytest.raises(
        CohortError, match=r"seizures.tsv of cohort cohort must have no rows yet, but has 4.*--force"
    ):
        import_table(table, folder)
    assert (folder / "seizures.tsv").read_bytes() == before
    import_table(table, folder, force=True)
    assert len(read_cohort(folder).seizures) == 1


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "patient,video,onset,clonic,offset,type\n"
            "p,a.mp4,10,5,20,TCS\np,a.mp4,soon,,20,TCS\np,a.mp4,30,,20,TCS\np,a.mp4,,,20,TCS\n,b.mp4,1,,20,TCS\n",
            [
                r"has 5 problems",
                r"table.csv row 2 \(seizure p-s01\): clonic_onset 5.0 must lie between onset 10.0 and offset 20.0",
                r"row 3 \(seizure p-s02\): onset must be a time such as 75.2 .*, got 'soon'",
                r"row 4 \(seizure p-s03\): offset 20.0 must come after onset 30.0",
                r"row 5 \(seizure p-s04\): onset must not be missing",
                r"row 6: recording b must be in recordings.tsv, or the row must have a patient_id",
            ],
        ),
        ("patient,onset\np,1\n", ["no column was recognised as offset; columns: patient, onset.*--map offset=COL"]),
        ("onset,offset\n1,2\n", [r"no column was recognised as recording_id \(or path, or patient_id\)"]),
        ("patient,onset,offset\np,1,2\n", ["row 2: must say which recording .* patient p has no recording"]),
        ("patient,video,onset,onset_clock,offset\np,a,1,14:00,2\n", ["must have one column for onset or onset_c"]),
        ("patient,video,onset,duration\np,a,1,x\n", ["duration must be a time such as 75.2"]),
        ("patient,video,onset_clock,offset\np,a,14:00,2\n", ["onset_clock is the clock time '14:00', which needs"]),
        ("patient,video,onset,offset,start_datetime\np,a,1,2,today\n", ["start_datetime must be a date and time"]),
        ("patient,video,onset,offset,use\np,a,1,2,perhaps\n", ["use must be train or evaluate or no, got 'perhaps'"]),
        ("patient,video,onset,offset,region\np,a,1,2,left\n", ["table.csv row 2 .*region: A region needs four"]),
        (
            "patient,recording,view,onset,offset\np,a,large,1,2\np,a,small,3,4\nq,a,large,3,4\n",
            ["row 3: view of recording a must be the same in every row, got 'small' after 'large'",
             "row 4: patient_id of recording a must be the same in every row, got 'q' after 'p'"],
        ),
        (
            "patient,seizure,video,onset,offset,type\np,1,a,1,2,TCS\np,1,b,1,2,FOS\n",
            ["table.csv row 3 .*seizure_type must agree over the rows of one seizure"],
        ),
    ],
)  # fmt: skip
def test_faults_are_said_row_by_row_and_nothing_is_written(source, tmp_path, text, messages):
    for message in messages:
        with pytest.raises(CohortError, match=message):
            import_table(source(text), tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()


def test_labels_of_one_patient_agree(source, tmp_path):
    text = "patient,video,onset,offset,s\np,a,1,2,FLE\np,a,3,4,TLE\n"
    with pytest.raises(CohortError, match=r"row 3: s of patient p must be the same .* got 'TLE' after 'FLE'"):
        import_table(source(text), tmp_path / "cohort", mapping={"patients.s": "s"})


def test_an_import_into_a_broken_cohort_is_refused(write, source):
    folder = write(patients="patient_id\np1\np1\n", seizures=None)
    with pytest.raises(CohortError, match=r"must be in order before an import:\npatients.tsv row 3"):
        import_table(source("recording,onset,offset\nr2,1,20\n"), folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xls", b"x", "must be .xlsx, .csv or .tsv, got .xls. Save the table as .xlsx"),
        ("t.xlsx", b"x", "must be a spreadsheet that can be opened"),
        ("t.csv", b"", "must have a header and at least one row, but has nothing"),
        ("t.csv", b"a,b\n", "must have a header and at least one row, but has a header only"),
        ("t.csv", b"a,b,a\n1,2,3\n", "t.csv row 1: column 'a' must occur once"),
        ("t.csv", b"a\0b", "must be a table of text, but holds zero bytes"),
    ],
)
def test_what_cannot_be_read_is_named(source, name, content, message):
    with pytest.raises(CohortError, match=message):
        read_source(source(content, name))


def test_missing_sources_and_sheets_are_named(spreadsheet, tmp_path):
    with pytest.raises(CohortError, match=r"none.csv must be an annotation table, but does not exist"):
        read_source(tmp_path / "none.csv")
    with pytest.raises(CohortError, match="must be an annotation table, but is a folder"):
        read_source(tmp_path)
    with pytest.raises(CohortError, match=r"Unknown sheet 'nots'. Did you mean notes"):
        read_source(spreadsheet([["a"], ["b"]]), sheet="nots")
    with pytest.raises(CohortError, match="must have a header and at least one row"):
        read_source(spreadsheet([["a"], ["b"]]), sheet="notes")


@pytest.mark.parametrize("target", SYNONYMS)
def test_every_synonym_is_recognised(target):
    for word in SYNONYMS[target]:
        assert guess_mapping([word.upper()], given={}).targets == {word.upper(): target}


def test_synonyms_are_of_one_target():
    words = [plain(word) for options in SYNONYMS.values() for word in options]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("name", FIELDS)
def test_fields_mean_themselves(name):
    assert guess_mapping([name, "other"], given={}).targets == {name: name, "other": "other"}


def test_what_the_user_says_goes_first():
    meanings = guess_mapping(["Beginn", "Start", "Name"], given={"onset": "Start", "code": "name"})
    assert meanings.targets == {"Start": "onset", "Name": "code", "Beginn": "beginn"}
    assert meanings.personal == ()


def test_wrong_mappings_are_named():
    with pytest.raises(
        ConfigError, match=r"The table has no column 'Begin'. Did you mean Beginn\? Its columns: Beginn"
    ):
        guess_mapping(["Beginn", "Ende"], given={"onset": "Begin"})
    with pytest.raises(ConfigError, match="Column 'Beginn' must have one target, got onset and offset"):
        guess_mapping(["Beginn"], given={"onset": "Beginn", "offset": "beginn"})
    with pytest.raises(ConfigError, match="Two columns would become foo: 'FOO' is one"):
        guess_mapping(["foo (s)", "FOO"], given={})


@given(st.integers(0, 86399), st.integers(0, 999))
def test_spreadsheet_times_are_their_seconds(seconds, milliseconds):
    length = timedelta(seconds=seconds, milliseconds=milliseconds)
    clock = (datetime(2000, 1, 1) + length).time()
    from semioscope.core.times import parse_seconds

    assert parse_seconds(cell_text(clock)) == parse_seconds(cell_text(length)) == length.total_seconds()


def test_lengths_of_a_day_and_more_are_lengths():
    assert cell_text(datetime(1899, 12, 31, 1, 0)) == "25:00:00"
    assert cell_text(timedelta(seconds=-5)) == "-5.0"
    assert cell_text(datetime(2026, 3, 1).date()) == "2026-03-01"
    assert cell_text(2.5) == "2.5"
