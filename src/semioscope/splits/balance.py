"""Share out things that come in several sizes so that every part gets its share of every size.

Patients are shared out to folds and to an inner split (``partition``); single events are shared out by class
and duration (``deal_by_duration``). Both start from a shuffled deal and then move and swap until nothing
improves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

_NUM_STARTS = 8  # without numbers that come first, only until no part holds all of a class
_MOST_SWAPPED = 400  # above this number of items moves alone are enough, and swaps would be slow
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Which part every item went to.

    Args:
        part: Index of the part of each item; no part is empty.
        num_lacking: Pairs of part and class where the part holds every item that has the class, so that the
            other parts together lack it. 0 is what is wanted.
    """

    part: Int[np.ndarray, " num_items"]
    num_lacking: int


def partition(
    sizes: Float[np.ndarray, "num_items num_columns"],
    has_class: Bool[np.ndarray, "num_items num_classes"],
    *,
    shares: Float[np.ndarray, " num_parts"],
    rng: np.random.Generator,
    counted_first: Sequence[Bool[np.ndarray, "num_items _"]] = (),
) -> Partition:
    """Share out items to parts.

    Wanted is, what stands first before all the rest:

    1. No part holds all the items of a class.
    2. Parts have equally many items of each column of the first table of ``counted_first``, then of the next one:
       the sum over parts and columns of the squared number is small.
    3. Each part holds its share of each column of ``sizes``, divided by its sum: the sum over parts and columns of
       ``(held - share)**2 / share`` is small.

    The result is a local optimum: no single move of an item is better, and (up to 400 items) no exchange of two is.
    Of a table whose items have one column each, or with two columns in whatever way, the numbers of a local optimum
    differ by at most one between parts, unless the first wish stands against it (for exchanges: up to 400 items).

    Args:
        sizes: How much of each column an item brings, 0 or more.
        has_class: Whether an item counts as one of a class.
        shares: Wanted fraction of each part; positive, sum 1; at most as many as there are items.
        rng: Breaks ties and chooses the start.
        counted_first: Which items count in each column, in tables of falling importance; for parts of equal shares.

    Raises:
        ValueError: If there are fewer items than parts.
    """
    num_items, num_parts = len(sizes), len(shares)
    if num_items < num_parts:
        msg = (
            f"A partition needs at least as many items as parts, got {num_items} items for {num_parts} parts."
        )
        raise ValueError(msg)
    totals = sizes.sum(axis=0)
    scaled = sizes[:, totals > 0] / totals[totals > 0]
    best: tuple[tuple[float, ...], Int[np.ndarray, " num_items"]] | None = None
    for _ in range(_NUM_STARTS):
        search = _Search(scaled, has_class, shares, counted_first)
        search.deal(rng)
        search.improve()
        found = (search.num_lacking(), *search.unevenness(), search.cost())
        if best is None or found < best[0]:
            best = found, search.part
        if best[0][0] == 0 and not counted_first:
            break
    assert best is not None
    return Partition(part=best[1], num_lacking=int(best[0][0]))


