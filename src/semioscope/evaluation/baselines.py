"""Yardsticks: what a score is worth when something trivial is asked first.

Methods section 5. A deep model that does not beat them must be seen not to.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from semioscope.core.errors import ConfigError, unknown_name


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTraits:
    """What the yardsticks may know of events; every array has one entry per event.

    Args:
        y_true: Class index.
        duration_seconds: t1 - t0, mean over views.
        motion_energy: Mean motion energy over the clips and views of the event; NaN where no clip could be read.
        band_power: Share of the power of temporal differences in 2-6 Hz, mean over clips and views; or NaN.
    """

    y_true: Int[np.ndarray, " num_events"]
    duration_seconds: Float[np.ndarray, " num_events"]
    motion_energy: Float[np.ndarray, " num_events"]
    band_power: Float[np.ndarray, " num_events"]

    def at(self, index: Int[np.ndarray, " num_chosen"]) -> "EventTraits":
        """Return the traits of some events."""
        return EventTraits(
            y_true=self.y_true[index],
            duration_seconds=self.duration_seconds[index],
            motion_energy=self.motion_energy[index],
            band_power=self.band_power[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A yardstick.

    Args:
        title: As the report names it.
        trait: The attribute of EventTraits that it looks at; None for the majority class.
    """

    title: str
    trait: str | None


BASELINES: dict[str, Baseline] = {
    "majority": Baseline(title="most frequent class", trait=None),
    "duration": Baseline(title="duration alone", trait="duration_seconds"),
    "motion_energy": Baseline(title="motion energy", trait="motion_energy"),
    "band_power": Baseline(title="band power 2-6 Hz", trait="band_power"),
}


def baseline_scores(
    name: str, train: EventTraits, test: EventTraits, *, num_classes: int
) -> Float[np.ndarray, "num_test num_classes"]:
    """Return the class probabilities that a yardstick gives to the test events.

    ``majority`` gives the class frequencies of the training events to every test event. The others are a
    logistic regression on one standardised number, with balanced class weights, fitted on the training
    events; an event without that number gets the class frequencies.

    Raises:
        ConfigError: If there is no such baseline.
    """
    if name not in BASELINES:
        raise ConfigError(unknown_name("baseline", name, BASELINES))
    frequency = np.bincount(train.y_true, minlength=num_classes) / max(1, train.y_true.size)
    scores = np.tile(frequency, (test.y_true.size, 1))
    trait = BASELINES[name].trait
    if trait is None:
        return scores
    known, asked = getattr(train, trait), getattr(test, trait)
    fitted = _logistic(known, train.y_true, num_classes=num_classes)
    usable = np.isfinite(asked)
    if fitted is not None and usable.any():
        scores[usable] = fitted(asked[usable])
    return scores


def _logistic(
    values: Float[np.ndarray, " num_train"], y_true: Int[np.ndarray, " num_train"], *, num_classes: int
) -> Callable[[np.ndarray], np.ndarray] | None:
    from sklearn.linear_model import LogisticRegression

    usable = np.isfinite(values)
    values, y_true = values[usable], y_true[usable]
    if np.unique(y_true).size < 2:
        return None
    mean, deviation = float(values.mean()), float(values.std())
    if deviation <= 1e-9 * abs(mean):  # equal but for rounding: nothing can be learnt from it
        deviation = max(1.0, abs(mean))
    model = LogisticRegression(class_weight="balanced").fit(((values - mean) / deviation)[:, None], y_true)

    def predict(asked: np.ndarray) -> np.ndarray:
        scores = np.zeros((asked.size, num_classes))
        scores[:, model.classes_] = model.predict_proba(((asked - mean) / deviation)[:, None])
        return scores

    return predict
