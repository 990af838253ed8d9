from dataclasses import replace

import numpy as np
import pytest

from semioscope.core.records import Region
from semioscope.synthetic.geometry import CameraState
from semioscope.synthetic.recording import _doubled, inset_region, inset_size, montage_frames, seen_box
from semioscope.synthetic.scenario import SCENARIOS, VIEWS, CameraMove, camera_states, draw_recording
from semioscope.synthetic.style import draw_style
from semioscope.synthetic.view import exposures

WIDTH, HEIGHT, FPS = 240, 136, 20.0


def draw(label="TCS", *, seed=3, patient="p01", min_seconds=8.0, max_seconds=8.0):
    return draw_recording(
        SCENARIOS["fos-vs-tcs"], draw_style(patient, seed=seed), label, seizure_id=f"{patient}-s1", seed=seed,
        min_seconds=min_seconds, max_seconds=max_seconds,
    )  # fmt: skip


def quiet(plan, **changes):
    """The same recording without a carer, with steady light and cameras."""
    still = {"carer": None, "lamp_changes": ((0.0, 0.0),), "moves": (), "away_view": None}
    return replace(plan, **(still | changes))


def rendered(plan, *, noise=False, fps=FPS, every=1, width=WIDTH, height=HEIGHT):
    frames = list(montage_frames(plan, width=width, height=height, fps=fps, noise=noise, every=every))
    return frames, np.stack([frame.picture for frame in frames])