class _Search:
    """State of one descent. Arrays: x items by columns, held parts by columns, count parts by classes.

    ``first`` items by columns, and ``numbers`` parts by columns, one of each per table that comes first.
    """

    def __init__(
        self,
        x: Float[np.ndarray, "num_items num_columns"],
        has_class: Bool[np.ndarray, "num_items num_classes"],
        shares: Float[np.ndarray, " num_parts"],
        counted_first: Sequence[Bool[np.ndarray, "num_items _"]],
    ) -> None:
        self.x, self.has, self.shares = x, has_class.astype(np.int64), shares
        self.total = self.has.sum(axis=0)
        self.part = np.full(len(x), -1)
        self.held = np.zeros((len(shares), x.shape[1]))
        self.count = np.zeros((len(shares), self.has.shape[1]), dtype=np.int64)
        self.size = np.zeros(len(shares), dtype=np.int64)
        self.first = [table.astype(np.int64) for table in counted_first]
        self.numbers = [np.zeros((len(shares), table.shape[1]), dtype=np.int64) for table in self.first]

    def unevenness(self) -> tuple[int, ...]:
        """Return the sum of squared numbers of each table that comes first; least where they are even."""
        return tuple(int((numbers**2).sum()) for numbers in self.numbers)

    def cost(self) -> float:
        return float((((self.held - self.shares[:, None]) ** 2).sum(axis=1) / self.shares).sum())

    def num_lacking(self) -> int:
        return int(np.count_nonzero((self.count == self.total) & (self.total > 0)))

    def put(self, item: int, part: int) -> None:
        old = self.part[item]
        if old >= 0:
            self.held[old] -= self.x[item]
            self.count[old] -= self.has[item]
            self.size[old] -= 1
            for numbers, table in zip(self.numbers, self.first, strict=True):
                numbers[old] -= table[item]
        self.part[item] = part
        self.held[part] += self.x[item]
        self.count[part] += self.has[item]
        self.size[part] += 1
        for numbers, table in zip(self.numbers, self.first, strict=True):
            numbers[part] += table[item]

    def deal(self, rng: np.random.Generator) -> None:
        """Deal the big items first, each to the part that gains most; empty parts are filled in time."""
        order = rng.permutation(len(self.x))
        order = order[np.argsort(-(self.x[order] ** 2).sum(axis=1), kind="stable")]
        preference = rng.permutation(len(self.shares))
        for done, item in enumerate(order):
            gain = (
                2 * (self.held - self.shares[:, None]) @ self.x[item] + self.x[item] @ self.x[item]
            ) / self.shares
            allowed = self.size == 0 if len(order) - done == (self.size == 0).sum() else self.size >= 0
            gain = np.where(allowed, gain, np.inf)[preference]
            self.put(int(item), int(preference[np.argmin(gain)]))

    def improve(self) -> None:
        """Take the best move, or where none helps the best swap, until neither helps."""
        most_steps = 20 * len(self.x) + 100  # descent ends long before; this guards against rounding
        for _ in range(most_steps):
            if not self._move() and not self._swap():
                return

    def _slopes(self) -> Float[np.ndarray, "num_items num_parts"]:
        slopes: Float[np.ndarray, "num_items num_parts"] = (
            2 * self.x @ ((self.held - self.shares[:, None]) / self.shares[:, None]).T
        )
        return slopes

    def _move(self) -> bool:
        items = np.arange(len(self.x))
        slopes, square, inverse = self._slopes(), (self.x**2).sum(axis=1), 1 / self.shares
        change = (
            slopes
            + square[:, None] * inverse
            - slopes[items, self.part][:, None]
            + (square * inverse[self.part])[:, None]
        )
        freed = (self.has * (self.count == self.total)[self.part]).sum(axis=1)
        caught = self.has @ (self.count + 1 == self.total).T.astype(np.int64)
        lacking = caught - freed[:, None]
        stays = (np.arange(len(self.shares)) == self.part[:, None]) | (self.size[self.part] == 1)[:, None]
        uneven = []
        for numbers, table in zip(self.numbers, self.first, strict=True):
            left = (table * (2 * numbers[self.part] - 1)).sum(axis=1)
            uneven.append(table @ (2 * numbers + 1).T - left[:, None])
        item, part = _best([lacking, *uneven, change], stays)
        if item < 0:
            return False
        self.put(item, part)
        return True

    def _swap(self) -> bool:
        if len(self.x) > _MOST_SWAPPED:
            return False
        slopes, inverse = self._slopes(), 1 / self.shares
        square = (self.x**2).sum(axis=1)
        apart = square[:, None] + square - 2 * self.x @ self.x.T
        own = slopes[np.arange(len(self.x)), self.part]
        across = slopes[:, self.part]  # [p, q]: slope of p in the part of q
        change = across.T - own[:, None] - own[None, :] + across
        change = change + apart * (inverse[self.part][:, None] + inverse[self.part][None, :])
        same = self.part[:, None] == self.part[None, :]
        now = self.count[self.part]
        gained = self.has[None, :, :] - self.has[:, None, :]  # [p, q]: what the part of p gets
        after = (now[:, None, :] + gained == self.total) & (self.total > 0)
        before = ((now == self.total) & (self.total > 0)).sum(axis=1)
        after_number = after.sum(axis=2)
        lacking = after_number + after_number.T - before[:, None] - before[None, :]
        uneven = [self._uneven_swaps(*pair) for pair in zip(self.numbers, self.first, strict=True)]
        p, q = _best([lacking, *uneven, change], same)
        if p < 0:
            return False
        part_p, part_q = int(self.part[p]), int(self.part[q])
        self.put(p, part_q)
        self.put(q, part_p)
        return True

    def _uneven_swaps(
        self,
        numbers: Int[np.ndarray, "num_parts num_columns"],
        table: Int[np.ndarray, "num_items num_columns"],
    ) -> Int[np.ndarray, "num_items num_items"]:
        """Return by how much the squared numbers grow when p and q change places."""
        gained = table[None, :, :] - table[:, None, :]  # [p, q]: what the part of p gets
        apart = numbers[self.part][:, None, :] - numbers[self.part][None, :, :]
        grown: Int[np.ndarray, "num_items num_items"] = (2 * gained * (apart + gained)).sum(axis=2)
        return grown


