"""What is checked before work begins, and the yardsticks of videos of any frame rate."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from tiny import SETTINGS, Tiny, edit_rows

from semioscope.core.errors import ConfigError
from semioscope.core.files import write_json
from semioscope.features import EventFeatures
from semioscope.networks import FEATURE_NAMES
from semioscope.plans import clip_range
from semioscope.recipes import apply_overrides, make_config
from semioscope.runs import plan_run, plan_study
from semioscope.runs.results import event_traits
from semioscope.runs.yardsticks import without_band_power, yardstick_groups, yardstick_notes
from semioscope.video import VideoWriter, read_pictures


def config(*settings: str):
    return apply_overrides(make_config("gestures-2021"), [*SETTINGS, *settings])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"selection": "test"}, r"has selection.on test, not inner. Add --set selection.on=test"),
        ({"rule": "seizure"}, r"has folds.rule seizure, not patient. Add --set folds.rule=seizure"),
    ],
)
def test_folds_of_another_kind_than_the_settings_are_refused(tiny: Tiny, tmp_path: Path, change, match):
    folds = json.loads((tiny.run / "folds.json").read_text()) | change
    if "selection" in change:
        for fold in folds["folds"]:
            fold["train"] = sorted({*fold["train"], *fold["validation"]})
            fold["validation"] = fold["test"]
    write_json(tmp_path / "folds.json", folds)
    with pytest.raises(ConfigError, match=match):
        plan_run(config(), tiny.cohort, folds_file=tmp_path / "folds.json")


def test_folds_of_the_same_kind_are_used(tiny: Tiny):
    plan = plan_run(config("seed=5"), tiny.cohort, folds_file=tiny.run / "folds.json")
    assert plan.folds.seed == 0
    assert plan.folds_digest


def test_another_number_of_folds_than_asked_for_is_told(tiny: Tiny):
    told = "The folds file has 2 folds; folds.num_folds = 3 was not used."
    assert (
        told in plan_run(config("folds.num_folds=3"), tiny.cohort, folds_file=tiny.run / "folds.json").notes
    )
    same = plan_run(config(), tiny.cohort, folds_file=tiny.run / "folds.json")
    assert not any("The folds file has" in note for note in same.notes)


def test_released_folds_need_whole_segments(tiny: Tiny):
    wanted = ("folds.rule=released", "selection.on=test")
    with pytest.raises(ConfigError, match=r"segments\.short must be error"):
        plan_run(config(*wanted), tiny.cohort)
    fitting = ("segments.short=error", "segments.num_segments=2")
    assert plan_run(config(*wanted, *fitting), tiny.cohort).folds.rule == "released"


def test_views_that_are_too_short_for_their_segments_are_told_once_before_work_begins(tiny: Tiny):
    plan = plan_run(config(), tiny.cohort)
    shortest = min(
        (clip_range(plan.clips, view.interval).num_frames, event.event_id)
        for event in plan.events
        for view in event.views
    )  # fmt: skip
    limit = shortest[0] // plan.clips.frames_per_clip
    refused = ("segments.short=error", f"segments.num_segments={10 * limit}")
    with pytest.raises(
        ConfigError, match=rf"seizure {shortest[1]}, view \w+, has \d+ clips in {shortest[0]}"
    ) as told:
        plan_run(config(*refused), tiny.cohort)
    [advised] = re.findall(r"Use (\d+) segments \(--set segments\.num_segments=\1\)", str(told.value))
    assert re.search(r"\d+ more views? (is|are) too short", str(told.value))
    plan_run(config("segments.short=error", f"segments.num_segments={advised}"), tiny.cohort)
    with pytest.raises(ConfigError, match=f"Use {advised} segments"):
        plan_run(config("segments.short=error", f"segments.num_segments={int(advised) + 1}"), tiny.cohort)
    plan_run(config(f"segments.num_segments={10 * limit}"), tiny.cohort)


def test_a_clip_that_fits_no_seizure_is_refused_before_work_begins(tiny: Tiny):
    with pytest.raises(ConfigError, match="A clip must fit into a seizure"):
        plan_run(config("clips.frames_per_clip=90000"), tiny.cohort)


@pytest.mark.parametrize(
    "setting",
    [
        "clips.fps=.inf",
        "clips.fps=1e9",
        "clips.stride=99999999999999999999",
        "aggregator.hidden_size=1000000000",
    ],
)
def test_sizes_without_sense_are_refused(setting):
    with pytest.raises(ConfigError, match=setting.partition("=")[0]):
        config(setting)


@pytest.mark.parametrize("where", ["examples.level=clip", "grid.gammas=[1, 4]"])
@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (
            ("folds.rule=patients-per-class",),
            r"got folds\.rule patients-per-class\. Use a rule that tests every",
        ),
        (
            ("aggregator.name=lstm_fc", "search.num_trials=3"),
            r"got search\.num_trials 3\. Use --set search\.num",
        ),
        (("crops.method=box",), r"got crops\.method box\. Use --set crops\.method=none"),
    ],
)
def test_what_does_not_go_with_a_study_is_refused_before_anything_is_read(where, settings, match):
    told = {"examples.level=clip": "clips as examples", "grid.gammas=[1, 4]": "a grid of settings"}[where]
    with pytest.raises(ConfigError, match=rf"(do|does) not go with {told}, {match}"):
        plan_study(config(where, *settings), Path("nowhere"))
    cell = config(*settings)
    with pytest.raises(ConfigError, match="a grid of settings"):
        plan_run(cell, Path("nowhere"), in_study=True)


def test_slices_do_not_go_with_a_grid():
    with pytest.raises(
        ConfigError, match=r"Slices as examples do not go with a grid of settings\. Leave the lists"
    ):
        plan_study(config("examples.level=slice", "grid.gammas=[1, 4]"), Path("nowhere"))


def test_the_space_of_a_search_must_be_that_of_the_aggregator():
    searched = ("search.num_trials=2", "aggregator.name=lstm")
    with pytest.raises(
        ConfigError, match=r"got search\.space lstm_fc and aggregator\.name lstm\. Use --set agg"
    ):
        plan_run(config(*searched), Path("nowhere"))
    with pytest.raises(ConfigError, match=r"Unknown value of search\.space 'grid'"):
        plan_run(config(*searched, "search.space=grid"), Path("nowhere"))


def test_folds_that_test_events_twice_are_possible_without_slices(tiny: Tiny):
    wanted = ("folds.rule=patients-per-class", "folds.num_folds=3", "folds.patients_per_class=1")
    plan = plan_run(config(*wanted), tiny.cohort)
    tested = [event_id for fold in plan.folds.folds for event_id in fold.test]
    assert len(tested) > len(set(tested))
    assert any("tested in more than one fold" in note for note in plan.notes)


def test_a_slow_video_has_its_own_yardsticks(tiny: Tiny, tmp_path: Path):
    cohort = tiny.copy(tmp_path / "cohort")
    whole = plan_run(config(), cohort)
    assert [group.clips.fps for group in whole.yardstick_groups] == [10.0]
    slow = sorted((cohort / "videos").iterdir())[0]
    pictures, _ = read_pictures(slow, np.arange(20) / 4)
    slow.unlink()
    with VideoWriter(slow, width=pictures.shape[2], height=pictures.shape[1], fps=4) as writer:
        for picture in pictures:
            writer.write(picture)
    plan = plan_run(config(), cohort)
    groups = plan.yardstick_groups
    assert [group.clips.fps for group in groups] == [10.0, 4.0]
    views = [{(e.event_id, v.recording_id) for e in group.events for v in e.views} for group in groups]
    assert not views[0] & views[1]
    assert len(views[0] | views[1]) == sum(len(event.views) for event in plan.events)
    assert not any(group.has_band_power for group in groups)
    assert any("At 4 frames per second 2-6 Hz cannot be seen" in note for note in yardstick_notes(groups))


def test_an_event_between_two_windows_has_no_yardstick_of_movement(tiny: Tiny, tmp_path: Path):
    """2.4 s hold no whole window of 2 s when windows start at whole seconds; 3 s always hold one."""
    cohort = tiny.copy(tmp_path / "cohort")
    edit_rows(
        cohort / "seizures.tsv",
        lambda row: (
            row | {"onset": "0.5", "offset": "2.9", "clonic_onset": "n/a"}
            if row["seizure_id"] == "p01-s1"
            else row
        ),
    )
    plan = plan_run(config("segments.num_segments=1"), cohort)
    grouped = [event.event_id for group in plan.yardstick_groups for event in group.events]
    assert "p01-s1" in [event.event_id for event in plan.events]
    assert "p01-s1" not in grouped
    assert len(grouped) == len(plan.events) - 1
    (note,) = [note for note in plan.notes if "no whole window" in note]
    assert note.startswith("1 event holds no whole window of 2 s")
    assert "(such as p01-s1, 2.4 s)" in note
    _, traits = event_traits(plan.events, {})
    assert np.isnan(traits.motion_energy).all(), "known from no window, so the class frequencies are given"


def test_without_band_power_only_the_energy_is_known(tiny: Tiny):
    plan = plan_run(config(), tiny.cohort)
    event = plan.events[0]
    rows = np.ones((3, 1, len(FEATURE_NAMES)), np.float32)
    counts = np.zeros(3, np.int32)
    features = EventFeatures(
        event_id=event.event_id, recording_id=event.views[0].recording_id, features=rows,
        clip_index=np.arange(3), start_seconds=np.arange(3.0), end_seconds=np.arange(3.0) + 2,
        num_missing_frames=counts, num_held_frames=counts, num_damaged_frames=counts,
    )  # fmt: skip
    key = (event.event_id, event.views[0].recording_id)
    _, seen = event_traits([event], {key: features})
    _, blind = event_traits([event], {key: without_band_power(features)})
    assert seen.band_power[0] == blind.motion_energy[0] == 1.0
    assert np.isnan(blind.band_power[0])


def test_groups_cover_a_cohort_without_videos(tiny: Tiny, tmp_path: Path):
    cohort = tiny.copy(tmp_path / "cohort")
    for video in (cohort / "videos").iterdir():
        video.unlink()
    plan = plan_run(config(), cohort)
    assert [group.clips.fps for group in yardstick_groups(plan.cohort, plan.events)] == [25.0]
