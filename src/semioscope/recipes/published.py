"""What the papers report, as data: the values that stand beside one's own in a report.

Shares are fractions in [0, 1], times are seconds. Every group of values says where in the paper it stands.

Pérez-García et al. (2021), Transfer Learning of Deep Spatiotemporal Networks to Model Arbitrarily Long Videos
of Seizures, MICCAI; doi:10.1007/978-3-030-87240-3_32.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSpread:
    """Median and width of the inter-quartile range over seizures."""

    median: float
    iqr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedExtractor:
    """One row of a table of feature extractors.

    Args:
        backbone: Our name of the network.
        title: Its name in the paper, with the frames per clip in brackets.
        frames: Frames per clip.
        parameters_millions: Parameters, in millions, as printed.
        num_features: Features per clip.
        accuracy: Over all seizures.
        f1: Over seizures of the positive class.
        auc: Area under the precision-recall curve, over seizures of the positive class.
    """

    backbone: str
    title: str
    frames: int
    parameters_millions: float
    num_features: int
    accuracy: PublishedSpread
    f1: PublishedSpread
    auc: PublishedSpread


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTest:
    """What a paper says of a comparison.

    Args:
        better: Our names of the networks that are said to be better.
        worse: Of those they are compared with.
        relation: Whether the p value is exact or a bound.
        p_value: As printed.
        significant: Whether the paper calls the difference significant.
    """

    better: tuple[str, ...]
    worse: tuple[str, ...]
    relation: Literal["=", "<"]
    p_value: float
    significant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedExtractors:
    """A table of feature extractors, in the paper's row order.

    Args:
        place: Where in the paper.
        window_stride: Frames between the clips that were scored.
        rows: The extractors.
        tests: What is said of their differences.
        test: The name of the test.
        level: The corrected level of the tests.
    """

    place: str
    window_stride: int
    rows: tuple[PublishedExtractor, ...]
    tests: tuple[PublishedTest, ...]
    test: str
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedBest:
    """The best setting of a grid.

    Args:
        place: Where in the paper.
        aggregator: Our name of the aggregator.
        num_segments: Segments per seizure.
        gammas: The dispersions that the paper names for it.
        accuracy: Share of seizures that were right.
        f1: Of the positive class.
        confusion: Rows are the truth, columns the calls, in the order of the classes.
    """

    place: str
    aggregator: str
    num_segments: int
    gammas: tuple[float, ...]
    accuracy: float
    f1: float
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedClass:
    """Seizures of one class: all that were labelled, those that were used, and the duration of these."""

    labelled: int
    seizures: int
    median_seconds: float
    min_seconds: float
    max_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCohort:
    """The cohort of a paper; keys as in the ``cohort`` of ``scores.json``, so that both can stand side by side."""

    place: str
    num_patients: int
    num_events: int
    minutes: float
    patients_by_class: Mapping[str, int]
    per_class: Mapping[str, PublishedClass]
    r_max: float
    n_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What one paper reports.

    Args:
        source: Authors and year, as a report names the paper.
        doi: Of the paper.
        split: How its folds were made, as a clause.
        cohort: Whom it is about.
        extractors: The comparison of feature extractors; None: there is none.
        best: The best setting of its grid; None: there is none.
    """

    source: str
    doi: str
    split: str
    cohort: PublishedCohort
    extractors: PublishedExtractors | None = None
    best: PublishedBest | None = None


_SINGLE_FRAME = ("wide_resnet50_2", "resnet34")
_SPATIOTEMPORAL = ("r2plus1d_34_8", "r2plus1d_34_32")

GESTURES_2021 = Published(
    source="Pérez-García et al. 2021",
    doi="10.1007/978-3-030-87240-3_32",
    split="seizures of one patient may stand in several of its folds",
    cohort=PublishedCohort(
        place="section 2.2",
        num_patients=68,
        num_events=183,
        minutes=298.0,
        patients_by_class={"FOS only": 2, "TCS only": 32, "FOS + TCS": 34},
        per_class={
            "FOS": PublishedClass(
                labelled=141, seizures=106, median_seconds=53.0, min_seconds=16.0, max_seconds=701.0
            ),
            "TCS": PublishedClass(
                labelled=77, seizures=77, median_seconds=93.0, min_seconds=51.0, max_seconds=1098.0
            ),
        },
        r_max=0.93,
        n_min=15,
    ),
    extractors=PublishedExtractors(
        place="Table 1 and section 3.1",
        window_stride=1,
        rows=(
            PublishedExtractor(
                backbone="wide_resnet50_2",
                title="Wide R2D-50-2 (1)",
                frames=1,
                parameters_millions=66.8,
                num_features=2048,
                accuracy=PublishedSpread(median=0.803, iqr=0.332),
                f1=PublishedSpread(median=0.674, iqr=0.302),
                auc=PublishedSpread(median=0.757, iqr=0.384),
            ),
            PublishedExtractor(
                backbone="resnet34",
                title="R2D-34 (1)",
                frames=1,
                parameters_millions=21.2,
                num_features=512,
                accuracy=PublishedSpread(median=0.897, iqr=0.277),
                f1=PublishedSpread(median=0.739, iqr=0.236),
                auc=PublishedSpread(median=0.843, iqr=0.287),
            ),
            PublishedExtractor(
                backbone="r2plus1d_34_8",
                title="R(2+1)D-34 (8)",
                frames=8,
                parameters_millions=63.5,
                num_features=512,
                accuracy=PublishedSpread(median=0.939, iqr=0.183),
                f1=PublishedSpread(median=0.816, iqr=0.169),
                auc=PublishedSpread(median=0.937, iqr=0.134),
            ),
            PublishedExtractor(
                backbone="r2plus1d_34_32",
                title="R(2+1)D-34 (32)",
                frames=32,
                parameters_millions=63.5,
                num_features=512,
                accuracy=PublishedSpread(median=0.969, iqr=0.129),
                f1=PublishedSpread(median=0.847, iqr=0.134),
                auc=PublishedSpread(median=0.947, iqr=0.119),
            ),
        ),
        tests=(
            PublishedTest(
                better=_SPATIOTEMPORAL, worse=_SINGLE_FRAME, relation="<", p_value=1e-7, significant=True
            ),
            PublishedTest(
                better=("r2plus1d_34_32",),
                worse=("r2plus1d_34_8",),
                relation="=",
                p_value=0.012,
                significant=False,
            ),
        ),
        test="one-tailed Mann-Whitney U",
        level=0.05 / 12,
    ),
    best=PublishedBest(
        place="section 3.2 and Figure 2",
        aggregator="blstm",
        num_segments=16,
        gammas=(2.0, 4.0),
        accuracy=0.989,
        f1=0.987,
        confusion=((104, 2), (0, 77)),
    ),
)

PUBLISHED: dict[str, Published] = {
    "gestures-2021": GESTURES_2021,
    "gestures-2021-table1": GESTURES_2021,
    "gestures-2021-figure2": GESTURES_2021,
}
"""What the paper behind a recipe reports, by the recipe's name."""


def published_values(recipe: str) -> dict[str, Any]:
    """Return what the paper behind a recipe reports as plain data for ``scores.json``; empty if nothing is known.

    Examples:
        >>> published_values("gestures-2021")["best"]["accuracy"], published_values("my-own")
        (0.989, {})
    """
    return asdict(PUBLISHED[recipe]) if recipe in PUBLISHED else {}