def _best(
    changes: Sequence[Shaped[np.ndarray, "num_rows num_columns"]],
    forbidden: Bool[np.ndarray, "num_rows num_columns"],
) -> tuple[int, int]:
    """Return the step that lowers the first change most, of equals the next one; (-1, -1) if none helps."""
    allowed = ~forbidden
    if not allowed.any():
        return -1, -1
    helps = False
    for change in changes:
        least = change[allowed].min()
        if least > -_TINY and not helps and (least > 0 or change is changes[-1]):
            return -1, -1
        helps = helps or least < -_TINY
        allowed &= change == least
    row, column = np.unravel_index(int(np.argmax(allowed)), allowed.shape)
    return int(row), int(column)


def deal_by_duration(
    class_index: Int[np.ndarray, " num_items"],
    duration_seconds: Float[np.ndarray, " num_items"],
    *,
    num_parts: int,
    rng: np.random.Generator,
) -> Int[np.ndarray, " num_items"]:
    """Share out items so that parts agree in the number of each class and in total duration.

    Numbers per class, and numbers in all, differ by at most one between parts. Within these numbers items of
    one class are exchanged between parts until no exchange makes the total durations more alike; with two
    classes the totals then differ by at most the longest duration.

    Returns:
        The part of each item, 0 to num_parts - 1.
    """
    shuffled = rng.permutation(len(class_index))
    order = shuffled[np.lexsort((-duration_seconds[shuffled], class_index[shuffled]))]
    part = np.empty(len(order), dtype=np.int64)
    part[order] = rng.permutation(num_parts)[np.arange(len(order)) % num_parts]
    held = np.bincount(part, weights=duration_seconds, minlength=num_parts)
    least = 1e-9 * max(1.0, float(np.sum(duration_seconds**2)))
    improved = True
    while improved:
        improved = False
        for a in range(num_parts):
            for b in range(a + 1, num_parts):
                mine, other = np.flatnonzero(part == a), np.flatnonzero(part == b)
                if len(mine) == 0 or len(other) == 0:
                    continue
                given = duration_seconds[other][None, :] - duration_seconds[mine][:, None]
                change = 2 * given * (held[a] - held[b]) + 2 * given**2
                change = np.where(class_index[mine][:, None] == class_index[other][None, :], change, np.inf)
                row, column = np.unravel_index(int(np.argmin(change)), change.shape)
                if change[row, column] < -least:
                    part[mine[row]], part[other[column]] = b, a
                    held[a] += given[row, column]
                    held[b] -= given[row, column]
                    improved = True
    return part
