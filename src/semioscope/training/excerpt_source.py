"""Excerpts of features for pre-training: from arrays or from whatever reads them piece by piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int

from semioscope.core.errors import ConfigError
from semioscope.core.progress import Progress, QuietProgress, stage
from semioscope.core.randomness import stream
from semioscope.plans import CorruptionPlan, draw_corruption, padded


@runtime_checkable
class ExcerptSource(Protocol):
    """Features of the frames of many excerpts, which need not fit into memory.

    Any excerpt can be asked for at any time: so the order of an epoch is free, training resumes where it stopped,
    and each process reads its own share only.
    """

    @property
    def names(self) -> Sequence[str]:
        """A name per excerpt, none twice: recording and first frame, so that it outlives a change of the plan."""

    @property
    def num_frames(self) -> Int[np.ndarray, " num_excerpts"]:
        """Real frames of each excerpt."""

    @property
    def num_crops(self) -> int:
        """How many random crops there are of each excerpt, at least 1."""

    @property
    def mask(self) -> Float32[np.ndarray, " num_features"]:
        """Features of the MASK picture, which is -1.0 everywhere."""

    @property
    def pad(self) -> Float32[np.ndarray, " num_features"]:
        """Features of the PAD picture, which is 0.0 everywhere."""

    def read(self, index: int, crop: int) -> Float32[np.ndarray, "num_frames num_features"]:
        """Return the features of the real frames of one crop of one excerpt, in the order of time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExcerptArrays:
    """Excerpts that lie in one array, in memory or mapped from a file.

    Args:
        names: A name per excerpt.
        num_frames: Real frames of each; they come first.
        features: Of every frame of every crop; half or full precision.
        mask: Features of the MASK picture.
        pad: Features of the PAD picture.

    Raises:
        ConfigError: If sizes or names do not fit together.
    """

    names: tuple[str, ...]
    num_frames: Int[np.ndarray, " num_excerpts"]
    features: np.ndarray
    """(num_excerpts, num_crops, frames, num_features)"""
    mask: Float32[np.ndarray, " num_features"]
    pad: Float32[np.ndarray, " num_features"]

    def __post_init__(self) -> None:
        shape = self.features.shape
        fits = len(shape) == 4 and shape[1] >= 1
        fits = fits and len(self.names) == len(self.num_frames) == shape[0]
        fits = fits and self.mask.shape == self.pad.shape == shape[3:]
        fits = fits and bool(np.all((self.num_frames >= 1) & (self.num_frames <= shape[2])))
        if not fits or len(set(self.names)) != len(self.names):
            msg = (
                "Excerpts need features of shape (excerpts, crops, frames, features), a name of its own and 1 to "
                f"all frames for each, and features of MASK and PAD; got features {shape}, {len(self.names)} names "
                f"({len(set(self.names))} different), {len(self.num_frames)} numbers of frames, MASK "
                f"{self.mask.shape} and PAD {self.pad.shape}."
            )
            raise ConfigError(msg)

    @property
    def num_crops(self) -> int:
        """How many random crops there are of each excerpt."""
        return int(self.features.shape[1])

    def read(self, index: int, crop: int) -> Float32[np.ndarray, "num_frames num_features"]:
        """Return the features of the real frames of one crop of one excerpt."""
        found: np.ndarray = self.features[index, crop, : self.num_frames[index]].astype(np.float32)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpoiltExcerpts:
    """A batch for pre-training.

    Args:
        inputs: Spoilt features, with MASK and PAD.
        targets: The original features, in their order, with PAD.
        real: Positions that count.
    """

    inputs: Float32[np.ndarray, "batch num_positions num_features"]
    targets: Float32[np.ndarray, "batch num_positions num_features"]
    real: Bool[np.ndarray, "batch num_positions"]


