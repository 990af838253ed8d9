import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from semioscope.core.errors import ConfigError
from semioscope.plans import SlicePlan, off_pace, slices_of

A_AND_B = SlicePlan()
B_HALF = SlicePlan(stride=30, leftovers=False)

plans = st.builds(
    lambda frames, stride, leftovers, shortest: SlicePlan(
        slice_frames=frames, stride=stride, leftovers=leftovers, min_frames=min(shortest, frames)
    ),
    st.integers(2, 70),
    st.integers(1, 90),
    st.booleans(),
    st.integers(2, 20),
)


def by_walking(num_frames, plan):
    """The same, frame by frame."""
    found, covered, start = [], 0, 0
    while start + plan.slice_frames <= num_frames:
        found.append((start, plan.slice_frames))
        covered = start + plan.slice_frames
        start += plan.stride
    if plan.leftovers:
        rest = list(range(max(start, covered), num_frames))
        if len(rest) >= plan.min_frames:
            found.append((rest[0], len(rest)))
    return found


@settings(max_examples=300, deadline=None)
@given(num_frames=st.integers(0, 500), plan=plans)
def test_slices_are_those_of_a_walk_over_the_frames(num_frames, plan):
    assert [tuple(row) for row in slices_of(num_frames, plan).tolist()] == by_walking(num_frames, plan)


@settings(max_examples=200, deadline=None)
@given(num_frames=st.integers(0, 1000), plan=plans)
def test_slices_lie_inside_in_order_and_leave_little(num_frames, plan):
    slices = slices_of(num_frames, plan)
    assert slices.shape[1] == 2
    assert slices.dtype == np.int64
    first, count = slices.T
    assert np.all(np.diff(first) > 0)
    assert np.all(first >= 0)
    assert np.all(first + count <= num_frames)
    assert np.all(count[:-1] == plan.slice_frames)
    seen = np.zeros(num_frames, dtype=np.int64)
    for start, length in slices.tolist():
        seen[start : start + length] += 1
    if plan.stride >= plan.slice_frames:
        assert seen.max(initial=0) <= 1
    if plan.leftovers and plan.stride <= plan.slice_frames:
        assert (seen == 0).sum() < plan.min_frames
        assert np.all(np.diff(seen == 0) >= 0)  # only the end is left out
    if not plan.leftovers:
        assert np.all(count == plan.slice_frames)
    assert np.all(count >= plan.min_frames)


@settings(max_examples=50, deadline=None)
@given(num_frames=st.integers(0, 700))
def test_stride_of_one_gives_every_window(num_frames):
    slices = slices_of(num_frames, SlicePlan(stride=1, leftovers=False))
    assert slices[:, 0].tolist() == list(range(max(0, num_frames - 59)))


@pytest.mark.parametrize(
    ("num_frames", "num_slices", "num_overlapping"),
    [
        (0, 0, 0),
        (9, 0, 0),
        (10, 1, 0),
        (59, 1, 0),
        (60, 1, 1),
        (69, 1, 1),
        (70, 2, 1),
        (89, 2, 1),
        (90, 2, 2),
        (120, 2, 3),
        (179, 3, 4),
        (661, 11, 21),
        (5636, 94, 186),
        (6779, 113, 224),
    ],
)
def test_counts_of_single_events(num_frames, num_slices, num_overlapping):
    """The last four are the shortest and longest seizures of the paper's Table 3."""
    assert len(slices_of(num_frames, A_AND_B)) == num_slices
    assert len(slices_of(num_frames, B_HALF)) == num_overlapping