def peak_hz(pictures, fps):
    """Strongest rate of the first principal component of a stretch of pictures."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    flat = flat[:, flat.std(axis=0) > 2]
    flat = flat - flat.mean(axis=0)
    signal = np.linalg.svd(flat, full_matrices=False)[0][:, 0]
    signal = signal - np.polyval(np.polyfit(np.arange(len(signal)), signal, 1), np.arange(len(signal)))
    power = np.abs(np.fft.rfft(signal * np.hanning(len(signal)), 32 * len(signal))) ** 2
    rates = np.fft.rfftfreq(32 * len(signal), 1 / fps)
    return float(rates[rates > 0.35][power[rates > 0.35].argmax()])


@pytest.fixture(scope="module")
def tonic_clonic():
    plan = quiet(draw(min_seconds=9.0, max_seconds=9.0))
    return plan, *rendered(plan)


def test_the_jerks_seen_in_the_pictures_slow_down_from_about_four_to_one_per_second(tonic_clonic):
    plan, frames, pictures = tonic_clonic
    times = np.array([frame.time_seconds for frame in frames])
    clonic = plan.phases[3]
    first, last = clonic.rate_hz

    def expected(moment):
        share = (moment - clonic.start_seconds) / (clonic.end_seconds - clonic.start_seconds)
        return first * (last / first) ** share

    measured = []
    for start in np.linspace(clonic.start_seconds + 0.4, clonic.end_seconds - 2.0, 4):
        length = 1.0 if start < clonic.end_seconds - 2.5 else 2.0
        window = (times >= start) & (times < start + length)
        measured.append(peak_hz(pictures[window], FPS))
        assert measured[-1] == pytest.approx(expected(start + length / 2), rel=0.3)
    assert measured[0] > 2.7
    assert measured[-1] < 1.7
    assert measured == sorted(measured, reverse=True)


@pytest.mark.parametrize("seed", [1, 5])
def test_automatisms_seen_in_the_pictures_keep_to_their_rates(seed):
    style = replace(draw_style("p01", seed=seed), focal_kind="automatisms")
    plan = quiet(replace(draw("FOS", seed=seed), style=style))
    rate = (0.6, 1.5)[seed == 5]
    focal = replace(plan.phases[1], movement="automatisms", rate_hz=(rate, rate))
    plan = replace(plan, phases=(plan.phases[0], focal, plan.phases[2]))
    frames, pictures = rendered(plan, fps=10.0)
    times = np.array([frame.time_seconds for frame in frames])
    inside = (times > focal.start_seconds + 1.5) & (times < focal.end_seconds)
    found = peak_hz(pictures[inside], 10.0)
    assert 0.4 <= found <= 1.8
    # a limb that swings across its middle place passes it twice in a turn
    assert min(abs(found - rate), abs(found - 2 * rate)) < 0.2 * rate


def test_what_moves_lies_in_the_truth_boxes(tonic_clonic):
    _, frames, pictures = tonic_clonic
    inset_width, inset_height = inset_size(WIDTH, HEIGHT)
    sizes = {"large": (WIDTH, HEIGHT), "small": (inset_width, inset_height)}
    num_moved = 0
    for number in range(0, len(frames) - 1, 4):
        moved = np.abs(pictures[number + 1].astype(int) - pictures[number]) > 3
        allowed = np.zeros(moved.shape, bool)
        for view in VIEWS:
            width, height = sizes[view]
            inset = np.zeros((height, width), bool)
            for frame in frames[number : number + 2]:
                left, top, right, bottom = frame.boxes[view] * (width, height, width, height)
                rows = slice(max(int(np.floor(top)) - 2, 0), max(int(np.ceil(bottom)) + 2, 0))
                inset[rows, max(int(np.floor(left)) - 2, 0) : max(int(np.ceil(right)) + 2, 0)] = True
            if view == "large":
                allowed = inset
            else:
                allowed[:height, :width] = inset
        assert not (moved & ~allowed).any()
        num_moved += int(moved.sum())
    assert num_moved > 1000


def test_boxes_do_not_swallow_the_picture(tonic_clonic):
    _, frames, _ = tonic_clonic
    areas = [np.prod(frame.boxes["large"][2:] - frame.boxes["large"][:2]) for frame in frames]
    assert 0.02 < np.median(areas) < 0.4


def test_the_same_plan_gives_the_same_pictures_and_skipping_changes_none():
    plan = draw(min_seconds=5.0, max_seconds=5.0)
    _, first = rendered(plan, noise=True, fps=10.0, every=2)
    _, again = rendered(plan, noise=True, fps=10.0, every=8)
    np.testing.assert_array_equal(first[::4], again)


def test_noise_light_and_vignette_are_seen():
    plan = quiet(draw(min_seconds=5.0, max_seconds=5.0), lamp_changes=((0.0, 0.0), (4.0, 1.0)))
    frames, clean = rendered(plan, fps=10.0, every=2)
    _, noisy = rendered(plan, noise=True, fps=10.0, every=2)
    grain = noisy.astype(float) - clean
    assert np.std(grain[5]) == pytest.approx(plan.style.noise, rel=0.2)
    times = np.array([frame.time_seconds for frame in frames])
    before, flash, after = (
        clean[np.searchsorted(times, moment), inset_size(WIDTH, HEIGHT)[1] :].mean()
        for moment in (3.9, 4.2, 7.5)
    )
    assert flash > 1.2 * before
    assert flash > after + 5


def test_the_lamp_and_the_exposure_follow_each_other():
    times = np.linspace(0, 20, 400)
    lamp, gain = exposures(times, ((0.0, 0.0), (5.0, 1.0), (10.0, 0.0)), brightness=1.0)
    assert lamp[times < 5].max() == 0
    assert lamp[(times > 5.2) & (times < 10)].min() == 1
    assert gain[0] == pytest.approx(1.0)
    assert gain[(times > 9.5) & (times < 10)].max() < 0.6
    assert gain[-1] == pytest.approx(1.0, abs=1e-3)
    assert np.abs(np.diff(gain)).max() < 0.06


def test_a_turned_camera_loses_the_patient():
    plan = draw(seed=11, min_seconds=5.0, max_seconds=5.0)
    turn = CameraMove(view="small", start_seconds=3.0, seconds=1.0, state=CameraState(yaw_degrees=70.0))
    plan = quiet(plan, moves=(turn,), away_view="small")
    frames, _ = rendered(plan, fps=10.0, width=160, height=90)
    boxes = {view: [seen_box(frame.boxes[view]) for frame in frames] for view in VIEWS}
    assert boxes["small"][0] is not None
    assert boxes["small"][-1] is None
    assert None not in boxes["large"]
    assert plan.use("small") == "evaluate"
    assert plan.use("large") == "train"


def test_every_drawn_absence_really_leaves_the_picture():
    absent = [
        plan
        for seed in range(60)
        if (plan := draw("FOS", seed=seed, min_seconds=15.0, max_seconds=16.0)).away_view is not None
    ]
    assert len(absent) >= 3
    for plan in absent[:3]:
        frames, _ = rendered(plan, fps=10.0, every=60, width=160, height=90)
        assert seen_box(frames[-1].boxes[plan.away_view]) is None


def test_a_camera_that_is_not_moved_keeps_its_state():
    plan = quiet(draw())
    assert set(camera_states(plan, "large", np.linspace(0, 10, 20))) == {CameraState()}


def test_a_carer_comes_in():
    plan = next(
        plan
        for seed in range(40)
        if (plan := draw("FOS", seed=seed, min_seconds=15.0, max_seconds=16.0)).carer
    )
    plan = replace(plan, lamp_changes=((0.0, 1.0),), moves=())
    moment = min(plan.carer.enter_seconds + 4.0, plan.duration_seconds - 0.2)
    _, with_carer = rendered(plan, fps=10.0, every=10)
    _, without = rendered(replace(plan, carer=None), fps=10.0, every=10)
    differs = (with_carer != without).reshape(len(without), -1).sum(axis=1)
    assert differs[: int(plan.carer.enter_seconds)].sum() == 0
    assert differs[int(moment)] > 300


@pytest.mark.parametrize("size", [(1920, 1080), (480, 270), (640, 360), (320, 180), (162, 90), (1280, 720)])
def test_the_inset_is_that_of_the_paper_in_proportion(size):
    inset = inset_size(*size)
    assert inset[0] % 2 == inset[1] % 2 == 0
    assert inset[0] / size[0] == pytest.approx(800 / 1920, abs=1.1 / size[0])
    assert inset[1] / size[1] == pytest.approx(450 / 1080, abs=1.1 / size[1])
    region = inset_region(*size)
    assert region.pixels(width=size[0], height=size[1]) == (0, 0, *inset)
    written = Region(**dict(zip(("x", "y", "width", "height"), map(float, str(region).split()), strict=True)))
    assert written.pixels(width=size[0], height=size[1]) == (0, 0, *inset)


def test_the_paper_s_inset_is_800_by_450():
    assert inset_size(1920, 1080) == (800, 450)


def test_large_pictures_are_the_small_ones_enlarged():
    plan = quiet(draw(min_seconds=5.0, max_seconds=5.0))
    _, whole = rendered(plan, fps=10.0, every=60, width=1280, height=720)
    _, half = rendered(plan, fps=10.0, every=60, width=640, height=360)
    assert whole.shape[1:] == (720, 1280)
    smaller = whole[0].reshape(360, 2, 640, 2).mean(axis=(1, 3))
    assert np.abs(smaller - half[0]).mean() < 2.5


def test_enlarging_keeps_flat_areas_and_means():
    flat = np.full((4, 6), 77, np.uint8)
    np.testing.assert_array_equal(_doubled(flat), 77)
    ramp = np.tile(np.arange(0, 60, 4, dtype=np.uint8), (5, 1))
    larger = _doubled(ramp)
    assert larger.shape == (10, 30)
    np.testing.assert_array_equal(larger[0, 1:-1], np.arange(1, 57, 2))


def test_a_box_that_is_hardly_in_the_picture_is_none():
    assert seen_box(np.array([0.2, 0.3, 0.6, 0.8])) == [0.2, 0.3, 0.6, 0.8]
    assert seen_box(np.array([-0.5, 0.3, 0.5, 0.8])) == [0.0, 0.3, 0.5, 0.8]
    assert seen_box(np.array([-0.95, 0.3, 0.05, 0.8])) is None
    assert seen_box(np.full(4, np.nan)) is None
