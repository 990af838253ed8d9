"""Patients, recordings and seizures: read, check, describe and import a cohort folder. Never loads torch."""

from semioscope.cohort.annotations import Annotation
from semioscope.cohort.check import check_cohort
from semioscope.cohort.cohort import Cohort, new_cohort, read_cohort, write_cohort
from semioscope.cohort.contextual import ContextualImport, import_contextual
from semioscope.cohort.events import EventSelection, LeftOut, events_of, seizures_of
from semioscope.cohort.importers import TableImport, import_table
from semioscope.cohort.parts import PartEvents, part_events
from semioscope.cohort.summary import PUBLISHED, render_summary, summarise
from semioscope.cohort.tasks import TASKS, Task, make_task, read_task
from semioscope.core.tables import Problem

__all__ = [  # noqa: RUF022 (in the order of sorted())
    "Annotation",
    "Cohort",
    "ContextualImport",
    "EventSelection",
    "LeftOut",
    "PUBLISHED",
    "PartEvents",
    "Problem",
    "TASKS",
    "TableImport",
    "Task",
    "check_cohort",
    "events_of",
    "import_contextual",
    "import_table",
    "make_task",
    "new_cohort",
    "part_events",
    "read_cohort",
    "read_task",
    "render_summary",
    "seizures_of",
    "summarise",
    "write_cohort",
]