@pytest.mark.parametrize(
    ("num_events", "num_frames", "shortest", "num_slices", "num_overlapping"),
    [(78, 73_444, 179, 1252, 2333), (37, 81_592, 661, 1372, 2666)],
    ids=["frontal", "temporal"],
)
def test_published_counts_follow_from_the_published_lengths(
    num_events, num_frames, shortest, num_slices, num_overlapping
):
    """Lengths of any kind with the published number, sum and minimum; another rule would be far off."""
    counts = {"paper": [], "half": [], "without leftovers": [], "half with leftovers": []}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        share = rng.dirichlet(np.ones(num_events)) * (num_frames - num_events * shortest)
        lengths = shortest + np.floor(share).astype(int)
        for name, plan in {
            "paper": A_AND_B,
            "half": B_HALF,
            "without leftovers": SlicePlan(leftovers=False),
            "half with leftovers": SlicePlan(stride=30),
        }.items():
            counts[name].append(sum(len(slices_of(int(length), plan)) for length in lengths))
    for name, published in {"paper": num_slices, "half": num_overlapping}.items():
        assert abs(np.mean(counts[name]) - published) < 3.5 * np.std(counts[name])
    assert np.mean(counts["without leftovers"]) + 4 * np.std(counts["without leftovers"]) < num_slices
    assert (
        np.mean(counts["half with leftovers"]) - 4 * np.std(counts["half with leftovers"]) > num_overlapping
    )


def test_slices_off_pace_are_found_and_left_as_they_are():
    plan = SlicePlan()
    times = np.arange(200) / 30
    slices = slices_of(200, plan)
    assert len(slices) == 4
    assert not off_pace(times, slices, plan).any()
    gap = times + 0.3 * (np.arange(200) >= 90)  # nine frames are missing
    assert off_pace(gap, slices, plan).tolist() == [False, True, False, False]
    assert off_pace(gap, slices, SlicePlan(tolerance=0.2)).tolist() == [False] * 4
    small_gap = times + 0.15 * (np.arange(200) >= 90)
    assert not off_pace(small_gap, slices, plan).any()
    in_leftover = times + 0.15 * (np.arange(200) >= 190)  # much for 20 frames
    assert off_pace(in_leftover, slices, plan).tolist() == [False, False, False, True]
    between = times + 5.0 * (np.arange(200) >= 60)  # no slice holds the gap
    assert not off_pace(between, slices, plan).any()
    assert off_pace(times, slices[:0], plan).shape == (0,)


@settings(max_examples=60, deadline=None)
@given(fps=st.floats(20, 45), num_frames=st.integers(0, 400), start=st.floats(0, 1e5))
def test_pace_is_that_of_the_frame_rate(fps, num_frames, start):
    plan = SlicePlan()
    times = start + np.arange(num_frames) / fps
    found = off_pace(times, slices_of(num_frames, plan), plan)
    if abs(30 / fps - 1.1) > 1e-4 and abs(30 / fps - 0.9) > 1e-4:
        assert np.all(found == (abs(30 / fps - 1) > 0.1))


@given(frames=st.integers(10, 200))
def test_slices_of_any_length_are_on_pace_at_the_papers_rate(frames):
    plan = SlicePlan(slice_frames=frames)
    assert plan.seconds == frames / 30
    assert not off_pace(np.arange(frames) / 30, slices_of(frames, plan), plan).any()


def test_exactly_the_tolerance_is_on_pace():
    plan = SlicePlan(slice_frames=10, min_frames=10, nominal_seconds=1.0)
    for factor, wanted in ((1.1, False), (0.9, False), (1.1001, True), (0.8999, True)):
        times = np.arange(10) / 10 * factor
        assert off_pace(times, slices_of(10, plan), plan).tolist() == [wanted]


def test_slices_without_times_are_refused():
    plan = SlicePlan()
    with pytest.raises(ValueError, match=r"got 59 times, a last frame 59"):
        off_pace(np.arange(59) / 30, slices_of(60, plan), plan)
    with pytest.raises(ValueError, match="shortest slice of 1"):
        off_pace(np.arange(5.0), np.array([[0, 1]]), plan)
    with pytest.raises(ValueError, match="finite"):
        off_pace(np.where(np.arange(60) == 59, np.nan, 0.0), slices_of(60, plan), plan)


def test_impossible_plans_are_refused():
    with pytest.raises(
        ValidationError, match=r"got slice_frames 8 and min_frames 10. Set both, or leftovers=false"
    ):
        SlicePlan(slice_frames=8)
    assert slices_of(17, SlicePlan(slice_frames=8, stride=8, leftovers=False))[:, 0].tolist() == [0, 8]
    for wrong in ({"stride": 0}, {"slice_frames": 1}, {"min_frames": 1}, {"tolerance": -1}):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            SlicePlan(**wrong)
    with pytest.raises(ConfigError, match="0 frames or more, got -1"):
        slices_of(-1, SlicePlan())
