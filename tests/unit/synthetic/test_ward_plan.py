"""What is drawn for a ward camera: seizures of two kinds, days and nights without any."""

from collections import Counter

import numpy as np
import pytest

from semioscope.core.randomness import stream
from semioscope.synthetic import ROUTINES, draw_contextual_plan, draw_seizure_plan, draw_style
from semioscope.synthetic.activities import ACTIVITIES, held_thing
from semioscope.synthetic.contextual_plan import LEAST_SECONDS, ROUND, deal_contextual
from semioscope.synthetic.movements import Phase, clonic, rest
from semioscope.synthetic.psychogenic import PSYCHOGENIC
from semioscope.synthetic.ward_cohort import deal_seizures
from semioscope.synthetic.ward_plan import PSYCHOGENIC_KINDS
from semioscope.synthetic.ward_recording import WARD_MOVEMENTS

TIMES = np.arange(1000) / 25
STYLE = draw_style("p01", seed=0)
WHOLE = Phase(name="psychogenic", movement="any", start_seconds=0.0, end_seconds=40.0)


def pose(movement, *, seed=0, times=TIMES):
    return movement(times, STYLE, WHOLE, stream(seed, "test"))


def seizure(number, label="PNES", seed=0):
    return draw_seizure_plan(
        draw_style(f"p{number:02d}", seed=seed), label, recording_id=f"p{number:02d}-s1", seed=seed,
        min_seconds=8.0, max_seconds=40.0,
    )  # fmt: skip


def contextual(activity, light="day", seconds=120.0):
    return draw_contextual_plan(
        STYLE, activity, light, recording_id="p01-c1", seed=0, duration_seconds=seconds
    )


@pytest.mark.parametrize("name", [*PSYCHOGENIC, *ACTIVITIES])
def test_every_movement_is_a_function_of_time_alone(name):
    movement = WARD_MOVEMENTS[name]
    whole, some = pose(movement), pose(movement, times=TIMES[::5])
    nearly = 1e-3 if name == "collapse" else 1e-9  # lying still holds the mean posture of the frames
    for part in ("pelvis", "hands", "feet", "head_yaw", "trunk_roll", "trunk_pitch"):
        values = getattr(whole, part)
        assert np.isfinite(values).all()
        if name != "shaking":  # the lag of a jerk is found by a difference in time
            np.testing.assert_allclose(values[::5], getattr(some, part), atol=nearly)
    steps = np.linalg.norm(np.diff(whole.hands, axis=0), axis=2)
    assert steps.max() < 0.35, "a hand jumps"


def test_the_head_goes_from_side_to_side():
    yaw = pose(PSYCHOGENIC["side to side"]).head_yaw
    turns = np.sum(np.diff(np.sign(yaw - yaw.mean())) != 0)
    assert turns > 20
    assert np.ptp(yaw) > 4 * np.ptp(pose(rest).head_yaw)


@pytest.mark.parametrize("name", ["side to side", "flailing", "thrusting"])
def test_psychogenic_movements_wax_and_wane(name):
    """Two-second windows of some seed are still and others are violent."""
    ratios = []
    for seed in range(6):
        moved = pose(PSYCHOGENIC[name], seed=seed)
        speed = np.abs(np.diff(moved.head_yaw)) + np.abs(np.diff(moved.hands, axis=0)).sum(axis=(1, 2))
        windows = speed[:950].reshape(-1, 50).mean(axis=1)
        ratios.append(windows.max() / np.quantile(windows, 0.1))
    assert np.median(ratios) > 3


def test_limbs_are_out_of_step_unlike_clonic_ones():
    def agreement(movement):
        found = []
        for seed in range(6):
            heights = pose(movement, seed=seed).hands[:, :, 2]
            found.append(abs(np.corrcoef(np.diff(heights, axis=0).T)[0, 1]))
        return np.mean(found)

    assert agreement(PSYCHOGENIC["flailing"]) < 0.35
    assert agreement(clonic) > 0.8
    assert agreement(PSYCHOGENIC["shaking"]) > 0.8, "the look-alike is in step"


