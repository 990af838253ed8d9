"""How long a step of training takes on this machine, measured before hours are spent."""

import time

import numpy as np

from semioscope.core.randomness import stream
from semioscope.models import AggregatorConfig
from semioscope.training.loop import fit
from semioscope.training.samplers import ExamplePlan
from semioscope.training.sequences import sequence_set
from semioscope.training.settings import TrainingConfig
from semioscope.training.threads import single_thread

_MEASURED_STEPS = 2


def measured_step_seconds(
    *,
    aggregator: AggregatorConfig,
    training: TrainingConfig,
    plan: ExamplePlan,
    num_steps: int,
    num_features: int,
    num_classes: int,
) -> float:
    """Return the seconds of one step on made-up features, on one thread or on the card that trains.

    Reading features is not in it.

    Args:
        aggregator: What is trained; a pre-training is not read.
        training: How; its batch size is that of the step.
        plan: How examples are seen; each shows one sequence.
        num_steps: Steps of a sequence.
        num_features: Size of a feature vector.
        num_classes: At least 2.
    """
    count = max(training.batch_size, num_classes)
    features = stream(0, "step-time").random((num_steps, num_features), np.float32)
    data = sequence_set(
        [features] * count,
        start_frames=[np.arange(num_steps)] * count,
        num_frames=[num_steps] * count,
        frames_per_clip=1,
        y_true=(np.arange(count) % num_classes).tolist(),
        names=[str(number) for number in range(count)],
    )
    plain = aggregator.model_copy(update={"pretrained": None, "pretrained_sha256": None})
    slow = training.model_copy(update={"batch_size": count, "learning_rate": 1e-9})
    taken = []
    with single_thread():
        for epochs in (1, 1 + _MEASURED_STEPS):  # the first step of each warms up
            began = time.perf_counter()
            fit(
                data, None, aggregator=plain, training=slow, segments=plan, num_classes=num_classes, seed=0,
                epochs=epochs,
            )  # fmt: skip
            taken.append(time.perf_counter() - began)
    # a busy machine may make the shorter fit the slower one
    return max((taken[1] - taken[0]) / _MEASURED_STEPS, taken[1] / (4 * _MEASURED_STEPS))
