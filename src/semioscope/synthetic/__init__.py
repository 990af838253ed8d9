"""Makes cohorts: a body that moves, a room, cameras, and the truth beside the videos.

A test instrument. Scores on synthetic cohorts mean nothing clinically.
"""

from semioscope.synthetic.cohort import SYNTHETIC_VERSION, make_cohort
from semioscope.synthetic.cohort_folder import MARK_FILE, SyntheticCohort, is_synthetic
from semioscope.synthetic.contextual_plan import ROUTINES, draw_contextual_plan
from semioscope.synthetic.depth_cohort import make_depth_cohort, plan_depth_cohort
from semioscope.synthetic.depth_plan import DEPTH_TASKS, FAILURES, DepthPlan, draw_depth_plan
from semioscope.synthetic.depth_room import DEPTH_SIZE, PLACEMENTS
from semioscope.synthetic.depth_sensor import PERFECT, SensorFaults
from semioscope.synthetic.depth_stills import SceneFrame, scene_frames
from semioscope.synthetic.depth_view import DepthFrame, DepthScene, depth_frames, make_depth_scene
from semioscope.synthetic.feature_set import FeatureSet, plan_feature_set, write_feature_set
from semioscope.synthetic.recording import MontageFrame, inset_region, inset_size, montage_frames
from semioscope.synthetic.room import PARTS
from semioscope.synthetic.scenario import SCENARIOS, RecordingPlan, Scenario, draw_recording
from semioscope.synthetic.style import FOCAL_KINDS, PatientStyle, draw_style
from semioscope.synthetic.ward_cohort import WARD_SIZE, WARD_TASKS, make_ward_cohort
from semioscope.synthetic.ward_plan import WardPlan, draw_seizure_plan
from semioscope.synthetic.ward_recording import WardFrame, ward_frames

__all__ = [
    "DEPTH_SIZE",
    "DEPTH_TASKS",
    "FAILURES",
    "FOCAL_KINDS",
    "MARK_FILE",
    "PARTS",
    "PERFECT",
    "PLACEMENTS",
    "ROUTINES",
    "SCENARIOS",
    "SYNTHETIC_VERSION",
    "WARD_SIZE",
    "WARD_TASKS",
    "DepthFrame",
    "DepthPlan",
    "DepthScene",
    "FeatureSet",
    "MontageFrame",
    "PatientStyle",
    "RecordingPlan",
    "Scenario",
    "SceneFrame",
    "SensorFaults",
    "SyntheticCohort",
    "WardFrame",
    "WardPlan",
    "depth_frames",
    "draw_contextual_plan",
    "draw_depth_plan",
    "draw_recording",
    "draw_seizure_plan",
    "draw_style",
    "inset_region",
    "inset_size",
    "is_synthetic",
    "make_cohort",
    "make_depth_cohort",
    "make_depth_scene",
    "make_ward_cohort",
    "montage_frames",
    "plan_depth_cohort",
    "plan_feature_set",
    "scene_frames",
    "ward_frames",
    "write_feature_set",
]
