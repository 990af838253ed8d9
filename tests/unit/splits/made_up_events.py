"""Made-up events for the tests of fold plans."""

import numpy as np
from hypothesis import strategies as st

from semioscope.core.records import Event, EventView


def event(event_id, patient_id, y_true, *, uses=("train", "train"), seconds=60.0):
    views = tuple(
        EventView(
            recording_id=f"{event_id}-{number}", onset_seconds=5.0, offset_seconds=5.0 + seconds, use=use
        )
        for number, use in enumerate(uses)
    )
    return Event(event_id=event_id, patient_id=patient_id, y_true=y_true, views=views)


def random_cohort(seed, *, num_patients=20, most_events=8, num_classes=2, evaluate=0.0):
    """Patients with 1 to ``most_events`` events; the first two have every class."""
    rng = np.random.default_rng(seed)
    events = []
    for patient in range(num_patients):
        classes = list(rng.integers(0, num_classes, size=rng.integers(1, most_events + 1)))
        if patient < 2:
            classes = list(range(num_classes)) + classes
        for number, y_true in enumerate(classes):
            uses = ("evaluate",) if patient >= 2 and rng.random() < evaluate else ("train", "evaluate")
            seconds = float(np.round(rng.lognormal(4, 0.7), 1))
            events.append(
                event(
                    f"sz-{patient:03d}-{number:02d}",
                    f"p{patient:03d}",
                    int(y_true),
                    uses=uses,
                    seconds=seconds,
                )
            )
    return events


@st.composite
def event_rows(draw, *, num_classes=2, least_patients=4, most_patients=9):
    """Rows for ``events_from``: small cohorts with every class in two patients that can be trained on.

    Plain rows, not records: the type checker of the tests draws random numbers where a record is made, which
    a strategy may not do.
    """
    rows = []
    for patient in range(draw(st.integers(least_patients, most_patients))):
        classes = draw(st.lists(st.integers(0, num_classes - 1), min_size=1, max_size=4))
        if patient < 2:
            classes = [*range(num_classes), *classes]
        for number, y_true in enumerate(classes):
            sure = patient < 2 and number < num_classes
            use = "train" if sure else draw(st.sampled_from(["train", "train", "evaluate"]))
            rows.append((f"e{patient}-{number}", f"p{patient}", y_true, use, draw(st.floats(5, 500))))
    return rows


def events_from(rows):
    return [
        event(name, owner, y_true, uses=(use,), seconds=seconds) for name, owner, y_true, use, seconds in rows
    ]
