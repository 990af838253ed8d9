import io
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.progress import LineProgress
from semioscope.execution import EXECUTORS, make_executor
from semioscope.features import FeatureStore, extract, load_features, plan_extraction
from semioscope.features import extract as extract_function
from semioscope.features import plan as plan_module
from semioscope.plans import ClipPlan, clips_in
from semioscope.preprocess import CropPlan

sys.path.insert(0, str(Path(__file__).parent))
import feature_material as material
from feature_material import CHOICE, INSET, MOTION, PLAN, block_files, counting_backbone, event, make_cohort

extract_module = sys.modules["semioscope.features.extract"]
assert extract_function is extract
MOTION_PLAN = ClipPlan(frames_per_clip=30, stride=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    material.write_video(folder / "a.mp4")
    material.write_video(folder / "b.mp4", seconds=6, first=5000)
    (folder / "broken.mp4").write_text("not a video")
    return folder


@pytest.fixture(scope="module")
def cohort(folder):
    return make_cohort(folder, {"a": "a.mp4", "b": "b.mp4"})


def use_counting_backbone(patch):
    backbone, runner = counting_backbone()
    for module in (plan_module, extract_module):
        patch.setattr(module, "load_backbone", lambda *_args, **_kwargs: backbone)
    return runner


@pytest.fixture
def runner(monkeypatch):
    """The counting backbone in place of every other."""
    return use_counting_backbone(monkeypatch)


def plan_of(cohort, events, store, **options):
    arguments = {"backbone": CHOICE, "store": FeatureStore(store)} | options
    return plan_extraction(cohort, events, arguments.pop("clip_plan", PLAN), **arguments)


@pytest.fixture(scope="module")
def finished(cohort, tmp_path_factory):
    """A store that was filled in one go."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        use_counting_backbone(patch)
        events = [event(cohort, "a", 1.0, 43.0), event(cohort, "b", 0.0, 6.0)]
        extract(plan_of(cohort, events, folder))
    return folder


class TestLaws:
    @pytest.fixture
    def whole(self, finished, runner, tmp_path):
        """Its files; ``tmp_path / "whole"`` is a copy that a test may change."""
        shutil.copytree(finished, tmp_path / "whole")
        return block_files(finished)

    def test_event_by_event_and_in_any_order_gives_the_same_bytes(self, whole, cohort, tmp_path):
        pieces = [("a", 20.0, 43.0), ("b", 0.0, 6.0), ("a", 1.0, 11.0), ("a", 8.0, 30.0)]
        for name, start, end in pieces:
            extract(
                plan_of(cohort, [event(cohort, name, start, end)], tmp_path / "pieces"), blocks_per_unit=1
            )
        assert block_files(tmp_path / "pieces") == whole

    @pytest.mark.parametrize("blocks_per_unit", [2, 100])
    def test_the_size_of_units_does_not_matter(self, whole, cohort, tmp_path, blocks_per_unit):
        events = [event(cohort, "b", 0.0, 6.0), event(cohort, "a", 1.0, 43.0)]
        extract(plan_of(cohort, events, tmp_path / "units"), blocks_per_unit=blocks_per_unit)
        assert block_files(tmp_path / "units") == whole

    @pytest.mark.parametrize("stop_after", [1, 60, 99])
    def test_interrupted_and_resumed_gives_the_same_bytes(self, whole, cohort, runner, tmp_path, stop_after):
        events = [event(cohort, "a", 1.0, 43.0), event(cohort, "b", 0.0, 6.0)]
        begun = runner.num_calls

        def interrupt():
            if runner.num_calls - begun == stop_after:
                raise KeyboardInterrupt

        runner.before_call = interrupt
        with pytest.raises(KeyboardInterrupt):
            extract(plan_of(cohort, events, tmp_path / "resumed"))
        runner.before_call = lambda: None
        plan = plan_of(cohort, events, tmp_path / "resumed")
        assert plan.num_stored >= 0
        extract(plan)
        assert block_files(tmp_path / "resumed") == whole

    def test_one_view_after_the_other_equals_both_at_once(self, whole, cohort, tmp_path):
        for recording in ("a-small", "a-large", "b-small", "b-large"):
            name = recording[0]
            start, end = (1.0, 43.0) if name == "a" else (0.0, 6.0)
            full = event(cohort, name, start, end)
            only = type(full)(
                event_id="e",
                patient_id=full.patient_id,
                y_true=0,
                views=tuple(view for view in full.views if view.recording_id == recording),
            )
            extract(plan_of(cohort, [only], tmp_path / "views"))
        assert block_files(tmp_path / "views") == whole

    def test_a_second_run_computes_nothing(self, whole, cohort, runner, tmp_path):
        plan = plan_of(cohort, [event(cohort, "a", 1.0, 43.0)], tmp_path / "whole")
        assert (plan.num_missing, plan.num_frames) == (0, 0)
        before = runner.num_calls
        report = extract(plan)
        assert runner.num_calls == before
        assert (report.num_computed, report.num_stored) == (0, plan.num_clips)

    def test_a_shifted_onset_computes_only_what_is_new(self, whole, cohort, runner, tmp_path):
        before = runner.num_clips
        moved = event(cohort, "a", 0.0, 42.0)
        report = extract(plan_of(cohort, [moved], tmp_path / "whole"))
        old = set(clips_in(PLAN, event(cohort, "a", 1.0, 43.0).views[0].interval).tolist())
        new = set(clips_in(PLAN, moved.views[0].interval).tolist()) - old
        assert report.num_computed == runner.num_clips - before == 2 * len(new) > 0

    def test_damaged_blocks_are_said_and_computed_again(self, whole, cohort, tmp_path):
        blocks = sorted((tmp_path / "whole").rglob("block-000001*"))
        content = bytearray(blocks[0].read_bytes())
        content[-1] ^= 1
        blocks[0].write_bytes(content)
        blocks[1].write_bytes(blocks[1].read_bytes()[:100])
        said = io.StringIO()
        events = [event(cohort, "a", 1.0, 43.0)]
        plan = plan_of(cohort, events, tmp_path / "whole")
        assert plan.num_missing == 2 * 64
        extract(plan, progress=LineProgress(said))
        assert block_files(tmp_path / "whole") == whole
        assert "Block 1 of recording a-large was damaged and is computed again" in said.getvalue()


class TestPlan:
    def test_counts(self, cohort, runner, tmp_path):
        events = [event(cohort, "a", 1.0, 11.0), event(cohort, "a", 9.0, 15.0), event(cohort, "b", 0.0, 6.0)]
        plan = plan_of(cohort, events, tmp_path)
        ranges = {"a": [(1.0, 11.0), (9.0, 15.0)], "b": [(0.0, 6.0)]}
        for name, spans in ranges.items():
            clips = {
                clip
                for start, end in spans
                for clip in clips_in(PLAN, event(cohort, name, start, end).views[0].interval).tolist()
            }
            frames = {4 * clip + offset for clip in clips for offset in range(8)}
            [read] = [read for read in plan.reads if read.path.name == f"{name}.mp4"]
            assert [len(view.wanted) for view in read.views] == [len(clips)] * 2
            assert read.num_frames == len(frames)
        assert len(plan.events) == 6
        table = plan.describe().splitlines()
        assert table[0].split() == [
            "recording",
            "clips",
            "in",
            "store",
            "to",
            "compute",
            "frames",
            "to",
            "read",
        ]
        assert table[-1].split()[1:] == [str(plan.num_clips), "0", str(plan.num_clips), str(plan.num_frames)]

    def test_nothing_is_written(self, cohort, runner, tmp_path):
        plan_of(cohort, [event(cohort, "a", 1.0, 11.0)], tmp_path / "store")
        assert not (tmp_path / "store").exists()

    def test_views_of_no_use_are_left_out(self, cohort, runner, tmp_path):
        assert plan_of(cohort, [event(cohort, "a", 1.0, 9.0, use="no")], tmp_path).num_clips == 0
        assert plan_of(cohort, [event(cohort, "a", 1.0, 9.0, use="evaluate")], tmp_path).num_clips > 0

    def test_a_copy_of_a_video_is_computed_once(self, folder, runner, tmp_path):
        twins = make_cohort(folder, {"a": "a.mp4", "twin": "a.mp4"})
        events = [event(twins, "a", 1.0, 9.0), event(twins, "twin", 1.0, 9.0)]
        plan = plan_of(twins, events, tmp_path)
        assert plan.num_clips == plan_of(twins, events[:1], tmp_path).num_clips
        assert len(plan.events) == 4
        assert plan.reads[0].views[0].recording_ids == ("a-large", "twin-large")

    def test_a_grid_of_the_event(self, cohort, runner, tmp_path):
        anchored = ClipPlan(frames_per_clip=8, stride=4, anchor="event")
        events = [event(cohort, "a", 1.03, 9.0), event(cohort, "a", 2.06, 9.0, event_id="second")]
        plan = plan_of(cohort, events, tmp_path, clip_plan=anchored)
        assert len(plan.reads) == 2
        extract(plan)
        features = load_features(plan.store, plan.events[2], anchored)
        assert features.start_seconds[0] == pytest.approx(2.06)
        assert not np.isnan(features.features).any()

    def test_accepted_boxes_replace_the_region(self, cohort, runner, tmp_path):
        seizure = event(cohort, "a", 1.0, 9.0)
        crop = CropPlan(event_id="sz-a", recording_id="a-large", box=INSET)
        [with_box] = plan_of(cohort, [seizure], tmp_path, crops=[crop]).reads
        assert with_box.views[0].region == INSET
        flagged = CropPlan(event_id="sz-a", recording_id="a-large", box=INSET, status="flagged")
        [without] = plan_of(cohort, [seizure], tmp_path, crops=[flagged]).reads
        assert without.views[0].region is None


class TestTrouble:
    def test_a_broken_video_does_not_stop_the_others(self, folder, runner, tmp_path):
        names = {"broken": "broken.mp4", "gone": "gone.mp4", "b": "b.mp4"}
        cohort = make_cohort(folder, names)
        events = [event(cohort, name, 0.0, 5.0) for name in names]
        report = extract(plan_of(cohort, events, tmp_path))
        failed = {failure.recording_id: failure.message for failure in report.failures}
        assert set(failed) == {"broken-large", "broken-small", "gone-large", "gone-small"}
        assert "gone.mp4" in failed["gone-large"]
        assert "broken.mp4" in failed["broken-small"]
        assert report.num_computed > 0
        assert "Recording gone-large failed (sz-gone)" in report.describe()
        plan = plan_of(cohort, events, tmp_path)
        assert load_features(plan.store, plan.events[-1], PLAN).features.shape[1:] == (1, 10)

    def test_clips_past_the_end_are_counted(self, cohort, runner, tmp_path):
        plan = plan_of(cohort, [event(cohort, "b", 2.0, 8.0)], tmp_path)
        report = extract(plan)
        assert report.incomplete["b-large"] == report.num_incomplete / 2 > 0
        assert f"Of the computed clips: {report.num_incomplete} with missing frames" in report.describe()
        assert "Recording b-large:" in report.describe()
        features = load_features(plan.store, plan.events[0], PLAN)
        nan = np.isnan(features.features).all(axis=(1, 2))
        assert np.array_equal(nan, features.num_missing_frames > 0)

    def test_what_is_said_of_clips_counts_clips(self, cohort, runner, tmp_path):
        report = extract(plan_of(cohort, [event(cohort, "a", 1.0, 4.0)], tmp_path))
        assert (report.num_incomplete, report.num_held_clips, report.num_damaged_clips) == (0, 0, 0)
        assert "Of the computed clips" not in report.describe()
        spoilt = replace(report, num_incomplete=2, num_damaged_clips=3)
        said = "Of the computed clips: 2 with missing frames, 3 with damaged pictures."
        assert said in spoilt.describe().splitlines()

    def test_full_disk_stops_and_the_same_command_goes_on(self, cohort, runner, tmp_path, monkeypatch):
        events = [event(cohort, "a", 1.0, 43.0)]
        store_module = sys.modules["semioscope.features.store"]
        write, written = store_module.write_bytes, []

        def full(path, content):
            if len(written) == 3:
                msg = f"The disk is full: {path} could not be written. Free some space."
                raise StoreError(msg)
            written.append(path)
            write(path, content)

        monkeypatch.setattr(store_module, "write_bytes", full)
        with pytest.raises(StoreError, match="The disk is full"):
            extract(plan_of(cohort, events, tmp_path))
        monkeypatch.setattr(store_module, "write_bytes", write)
        plan = plan_of(cohort, events, tmp_path)
        assert 0 < plan.num_stored < plan.num_clips
        extract(plan)
        assert plan_of(cohort, events, tmp_path).num_missing == 0

    def test_features_that_are_not_there(self, cohort, runner, tmp_path):
        plan = plan_of(cohort, [event(cohort, "a", 1.0, 9.0)], tmp_path)
        with pytest.raises(
            StoreError, match="must hold all clips of event sz-a in recording a-large, but has 0 of"
        ):
            load_features(plan.store, plan.events[0], PLAN)

    def test_an_event_shorter_than_a_clip(self, cohort, runner, tmp_path):
        plan = plan_of(cohort, [event(cohort, "a", 1.0, 1.3)], tmp_path)
        assert extract(plan).num_computed == 0
        with pytest.raises(ConfigError, match=r"sz-a must hold at least one clip \(0.533333 s\)"):
            load_features(plan.store, plan.events[0], PLAN)

    def test_blocks_per_unit(self, cohort, runner, tmp_path):
        with pytest.raises(ConfigError, match="blocks_per_unit must be 1 or more, got 0"):
            extract(plan_of(cohort, [], tmp_path), blocks_per_unit=0)


SCRIPT = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import feature_material as material
import test_extract
from semioscope.features import FeatureStore, extract, store
kill_after = int(sys.argv[1])
write, count = store.write_bytes, 0
def killing(path, content):
    global count
    write(path, content)
    count += 1
    if count == kill_after:
        os.kill(os.getpid(), signal.SIGKILL)
store.write_bytes = killing
test_extract.run_motion(Path(sys.argv[2]), Path(sys.argv[3]))
"""


def run_motion(folder, store, **options):
    cohort = make_cohort(folder, {"a": "a.mp4", "b": "b.mp4"})
    events = [event(cohort, "b", 0.0, 6.0), event(cohort, "a", 30.0, 43.0)]
    plan = plan_of(cohort, events, store, backbone=MOTION, clip_plan=MOTION_PLAN)
    return extract(plan, **options)


class TestWithTheRealBackbone:
    def test_kill_and_processes_give_the_same_bytes(self, folder, tmp_path):
        run_motion(folder, tmp_path / "whole")
        whole = block_files(tmp_path / "whole")
        assert sum(name.endswith(".safetensors") for name in whole) == 6
        script = tmp_path / "command.py"
        script.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
        killed = subprocess.run([sys.executable, script, "2", folder, tmp_path / "killed"], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert len(block_files(tmp_path / "killed")) < len(whole)
        report = run_motion(folder, tmp_path / "killed")
        assert report.num_stored > 0
        assert block_files(tmp_path / "killed") == whole

    @pytest.mark.parametrize("name", EXECUTORS)
    def test_several_processes_give_the_same_bytes(self, folder, tmp_path, name):
        run_motion(folder, tmp_path / "one")
        report = run_motion(
            folder, tmp_path / "two", executor=make_executor(name, workers=2), blocks_per_unit=1
        )
        assert not report.failures
        assert block_files(tmp_path / "two") == block_files(tmp_path / "one")
