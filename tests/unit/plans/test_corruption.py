import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pretraining_work import drawn_corruption

from semioscope.core.errors import ConfigError
from semioscope.execution import LocalExecutor, Unit
from semioscope.plans import CorruptionPlan, draw_corruption

PAPER = CorruptionPlan()
MASK = np.full(3, -1.0, dtype=np.float32)

keys = st.fixed_dictionaries(
    {"seed": st.integers(0, 2**31), "epoch": st.integers(1, 60), "clip": st.text(max_size=8)}
)
plans = st.builds(CorruptionPlan, span_frames=st.integers(1, 40), mask_share=st.floats(0, 1))


@given(num_real=st.integers(41, 256), plan=plans, key=keys)
def test_frames_are_kept_and_exactly_so_many_masked(num_real, plan, key):
    drawn = draw_corruption(num_real, plan, **key)
    assert sorted(drawn.order.tolist()) == list(range(256))
    assert drawn.order[num_real:].tolist() == list(range(num_real, 256))
    assert np.count_nonzero(drawn.is_masked) == round(plan.mask_share * num_real)
    assert not drawn.is_masked[num_real:].any()


@given(num_real=st.integers(41, 256), plan=plans, key=keys)
def test_one_span_goes_to_another_place(num_real, plan, key):
    order = draw_corruption(num_real, plan, **key).order[:num_real].tolist()
    assert order != list(range(num_real))
    # taking some span out of both leaves the other frames in their order
    possible = [
        begin
        for begin in range(num_real - plan.span_frames + 1)
        if (span := order[begin : begin + plan.span_frames])
        == list(range(span[0], span[0] + plan.span_frames))
        and (rest := order[:begin] + order[begin + plan.span_frames :]) == sorted(rest)
    ]
    assert possible


@given(num_real=st.integers(41, 256), key=keys)
def test_mask_replaces_and_pad_stays(num_real, key):
    x = np.random.default_rng(0).random((256, 3), dtype=np.float32)
    before = x.copy()
    drawn = draw_corruption(num_real, PAPER, **key)
    spoilt = drawn.apply(x, MASK)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(spoilt[num_real:], x[num_real:])
    np.testing.assert_array_equal(spoilt[drawn.is_masked], np.tile(MASK, (drawn.is_masked.sum(), 1)))
    kept = ~drawn.is_masked
    np.testing.assert_array_equal(spoilt[kept], x[drawn.order[kept]])


def test_paper_masks_38_of_250_frames():
    assert PAPER.num_masked(250) == 38
    assert draw_corruption(250, PAPER, seed=0, epoch=1, clip="a").is_masked.sum() == 38


def test_all_places_and_positions_are_as_likely():
    plan = CorruptionPlan(span_frames=2, mask_share=0.25)
    orders, masks = {}, np.zeros(6)
    for clip in range(4000):
        drawn = draw_corruption(4, plan, num_positions=6, seed=3, epoch=1, clip=clip)
        key = tuple(drawn.order[:4].tolist())
        orders[key] = orders.get(key, 0) + 1
        masks += drawn.is_masked
    # two places for each of three starts; some ways lead to the same order
    ways = {}
    for start, place in itertools.permutations(range(3), 2):
        rest = [frame for frame in range(4) if frame not in (start, start + 1)]
        key = (*rest[:place], start, start + 1, *rest[place:])
        ways[key] = ways.get(key, 0) + 1
    assert orders.keys() == ways.keys()
    for key, count in orders.items():
        assert abs(count / 4000 - ways[key] / 6) < 0.03
    assert masks[4:].tolist() == [0, 0]
    assert np.all(np.abs(masks[:4] / 4000 - 0.25) < 0.03)


def test_order_and_processes_do_not_matter():
    units = [Unit(name=f"rec-{number}", key=str(number), payload=f"rec-{number}") for number in range(20)]
    forwards = {unit.name: drawn_corruption(unit.payload) for unit in units}
    backwards = {unit.name: drawn_corruption(unit.payload) for unit in reversed(units)}
    elsewhere = {got.unit.name: got.value for got in LocalExecutor(workers=2).map(drawn_corruption, units)}
    assert forwards == backwards == elsewhere
    assert len(set(forwards.values())) == 20


@pytest.mark.parametrize("changed", [{"seed": 6}, {"epoch": 3}, {"clip": "b"}])
def test_every_part_of_the_key_counts(changed):
    key = {"seed": 5, "epoch": 2, "clip": "a"}
    one, other = draw_corruption(250, PAPER, **key), draw_corruption(250, PAPER, **{**key, **changed})
    assert one.order.tolist() != other.order.tolist() or one.is_masked.tolist() != other.is_masked.tolist()
    assert one.is_masked.tolist() != other.is_masked.tolist()


@pytest.mark.parametrize("num_real", [30, 257])
def test_excerpts_without_another_place_are_refused(num_real):
    with pytest.raises(ConfigError, match=rf"Excerpt a must have 31 to 256 real frames.*got {num_real}"):
        draw_corruption(num_real, PAPER, seed=0, epoch=1, clip="a")
