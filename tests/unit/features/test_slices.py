"""Slices of stored frames, and gray pictures that are cleared by depth: from files to features and back."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gray16 import write_array, write_folder, write_video
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.cohort import Cohort
from semioscope.core.errors import ConfigError
from semioscope.core.intervals import Interval
from semioscope.core.records import Event, EventView, Patient, Recording, Region
from semioscope.features import BackboneChoice, FeatureStore, extract, load_features, plan_extraction
from semioscope.features import extract as extract_function
from semioscope.features import plan as plan_module
from semioscope.features import views as views_module
from semioscope.features.layout import FrameTimes, frame_ends, slice_layout
from semioscope.networks import Backbone, BackboneSpec
from semioscope.plans import SlicePlan, clips_in, slices_of
from semioscope.preprocess import CropPlan, DepthPlanes, denoised
from semioscope.preprocess.gray_pictures import GrayPictureConfig, letterbox
from semioscope.video import GreyWindow, VideoWriter, to_8bit

sys.path.insert(0, str(Path(__file__).parent))
from feature_material import block_files

extract_module = sys.modules["semioscope.features.extract"]
assert extract_function is extract

FPS, HEIGHT, WIDTH, NUM_FRAMES = 30, 12, 16, 130
PLAN = SlicePlan()
OVERLAPPING = SlicePlan(stride=30, leftovers=False)
PLANES = DepthPlanes(
    axis="x", lower_slope=0.0, lower_intercept=1500.0, upper_slope=0.0, upper_intercept=2500.0
)
BOX = Region(x=0.25, y=0.0, width=0.5, height=1.0)
GRAY = GrayPictureConfig(window="fixed", low=1000, high=5000)
SPEC = BackboneSpec(
    name="stepping",
    kind="3d",
    frames_per_clip=60,
    min_frames=9,
    input_size=16,
    num_features=4,
    num_parameters=0,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    weights=None,
    paper="none",
    preprocessing="values to [0, 1]",
    steps_rule="eighths",
    batch_size=2,
)


class SteppingRunner:
    """Gives, per step, numbers that differ from slice to slice; remembers how many slices it saw."""

    engine, precision, device, on_accelerator, notes = "torch", "f32", "cpu", False, ()

    def __init__(self):
        self.num_clips = self.num_calls = 0
        self.before_call = lambda: None

    def run(self, batch):
        self.before_call()
        self.num_calls += 1
        self.num_clips += int(np.any(batch != 0, axis=(1, 2, 3, 4)).sum())
        steps = SPEC.num_steps(batch.shape[2])
        parts = [batch[:, :, 8 * step : 8 * step + 9] for step in range(steps)]
        rows = [
            [
                part.mean(axis=(1, 2, 3, 4)),
                part.std(axis=(1, 2, 3, 4)),
                part[:, 0, 0, 8, 8],
                part[:, 0, -1, 4, 9],
            ]
            for part in parts
        ]
        return np.array(rows, np.float32).transpose(2, 0, 1)


def stepping():
    return Backbone(SPEC, weights_hash="stepping-1", runner=SteppingRunner())


@pytest.fixture(autouse=True)
def runner(monkeypatch):
    backbone = stepping()
    for module in (plan_module, extract_module):
        monkeypatch.setattr(module, "load_backbone", lambda *_args, **_kwargs: backbone)
    return backbone._runner


def infrared_frames(seed=0, num_frames=NUM_FRAMES):
    return np.random.default_rng(seed).integers(1000, 5001, (num_frames, HEIGHT, WIDTH), dtype=np.uint16)


def depth_frames(seed=1, num_frames=NUM_FRAMES, holes=0.05):
    rng = np.random.default_rng(seed)
    depth = rng.integers(1000, 2200, (num_frames, HEIGHT // 4, WIDTH // 4), dtype=np.uint16)
    depth = np.kron(depth, np.ones((1, 4, 4), np.uint16))
    depth[rng.random(depth.shape) < holes] = 0
    return depth


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    write_video(folder / "infrared", infrared_frames())
    write_video(folder / "depth", depth_frames())
    write_video(folder / "holes", depth_frames(holes=0.7))
    write_video(folder / "zero", np.zeros((NUM_FRAMES, HEIGHT, WIDTH), np.uint16))
    write_video(folder / "large", np.full((NUM_FRAMES, 2 * HEIGHT, WIDTH), 2000, np.uint16))
    keep = np.setdiff1d(np.arange(NUM_FRAMES), [70])
    write_video(folder / "lacking", depth_frames()[keep], times=keep / FPS)
    write_video(folder / "third", depth_frames()[::3], times=np.arange(0, NUM_FRAMES, 3) / FPS)
    write_video(folder / "half", depth_frames()[::2], times=np.arange(0, NUM_FRAMES, 2) / FPS)
    write_array(folder / "array", infrared_frames())
    write_folder(folder / "pictures", infrared_frames())
    rng = np.random.default_rng(5)
    with VideoWriter(folder / "ward.mp4", width=32, height=24, fps=25, codec="h264") as writer:
        for number in range(100):
            writer.write(np.kron(rng.integers(0, 256, (3, 4, 3), np.uint8), np.ones((8, 8, 1), np.uint8)),
                         pts_seconds=number / 25)  # fmt: skip
    return folder


def cohort_of(folder, *, path="infrared.mkv", depth="depth.mkv", offset=0.0):
    recording = Recording(
        recording_id="r", patient_id="p", view="ir", path=path, depth_path=depth, depth_offset_seconds=offset
    )
    return Cohort(folder=folder, patients=(Patient(patient_id="p"),), recordings={"r": recording})


def event_of(first=0, last=NUM_FRAMES, *, event_id="e", fps=FPS):
    view = EventView(recording_id="r", onset_seconds=first / fps, offset_seconds=last / fps)
    return Event(event_id=event_id, patient_id="p", y_true=0, views=(view,))


def crop_of(**changes):
    return replace(CropPlan(event_id="e", recording_id="r", box=BOX, planes=PLANES), **changes)


def plan_of(cohort, store, *, events=None, plan=PLAN, picture=GRAY, crops=None):
    return plan_extraction(
        cohort,
        [event_of()] if events is None else events,
        plan,
        backbone=BackboneChoice(name="stepping"),
        store=FeatureStore(store),
        picture=picture,
        crops=[crop_of()] if crops is None else crops,
    )


def features_of(plan, number=0):
    return load_features(plan.store, plan.events[number], plan.clip_plan)


def expected(slices, *, infrared, depth=None, box=BOX, low=1000, high=5000):
    """What the network says of slices, every step written out."""
    backbone, rows = stepping(), []
    for first, count in slices.tolist():
        pictures = []
        for at in range(first, first + count):
            frame = infrared[at].copy()
            if depth is not None:
                frame[PLANES.outside(denoised(depth[at]))] = 0
            gray = to_8bit(frame, GreyWindow(rule="fixed", low=low, high=high))
            if box is not None:
                gray = gray[:, WIDTH // 4 : 3 * WIDTH // 4]
            pictures.append(letterbox(np.repeat(gray[..., None], 3, axis=2), size=16))
        rows.append(backbone(backbone.preprocess(np.stack(pictures))[None])[0])
    return rows


def assert_rows(found, rows):
    assert found.valid_steps.tolist() == [len(row) for row in rows]
    for features, row in zip(found.features, rows, strict=True):
        assert np.array_equal(features[len(features) - len(row) :], row)
        assert np.isnan(features[: len(features) - len(row)]).all()


class TestFeatures:
    @pytest.mark.parametrize("path", ["infrared.mkv", "array.npy", "pictures"])
    def test_they_are_those_of_every_step_done_by_hand(self, folder, tmp_path, path):
        plan = plan_of(cohort_of(folder, path=path), tmp_path)
        report = extract(plan)
        found = features_of(plan)
        assert found.features.shape == (3, 7, 4)
        assert found.num_frames.tolist() == [60, 60, 10]
        assert found.start_seconds == pytest.approx([0, 2, 4], abs=1e-3)
        slices = slices_of(NUM_FRAMES, PLAN)
        assert_rows(found, expected(slices, infrared=infrared_frames(), depth=depth_frames()))
        assert (report.num_computed, report.num_incomplete, plan.flags) == (3, 0, ())

    def test_without_depth_crop_and_inside_a_recording(self, folder, tmp_path):
        picture = GRAY.model_copy(update={"depth_crop": False})
        plan = plan_of(cohort_of(folder), tmp_path, picture=picture, events=[event_of(31, 125)])
        extract(plan)
        slices = slices_of(94, PLAN) + np.array([31, 0])
        assert_rows(features_of(plan), expected(slices, infrared=infrared_frames()))

    def test_eight_bits(self, folder, tmp_path):
        plan = plan_of(
            cohort_of(folder, path="ward.mp4", depth=None),
            tmp_path,
            events=[event_of(3, 83, fps=25)],
            plan=SlicePlan(nominal_seconds=2.4),
            picture=GRAY.model_copy(update={"depth_crop": False}),
        )
        extract(plan)
        found = features_of(plan)
        assert found.valid_steps.tolist() == [7, 2]
        assert not np.isnan(found.features[0]).any()
        assert plan.num_off_pace == 0

    def test_the_offset_of_the_depth_counts(self, folder, tmp_path):
        cohort = cohort_of(folder, offset=2 / FPS)
        plan = plan_of(cohort, tmp_path, events=[event_of(60, 120)])
        extract(plan)
        shifted = np.roll(depth_frames(), 2, axis=0)
        assert_rows(
            features_of(plan), expected(np.array([[60, 60]]), infrared=infrared_frames(), depth=shifted)
        )

    def test_the_window_of_a_recording_is_found_once_and_kept(self, folder, tmp_path, monkeypatch):
        picture = GrayPictureConfig()
        plan = plan_of(cohort_of(folder), tmp_path, picture=picture)
        assert not any(tmp_path.iterdir())  # planning writes nothing
        extract(plan)
        key = next(view.key for read in plan.reads for view in read.views)
        [kept] = (tmp_path / "grey-windows").iterdir()
        assert str(key.picture.window.low) in kept.read_text()
        monkeypatch.setattr(views_module, "grey_window", None)
        again = plan_of(cohort_of(folder), tmp_path, picture=picture)
        assert (again.num_missing, again.new_windows) == (0, {})
        low, high = key.picture.window.low, key.picture.window.high
        rows = expected(
            slices_of(NUM_FRAMES, PLAN), infrared=infrared_frames(), depth=depth_frames(), low=low, high=high
        )
        assert_rows(features_of(again), rows)


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """A store that was filled in one go."""
    store = tmp_path_factory.mktemp("whole")
    backbone = stepping()
    with pytest.MonkeyPatch.context() as patch:
        for module in (plan_module, extract_module):
            patch.setattr(module, "load_backbone", lambda *_args, **_kwargs: backbone)
        extract(plan_of(cohort_of(folder), store, plan=SlicePlan(stride=1)))
    return block_files(store)


class TestStore:
    def test_interrupted_and_resumed_gives_the_same_bytes(self, folder, runner, tmp_path, whole):
        def interrupt():
            if runner.num_calls == 33:
                raise KeyboardInterrupt

        dense = SlicePlan(stride=1)
        runner.before_call = interrupt
        with pytest.raises(KeyboardInterrupt):
            extract(plan_of(cohort_of(folder), tmp_path, plan=dense), blocks_per_unit=1)
        runner.before_call = lambda: None
        extract(plan_of(cohort_of(folder), tmp_path, plan=dense), blocks_per_unit=1)
        assert block_files(tmp_path) == whole

    def test_overlapping_slices_find_every_other_one_in_the_store(self, folder, runner, tmp_path):
        extract(plan_of(cohort_of(folder), tmp_path))
        before = runner.num_clips
        plan = plan_of(cohort_of(folder), tmp_path, plan=OVERLAPPING)
        assert (plan.num_clips, plan.num_stored) == (3, 2)
        extract(plan)
        assert runner.num_clips - before == 1
        rows = expected(slices_of(NUM_FRAMES, OVERLAPPING), infrared=infrared_frames(), depth=depth_frames())
        assert_rows(features_of(plan), rows)

    def test_another_end_computes_the_leftover_only(self, folder, runner, tmp_path):
        extract(plan_of(cohort_of(folder), tmp_path))
        plan = plan_of(cohort_of(folder), tmp_path, events=[event_of(0, 100)])
        assert plan.num_missing == 1
        extract(plan)
        assert features_of(plan).num_frames.tolist() == [60, 40]

    def test_two_ends_of_one_beginning(self, folder, tmp_path):
        events = [event_of(0, 100), event_of(0, 130, event_id="f")]
        crops = [crop_of(), crop_of(event_id="f")]
        for order in (events, events[::-1]):
            plan = plan_of(cohort_of(folder), tmp_path / order[0].event_id, events=order, crops=crops)
            assert len(plan.reads) == 1
            extract(plan)
            lengths = {plan.events[at].event_id: features_of(plan, at).num_frames.tolist() for at in (0, 1)}
            assert lengths == {"e": [60, 40], "f": [60, 60, 10]}

    def test_everything_that_counts_is_in_the_key(self, folder, tmp_path):
        def digest(cohort=None, **options):
            plan = plan_of(cohort or cohort_of(folder), tmp_path, **options)
            assert plan.failures == ()
            return plan.events[0].key_digest

        other = replace(PLANES, upper_intercept=2400.0)
        digests = [
            digest(),
            digest(picture=GRAY.model_copy(update={"low": 999.0})),
            digest(picture=GRAY.model_copy(update={"depth_crop": False})),
            digest(crops=[crop_of(planes=other)]),
            digest(crops=[crop_of(box=None)]),
            digest(cohort_of(folder, depth="lacking.mkv")),
            digest(cohort_of(folder, offset=0.1)),
            digest(cohort_of(folder, path="array.npy")),
            digest(events=[event_of(1)]),
            digest(plan=SlicePlan(slice_frames=58)),
        ]
        assert len(set(digests)) == len(digests)
        assert digest(events=[event_of(0, 100)]) == digest(plan=OVERLAPPING) == digests[0]

    @settings(max_examples=60)
    @given(
        num_frames=st.integers(0, 400),
        stride=st.integers(1, 90),
        leftovers=st.booleans(),
        slice_frames=st.integers(10, 70),
    )
    def test_every_slice_has_its_number(self, num_frames, stride, leftovers, slice_frames):
        plan = SlicePlan(stride=stride, leftovers=leftovers, slice_frames=slice_frames)
        times = FrameTimes()
        view = EventView(recording_id="r", onset_seconds=0.0, offset_seconds=100.0)
        times._known[Path("x"), 0.0, 100.0] = np.arange(num_frames) / FPS
        layout = slice_layout(plan, view, Path("x"), choose=clips_in, network=stepping(), times=times)
        slices = slices_of(num_frames, plan)
        numbered = [
            (int(number) * part.plan.step, part.plan.slice_frames)
            for part in layout.parts
            for number in part.numbers
        ]
        assert sorted(numbered) == [tuple(row) for row in slices.tolist()]
        assert layout.slices.num_dropped_frames == num_frames - (
            slices.sum(axis=1).max() if len(slices) else 0
        )
        assert all(math.gcd(part.plan.step, stride) == part.plan.step for part in layout.parts)


class TestTrouble:
    @pytest.mark.parametrize(
        ("depth", "crop", "said"),
        [
            ("zero.mkv", {}, "100 % have none"),
            ("holes.mkv", {}, "% have none"),
            ("third.mkv", {}, "86 of 130 have none within half a frame"),
            (
                "half.mkv",
                {},
                "65 of 130 frames have none within half a frame, and 3 of 3 slices hold such a frame",
            ),
            ("large.mkv", {}, "pictures of one size"),
            ("gone.mkv", {}, "gone.mkv"),
            (None, {}, "the recording has no depth_path"),
            ("depth.mkv", {"planes": None}, "the crop plan has none"),
        ],
    )
    def test_the_raw_picture_is_used_and_flagged(self, folder, tmp_path, depth, crop, said):
        plan = plan_of(cohort_of(folder, depth=depth), tmp_path, crops=[crop_of(**crop)])
        [flag] = plan.flags
        assert flag.message.startswith("No depth crop:")
        assert said in flag.message
        assert (flag.event_id, flag.recording_id) == ("e", "r")
        assert f"Look at e in r: {flag.message}" in plan.describe()
        assert plan.reads[0].picture.depth is None

    def test_features_of_the_raw_picture(self, folder, tmp_path):
        plan = plan_of(cohort_of(folder, depth="zero.mkv"), tmp_path)
        report = extract(plan)
        assert plan.flags[0].message in report.describe()
        slices = slices_of(NUM_FRAMES, PLAN)
        assert_rows(features_of(plan), expected(slices, infrared=infrared_frames()))

    @pytest.mark.parametrize("path", ["infrared.mkv", "pictures", "array.npy"])
    def test_an_event_is_not_lost_with_depth_of_half_the_rate(self, folder, tmp_path, path):
        plan = plan_of(cohort_of(folder, path=path, depth="half.mkv"), tmp_path)
        assert extract(plan).num_incomplete == 0
        assert_rows(features_of(plan), expected(slices_of(NUM_FRAMES, PLAN), infrared=infrared_frames()))

    @pytest.mark.parametrize(("first", "last", "is_used"), [(0, 60, True), (30, 90, False), (0, 120, True)])
    def test_depth_is_used_where_it_loses_half_of_the_slices_at_most(
        self, folder, tmp_path, first, last, is_used
    ):
        plan = plan_of(
            cohort_of(folder, depth="lacking.mkv"), tmp_path, events=[event_of(first, last)]
        )  # frame 70 lacks
        assert (plan.reads[0].picture.depth is not None) == is_used
        extract(plan)
        assert features_of(plan).is_whole.any()
        if not is_used:
            assert "1 of 60 frames have none within half a frame, and 1 of 1 slices" in plan.flags[0].message

    def test_eight_bits_cannot_be_cleared(self, folder, tmp_path):
        plan = plan_of(
            cohort_of(folder, path="ward.mp4"), tmp_path, events=[event_of(0, 60, fps=25)], plan=PLAN
        )
        assert "16-bit" in plan.flags[0].message
        assert extract(plan).num_incomplete == 0
        assert plan.num_off_pace == 1  # 60 frames at 25 per second last 2.4 s
        assert "1 slice lasts longer or shorter" in plan.describe()

    @pytest.mark.parametrize(
        ("crops", "said"),
        [
            ([], "there is no crop plan"),
            ([crop_of(status="flagged", depth_reason="little depth")], "is flagged (little depth)"),
            ([crop_of(status="rejected")], "is rejected"),
        ],
    )
    def test_without_an_accepted_plan_the_raw_picture_is_used(self, folder, tmp_path, crops, said):
        plan = plan_of(cohort_of(folder), tmp_path, crops=crops)
        assert [flag.message.split(":")[0] for flag in plan.flags] == ["No box crop", "No depth crop"]
        assert all(said in flag.message for flag in plan.flags)
        view = plan.reads[0].views[0]
        assert (view.region, view.key.picture.depth) == (None, None)

    def test_a_frame_without_depth_is_missing_and_counted(self, folder, tmp_path):
        plan = plan_of(cohort_of(folder, depth="lacking.mkv"), tmp_path)
        assert "1 of 130 frames have no depth" in plan.flags[0].message
        report = extract(plan)
        found = features_of(plan)
        assert found.num_missing_frames.tolist() == [0, 1, 0]
        assert found.is_whole.tolist() == [True, False, True]
        assert np.isnan(found.features[1]).all()
        assert report.incomplete == {"r": 1}

    def test_short_ends_are_dropped_and_counted(self, folder, tmp_path):
        plan = plan_of(cohort_of(folder), tmp_path, events=[event_of(0, 69)])
        assert plan.events[0].slices.num_dropped_frames == 9
        assert plan.num_dropped_ends == 1
        assert "The last frames of 1 video are too few for a slice" in plan.describe()
        extract(plan)
        assert features_of(plan).num_frames.tolist() == [60]

    @pytest.mark.parametrize("fps", [FPS, 24])
    def test_slices_end_when_their_frames_do(self, folder, tmp_path, fps):
        """Whatever the plan calls their length: a camera of 24 frames per second, and a gap of a second."""
        times = np.arange(NUM_FRAMES) / fps
        times[60:] += 1.0
        write_video(tmp_path / "gap", infrared_frames(), times=times)
        event = event_of(0, NUM_FRAMES + 2 * fps, fps=fps)
        plan = plan_of(
            cohort_of(tmp_path, path="gap.mkv", depth=None), tmp_path / "s", events=[event], crops=[]
        )
        extract(plan)
        found = features_of(plan)
        wanted = [(0, 60 / fps), (1 + 60 / fps, 1 + 120 / fps), (1 + 120 / fps, 1 + 130 / fps)]
        assert np.stack([found.start_seconds, found.end_seconds], axis=1) == pytest.approx(
            np.array(wanted), abs=2e-3
        )

    def test_no_slice_ends_behind_its_event(self, folder, tmp_path):
        """The last frame begins inside the event and would last longer."""
        view = EventView(recording_id="r", onset_seconds=0.0, offset_seconds=2.01)
        event = Event(event_id="e", patient_id="p", y_true=0, views=(view,))
        plan = plan_of(
            cohort_of(folder), tmp_path, events=[event], plan=SlicePlan(slice_frames=61, stride=61)
        )
        assert plan.events[0].slices.end_seconds.tolist() == [2.01]

    def test_an_event_that_is_too_short(self, folder, tmp_path):
        plan = plan_of(cohort_of(folder), tmp_path, events=[event_of(0, 9)])
        assert extract(plan).num_computed == 0
        with pytest.raises(ConfigError, match="at least one clip \\(10 stored frames\\)") as told:
            features_of(plan)
        assert "--set slices.min_frames" in str(told.value)

    def test_only_a_leftover_has_all_steps_in_its_shape(self, folder, tmp_path):
        plan = plan_of(cohort_of(folder), tmp_path, events=[event_of(0, 30)])
        extract(plan)
        found = features_of(plan)
        assert (found.features.shape, found.valid_steps.tolist()) == ((1, 7, 4), [3])

    def test_slices_that_the_network_does_not_take(self, folder, tmp_path):
        with pytest.raises(ConfigError, match="at least 9 frames, but the plan allows 5"):
            plan_of(cohort_of(folder), tmp_path, plan=SlicePlan(min_frames=5))

    def test_damaged_frames_are_counted(self, folder, tmp_path, monkeypatch):
        from semioscope.video.gray_video import GrayVideo

        stored = GrayVideo.stored

        def damaged(self, index):
            return replace(stored(self, index), is_damaged=bool(abs(self.times_seconds[index] - 3.0) < 0.01))

        monkeypatch.setattr(GrayVideo, "stored", damaged)
        plan = plan_of(cohort_of(folder), tmp_path)
        report = extract(plan)
        assert features_of(plan).num_damaged_frames.tolist() == [0, 1, 0]
        assert report.num_damaged_clips == 1


@given(
    st.lists(st.floats(0.001, 3.0), max_size=30), st.floats(-5, 1000), st.integers(1, 12), st.integers(0, 10)
)
def test_frames_end_with_the_next_one_and_a_gap_belongs_to_none(distances, start, fps, gap_at):
    shown = start + np.concatenate([[0.0], np.cumsum(distances)])
    ends = frame_ends(shown)
    assert len(ends) == len(shown)
    assert np.all(ends >= shown)
    assert np.all(ends[:-1] <= shown[1:])
    even = np.arange(12) / fps
    even[gap_at + 1 :] += 100.0
    assert frame_ends(even) - even == pytest.approx(1 / fps)


def test_stored_frames_of_an_interval(folder):
    interval = Interval(start_seconds=1.0, end_seconds=2.0)
    assert len(FrameTimes().inside(folder / "infrared.mkv", interval)) == 30
    shown = FrameTimes().inside(folder / "ward.mp4", interval)
    assert (len(shown), shown[0]) == (25, pytest.approx(1.0))
