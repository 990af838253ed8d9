import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from semioscope.splits.balance import deal_by_duration, partition


def cost(sizes, part, shares):
    totals = sizes.sum(axis=0)
    scaled = sizes[:, totals > 0] / totals[totals > 0]
    held = np.stack([scaled[part == k].sum(axis=0) for k in range(len(shares))])
    return (((held - shares[:, None]) ** 2).sum(axis=1) / shares).sum()


def lacking(has_class, part, num_parts):
    return sum(
        has_class[:, c].any() and has_class[part == k, c].sum() == has_class[:, c].sum()
        for k in range(num_parts)
        for c in range(has_class.shape[1])
    )


@st.composite
def tables(draw, most=8, num_columns=2):
    num_items = draw(st.integers(3, most))
    return draw(hnp.arrays(np.float64, (num_items, num_columns), elements=st.integers(0, 4)))


@given(tables(), st.integers(2, 3), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_no_single_move_and_no_exchange_improves(sizes, num_parts, seed):
    has_class = sizes > 0
    shares = np.full(num_parts, 1 / num_parts)
    found = partition(sizes, has_class, shares=shares, rng=np.random.default_rng(seed))
    assert set(found.part) == set(range(num_parts))
    assert found.num_lacking == lacking(has_class, found.part, num_parts)
    now = (found.num_lacking, cost(sizes, found.part, shares))
    for item, part in itertools.product(range(len(sizes)), range(num_parts)):
        other = found.part.copy()
        other[item] = part
        if set(other) == set(range(num_parts)):
            assert (lacking(has_class, other, num_parts), cost(sizes, other, shares) + 1e-9) >= now
    for p, q in itertools.combinations(range(len(sizes)), 2):
        other = found.part.copy()
        other[[p, q]] = other[[q, p]]
        assert (lacking(has_class, other, num_parts), cost(sizes, other, shares) + 1e-9) >= now


def uneven(counted, part, num_parts):
    return tuple(
        int(sum((table[part == k].sum(axis=0) ** 2).sum() for k in range(num_parts))) for table in counted
    )


@given(tables(most=7), st.integers(2, 3), st.integers(0, 2**32), st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_counted_first_comes_before_sizes_in_every_move_and_exchange(sizes, num_parts, seed, data):
    has_class = sizes > 0
    counted = [
        data.draw(hnp.arrays(np.bool_, (len(sizes), num_columns)), label=f"table of {num_columns}")
        for num_columns in (2, 3)
    ]
    shares = np.full(num_parts, 1 / num_parts)
    found = partition(
        sizes, has_class, shares=shares, rng=np.random.default_rng(seed), counted_first=counted
    )  # fmt: skip

    def rank(part, slack=0.0):
        return (
            lacking(has_class, part, num_parts),
            *uneven(counted, part, num_parts),
            cost(sizes, part, shares) + slack,
        )

    now = rank(found.part)
    for item, part in itertools.product(range(len(sizes)), range(num_parts)):
        other = found.part.copy()
        other[item] = part
        if set(other) == set(range(num_parts)):
            assert rank(other, 1e-9) >= now
    for p, q in itertools.combinations(range(len(sizes)), 2):
        other = found.part.copy()
        other[[p, q]] = other[[q, p]]
        assert rank(other, 1e-9) >= now


@given(tables(most=7, num_columns=3), st.sampled_from([0.2, 0.5]), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_split_with_all_classes_on_both_sides_is_found_whenever_there_is_one(sizes, fraction, seed):
    has_class = sizes > 0
    found = partition(
        sizes, has_class, shares=np.array([1 - fraction, fraction]), rng=np.random.default_rng(seed)
    )
    possible = any(
        lacking(has_class, np.array(parts), 2) == 0
        for parts in itertools.product([0, 1], repeat=len(sizes))
        if len(set(parts)) == 2
    )
    assert (found.num_lacking == 0) == possible


def test_more_items_than_swaps_are_tried_for_are_still_shared_out():
    rng = np.random.default_rng(3)
    sizes = rng.integers(0, 9, size=(450, 2)).astype(float)
    found = partition(sizes, sizes > 0, shares=np.full(10, 0.1), rng=rng)
    held = np.stack([sizes[found.part == k].sum(axis=0) for k in range(10)]) / sizes.sum(axis=0)
    assert abs(held - 0.1).max() < 0.005


def test_fewer_items_than_parts_is_refused():
    with pytest.raises(ValueError, match="at least as many items as parts, got 2 items for 3 parts"):
        partition(
            np.ones((2, 1)),
            np.ones((2, 1), dtype=bool),
            shares=np.full(3, 1 / 3),
            rng=np.random.default_rng(0),
        )


@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(1, 1000)), min_size=2, max_size=60),
    st.integers(2, 6),
    st.integers(0, 2**32),
)
@settings(max_examples=100, deadline=None)
def test_numbers_differ_by_one_and_durations_by_the_longest(items, num_parts, seed):
    class_index = np.array([item[0] for item in items])
    seconds = np.array([item[1] for item in items])
    part = deal_by_duration(class_index, seconds, num_parts=num_parts, rng=np.random.default_rng(seed))
    for chosen in (class_index == 0, class_index == 1, class_index >= 0):
        number = np.bincount(part[chosen], minlength=num_parts)
        assert np.ptp(number) <= 1
    total = np.bincount(part, weights=seconds, minlength=num_parts)
    assert np.ptp(total) <= seconds.max() + 1e-3