@pytest.mark.parametrize("kind", ["read", "phone", "eat"])
def test_what_is_held_is_near_the_hands(kind):
    body = pose(ACTIVITIES[kind])
    thing = held_thing(kind, body, STYLE, np.ones(len(TIMES)))
    assert thing.starts.shape == thing.ends.shape == (len(TIMES), len(thing.radii), 3)
    assert (thing.starts[..., 2] > 0.5).all()


def test_classes_differ_in_kind_and_length_but_not_in_light():
    plans = {label: [seizure(number, label) for number in range(60)] for label in ("ES", "PNES")}
    kinds = {label: {plan.content for plan in found} for label, found in plans.items()}
    assert kinds["PNES"] == set(PSYCHOGENIC_KINDS)
    assert kinds["ES"] >= {"hyperkinetic", "automatisms"}
    assert any(kind.endswith("tonic-clonic") for kind in kinds["ES"])
    seconds = {
        label: np.mean([plan.offset_seconds - plan.onset_seconds for plan in found])
        for label, found in plans.items()
    }
    assert seconds["PNES"] > seconds["ES"] + 2
    days = {label: sum(plan.light == "day" for plan in found) / 60 for label, found in plans.items()}
    assert days["ES"] == days["PNES"], "the light is drawn from the recording alone"
    for plan in plans["ES"] + plans["PNES"]:
        assert plan.role == "seizures"
        assert plan.phases[0].start_seconds == 0.0
        for first, second in zip(plan.phases, plan.phases[1:], strict=False):
            assert first.end_seconds == second.start_seconds
        assert plan.phases[-1].end_seconds == plan.duration_seconds
        assert {phase.movement for phase in plan.phases} <= set(WARD_MOVEMENTS)
        has_clonic = any(phase.movement == "clonic" for phase in plan.phases)
        assert (plan.clonic_onset_seconds is not None) == has_clonic == plan.content.endswith("tonic-clonic")


def test_patients_have_one_kind_and_the_same_plan_twice():
    dealt = deal_seizures(12, 36, seed=3)
    assert dealt == deal_seizures(12, 36, seed=3)
    assert dealt != deal_seizures(12, 36, seed=4)
    assert Counter(label for label, _ in dealt.values()) == {"ES": 8, "PNES": 4}
    assert sum(count for _, count in dealt.values()) == 36
    assert min(count for _, count in dealt.values()) >= 1
    assert seizure(1) == seizure(1)


def test_contextual_video_is_dealt_evenly():
    names = [f"p{number:02d}" for number in range(1, 13)]
    plans = deal_contextual(names, total_seconds=3600.0, seed=0)
    assert len(plans) == 30
    assert sum(plan.duration_seconds for plan in plans) == pytest.approx(3600, abs=0.5)
    assert min(plan.duration_seconds for plan in plans) >= LEAST_SECONDS
    assert set(Counter(plan.style.patient_id for plan in plans).values()) == {2, 3}
    assert {(plan.content, plan.light) for plan in plans} == set(ROUND)
    assert len({plan.recording_id for plan in plans}) == 30
    nights = sum(plan.light == "night" for plan in plans)
    assert 10 <= nights <= 15
    for name in names:
        own = [(plan.content, plan.light) for plan in plans if plan.style.patient_id == name]
        assert len(own) == len(set(own)), "no patient does one thing twice in so little time"
    assert {content for content, _ in ROUND} == set(ROUTINES)


@pytest.mark.parametrize("activity", list(ROUTINES))
def test_an_activity_fills_its_recording(activity):
    routine, plan = ROUTINES[activity], contextual(activity)
    assert plan.phases[0].start_seconds == 0.0
    assert plan.phases[-1].end_seconds == 120.0
    for first, second in zip(plan.phases, plan.phases[1:], strict=False):
        assert first.end_seconds == second.start_seconds
    main = sum(
        phase.end_seconds - phase.start_seconds for phase in plan.phases if phase.movement == routine.movement
    )
    assert main > 60
    assert plan.label is None
    assert plan.onset_seconds is None
    assert {phase.movement for phase in plan.phases} <= set(WARD_MOVEMENTS)
    assert routine.num_visits[0] <= len(plan.visits) <= routine.num_visits[1]
    assert plan.lamp_changes[0] == (0.0, 1.0)
    night = contextual(activity, "night")
    assert night.lamp_changes[0] == (0.0, 0.0)
    assert night.brightness < plan.brightness
