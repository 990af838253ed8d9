"""Makes cohorts: a body that moves, a room, cameras, and the truth beside the videos.

A test instrument. Scores on synthetic cohorts mean nothing clinically.
"""

from semioscope.synthetic.cohort import (
    MARK_FILE,
    SYNTHETIC_VERSION,
    SyntheticCohort,
    is_synthetic,
    make_cohort,
)
from semioscope.synthetic.feature_set import FeatureSet, plan_feature_set, write_feature_set
from semioscope.synthetic.recording import MontageFrame, inset_region, inset_size, montage_frames
from semioscope.synthetic.scenario import SCENARIOS, RecordingPlan, Scenario, draw_recording
from semioscope.synthetic.style import FOCAL_KINDS, PatientStyle, draw_style

__all__ = [
    "FOCAL_KINDS",
    "MARK_FILE",
    "SCENARIOS",
    "SYNTHETIC_VERSION",
    "FeatureSet",
    "MontageFrame",
    "PatientStyle",
    "RecordingPlan",
    "Scenario",
    "SyntheticCohort",
    "draw_recording",
    "draw_style",
    "inset_region",
    "inset_size",
    "is_synthetic",
    "make_cohort",
    "montage_frames",
    "plan_feature_set",
    "write_feature_set",
]
