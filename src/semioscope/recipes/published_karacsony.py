"""What Karácsony 2020 and 2022 report of slices, as data: the values that stand beside one's own.

Scores are per slice of two seconds, mean and population standard deviation over five folds. Names of classes are
those of our tasks; the third class is called "Non-epileptic" and "Prepost" in the paper.

Karácsony et al. (2020), A Deep Learning Architecture for Epileptic Seizure Classification Based on Object and Action
Recognition, ICASSP; doi:10.1109/icassp40776.2020.9054649.
Karácsony et al. (2022), Novel 3D video action recognition deep learning approach for near real time epileptic seizure
classification, Scientific Reports; doi:10.1038/s41598-022-23133-9.
"""

from dataclasses import asdict
from typing import Any

from semioscope.recipes.published_records import (
    PublishedCrop,
    PublishedMean,
    PublishedRow,
    PublishedSlicePaper,
    PublishedVideos,
)

FLE, TLE, OTHER = "FLE", "TLE", "nonepileptic"
_I3D, _LSTM, _EXTENDED = "I3D", "LSTM", "Extended LSTM"

CLASSIFIER_NAMES: dict[str, tuple[str, str]] = {"i3d_head": (_I3D, _I3D), "lstm_fc": (_LSTM, _EXTENDED)}
"""What the papers call our aggregators: with the usual sizes, and with those of the extended architecture."""


def _spread(text: str) -> PublishedMean:
    mean, sd = map(float, text.split())
    return PublishedMean(mean=mean, sd=sd)


def _row(data_set: str, classifier: str, macro_f1: str, *, auroc: str = "", **classes: str) -> PublishedRow:
    """Return a row; every class is given as it is printed: specificity, then sensitivity."""
    mean = {"macro_f1": _spread(macro_f1)} | ({"auroc": _spread(auroc)} if auroc else {})
    halves = {name: text.split(", ") for name, text in classes.items()}
    return PublishedRow(
        data_set=data_set,
        num_classes=len(classes),
        classifier=classifier,
        mean=mean,
        per_class={
            name: {"sensitivity": _spread(sensitivity), "specificity": _spread(specificity)}
            for name, (specificity, sensitivity) in halves.items()
        },
    )


KARACSONY_2020 = PublishedSlicePaper(
    source="Karácsony et al. 2020",
    doi="10.1109/icassp40776.2020.9054649",
    split="5 folds by patient, the epoch chosen on the reported fold",
    scores_place="section 4.2",
    rows=(
        PublishedRow(
            data_set="",
            num_classes=2,
            classifier=_LSTM,
            mean={
                "macro_f1": _spread("0.844 0.042"),
                "macro_precision": _spread("0.857 0.042"),
                "macro_sensitivity": _spread("0.838 0.041"),
                "auroc": _spread("0.90 0.04"),
            },
        ),
    ),
    data_place="Table 2",
    per_class={
        FLE: PublishedVideos(
            patients=20, seizures=85, num_slices=1282,
            total_seconds=2587.0, mean_seconds=30.4, min_seconds=6.0, max_seconds=187.9,
        ),
        TLE: PublishedVideos(
            patients=15, seizures=41, num_slices=1530,
            total_seconds=3116.0, mean_seconds=76.0, min_seconds=6.3, max_seconds=225.9,
        ),
    },
    total=PublishedVideos(
        patients=35, seizures=126, num_slices=2812,
        total_seconds=5703.0, mean_seconds=45.3, min_seconds=6.0, max_seconds=225.9,
    ),
    crops_place="section 4.1",
    crops=(PublishedCrop(name="box crop", num_right=122, num_events=126),),
)  # fmt: skip

