"""How long the trainings of Karácsony 2020 and 2022 take at the size of the paper: estimated, not run.

Features are made up, as many as the paper has slices (Table 3 of 2022). An epoch is the difference between a fit of
two epochs and one of one, on one thread, as in a run; a study trains two folds at once on two cores. The random
search is estimated by what a run prints before it starts one.
"""

import time

import numpy as np

from semioscope.cohort import TASKS
from semioscope.core.randomness import stream
from semioscope.plans import StepPlan
from semioscope.recipes import CLASSIFIERS, make_config, updated
from semioscope.training import (
    SearchData,
    SequenceSet,
    TrialPace,
    fit,
    measured_pace,
    search_pace,
    single_thread,
    space_of,
    step_set,
    trial_seconds,
    trial_sizes,
)

GOALS: dict[str, tuple[str, float]] = {}
NUM_STEPS, NUM_FEATURES, NUM_CORES, NUM_FOLDS = 7, 1024, 2, 5
PUBLISHED_SLICES = {2: (1252, 1372), 3: (1252, 1372, 8852)}
"""Slices of data sets A and B by class."""
SEARCH_TRIALS = 20


def slices(num_classes: int, *, share: float, seed: int = 0) -> SequenceSet:
    """Make features of a share of the published slices, of every class alike."""
    counts = [round(number * share) for number in PUBLISHED_SLICES[num_classes]]
    y_true = np.repeat(np.arange(num_classes), counts)
    rng = stream(seed, "benchmark-slices", classes=num_classes)
    features = rng.random((len(y_true), NUM_STEPS, NUM_FEATURES), dtype=np.float32)
    return step_set(features, np.full(len(y_true), NUM_STEPS), y_true)


def measure(*, quick: bool = False) -> dict[str, float]:
    """Return seconds per epoch and hours on two cores: of five folds, and of a search beside them."""
    result: dict[str, float] = {}
    plan = StepPlan(num_steps=NUM_STEPS)
    for num_classes, task in ((2, "fle-vs-tle"), (3, "fle-vs-tle-vs-nonepileptic")):
        base = make_config("karacsony-2022-b", task=TASKS[task])
        # a fold trains on four fifths, of which a fifth chooses the epoch
        train, chosen = slices(num_classes, share=0.64), slices(num_classes, share=0.16, seed=1)
        for name, changes in CLASSIFIERS.items():
            config = updated(base, changes)
            seconds = _epoch_seconds(config, train, chosen, plan, num_classes)
            key = f"{name.lower().replace(' ', '_')}_{num_classes}_classes"
            result[f"{key}_epoch_seconds"] = seconds
            hours = seconds * config.training.epochs * NUM_FOLDS / NUM_CORES / 3600
            result[f"{key}_five_folds_hours"] = hours
        if not quick:
            least, most = _search_hours(base, train, chosen, plan, num_classes)
            result[f"search_of_{SEARCH_TRIALS}_{num_classes}_classes_least_hours"] = least
            result[f"search_of_{SEARCH_TRIALS}_{num_classes}_classes_most_hours"] = most
    return result


def _epoch_seconds(config, train, chosen, plan, num_classes) -> float:
    taken = []
    with single_thread():
        for epochs in (1, 1, 3):  # the first one warms up
            began = time.perf_counter()
            fit(
                train, chosen, aggregator=config.aggregator, training=config.training, segments=plan,
                num_classes=num_classes, seed=0, epochs=epochs,
            )  # fmt: skip
            taken.append(time.perf_counter() - began)
    return (taken[2] - taken[1]) / 2


def _search_hours(config, train, chosen, plan, num_classes) -> tuple[float, float]:
    space = space_of("lstm_fc", aggregator=config.aggregator.name, num_classes=num_classes)
    data = SearchData(
        train=train,
        validation=chosen,
        train_patients=frozenset({"p1"}),
        validation_patients=frozenset({"p2"}),
        num_classes=num_classes,
    )

    def measured(number: int) -> TrialPace:
        with single_thread():
            return measured_pace(
                number, data, aggregator=config.aggregator, training=config.training, plan=plan, space=space,
                seed=0,
            )  # fmt: skip

    sizes = trial_sizes(
        range(SEARCH_TRIALS),
        aggregator=config.aggregator,
        training=config.training,
        space=space,
        seed=0,
        num_steps=NUM_STEPS,
        num_features=NUM_FEATURES,
    )
    pace = search_pace(sizes, num_examples=train.num_examples, measure=measured)
    seconds = trial_seconds(sizes, pace, num_examples=train.num_examples).sum(axis=1)
    least, most = (seconds * NUM_FOLDS / NUM_CORES / 3600).tolist()
    return least, most
