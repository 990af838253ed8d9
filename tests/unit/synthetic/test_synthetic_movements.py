import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semioscope.core.randomness import stream
from semioscope.synthetic.body import Pose, blend, patient_capsules
from semioscope.synthetic.movements import (
    AUTOMATISM_HZ,
    MOVEMENTS,
    RAMP_SECONDS,
    Phase,
    animate,
    falling_phase,
    wandering_phase,
)
from semioscope.synthetic.scenario import SCENARIOS, draw_recording
from semioscope.synthetic.style import FOCAL_KINDS, draw_style

TIMES = np.arange(0, 20, 1 / 60)


def make(kind, *, seed=0, times=TIMES, rate_hz=None):
    style = draw_style("p01", seed=seed)
    phase = Phase(name="focal", movement=kind, start_seconds=0.0, end_seconds=20.0, rate_hz=rate_hz)
    return MOVEMENTS[kind](times, style, phase, stream(seed, "test", kind=kind))


def travel(pose):
    """Mean speed of hands and feet, metres per second."""
    speeds = [np.linalg.norm(np.diff(limb, axis=0), axis=-1).mean() * 60 for limb in (pose.hands, pose.feet)]
    return float(np.mean(speeds))


def peak_hz(signal, fps):
    signal = signal - signal.mean(axis=0)
    power = (
        np.abs(np.fft.rfft(signal * np.hanning(len(signal))[:, None], 16 * len(signal), axis=0)) ** 2
    ).sum(1)
    rates = np.fft.rfftfreq(16 * len(signal), 1 / fps)
    return rates[rates > 0.3][power[rates > 0.3].argmax()]


@settings(max_examples=50, deadline=None)
@given(low=st.floats(0.2, 3), width=st.floats(0, 3), seed=st.integers(0, 1000))
def test_a_wandering_rate_stays_in_its_range(low, width, seed):
    turns = wandering_phase(TIMES, stream(seed, "test"), low_hz=low, high_hz=low + width) / (2 * np.pi)
    rate = np.diff(turns) * 60
    assert rate.min() >= low - 1e-6
    assert rate.max() <= low + width + 1e-6


@settings(max_examples=50, deadline=None)
@given(first=st.floats(3, 5), last=st.floats(0.8, 2), seconds=st.floats(3, 30))
def test_the_rate_of_jerks_falls_from_the_first_to_the_last(first, last, seconds):
    phase = Phase(
        name="clonic", movement="clonic", start_seconds=2.0, end_seconds=2 + seconds, rate_hz=(first, last)
    )
    times = np.linspace(2.0, 2 + seconds, 2000)
    rate = np.gradient(falling_phase(times, phase), times) / (2 * np.pi)
    assert rate[1] == pytest.approx(first, rel=0.02)
    assert rate[-2] == pytest.approx(last, rel=0.02)
    assert np.all(np.diff(rate[2:-2]) < 0)


