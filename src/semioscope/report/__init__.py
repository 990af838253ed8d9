"""Figures and the HTML report of a run. Reads tables and never computes a score."""

from semioscope.report.page import write_report
from semioscope.report.timeline import TimelineView, timeline_figure

__all__ = ["TimelineView", "timeline_figure", "write_report"]
