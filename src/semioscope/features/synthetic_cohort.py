"""A cohort of a synthetic feature set, without its files: the same tables and vectors as writing and importing it.

A test instrument: scores on it mean nothing clinically.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from semioscope.core.progress import Progress, QuietProgress
from semioscope.features.gestures_import import FeatureImport, import_set
from semioscope.features.gestures_layout import GesturesSet, SetView
from semioscope.features.gestures_match import match
from semioscope.features.gestures_rows import checked_row
from semioscope.features.plan import default_store
from semioscope.synthetic import plan_feature_set


def make_feature_cohort(
    folder: Path,
    *,
    num_seizures: int = 183,
    num_patients: int = 68,
    seed: int = 0,
    minutes: float | None = None,
    store: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> FeatureImport:
    """Make the cohort of a synthetic feature set in the layout and size of the public one.

    The vectors go straight into the store, one view at a time. The result is that of writing the set with
    ``synthetic.write_feature_set`` and importing it with :func:`import_gestures_features`.

    Args:
        folder: The cohort; made if absent.
        num_seizures: Seizures of 15 s or more that are not discarded; some more come on top.
        num_patients: At most one per seizure.
        seed: Seed of everything.
        minutes: Length of these seizures together; None keeps the published mean length.
        store: Where the vectors go; None means ``$SEMIOSCOPE_STORE`` or the cohort's own.
        force: Replace tables of the cohort that hold something else.
        progress: Where to report to.

    Raises:
        ConfigError: If a number is outside its range.
        CohortError: If the cohort holds something else.
        StoreError: If the disk is full or a folder cannot be written.
    """
    planned = plan_feature_set(
        num_seizures=num_seizures, num_patients=num_patients, seed=seed, minutes=minutes
    )
    rows = [checked_row(number, cells)[0] for number, cells in enumerate(planned.csv_rows(), 2)]
    matched = match(rows, planned.folders)
    found = GesturesSet(seizures=matched.seizures, num_rows=len(rows), notes=matched.notes)
    progress = progress or QuietProgress()

    def read(view: SetView) -> Float32[np.ndarray, "num_clips num_features"]:
        vectors = planned.vectors(view.name)
        progress.advance(view.num_clips, note=view.name)
        return vectors

    return import_set(
        found,
        folder,
        read,
        store=default_store(folder, store=store),
        force=force,
        mark=planned.settings,
        name="synthetic",
        progress=progress,
    )