@pytest.mark.parametrize("kind", MOVEMENTS)
def test_movements_are_plain_numbers_and_a_function_of_time(kind):
    whole, half = make(kind), make(kind, times=TIMES[::2])
    for name in Pose.__slots__:
        assert np.isfinite(getattr(whole, name)).all()
        assert getattr(whole, name).shape[0] == len(TIMES)
    if kind not in ("still", "limp", "clonic"):  # these use a mean or a slope over the times
        np.testing.assert_allclose(half.hands, whole.hands[::2], atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_automatisms_keep_to_their_rates(seed):
    rate = float(np.random.default_rng(seed).uniform(0.48, 1.6))
    style = draw_style("p01", seed=seed)
    pose = make("automatisms", seed=seed, rate_hz=(rate, rate))
    hand = pose.hands[:, 0 if style.handed < 0 else 1]
    found = peak_hz(hand, 60)
    assert AUTOMATISM_HZ[0] <= found <= AUTOMATISM_HZ[1]
    assert found == pytest.approx(rate, rel=0.15)
    other = pose.hands[:, 1 if style.handed < 0 else 0]
    assert hand.std(axis=0).max() > 2 * other.std(axis=0).max()


@pytest.mark.parametrize("seed", range(4))
def test_kinds_differ_in_how_much_they_move(seed):
    speed = {kind: travel(make(kind, seed=seed)) for kind in MOVEMENTS}
    assert speed["hyperkinetic"] > 3 * speed["automatisms"] > 3 * speed["still"]
    assert speed["still"] < 1.5 * speed["rest"]
    assert speed["limp"] < speed["rest"] + 1e-6
    assert speed["hyperkinetic"] > speed["clonic"] > speed["tonic"] > speed["rest"]


def test_version_turns_the_head_and_holds_it():
    yaw = np.abs(make("version").head_yaw)
    assert yaw[: len(yaw) // 40].max() < 0.7
    assert np.degrees(yaw[len(yaw) // 2 :].min()) > 35


@pytest.mark.parametrize("label", ["FOS", "TCS"])
@pytest.mark.parametrize("seed", range(3))
def test_phases_tile_the_recording_and_fit_the_label(label, seed):
    plan = draw_recording(
        SCENARIOS["fos-vs-tcs"], draw_style("p01", seed=seed), label, seizure_id="p01-s1", seed=seed,
        min_seconds=15.0, max_seconds=40.0,
    )  # fmt: skip
    edges = [phase.start_seconds for phase in plan.phases] + [plan.phases[-1].end_seconds]
    assert edges[0] == 0
    assert edges[-1] == plan.duration_seconds
    assert edges == sorted(set(edges))
    assert all(a.end_seconds == b.start_seconds for a, b in zip(plan.phases, plan.phases[1:], strict=False))
    names = [phase.name for phase in plan.phases]
    middle = ["focal"] if label == "FOS" else ["focal", "tonic", "clonic"]
    assert names == ["before", *middle, "after"]
    assert 15 <= plan.offset_seconds - plan.onset_seconds <= 40
    assert plan.semiology in FOCAL_KINDS
    if label == "TCS":
        clonic = plan.phases[3]
        assert plan.clonic_onset_seconds == clonic.start_seconds
        assert plan.offset_seconds == clonic.end_seconds
        assert 3.5 < clonic.rate_hz[0] < 4.5
        assert 0.8 < clonic.rate_hz[1] < 1.3
    else:
        assert plan.clonic_onset_seconds is None


def test_lengths_of_the_classes_overlap():
    def lengths(label):
        plans = [
            draw_recording(
                SCENARIOS["fos-vs-tcs"], draw_style("p01", seed=0), label, seizure_id=f"s{k}", seed=0,
                min_seconds=15.0, max_seconds=40.0,
            )
            for k in range(60)
        ]  # fmt: skip
        return np.array([plan.offset_seconds - plan.onset_seconds for plan in plans])

    focal, tonic_clonic = lengths("FOS"), lengths("TCS")
    assert 0.5 < np.mean(tonic_clonic[:, None] > focal[None]) < 0.85


def test_a_phase_takes_over_smoothly():
    style = draw_style("p01", seed=0)
    phases = (
        Phase(name="before", movement="rest", start_seconds=0.0, end_seconds=5.0),
        Phase(name="focal", movement="hyperkinetic", start_seconds=5.0, end_seconds=20.0),
    )
    pose = animate(phases, TIMES, style, lambda number: stream(0, "test", phase=number))
    step = np.linalg.norm(np.diff(pose.hands, axis=0), axis=-1)
    assert step[: 5 * 60].max() < 0.004
    assert step.max() < 0.12
    assert set(RAMP_SECONDS) <= set(MOVEMENTS)


def test_blending_ends_in_its_two_ends():
    first, second = make("rest"), make("tonic")
    np.testing.assert_array_equal(blend(first, second, np.zeros(len(TIMES))).hands, first.hands)
    np.testing.assert_allclose(blend(first, second, np.ones(len(TIMES))).feet, second.feet, atol=1e-12)


@pytest.mark.parametrize("kind", MOVEMENTS)
@pytest.mark.parametrize("seed", [0, 1])
def test_bodies_stay_above_the_mattress_and_keep_their_bones(kind, seed):
    style = draw_style("p01", seed=seed)
    body, blanket = patient_capsules(make(kind, seed=seed), style)
    assert body.starts[..., 2].min() > 0.5
    assert blanket.radii.size > 0
    lengths = np.linalg.norm(body.ends - body.starts, axis=-1)
    trunk = lengths[:, 1]
    assert trunk.max() - trunk.min() < 0.05
    assert lengths.max() < 0.7


def test_patients_have_a_style_of_their_own():
    styles = {draw_style(f"p{k:02d}", seed=0) for k in range(20)}
    assert len(styles) == 20
    assert draw_style("p01", seed=0) == draw_style("p01", seed=0)
    assert draw_style("p01", seed=0) != draw_style("p01", seed=1)
    assert {style.focal_kind for style in styles} == set(FOCAL_KINDS)
