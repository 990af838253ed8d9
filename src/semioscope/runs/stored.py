"""Features of a run: extracted in one stage, then taken from the store view by view."""

from collections.abc import Iterator, Mapping
from typing import Any

from semioscope.core.errors import SemioscopeError
from semioscope.core.progress import Progress
from semioscope.features import EventFeatures, ExtractionPlan, ExtractionReport, extract, load_features
from semioscope.runs.results import Failure


def extract_stage(
    extraction: ExtractionPlan, runner: Any, progress: Progress, stage: str, failures: list[Failure]
) -> ExtractionReport:
    """Compute what the store lacks; what cannot be computed joins the failures."""
    report = extract(extraction, executor=runner, progress=progress, stage=stage)
    failures += [
        Failure(recording_id=item.recording_id, event_id=event_id, stage=stage, message=item.message)
        for item in report.failures
        for event_id in item.event_ids
    ]
    return report


class StoredFeatures(Mapping[tuple[str, str], EventFeatures]):
    """The features of every view that the store has completely, by event and recording.

    A view is read when it is asked for and is not kept, so a large cohort needs the memory of one view. One that
    the store lacks is no key; it joins the failures when it is asked for, unless it is among them already.

    Args:
        extraction: What was wanted.
        failures: Where views that cannot be had are added.
        stage: Named in these failures.
    """

    def __init__(
        self, extraction: ExtractionPlan, failures: list[Failure], *, stage: str = "features"
    ) -> None:
        self._extraction, self._failures, self._stage = extraction, failures, stage
        self._events = {(event.event_id, event.recording_id): event for event in extraction.events}

    def __getitem__(self, name: tuple[str, str]) -> EventFeatures:
        event = self._events[name]
        try:
            return load_features(self._extraction.store, event, self._extraction.clip_plan)
        except SemioscopeError as err:
            if (event.recording_id, event.event_id) not in self._told:
                self._failures.append(
                    Failure(
                        recording_id=event.recording_id,
                        event_id=event.event_id,
                        stage=self._stage,
                        message=str(err),
                    )
                )
            raise KeyError(name) from err

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    @property
    def _told(self) -> set[tuple[str, str]]:
        return {(failure.recording_id, failure.event_id) for failure in self._failures}
