"""The public layout of features: a set that is written by hand, its faults one by one, and the cohort of it."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from semioscope.cohort import events_of, read_cohort, read_task
from semioscope.core.errors import CohortError, StoreError
from semioscope.features import (
    BackboneChoice,
    FeatureStore,
    import_gestures_features,
    import_warnings,
    load_features,
    lost_views,
    make_feature_cohort,
    plan_extraction,
    read_imported,
)
from semioscope.features import gestures_import as importer
from semioscope.features.gestures_files import look_at_views, vector_files, view_files
from semioscope.features.gestures_match import plain_id
from semioscope.plans import ClipPlan
from semioscope.synthetic import is_synthetic, plan_feature_set, write_feature_set

HEADER = ",Subject,Seizure,OnsetClonic,GTCS,Discard\n"
ROWS = "0,061,05,,No,No\n1,061,06,1.5,Yes,Large\n2,007,01,0:00:02,Yes,Yes\n3,321,14,99,Yes,Small\n"
NAMES = ("061_05", "061_06", "007_01", "321_14")
NUM = 40
PLAN = ClipPlan(fps=15, frames_per_clip=8, stride=1)


def vectors(name, number=NUM):
    rng = np.random.default_rng([ord(sign) for sign in name])
    return rng.random((number, 512), dtype=np.float32)


def write_view(root, name, numbers, *, first=0):
    folder = root / "features_fpc_8_fps_15" / name
    folder.mkdir(parents=True)
    for index, vector in enumerate(numbers, first):
        torch.save(torch.from_numpy(vector.copy()), folder / f"{index:05d}.pth")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    root = tmp_path_factory.mktemp("set") / "dataset"
    for name in NAMES:
        for letter in "LS":
            write_view(root, f"{name}_{letter}", vectors(f"{name}_{letter}"))
    (root / "seizures.csv").write_text(HEADER + ROWS)
    return root


@pytest.fixture
def copy(published, tmp_path):
    """A set that a test may break."""
    return shutil.copytree(published, tmp_path / "set", copy_function=shutil.copyfile)


def features_of(root, name):
    return root / "features_fpc_8_fps_15" / name


def run(source, folder, **options):
    return import_gestures_features(source, folder, **options)


def counts(done):
    return {name: number for name, number, _ in done.steps}


def refused(source, tmp_path, words, **options):
    """The set is refused with these words, and no cohort is left."""
    with pytest.raises(CohortError, match=words) as caught:
        run(source, tmp_path / "cohort", **options)
    assert not list((tmp_path / "cohort").glob("*.tsv"))
    return str(caught.value)


@pytest.fixture(scope="module")
def done(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    return run(published, folder), read_cohort(folder)


class TestCohort:
    def test_patients_views_times_and_classes(self, done):
        _, cohort = done
        assert [patient.patient_id for patient in cohort.patients] == ["007", "061", "321"]
        assert [recording.view for recording in cohort.recordings.values()] == ["large", "small"] * 4
        assert all(recording.path is None for recording in cohort.recordings.values())
        seizures = {seizure.seizure_id: seizure for seizure in cohort.seizures}
        labels = {name: seizure.labels["seizure_type"] for name, seizure in seizures.items()}
        assert labels == {"007_01": "TCS", "061_05": "FOS", "061_06": "TCS", "321_14": "TCS"}
        for seizure in seizures.values():
            for view in seizure.views:
                assert view.onset_seconds == 0
                assert view.offset_seconds == pytest.approx((NUM - 1) / 15 + 8 / 15)
        clonic = {name: seizure.views[0].clonic_onset_seconds for name, seizure in seizures.items()}
        assert clonic == {"007_01": 2.0, "061_05": None, "061_06": 1.5, "321_14": None}

    def test_what_is_discarded_is_not_trained_on(self, done):
        _, cohort = done
        use = {seizure.seizure_id: [view.use for view in seizure.views] for seizure in cohort.seizures}
        assert use == {
            "007_01": ["no", "no"],
            "061_05": ["train", "train"],
            "061_06": ["evaluate", "train"],
            "321_14": ["train", "evaluate"],
        }

    def test_the_vectors_are_those_of_the_files(self, done):
        result, cohort = done
        events = events_of(cohort, read_task("fos-vs-tcs")).events
        plan = plan_extraction(
            cohort,
            events,
            PLAN,
            backbone=BackboneChoice(name="r2plus1d_34_8"),
            store=FeatureStore(result.store),
        )
        assert plan.failures == ()
        assert len(plan.events) == 6
        for clips in plan.events:
            found = load_features(plan.store, clips, PLAN)
            assert np.array_equal(found.features[:, 0], vectors(clips.recording_id))

    def test_counts_and_warnings_are_told(self, done):
        text = done[0].describe()
        lines = [" ".join(line.split()) for line in text.splitlines()]
        assert "rows of the csv 4" in lines
        assert "of these, not discarded in both views 0 183" in lines
        assert "does not for 321_14 (99). They stay tonic-clonic" in text
        assert "cannot take part in clip-level scores" in text
        assert not is_synthetic(done[0].folder)
        assert next(iter(read_imported(done[0].folder).values()))[0].source == "doi:10.5522/04/14781771"

    def test_from_one_level_above_and_again_gives_the_same(self, done, published, tmp_path):
        folder = tmp_path / "again"
        for _ in range(2):
            run(published.parent, folder)
        for table in ("patients", "recordings", "seizures", "features"):
            assert (folder / f"{table}.tsv").read_bytes() == (done[0].folder / f"{table}.tsv").read_bytes()

    def test_counts_of_a_set_of_15_s(self, copy, tmp_path):
        for name in ("061_05", "061_06"):
            for letter in "LS":
                shutil.rmtree(features_of(copy, f"{name}_{letter}"))
                write_view(copy, f"{name}_{letter}", vectors(name, 219 if name == "061_05" else 217))
        steps = counts(run(copy, tmp_path / "c"))
        assert steps["seizures of 15 s or more"] == 1
        assert (steps["of these, focal (FOS)"], steps["of these, tonic-clonic (TCS)"], steps["patients"]) == (
            1,
            0,
            1,
        )


class TestAllowed:
    def test_one_view_only(self, copy, tmp_path):
        shutil.rmtree(features_of(copy, "061_05_S"))
        done = run(copy, tmp_path / "c")
        told = "seizures.csv row 2 (subject 061, seizure 05): has one view only (large, 40 vectors), as there is no"
        [warning] = [warning for warning in done.warnings if warning.startswith(told)]
        assert "folder 061_05_S. It is used with this view." in warning
        assert f"Warning: {warning}" in done.describe()
        assert warning in import_warnings(tmp_path / "c")
        assert done.num_left_out == 0
        assert "061_05_S" not in read_cohort(tmp_path / "c").recordings

    def test_views_that_differ_in_length(self, copy, tmp_path):
        (features_of(copy, "061_05_S") / f"{NUM - 1:05d}.pth").unlink()
        done = run(copy, tmp_path / "c")
        assert "seizure 061_05 differ in their vectors: 40 in large and 39 in small" in done.describe()
        views = read_cohort(tmp_path / "c").seizures[1].views
        assert [view.offset_seconds for view in views] == pytest.approx([47 / 15, 46 / 15])

    @pytest.mark.parametrize(("kept", "is_uneven"), [(36, False), (35, True), (3, True)])
    def test_a_view_much_shorter_than_the_other_is_a_warning_with_its_row(
        self, copy, tmp_path, kept, is_uneven
    ):
        for number in range(kept, NUM):
            (features_of(copy, "061_05_S") / f"{number:05d}.pth").unlink()
        done = run(copy, tmp_path / "c")
        told = (
            "seizures.csv row 2 (subject 061, seizure 05): should have views of about the same length, but of "
            f"vectors it has 40 in large and {kept} in small, as after an interrupted unpacking."
        )
        assert any(warning.startswith(told) for warning in import_warnings(tmp_path / "c")) == is_uneven
        assert any(f"40 in large and {kept} in small" in note for note in done.notes) != is_uneven
        assert done.num_left_out == 0

    def test_numbers_that_are_not_finite(self, copy, tmp_path):
        bad = vectors("x", 1)[0]
        bad[3] = np.inf
        torch.save(torch.from_numpy(bad), features_of(copy, "061_05_L") / "00004.pth")
        done = run(copy, tmp_path / "c")
        assert "Note: 1 vectors of 061_05_L hold NaN; these clips count as missing." in done.describe()
        [entry] = read_imported(tmp_path / "c")["061_05_L"]
        block = FeatureStore(done.store).read_block(entry.key, 0)
        assert np.flatnonzero(block.num_missing_frames).tolist() == [4]
        assert np.isnan(block.features[4]).all()

    def test_a_discarded_row_without_folders(self, copy, tmp_path):
        for letter in "LS":
            shutil.rmtree(features_of(copy, f"007_01_{letter}"))
        done = run(copy, tmp_path / "c")
        assert "Seizure 007_01 is discarded and has no folder; it is left out." in done.describe()

    def test_a_column_in_front_may_be_absent_and_others_do_not_count(self, copy, tmp_path):
        (copy / "seizures.csv").write_text(
            "\ufeffSubject,Seizure,Age,OnsetClonic,GTCS,Discard\r\n061,05,30,nan,,no\r\n"
            "061,06,3,1.5,1.0,LARGE\r\n007,01,3,2,true,Yes\r\n321,14,4,2,TRUE,Small\r\n\r\n"
        )
        assert counts(run(copy, tmp_path / "c"))["rows of the csv"] == 4

    def test_other_tables_are_kept_unless_forced(self, copy, tmp_path):
        run(copy, tmp_path / "c")
        table = tmp_path / "c" / "seizures.tsv"
        before = table.read_text()
        table.write_text(before.replace("\t2.0\t", "\t1.0\t"))
        with pytest.raises(CohortError, match=r"but seizures.tsv holds others. Give --force to replace them"):
            run(copy, tmp_path / "c")
        run(copy, tmp_path / "c", force=True)
        assert table.read_text() == before

    def test_an_interrupted_import_can_be_given_again(self, copy, tmp_path, monkeypatch):
        store = importer.store_imported
        calls = []

        def stop(*given, **options):
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return store(*given, **options)

        monkeypatch.setattr(importer, "store_imported", stop)
        with pytest.raises(KeyboardInterrupt):
            run(copy, tmp_path / "cohort")
        assert not list((tmp_path / "cohort").glob("*.tsv"))
        run(copy, tmp_path / "cohort")
        assert len(read_cohort(tmp_path / "cohort").recordings) == 8


class TestLeftOutOrTaken:
    """One bad row or view does not lose the rest: it is told, and the import goes on."""

    @pytest.mark.parametrize(
        ("before", "after", "words", "seizure", "label"),
        [
            ("1.5,Yes", "1.5,No", "row 3 (subject 061, seizure 06): OnsetClonic", "061_06", "TCS"),
            (",,No,No", ",,Yes,No", "row 2 (subject 061, seizure 05): OnsetClonic", "061_05", "FOS"),
        ],
    )
    def test_a_contradiction_is_told_with_what_was_taken(
        self, copy, tmp_path, before, after, words, seizure, label
    ):
        change_csv(copy, before, after)
        done = run(copy, tmp_path / "c")
        [told] = [warning for warning in done.warnings if words in warning]
        assert told.startswith("seizures.csv ")
        assert f"GTCS is '{after.split(',')[-2 if label == 'FOS' else -1]}'" in told
        assert f"({label})" in told
        assert f"Warning: {told}" in done.describe()
        labels = {one.seizure_id: one.labels["seizure_type"] for one in read_cohort(tmp_path / "c").seizures}
        assert labels == {"007_01": "TCS", "061_05": "FOS", "061_06": "TCS", "321_14": "TCS"}
        assert done.num_left_out == 0

    def test_a_view_with_a_gap_is_left_out_and_its_other_view_stays(self, done, copy, tmp_path):
        (features_of(copy, "061_06_S") / "00007.pth").unlink()
        found = run(copy, tmp_path / "c")
        [told] = [warning for warning in found.warnings if "061_06_S" in warning]
        assert told.startswith(
            "seizures.csv row 3 (subject 061, seizure 06): 061_06_S must hold one .pth file per start"
        )
        assert (
            "but 00007.pth is missing beside 00000.pth to 00039.pth. The view is left out; the other" in told
        )
        assert "Unpack the data set again" in told
        assert found.num_left_out == 1
        assert lost_views(tmp_path / "c") == ("061_06_S",)
        cohort, whole = read_cohort(tmp_path / "c"), done[1]
        assert set(whole.recordings) - set(cohort.recordings) == {"061_06_S"}
        assert [one.seizure_id for one in cohort.seizures] == [one.seizure_id for one in whole.seizures]
        for name, entries in read_imported(tmp_path / "c").items():
            assert entries == read_imported(done[0].folder)[name]

    def test_a_seizure_without_a_whole_view_is_skipped_and_listed(self, copy, tmp_path):
        for letter in "LS":
            (features_of(copy, f"321_14_{letter}") / "00000.pth").unlink()
            (features_of(copy, f"321_14_{letter}") / "00001.pth").unlink()
        found = run(copy, tmp_path / "c")
        told = [warning for warning in found.warnings if "321_14" in warning]
        assert len(told) == 2
        for warning in told:
            assert "00001.pth is missing" in warning or "00000.pth, 00001.pth are missing" in warning
            assert "and the seizure with it, as it has no other whole view" in warning
        cohort = read_cohort(tmp_path / "c")
        assert {one.seizure_id for one in cohort.seizures} == {"061_05", "061_06", "007_01"}
        assert "321" not in {patient.patient_id for patient in cohort.patients}

    def test_the_only_view_with_a_gap(self, copy, tmp_path):
        shutil.rmtree(features_of(copy, "061_05_L"))
        (features_of(copy, "061_05_S") / "00007.pth").unlink()
        found = run(copy, tmp_path / "c")
        assert counts(found)["views"] == 6
        assert sum("no other whole view" in warning for warning in found.warnings) == 1

    def test_a_stray_file_far_behind_the_last(self, copy, tmp_path):
        torch.save(torch.zeros(512), features_of(copy, "061_05_L") / "00043.pth")
        [told] = [warning for warning in run(copy, tmp_path / "c").warnings if "061_05_L" in warning]
        assert "but 00040.pth, 00041.pth, 00042.pth are missing beside 00000.pth to 00043.pth" in told

    def test_mended_and_imported_again(self, copy, tmp_path):
        path = features_of(copy, "061_06_S") / "00007.pth"
        content = path.read_bytes()
        path.unlink()
        run(copy, tmp_path / "c")
        path.write_bytes(content)
        found = run(copy, tmp_path / "c", force=True)
        assert found.num_left_out == 0
        assert lost_views(tmp_path / "c") == ()
        assert not (tmp_path / "c" / "failures.tsv").exists()
        assert "061_06_S" in read_cohort(tmp_path / "c").recordings

    def test_every_view_has_a_gap(self, copy, tmp_path):
        for name in NAMES:
            for letter in "LS":
                (features_of(copy, f"{name}_{letter}") / "00007.pth").unlink()
        text = refused(copy, tmp_path, "must have a seizure with a whole view, but no view is whole")
        assert text.startswith("seizures.csv row ")
        assert " 7 more views cannot be used either. Unpack the data set again. Nothing was imported" in text

    def test_a_gap_does_not_hide_other_faults(self, copy, tmp_path):
        """What no row fits stays refused, and may be skipped; a wrong vector elsewhere is told too."""
        change_csv(copy, "321,14", "322,14")
        (features_of(copy, "321_14_L") / "00007.pth").unlink()
        assert "321_14_L: must belong to a row" in refused(copy, tmp_path, "has 3 problems")
        assert run(copy, tmp_path / "skipped", skip_unmatched=True).num_left_out == 0
        torch.save(torch.zeros(511), features_of(copy, "061_05_S") / "00003.pth")
        assert run(copy, tmp_path / "both", skip_unmatched=True).num_left_out == 1


def remove_first(folder):
    (folder / "00000.pth").unlink()


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def twice(folder):
    shutil.copyfile(folder / "00003.pth", folder / "3.pth")


def cut_off(folder):
    path = folder / "00039.pth"
    path.write_bytes(path.read_bytes()[:700])


def holding(value):
    return lambda folder: torch.save(value, folder / "00039.pth")


BAD_VIEWS = {
    "the first is missing": (
        remove_first,
        "061_06_S must hold one .pth file per start frame, numbered from 0 as in other folders without a gap, "
        "but 00000.pth is missing beside 00001.pth to 00039.pth",
    ),
    "a gap": (lambda folder: (folder / "00038.pth").unlink(), "but 00038.pth is missing beside 00000.pth"),
    "empty": (empty, "061_06_S must hold one .pth file per start frame, but holds none"),
    "a number twice": (twice, "but two have the number 3"),
    "wrong length": (
        holding(torch.zeros(511)),
        "061_06_S/00039.pth must hold one tensor of 512 numbers, but holds 511",
    ),
    "no tensor": (
        holding({"x": torch.zeros(512)}),
        "061_06_S/00039.pth must hold one tensor of 512 numbers, but holds a",
    ),
    "cut off": (cut_off, "061_06_S/00039.pth must be a file of torch.save, but cannot be read"),
}


def stored_keys(folder):
    return {path.parent.name for path in folder.rglob("key.json")}


def listed_keys(folder):
    return {entry.key for entries in read_imported(folder).values() for entry in entries}


class TestBadViews:
    """Whatever is wrong with the files of one view: the view is left out, told with row and folder, and listed."""

    @pytest.mark.parametrize("how", BAD_VIEWS)
    def test_the_rest_stands_and_nothing_of_the_view_is_stored(self, done, copy, tmp_path, how):
        spoil, words = BAD_VIEWS[how]
        spoil(features_of(copy, "061_06_S"))
        folder = tmp_path / "c"
        found = run(copy, folder)
        [told] = [warning for warning in found.warnings if "061_06_S" in warning]
        assert told.startswith("seizures.csv row 3 (subject 061, seizure 06): 061_06_S")
        assert words in told
        assert "The view is left out; the other view of the seizure stays. Unpack the data set again" in told
        assert f"Warning: {told}" in found.describe()
        assert (found.num_left_out, lost_views(folder)) == (1, ("061_06_S",))
        assert told in (folder / "failures.tsv").read_text()
        assert import_warnings(folder) == found.warnings
        cohort, whole = read_cohort(folder), done[1]
        assert set(whole.recordings) - set(cohort.recordings) == {"061_06_S"}
        assert [one.seizure_id for one in cohort.seizures] == [one.seizure_id for one in whole.seizures]
        for name, entries in read_imported(folder).items():
            assert entries == read_imported(done[0].folder)[name]
        assert stored_keys(folder) == listed_keys(folder)
        assert counts(found)["views"] == 7
        assert not any("has one view only" in warning for warning in found.warnings)

    def test_a_seizure_whose_views_differ_in_their_faults_goes_with_them(self, copy, tmp_path):
        empty(features_of(copy, "321_14_L"))
        cut_off(features_of(copy, "321_14_S"))
        found = run(copy, tmp_path / "c")
        told = [warning for warning in found.warnings if "321_14_" in warning]
        assert len(told) == 2
        assert all("and the seizure with it, as it has no other whole view" in warning for warning in told)
        assert "321_14" not in {one.seizure_id for one in read_cohort(tmp_path / "c").seizures}
        assert stored_keys(tmp_path / "c") == listed_keys(tmp_path / "c")

    def test_a_set_of_other_vectors_is_refused_and_leaves_nothing(self, copy, tmp_path):
        for name in NAMES:
            for letter in "LS":
                holding(torch.zeros(511))(features_of(copy, f"{name}_{letter}"))
        text = refused(copy, tmp_path, "must have a seizure with a whole view, but no view is whole")
        assert text.count("must hold one tensor of 512 numbers, but holds 511") == 1
        assert " 7 more views cannot be used either." in text
        assert not (tmp_path / "cohort").exists()

    def test_tables_of_a_whole_set_are_kept_and_nothing_is_stored(self, copy, tmp_path):
        """The set lost a vector since, so other tables would be written: that is known before blocks are."""
        run(copy, tmp_path / "c")
        cut_off(features_of(copy, "061_06_S"))
        with pytest.raises(CohortError, match=r"holds others. Give --force to replace them"):
            run(copy, tmp_path / "c", store=tmp_path / "other")
        assert not (tmp_path / "other").exists()
        assert lost_views(tmp_path / "c") == ()
        assert run(copy, tmp_path / "c", force=True).num_left_out == 1

    def test_the_same_fault_again_gives_the_same_tables(self, copy, tmp_path):
        cut_off(features_of(copy, "061_06_S"))
        first = run(copy, tmp_path / "c")
        assert run(copy, tmp_path / "c") == first

    def test_a_folder_that_may_not_be_read(self, copy, tmp_path, monkeypatch):
        scan = os.scandir

        def refusing(path):
            if Path(path).name == "061_06_S":
                raise PermissionError(13, "Permission denied")
            return scan(path)

        monkeypatch.setattr(os, "scandir", refusing)
        found = run(copy, tmp_path / "c")
        assert any("061_06_S must be a folder that can be read: Permission" in one for one in found.warnings)


class TestImportWarnings:
    def test_a_cohort_that_was_not_imported_has_none(self, tmp_path):
        assert import_warnings(tmp_path) == ()

    def test_none_replace_those_of_an_import_before(self, copy, tmp_path):
        change_csv(copy, ",99,", ",2,")
        change_csv(copy, ",,No,No", ",,Yes,No")
        assert len(run(copy, tmp_path / "c").warnings) == len(import_warnings(tmp_path / "c")) == 1
        change_csv(copy, ",,Yes,No", ",,No,No")
        run(copy, tmp_path / "c")
        assert import_warnings(tmp_path / "c") == ()

    @pytest.mark.parametrize("content", ["[]", '{"warnings": "one"}', '{"warnings": [1]}'])
    def test_another_file_of_that_name(self, tmp_path, content):
        (tmp_path / "import.json").write_text(content)
        with pytest.raises(CohortError, match="must hold a list of texts under warnings"):
            import_warnings(tmp_path)


def change_csv(root, before, after):
    path = root / "seizures.csv"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


class TestRefused:
    @pytest.mark.parametrize(
        ("before", "after", "words"),
        [
            ("No,No", "No,Larg", r"row 2 \(subject 061.*\): Discard must be .* got 'Larg'. Did you mean Large"),
            ("No,No", "No,", r"row 2 \(subject 061, seizure 05\): Discard must be No, Yes, Large or Small, got ''"),
            (",,No,No", ",,perhaps,No", r"row 2 .*GTCS must be Yes, No, True, False, 1 or 0, got 'perhaps'"),
            ("061,05", "61,5", r"row 2 \(subject 61, seizure 5\): .* folder 061_05_L or 061_05_S probably belongs"),
            ("007,01", "061,05", r"row 4 \(subject 061, .*\): Subject .* must occur once, but row 2 has them too"),
            ("061,05", "062,05", r"row 2 \(subject 062, seizure 05\): must have a folder 062_05_L or 062_05_S"),
            ("061,05", "06 1,05", r"Subject must be letters, digits"),
            ("0,061,05,,No,No", "0,061,05,,No", r"row 2: must have 6 cells as the header has, got 5"),
            ("OnsetClonic", "Onset", r"lacks OnsetClonic; its header is ,Subject,Seizure,Onset,GTCS"),
        ],
    )  # fmt: skip
    def test_rows(self, copy, tmp_path, before, after, words):
        change_csv(copy, before, after)
        refused(copy, tmp_path, words)

    def test_all_problems_at_once(self, copy, tmp_path):
        change_csv(copy, "No,No", "No,Larg")
        change_csv(copy, "321,14", "322,14")
        shutil.rmtree(features_of(copy, "061_06_L"))
        (features_of(copy, "007_01_S") / "00007.pth").unlink()
        change_csv(copy, "1.5,Yes", "1.5,No")
        text = refused(copy, tmp_path, "has 4 problems")
        assert "features_fpc_8_fps_15/321_14_L: must belong to a row (SUBJECT_SEIZURE_L or _S)" in text
        errors, warnings = text.split("\nWarning: ", 1)
        assert errors.count("\n") == 4
        assert (
            "row 3 (subject 061, seizure 06): OnsetClonic must stand there just when GTCS says tonic-clonic"
            in warnings
        )
        assert (
            "row 4 (subject 007, seizure 01): 007_01_S must hold one .pth file per start frame, numbered"
            in warnings
        )

    def test_unmatched_rows_and_folders_can_be_left_out(self, copy, tmp_path):
        change_csv(copy, "321,14", "322,14")
        done = run(copy, tmp_path / "c", skip_unmatched=True)
        assert done.describe().count("Warning: left out: ") == 3
        assert "321" not in {patient.patient_id for patient in read_cohort(tmp_path / "c").patients}

    NEAR = (
        ("0,061,05", "0,61,5"),
        ("0,061,05", '0,61.0,"5,0"'),
        ("0,061,05", "0,0 61, 05"),
        ("0,061,05", "0,'061,05"),
        ("0,061,05", "0,0061,5.00"),
        (
            "2,007,01,0:00:02,Yes,Yes",
            "2,7,1,0:00:02,Yes,Yes",
        ),  # a row that is discarded lost them all the same
    )

    @pytest.mark.parametrize("skip_unmatched", [False, True])
    @pytest.mark.parametrize(("before", "after"), NEAR)
    def test_a_row_that_a_spreadsheet_changed_is_refused_also_where_others_are_skipped(
        self, copy, tmp_path, before, after, skip_unmatched
    ):
        change_csv(copy, before, after)
        subject, seizure = before.split(",")[1:3]
        words = f"the folder {subject}_{seizure}_L or {subject}_{seizure}_S probably belongs to it. Write {subject} "
        text = refused(copy, tmp_path, words, skip_unmatched=skip_unmatched)
        [told] = [line for line in text.splitlines() if "probably belongs" in line]
        assert told.startswith(f"seizures.csv row {2 if subject == '061' else 4} (subject ")
        assert f"Write {subject} and {seizure} there" in told
        assert "--skip-unmatched does not leave such a row out" in told
        assert "must belong to a row" not in text

    def test_folders_without_the_zeros_of_the_csv(self, copy, tmp_path):
        features_of(copy, "061_05_L").rename(features_of(copy, "61_5_L"))
        shutil.rmtree(features_of(copy, "061_05_S"))
        refused(
            copy, tmp_path, "the folder 61_5_L probably belongs to it. Write 61 and 5", skip_unmatched=True
        )

    def test_a_row_that_is_there_again_without_zeros(self, copy, tmp_path):
        change_csv(copy, "3,321,14", "4,61,5,,No,No\n3,321,14")
        words = (
            r"row 5 \(subject 61, seizure 5\): .* the folder 061_05_L or 061_05_S, which .*, is that of row 2"
        )
        refused(copy, tmp_path, words, skip_unmatched=True)

    @pytest.mark.parametrize(
        ("gone", "words"),
        [
            ("seizures.csv", "lacks seizures.csv. Give the folder in which"),
            ("features_fpc_8_fps_15", "lacks features_fpc_8_fps_15/. Give"),
        ],
    )
    def test_half_a_set(self, copy, tmp_path, gone, words):
        path = copy / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        refused(copy, tmp_path, words)

    def test_no_set(self, tmp_path):
        refused(tmp_path / "gone", tmp_path, "must be the unpacked feature set, but does not exist")
        (tmp_path / "set.zip").write_text("x")
        refused(tmp_path / "set.zip", tmp_path, "is a file; unpack it first")
        (tmp_path / "empty").mkdir()
        refused(tmp_path / "empty", tmp_path, r"lacks seizures.csv and features_fpc_8_fps_15/")

    def test_a_csv_without_rows_or_in_another_encoding(self, copy, tmp_path):
        shutil.rmtree(copy / "features_fpc_8_fps_15")
        (copy / "features_fpc_8_fps_15").mkdir()
        (copy / "seizures.csv").write_text(HEADER)
        refused(copy, tmp_path, "must have a seizure, but has none")
        (copy / "seizures.csv").write_bytes(HEADER.encode("utf-16"))
        refused(copy, tmp_path, "must be UTF-8 text, but byte 0 is not")

    def test_a_store_that_is_a_file(self, copy, tmp_path):
        (tmp_path / "store").write_text("x")
        with pytest.raises(StoreError, match="must be a folder, but is a file"):
            run(copy, tmp_path / "cohort", store=tmp_path / "store")


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_names_are_ordered_by_number_or_else_as_text(tmp_path):
    touch(tmp_path, *(f"frame_{number}.pth" for number in range(1, 11)), ".hidden.pth", "notes.txt")
    assert vector_files(tmp_path) == [f"frame_{number}.pth" for number in range(1, 11)]
    assert view_files(tmp_path).gap(1) == ""
    touch(tmp_path, "last.pth")
    assert vector_files(tmp_path)[:2] == ["frame_1.pth", "frame_10.pth"]
    assert view_files(tmp_path).gap(0) == ""


def test_the_missing_files_are_named_and_counted(tmp_path):
    found = view_files(touch(tmp_path, "frame_10.pth", "frame_9.pth", "frame_8.pth"))
    assert "from 1 without a gap, but frame_1.pth, frame_2.pth, frame_3.pth and 4 more are" in found.gap(1)
    assert "from 0 as in other folders without a gap, but frame_0.pth, frame_1.pth" in found.gap(0)
    touch(tmp_path, "frame_20261231235959.pth", "frame_12.pth")
    assert "frame_0.pth, frame_1.pth, frame_2.pth and 20261231235952 more" in view_files(tmp_path).gap(0)


def test_views_begin_where_most_views_begin(tmp_path):
    ones = [touch(tmp_path / f"one{k}", "1.pth", "2.pth") for k in range(2)]
    zero = touch(tmp_path / "zero", "0.pth", "1.pth")
    named = touch(tmp_path / "named", "a.pth", "b.pth")
    assert look_at_views([*ones, zero, named]) == ({"one0": 2, "one1": 2, "zero": 2, "named": 2}, {})
    late = touch(tmp_path / "late", "2.pth")
    counts, faults = look_at_views([*ones, late])
    assert counts == {"one0": 2, "one1": 2, "late": 0}
    assert "numbered from 1 without a gap, but 1.pth is missing beside 2.pth" in faults["late"]
    counts, faults = look_at_views([ones[0], zero])
    assert counts == {"one0": 0, "zero": 2}
    assert "numbered from 0 as in other folders without a gap, but 0.pth is missing" in faults["one0"]


@pytest.mark.parametrize(
    ("one", "other"), [("61", "62"), ("6.1", "61"), ("1,5", "15"), ("0", "1"), ("a1", "1")]
)
def test_ids_that_are_not_nearly_the_same(one, other):
    assert plain_id(one) != plain_id(other)


SIZE = {"num_seizures": 4, "num_patients": 3, "seed": 5, "minutes": 1.2}


class TestSynthetic:
    def test_written_and_imported_is_made_directly(self, tmp_path):
        write_feature_set(plan_feature_set(**SIZE), tmp_path / "set")
        imported = run(tmp_path / "set", tmp_path / "imported")
        made = make_feature_cohort(tmp_path / "made", **SIZE)
        assert (made.steps, made.notes, made.num_clips) == (
            imported.steps,
            imported.notes,
            imported.num_clips,
        )
        files = {path.relative_to(made.folder): path for path in made.folder.rglob("*") if path.is_file()}
        assert len([path for path in files if path.suffix == ".tsv"]) == 4
        for name, path in files.items():
            assert path.read_bytes() == (imported.folder / name).read_bytes(), name
        assert is_synthetic(imported.folder)
        assert is_synthetic(made.folder)
        assert read_imported(made.folder)["001_01_L"][0].source == "synthetic"
        steps = counts(made)
        assert steps["of these, not discarded in both views"] == 4
        assert steps["patients"] == 3
