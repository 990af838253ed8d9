"""Plans over features that were imported: no video, no network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.cohort import Cohort
from semioscope.core.errors import CohortError, StoreError
from semioscope.core.intervals import Interval
from semioscope.core.records import Event, EventView, Patient, Recording
from semioscope.features import BackboneChoice, FeatureStore, extract, load_features, plan_extraction
from semioscope.features import plan as plan_module
from semioscope.features.imported import (
    ImportedFeatures,
    read_imported,
    store_imported,
    stored_grid,
    write_imported,
)
from semioscope.plans import ClipPlan, centred_clips, clip_start_seconds, clips_in

NUM, SIZE = 150, 6
PLAN = ClipPlan(fps=15, frames_per_clip=8, stride=1)
CHOICE = BackboneChoice(name="r2plus1d_34_8")


def entry(recording_id="r", **changes):
    values = {
        "recording_id": recording_id,
        "backbone": "r2plus1d_34_8",
        "fps": 15.0,
        "frames_per_clip": 8,
        "stride": 1,
        "num_clips": NUM,
        "num_features": SIZE,
        "key": "k",
        "source": "made here",
    }
    return ImportedFeatures(**(values | changes))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(plan_module, "load_backbone", lambda *a, **k: pytest.fail("a network was loaded"))


@pytest.fixture
def vectors():
    rng = np.random.default_rng(0)
    made = rng.random((NUM, SIZE), dtype=np.float32)
    made[17, 2] = np.nan
    return made


@pytest.fixture
def cohort(tmp_path, vectors):
    key = store_imported(
        FeatureStore(tmp_path / "store"),
        vectors,
        backbone="r2plus1d_34_8",
        clip_plan=PLAN,
        source="made here",
    )
    write_imported(tmp_path, [entry(key=key)])
    recording = Recording(recording_id="r", patient_id="p", view="large", path=None)
    return Cohort(folder=tmp_path, patients=(Patient(patient_id="p"),), recordings={"r": recording})


def event(start=0.0, end=(NUM + 7) / 15, *, event_id="e", use="train", recording_id="r"):
    view = EventView(recording_id=recording_id, onset_seconds=start, offset_seconds=end, use=use)
    return Event(event_id=event_id, patient_id="p", y_true=0, views=(view,))


def plan_of(cohort, *events, plan=PLAN, backbone=CHOICE, store=None, **options):
    store = FeatureStore(store or cohort.folder / "store")
    return plan_extraction(cohort, events or [event()], plan, backbone=backbone, store=store, **options)


def failure(plan):
    [found] = plan.failures
    assert plan.events == ()
    assert plan.num_clips == 0
    return found.message


class TestPlans:
    def test_every_clip_is_there_and_nothing_is_computed(self, cohort, vectors):
        plan = plan_of(cohort)
        assert (plan.num_clips, plan.num_stored, plan.num_missing, plan.reads) == (NUM, NUM, 0, ())
        report = extract(plan)
        assert (report.num_computed, report.failures) == (0, ())
        found = load_features(plan.store, plan.events[0], PLAN)
        absent = np.arange(NUM) == 17
        assert np.array_equal(found.features[~absent, 0], vectors[~absent])
        assert np.isnan(found.features[17]).all()
        assert np.array_equal(found.num_missing_frames > 0, absent)
        assert np.array_equal(found.clip_index, np.arange(NUM))
        assert found.start_seconds == pytest.approx(np.arange(NUM) / 15)
        assert plan.describe().splitlines()[-1].split() == ["all", str(NUM), str(NUM), "0", "0"]

    @pytest.mark.parametrize("stride", [2, 4, 7])
    def test_a_multiple_of_the_stride_takes_every_so_manieth(self, cohort, vectors, stride):
        wide = ClipPlan(fps=15, frames_per_clip=8, stride=stride)
        plan = plan_of(cohort, event(1.0, 6.0), plan=wide)
        found = load_features(plan.store, plan.events[0], wide)
        assert np.array_equal(found.clip_index, clips_in(wide, Interval(start_seconds=1.0, end_seconds=6.0)))
        keep = found.clip_index * stride != 17
        assert np.array_equal(found.features[keep, 0], vectors[found.clip_index * stride][keep])
        assert found.start_seconds == pytest.approx(found.clip_index * stride / 15)

    def test_a_grid_of_the_event_on_the_grid_of_the_features(self, cohort, vectors):
        anchored = ClipPlan(fps=15, frames_per_clip=8, stride=4, anchor="event")
        plan = plan_of(cohort, event(0.4, 6.0), plan=anchored)
        found = load_features(plan.store, plan.events[0], anchored)
        assert found.clip_index[0] == 0
        assert found.start_seconds[0] == pytest.approx(0.4)
        assert np.array_equal(found.features[0, 0], vectors[6])
        message = failure(plan_of(cohort, event(0.43, 6.0), plan=anchored))
        assert "needs an onset at the start of one of them, got 0.43 s" in message

    def test_only_the_clips_that_are_chosen(self, cohort):
        plan = plan_of(cohort, choose=centred_clips)
        assert np.array_equal(plan.events[0].clip_index, centred_clips(PLAN, event().views[0].interval))
        assert plan.num_clips == len(plan.events[0].clip_index) == 4

    def test_events_share_clips_and_unused_views_are_left_out(self, cohort):
        plan = plan_of(
            cohort, event(0, 2, event_id="a"), event(1, 3, event_id="b"), event(event_id="c", use="no")
        )
        assert [clips.event_id for clips in plan.events] == ["a", "b"]
        assert plan.num_clips == len(clips_in(PLAN, Interval(start_seconds=0, end_seconds=3)))

    @given(
        step=st.integers(1, 5),
        stride=st.integers(1, 4),
        first=st.integers(0, 30),
        anchor=st.sampled_from(["recording", "event"]),
        length=st.floats(1, 5),
    )
    def test_stored_clips_start_when_clips_of_the_plan_start(self, step, stride, first, anchor, length):
        there = entry(stride=stride, num_clips=1000)
        plan = ClipPlan(fps=15, frames_per_clip=8, stride=stride * step, anchor=anchor)
        start = first * stride / 15
        clips = clips_in(plan, Interval(start_seconds=start, end_seconds=start + length))
        grid = stored_grid(there, plan, clips, event_start_seconds=start)
        assert clip_start_seconds(plan, clips, event_start_seconds=start) == pytest.approx(
            clip_start_seconds(there.clip_plan, grid.offset + grid.step * clips)
        )


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (
                {"plan": ClipPlan(fps=10, frames_per_clip=8)},
                "must have the same frames and fps, got 8 frames at 10",
            ),
            ({"plan": ClipPlan(fps=15, frames_per_clip=32)}, "got 32 frames at 15 fps"),
            (
                {"backbone": BackboneChoice(name="resnet34")},
                "were imported for this recording, but not of resnet34",
            ),
            (
                {"backbone": BackboneChoice(name="r2plus1d_34_8", weights="random")},
                "got random. Leave --weights out",
            ),
        ],
    )
    def test_another_plan_or_network(self, cohort, options, words):
        assert words in failure(plan_of(cohort, **options))

    def test_a_stride_between_the_features(self, cohort):
        [there] = read_imported(cohort.folder)["r"]
        write_imported(cohort.folder, [entry(key=there.key, stride=4)])
        message = failure(plan_of(cohort, plan=ClipPlan(fps=15, frames_per_clip=8, stride=6)))
        assert "stride must be a multiple of 4, got 6" in message

    def test_an_event_that_goes_on_after_the_features(self, cohort):
        message = failure(plan_of(cohort, event(0, 20)))
        assert (
            "imported features from 0 to 10.467 s; an event must lie inside, but 143 of its 293 clips"
            in message
        )

    @pytest.mark.parametrize("damage", ["gone", "block", "bytes"])
    def test_a_store_without_them(self, cohort, damage, tmp_path):
        [block] = (tmp_path / "store").glob("*/block-000001*")
        store = tmp_path / "other" if damage == "gone" else None
        if damage == "block":
            block.unlink()
        if damage == "bytes":
            block.write_bytes(block.read_bytes()[:-9])
        lacking = NUM if damage == "gone" else 64
        message = failure(plan_of(cohort, store=store))
        assert f"but lacks {lacking} of {NUM} clips. Import them again, or name the store" in message
        if damage != "gone":  # events elsewhere in the recording are not touched
            plan = plan_of(cohort, event(0, 2, event_id="a"), event(event_id="b"))
            assert [clips.event_id for clips in plan.events] == ["a"]
            assert plan.failures[0].event_ids == ("b",)
            assert plan.num_clips == plan.num_stored == 23

    def test_a_store_that_loses_them_later(self, cohort, tmp_path):
        plan = plan_of(cohort)
        next((tmp_path / "store").glob("*/block-000001*")).unlink()
        with pytest.raises(StoreError, match=r"Extract or import the features \(again\)"):
            load_features(plan.store, plan.events[0], PLAN)

    def test_a_cohort_without_any(self, cohort):
        (cohort.folder / "features.tsv").unlink()
        assert "Recording r must have a video for this" in failure(plan_of(cohort))

    def test_a_table_that_is_out_of_order_is_told_with_its_rows(self, cohort):
        table = cohort.folder / "features.tsv"
        line = table.read_text().splitlines()[1]
        table.write_text(table.read_text() + line + "\n" + line.replace("\t8\t", "\teight\t") + "\n")
        with pytest.raises(
            CohortError, match=r"row 3 \(recording r\): a recording must have one row per"
        ) as caught:
            plan_of(cohort)
        assert "row 4 (recording r): frames_per_clip must be a whole number, got 'eight'" in str(caught.value)
        table.write_text(table.read_text().splitlines()[0] + "\n" + line.replace("\t15.0\t", "\t0\t") + "\n")
        with pytest.raises(CohortError, match=r"numbers must be above 0, got fps 0"):
            plan_of(cohort)


class TestStore:
    def test_equal_vectors_have_one_key_and_nothing_is_written_twice(self, tmp_path, vectors):
        store = FeatureStore(tmp_path)
        options = {"backbone": "b", "clip_plan": PLAN, "source": "s"}
        key = store_imported(store, vectors, **options)
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
        assert store_imported(store, vectors.copy(), **options) == key
        assert {path: path.stat().st_mtime_ns for path in before} == before
        others = [
            store_imported(store, vectors * 2, **options),
            store_imported(store, vectors[:-1], **options),
            store_imported(store, vectors, **options | {"backbone": "c"}),
            store_imported(store, vectors, **options | {"source": "t"}),
            store_imported(store, vectors, **options | {"clip_plan": ClipPlan(stride=2)}),
        ]
        assert len({key, *others}) == 6

    def test_a_damaged_block_is_mended_by_importing_again(self, tmp_path, vectors):
        store = FeatureStore(tmp_path)
        key = store_imported(store, vectors, backbone="b", clip_plan=PLAN, source="s")
        path = store.block_path(key, 1)
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        store_imported(store, vectors, backbone="b", clip_plan=PLAN, source="s")
        assert path.read_bytes() == whole

    def test_the_table_is_read_as_it_was_written(self, tmp_path):
        rows = [entry("a"), entry("b"), entry("a", backbone="resnet34", source="")]
        write_imported(tmp_path, rows)
        assert read_imported(tmp_path) == {"a": (rows[0], rows[2]), "b": (rows[1],)}
        assert read_imported(tmp_path / "elsewhere") == {}
