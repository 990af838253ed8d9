"""The seizures of a feature set: who has how many of which class, how long they are, when the clonic phase begins.

The shape is that of GESTURES (2021), sections 2.1 and 3.1: lengths are spread evenly over a log-normal
distribution with the published median and range, so that every seed gives about the same total.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from semioscope.core.errors import ConfigError
from semioscope.core.randomness import stream

NUM_SEIZURES = 183
NUM_PATIENTS = 68
MINUTES = 298.0
FPS = 15
FRAMES_PER_CLIP = 8
VIEWS = ("L", "S")

_SHARE_TONIC_CLONIC = 77 / 183
_SHARE_SHORT = 35 / 183
_SHARE_DISCARDED = 3 / 183
_SHARE_ONE_VIEW = 0.06
_SHARE_UNEQUAL = 0.04
_SHORTEST_USED = 15.5
_SPREAD = 0.74
"""Standard deviation of the logarithm; with it 106 and 77 seizures last about 298 minutes together."""


class _Lengths(NamedTuple):
    median: float
    least: float
    most: float


_FOCAL = _Lengths(53.0, 16.0, 701.0)
_TONIC_CLONIC = _Lengths(93.0, 51.0, 1098.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSeizure:
    """One seizure of a feature set.

    Args:
        subject: The patient, three digits.
        seizure: Number of the seizure among the patient's, two digits.
        is_tonic_clonic: Else focal.
        num_clips: Vectors of the views ``L`` and ``S``.
        clonic_onset_seconds: From the seizure's onset; None for a focal one.
        discard: ``No``, ``Yes``, ``Large`` or ``Small``.
    """

    subject: str
    seizure: str
    is_tonic_clonic: bool
    num_clips: dict[str, int]
    clonic_onset_seconds: float | None
    discard: str

    @property
    def seizure_id(self) -> str:
        """Subject and seizure."""
        return f"{self.subject}_{self.seizure}"


def draw_seizures(*, num_seizures: int, num_patients: int, seed: int, minutes: float) -> list[PlannedSeizure]:
    """Draw the seizures of a feature set, ordered by subject and seizure.

    Some more come on top: focal ones shorter than 15 s, and ones that are discarded, as in the public csv.

    Args:
        num_seizures: Seizures of 15 s or more that are not discarded, at least 2.
        num_patients: At least 1 and at most ``num_seizures``.
        seed: Seed of everything.
        minutes: Length of these seizures together.

    Raises:
        ConfigError: If a number is outside its range.
    """
    _check(num_seizures, num_patients, minutes)
    rng = stream(seed, "feature-set")
    num_tonic_clonic = min(num_seizures - 1, max(1, round(_SHARE_TONIC_CLONIC * num_seizures)))
    owners = _deal(rng, num_seizures - num_tonic_clonic, num_tonic_clonic, num_patients)
    seconds = _lengths(rng, num_seizures - num_tonic_clonic, num_tonic_clonic, total=60 * minutes)
    ratios = rng.permutation(np.clip(0.56 + 0.18 * _scores(num_tonic_clonic), 0.1, 0.93))
    drafts: list[tuple[int, bool, float, float | None]] = [
        (owner, False, float(length), None) for owner, length in zip(owners[0], seconds[0], strict=True)
    ]
    drafts += [
        (owner, True, float(length), float(ratio))
        for owner, length, ratio in zip(owners[1], seconds[1], ratios, strict=True)
    ]
    discards = ["No"] * num_seizures
    one_view = rng.choice(
        num_seizures, size=min(num_seizures, 2 * round(_SHARE_ONE_VIEW * num_seizures)), replace=False
    )
    for place, index in enumerate(one_view):
        discards[index] = ("Large", "Small")[place % 2]
    for _ in range(round(_SHARE_SHORT * num_seizures)):
        drafts.append((int(rng.integers(num_patients)), False, float(rng.uniform(5, 14.5)), None))
        discards.append("No")
    for _ in range(round(_SHARE_DISCARDED * num_seizures)):
        drafts.append((int(rng.integers(num_patients)), False, float(rng.uniform(20, 60)), None))
        discards.append("Yes")
    unequal = set(rng.choice(len(drafts), size=round(_SHARE_UNEQUAL * len(drafts)), replace=False).tolist())
    seizures = []
    counts = [0] * num_patients
    for index in rng.permutation(len(drafts)).tolist():
        owner, is_tonic_clonic, length, ratio = drafts[index]
        counts[owner] += 1
        clips = max(1, round(length * FPS) - FRAMES_PER_CLIP + 1)
        seizures.append(
            PlannedSeizure(
                subject=f"{owner + 1:03d}",
                seizure=f"{counts[owner]:02d}",
                is_tonic_clonic=is_tonic_clonic,
                num_clips={"L": clips, "S": max(1, clips - 2) if index in unequal else clips},
                clonic_onset_seconds=None if ratio is None else round(ratio * length, 2),
                discard=discards[index],
            )
        )
    return sorted(seizures, key=lambda seizure: seizure.seizure_id)


def _check(num_seizures: int, num_patients: int, minutes: float) -> None:
    faults = []
    if num_seizures < 2:
        faults.append(f"--seizures must be 2 or more, one of each class, got {num_seizures}.")
    elif not 1 <= num_patients <= min(num_seizures, 999):
        faults.append(
            f"--patients must be from 1 to the number of seizures ({num_seizures}; 999 at most), got {num_patients}."
        )
    least = num_seizures * (_SHORTEST_USED + 1) / 60
    if num_seizures >= 2 and not least <= minutes <= 100 * num_seizures:
        faults.append(
            f"--minutes must be from {least:.1f} to {100 * num_seizures} for {num_seizures} seizures (of 15 s or "
            f"more), got {minutes:g}."
        )
    if faults:
        raise ConfigError(" ".join(faults))


def _deal(
    rng: np.random.Generator, num_focal: int, num_tonic_clonic: int, num_patients: int
) -> tuple[list[int], list[int]]:
    """Return the patient of each focal and each tonic-clonic seizure; half of the patients have both classes."""
    spare = num_focal + num_tonic_clonic - num_patients
    both = min(max(1, round(num_patients / 2)), num_focal, num_tonic_clonic, spare)
    alone = num_patients - both
    tonic_clonic = min(round(32 / 34 * alone), num_tonic_clonic - both)
    tonic_clonic = max(tonic_clonic, alone - (num_focal - both))
    order = rng.permutation(num_patients).tolist()
    with_tonic_clonic = order[: both + tonic_clonic]
    with_focal = order[:both] + order[both + tonic_clonic :]
    return _owners(rng, with_focal, num_focal), _owners(rng, with_tonic_clonic, num_tonic_clonic)


def _owners(rng: np.random.Generator, patients: list[int], number: int) -> list[int]:
    """Return a patient for each seizure: each at least once, some much more often."""
    if not patients:
        return []
    further = rng.multinomial(number - len(patients), rng.dirichlet(np.ones(len(patients))))
    return [patient for patient, more in zip(patients, further, strict=True) for _ in range(1 + int(more))]


def _lengths(
    rng: np.random.Generator, num_focal: int, num_tonic_clonic: int, *, total: float
) -> tuple[Float[np.ndarray, " num_focal"], Float[np.ndarray, " num_tonic_clonic"]]:
    """Return lengths in seconds that add up to the total; medians and ranges are the published ones, scaled."""

    def scaled(
        scale: float,
    ) -> tuple[Float[np.ndarray, " num_focal"], Float[np.ndarray, " num_tonic_clonic"]]:
        focal, tonic_clonic = (
            np.clip(
                scale * shape.median * np.exp(_SPREAD * _scores(number)),
                max(_SHORTEST_USED, min(scale, 1.0) * shape.least),
                max(scale, 1.0) * shape.most,
            )
            for shape, number in ((_FOCAL, num_focal), (_TONIC_CLONIC, num_tonic_clonic))
        )
        if min(num_focal, num_tonic_clonic) >= 20:
            focal[-1], tonic_clonic[-1] = scale * _FOCAL.most, scale * _TONIC_CLONIC.most
        return focal, tonic_clonic

    low, high = 1e-3, 1e3
    for _ in range(80):
        middle = float(np.sqrt(low * high))
        if sum(map(np.sum, scaled(middle))) < total:
            low = middle
        else:
            high = middle
    focal, tonic_clonic = scaled(high)
    return rng.permutation(focal), rng.permutation(tonic_clonic)


def _scores(number: int) -> Float[np.ndarray, " number"]:
    """Return values that stand for a standard normal distribution, ascending."""
    scores: Float[np.ndarray, " number"] = ndtri((np.arange(number) + 0.5) / number)
    return scores