KARACSONY_2022 = PublishedSlicePaper(
    source="Karácsony et al. 2022",
    doi="10.1038/s41598-022-23133-9",
    split="5 folds of 3 + 3 validation patients of which some appear twice, the epoch chosen on the reported fold",
    scores_place="Table 2",
    rows=(
        _row("A", _I3D, "0.703 0.053", FLE="0.747 0.154, 0.695 0.164", TLE="0.695 0.164, 0.747 0.154"),
        _row("A", _LSTM, "0.833 0.061", auroc="0.89 0.08",
             FLE="0.870 0.041, 0.794 0.157", TLE="0.794 0.157, 0.870 0.041"),
        _row("A", _I3D, "0.483 0.051", FLE="0.854 0.044, 0.592 0.116", TLE="0.795 0.062, 0.400 0.064",
             nonepileptic="0.610 0.107, 0.635 0.094"),
        _row("A", _LSTM, "0.578 0.080", FLE="0.942 0.026, 0.444 0.134", TLE="0.902 0.074, 0.426 0.114",
             nonepileptic="0.501 0.064, 0.838 0.090"),
        _row("B", _I3D, "0.682 0.111", FLE="0.646 0.115, 0.771 0.132", TLE="0.771 0.132, 0.646 0.115"),
        _row("B", _LSTM, "0.829 0.055", FLE="0.886 0.064, 0.764 0.152", TLE="0.764 0.152, 0.886 0.064"),
        _row("B", _I3D, "0.688 0.066", FLE="0.886 0.024, 0.648 0.178", TLE="0.941 0.036, 0.637 0.109",
             nonepileptic="0.936 0.025, 0.904 0.026"),
        _row("B", _LSTM, "0.751 0.065", FLE="0.941 0.032, 0.613 0.203", TLE="0.956 0.040, 0.720 0.128",
             nonepileptic="0.873 0.043, 0.949 0.032"),
        _row("B0.5", _I3D, "0.611 0.133", FLE="0.621 0.113, 0.663 0.217", TLE="0.663 0.217, 0.621 0.113"),
        _row("B0.5", _LSTM, "0.672 0.214", FLE="0.953 0.041, 0.461 0.330", TLE="0.461 0.330, 0.953 0.041"),
        _row("B0.5", _I3D, "0.671 0.065", FLE="0.891 0.027, 0.619 0.178", TLE="0.922 0.040, 0.645 0.087",
             nonepileptic="0.935 0.022, 0.887 0.026"),
        _row("B0.5", _LSTM, "0.740 0.069", FLE="0.921 0.031, 0.648 0.189", TLE="0.970 0.015, 0.672 0.148",
             nonepileptic="0.910 0.045, 0.958 0.014"),
        _row("B0.5", _EXTENDED, "0.763 0.083", FLE="0.934 0.022, 0.639 0.215", TLE="0.962 0.029, 0.765 0.058",
             nonepileptic="0.922 0.024, 0.947 0.019"),
    ),
    data_place="Table 3",
    per_class={
        FLE: PublishedVideos(
            patients=15, seizures=78, num_slices=1252, num_slices_overlapping=2333,
            total_frames=73_444, mean_frames=941.6, min_frames=179, max_frames=5636,
        ),
        TLE: PublishedVideos(
            patients=11, seizures=37, num_slices=1372, num_slices_overlapping=2666,
            total_frames=81_592, mean_frames=2205.2, min_frames=661, max_frames=6779,
        ),
        OTHER: PublishedVideos(
            patients=26, seizures=None, num_slices=8852, num_slices_overlapping=17_424,
            total_frames=531_628, mean_frames=4663.4, min_frames=39, max_frames=27_293,
        ),
    },
    total=PublishedVideos(
        patients=26, seizures=115, num_slices=11_476, num_slices_overlapping=22_423,
        total_frames=686_664, mean_frames=2998.5, min_frames=39, max_frames=27_293,
    ),
    crops_place="section Pre-processing",
    crops=(
        PublishedCrop(name="depth crop", num_right=110, num_events=115),
        PublishedCrop(name="box crop", num_right=111, num_events=115),
    ),
)  # fmt: skip

PUBLISHED_SLICES: dict[str, tuple[PublishedSlicePaper, str]] = {
    "karacsony-2020": (KARACSONY_2020, ""),
    "karacsony-2022-a": (KARACSONY_2022, "A"),
    "karacsony-2022-b": (KARACSONY_2022, "B"),
    "karacsony-2022-b05": (KARACSONY_2022, "B0.5"),
}
"""The paper behind a recipe, and its data set."""


def published_slices(
    recipe: str, *, num_classes: int, aggregator: str, extended: bool = False
) -> dict[str, Any]:
    """Return what the paper behind a recipe reports of slices, as plain data for ``scores.json``.

    Args:
        recipe: Name of the recipe.
        num_classes: Classes of the run.
        aggregator: Our name of the classifier.
        extended: Whether it has the sizes of the extended architecture.

    Returns:
        ``source``, ``doi``, ``split``, ``place``, ``data_set``, ``num_classes``, ``classifier``, ``mean`` and
        ``per_class`` of the row (the last three are empty where the paper has no such row), ``data`` and ``crops``;
        empty if nothing is known of the recipe.

    Examples:
        >>> row = published_slices("karacsony-2022-b", num_classes=3, aggregator="lstm_fc")
        >>> row["classifier"], row["mean"]["macro_f1"], row["per_class"]["TLE"]["sensitivity"]
        ('LSTM', {'mean': 0.751, 'sd': 0.065}, {'mean': 0.72, 'sd': 0.128})
        >>> published_slices("my-own", num_classes=2, aggregator="lstm_fc")
        {}
    """
    if recipe not in PUBLISHED_SLICES:
        return {}
    paper, data_set = PUBLISHED_SLICES[recipe]
    wanted = (data_set, num_classes, CLASSIFIER_NAMES.get(aggregator, ("", ""))[extended])
    row = next((row for row in paper.rows if (row.data_set, row.num_classes, row.classifier) == wanted), None)
    names = list(paper.per_class)[:num_classes]
    plain = asdict(paper)
    return {
        **{key: plain[key] for key in ("source", "doi", "split")},
        "place": paper.scores_place,
        "data_set": data_set,
        "num_classes": num_classes,
        "classifier": row.classifier if row else "",
        "mean": asdict(row)["mean"] if row else {},
        "per_class": asdict(row)["per_class"] if row else {},
        "data": {
            "place": paper.data_place,
            "per_class": {name: plain["per_class"][name] for name in names},
            "total": plain["total"] if num_classes == len(paper.per_class) else {},
        },
        "crops": {"place": paper.crops_place, "methods": list(plain["crops"])},
    }
