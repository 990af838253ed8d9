"""About how long a pre-training takes: a few pictures and steps are measured before it begins."""

import math
import time
from dataclasses import dataclass

from semioscope.core.errors import SemioscopeError
from semioscope.core.progress import format_seconds
from semioscope.core.wording import counted
from semioscope.features import load_backbone
from semioscope.features.planned import ExtractionPlan
from semioscope.features.stream import ViewClips, stream_features
from semioscope.runs.pretraining_plan import PretrainingPlan
from semioscope.training.pretraining_time import measured_step_seconds

_MEASURED_BATCHES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingEstimate:
    """About how long a pre-training takes, measured on a few pictures and steps.

    Args:
        feature_seconds: Of what the store lacks, in one process; NaN if that could not be measured.
        step_seconds: Of one step.
        num_steps: Steps that are left.
    """

    feature_seconds: float
    step_seconds: float
    num_steps: int

    def describe(self) -> str:
        """Return the times in a sentence or two; empty if there is nothing to do."""
        told = []
        if self.feature_seconds > 0:  # not NaN
            told.append(f"The features take about {format_seconds(self.feature_seconds)} in one process.")
        if self.num_steps:
            told.append(
                f"{counted(self.num_steps, 'step takes', 'steps take')} about "
                f"{format_seconds(self.num_steps * self.step_seconds)} ({self.step_seconds:.2g} s each)."
            )
        return " ".join(told)


def estimate_pretraining(
    plan: PretrainingPlan, *, device: str, num_processes: int = 1, num_done: int = 0
) -> PretrainingEstimate:
    """Measure a few pictures and steps, and return how long the whole takes at that pace.

    Args:
        plan: What is to be done.
        device: Where the Transformer is trained.
        num_processes: How many share a batch.
        num_done: Steps that were taken before.
    """
    num_left = max(0, plan.num_steps - num_done)
    config = plan.config
    seconds = 0.0
    if num_left:
        share = -(-min(config.training.batch_size, len(plan.contextual.names)) // num_processes)
        seconds = measured_step_seconds(
            transformer=config.transformer,
            training=config.training,
            corruption=config.corruption,
            num_excerpts=share,
            num_frames=int(plan.contextual.num_frames.max()),
            device=device,
        )
    joined = plan.contextual.joined
    return PretrainingEstimate(
        feature_seconds=joined.num_missing * _clip_seconds(joined, fps=config.excerpts.fps)
        if joined.num_missing
        else 0.0,
        step_seconds=seconds,
        num_steps=num_left,
    )


def _clip_seconds(plan: ExtractionPlan, *, fps: float) -> float:
    """Return the seconds per picture, after a first batch that warms up; NaN if no file has enough of them."""
    network = load_backbone(plan.backbone, fps=fps)
    wanted = _MEASURED_BATCHES * network.batch_size
    for read in plan.reads:
        view = read.views[0]
        if len(view.missing) < wanted:
            continue
        clips = ViewClips(
            clip_index=view.missing[:wanted],
            times_seconds=view.times_of(view.missing[:wanted]),
            region=view.region,
            blank=view.blank,
            picture=view.key.picture,
        )
        times = []
        try:
            for _ in stream_features(
                read.path, [clips], backbone=network, picture=read.picture, depth_path=read.depth_path
            ):
                times.append(time.perf_counter())
        except SemioscopeError:  # the extraction tells it
            continue
        later = times[network.batch_size :]
        if later:
            return (later[-1] - times[0]) / len(later)
    return math.nan
