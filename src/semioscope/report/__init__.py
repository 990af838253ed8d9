"""Figures and the HTML report of a run or a study. Reads tables and never computes a score."""

from semioscope.report.page import write_report
from semioscope.report.pretraining import write_pretraining_report
from semioscope.report.study_page import write_study_report
from semioscope.report.timeline import TimelineView, timeline_figure

__all__ = [
    "TimelineView",
    "timeline_figure",
    "write_pretraining_report",
    "write_report",
    "write_study_report",
]