def spoilt_excerpts(
    source: ExcerptSource,
    index: Sequence[int],
    *,
    corruption: CorruptionPlan,
    num_positions: int,
    seed: int,
    epoch: int,
) -> SpoiltExcerpts:
    """Read excerpts and spoil them; what is drawn depends on seed, epoch and the name of each alone.

    Args:
        source: Where the features are.
        index: Which excerpts, at least one.
        corruption: How much is spoilt.
        num_positions: Positions of the Transformer.
        seed: Seed of the run.
        epoch: From 1. It also chooses one of the random crops.
    """
    inputs, targets, real = [], [], []
    for number in index:
        name = source.names[number]
        crop = int(stream(seed, "crop", epoch=epoch, clip=name).integers(source.num_crops))
        features, is_real = padded(source.read(number, crop), source.pad, num_positions=num_positions)
        drawn = draw_corruption(
            int(is_real.sum()), corruption, num_positions=num_positions, seed=seed, epoch=epoch, clip=name
        )
        inputs.append(drawn.apply(features, source.mask))
        targets.append(features)
        real.append(is_real)
    return SpoiltExcerpts(inputs=np.stack(inputs), targets=np.stack(targets), real=np.stack(real))


def mean_feature_loss(source: ExcerptSource) -> float:
    """Return ``mean_feature`` of :func:`trivial_losses` alone."""
    return trivial_losses(source, corruption=CorruptionPlan(span_frames=1), seed=0)["mean_feature"]


def trivial_losses(
    source: ExcerptSource, *, corruption: CorruptionPlan, seed: int, progress: Progress | None = None
) -> dict[str, float]:
    """Return the losses of predictors that learn nothing, to which that of pre-training compares.

    ``mean_feature`` answers the mean feature vector at every position: that of all real frames of all excerpts and
    crops. ``spoilt_input`` answers what it is given: moved frames where they came to stand, and MASK. The loss is
    that of pre-training: squared differences, summed over features and real positions, averaged over excerpts and
    crops. Reads everything once.

    Args:
        source: The excerpts.
        corruption: How much is spoilt.
        seed: Seed of the run; what is drawn is that of its first epoch.
        progress: Where to report to.

    Raises:
        ConfigError: If there is no excerpt, one is too short to be spoilt, or a feature is not finite.
    """
    check_source(source, corruption)
    total = np.zeros(len(source.pad))
    squares, spoilt, count = 0.0, 0.0, 0
    with stage(progress or QuietProgress(), "trivial loss", len(source.names), unit="excerpts") as shown:
        for number, name in enumerate(source.names):
            frames = int(source.num_frames[number])
            drawn = draw_corruption(frames, corruption, num_positions=frames, seed=seed, epoch=1, clip=name)
            for crop in range(source.num_crops):
                features = source.read(number, crop)
                if not np.isfinite(features).all():
                    raise ConfigError(not_finite(name))
                exact = features.astype(np.float64)
                total += exact.sum(axis=0)
                squares += float(np.square(exact).sum())
                spoilt += float(np.square(drawn.apply(features, source.mask) - exact).sum())
                count += len(features)
            shown.advance(note=name)
    num = len(source.names) * source.num_crops
    return {
        "mean_feature": float(squares - np.square(total).sum() / count) / num,
        "spoilt_input": spoilt / num,
    }


def check_source(source: ExcerptSource, corruption: CorruptionPlan) -> None:
    """Refuse a source before hours of work, not in their midst.

    Raises:
        ConfigError: If there is no excerpt, or one is too short to be spoilt.
    """
    _check_some(source)
    short = np.flatnonzero(source.num_frames < corruption.least_frames)
    if len(short):
        msg = (
            f"Excerpts need {corruption.least_frames} real frames or more, so that a span of "
            f"{corruption.span_frames} can be moved; {len(short)} have fewer, the first is "
            f"{source.names[short[0]]} with {source.num_frames[short[0]]}. Leave them out (min_frames), or move a "
            "shorter span (span_frames)."
        )
        raise ConfigError(msg)


def not_finite(name: str) -> str:
    """Return what to say of an excerpt whose features are not finite."""
    return f"Features must be finite, but those of excerpt {name} are not. Extract them again."


def _check_some(source: ExcerptSource) -> None:
    if len(source.names) == 0:
        msg = "Pre-training needs at least one excerpt, got none. Add contextual recordings or a smaller margin."
        raise ConfigError(msg)
