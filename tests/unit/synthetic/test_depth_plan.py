"""What happens in depth recordings, and how fast it is."""

from dataclasses import replace

import numpy as np
import pytest

from semioscope.core.randomness import stream
from semioscope.synthetic import PERFECT, depth_frames, make_depth_scene, plan_depth_cohort
from semioscope.synthetic.body import MATTRESS_METRES, Pose, patient_capsules
from semioscope.synthetic.depth_plan import SEMIOLOGIES, SYNDROMES
from semioscope.synthetic.depth_room import draw_depth_style
from semioscope.synthetic.everyday import ALL_MOVEMENTS, EVERYDAY
from semioscope.synthetic.movements import Phase

TIMES = np.arange(0, 12, 1 / 20)
PLANS = plan_depth_cohort(
    num_patients=24, num_seizures=72, seed=1, min_seconds=10, max_seconds=40, preictal_seconds=15,
    postictal_seconds=15,
)  # fmt: skip


def of_class(label):
    return [plan for plan in PLANS if plan.label == label]


@pytest.mark.parametrize("kind", EVERYDAY)
def test_everyday_movements_are_functions_of_time_and_stay_above_the_mattress(kind):
    style = draw_depth_style("p01", seed=0)
    phase = Phase(name="preictal", movement=kind, start_seconds=0.0, end_seconds=12.0)
    whole, half = (
        EVERYDAY[kind](times, style, phase, stream(0, "test", kind=kind)) for times in (TIMES, TIMES[::2])
    )
    for name in Pose.__slots__:
        assert np.isfinite(getattr(whole, name)).all()
    np.testing.assert_allclose(half.feet, whole.feet[::2], atol=0.02)
    np.testing.assert_allclose(half.hands, whole.hands[::2], atol=0.02)
    body, _ = patient_capsules(whole, style)
    assert (np.minimum(body.starts, body.ends)[..., 2].min(axis=0) > MATTRESS_METRES - 0.12).all()
    assert np.linalg.norm(np.diff(whole.hands, axis=0), axis=-1).max() < 0.25
    assert np.ptp(whole.hands, axis=0).max() > 0.01


@pytest.mark.parametrize("label", SYNDROMES)
def test_phases_tile_the_recording_and_parts_are_where_they_should_be(label):
    for plan in of_class(label):
        ends = [phase.end_seconds for phase in plan.phases]
        starts = [phase.start_seconds for phase in plan.phases]
        assert starts[0] == 0
        assert starts[1:] == pytest.approx(ends[:-1], abs=1e-6)
        assert ends[-1] == pytest.approx(plan.duration_seconds)
        for phase in plan.phases:
            assert phase.movement in ALL_MOVEMENTS
            ictal = plan.onset_seconds - 0.011 <= phase.start_seconds < plan.offset_seconds - 0.011
            assert (phase.name == "ictal") == ictal
        assert plan.semiology in SEMIOLOGIES[label]


def test_classes_overlap_in_length_and_kind():
    seconds = {
        label: np.array([plan.offset_seconds - plan.onset_seconds for plan in of_class(label)])
        for label in SYNDROMES
    }
    assert seconds["FLE"].mean() + 4 < seconds["TLE"].mean()
    assert seconds["FLE"].max() > np.median(seconds["TLE"])
    assert min(map(np.min, seconds.values())) >= 10
    assert max(map(np.max, seconds.values())) <= 40
    for label in SYNDROMES:
        kinds = {plan.semiology for plan in of_class(label)}
        assert kinds & {name for name, kind in SEMIOLOGIES[label].items() if kind.hard}
        assert len(kinds) >= 3


def test_patients_move_and_have_visits_without_a_seizure():
    moving = [{p.movement for p in plan.phases if p.name == "preictal"} & set(EVERYDAY) for plan in PLANS]
    assert np.mean([bool(found) for found in moving]) > 0.6
    assert set().union(*moving) == set(EVERYDAY)
    before = [any(visit.enter_seconds < plan.onset_seconds for visit in plan.visits) for plan in PLANS]
    after = [any(visit.enter_seconds > plan.onset_seconds for visit in plan.visits) for plan in PLANS]
    assert 0.3 < np.mean(before) < 0.7
    assert 0.6 < np.mean(after) < 0.9


def motion(plan, *, part):
    """Mean change of depth in 0.1 s, over moments of a part, where the patient is, millimetres."""
    start, end = (plan.onset_seconds, plan.offset_seconds) if part == "ictal" else (0.0, plan.onset_seconds)
    moments = np.linspace(start + 1, end - 1, 6)
    times = np.stack([moments, moments + 0.1], axis=1).ravel()
    scene = make_depth_scene(plan, times, width=64, height=53)
    frames = list(depth_frames(scene, faults=PERFECT, labelled=range(len(times))))
    change = []
    for before, after in zip(frames[::2], frames[1::2], strict=True):
        there = np.isin(before.labels, (1, 3)) & np.isin(after.labels, (1, 3))
        change.append(np.abs(before.depth.astype(float) - after.depth)[there].mean())
    return float(np.mean(change))


def test_frontal_seizures_are_faster_than_temporal_ones_on_average_but_not_always():
    alone = [replace(plan, visits=()) for plan in PLANS if plan.recording_id[-2:] == "s1"][:20]
    speed = {label: [motion(p, part="ictal") for p in alone if p.label == label] for label in SYNDROMES}
    quiet = [motion(plan, part="preictal") for plan in alone[:8]]
    assert np.mean(speed["FLE"]) > 2 * np.mean(speed["TLE"])
    assert min(speed["FLE"]) < max(speed["TLE"])
    assert np.mean(quiet) < np.mean(speed["FLE"])
    assert max(quiet) > min(speed["TLE"])
