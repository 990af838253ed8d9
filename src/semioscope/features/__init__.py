"""Features: the store, and the extraction that fills it."""

from semioscope.features.clips import EventClips, EventSlices
from semioscope.features.data_sets import DATA_SETS, DataSet, fetch_data_set
from semioscope.features.extract import ExtractionReport, extract
from semioscope.features.gestures_import import FeatureImport, import_gestures_features
from semioscope.features.import_record import import_warnings, lost_views
from semioscope.features.imported import ImportedFeatures, read_imported
from semioscope.features.key import BackboneChoice, FeatureKey, load_backbone
from semioscope.features.layout import CLIP_KINDS, clip_seconds, plan_fps
from semioscope.features.plan import default_store, feature_key, plan_extraction
from semioscope.features.planned import ExtractionFailure, ExtractionPlan, ViewFlag
from semioscope.features.reading import EventFeatures, load_features, shortest_clip
from semioscope.features.store import Block, FeatureStore
from semioscope.features.stream import ClipFeatures, StreamStatistics, ViewClips, stream_features
from semioscope.features.synthetic_cohort import make_feature_cohort
from semioscope.features.views import PICTURE_KINDS, VIEW_KINDS, ViewFinder

__all__ = [
    "CLIP_KINDS",
    "DATA_SETS",
    "PICTURE_KINDS",
    "VIEW_KINDS",
    "BackboneChoice",
    "Block",
    "ClipFeatures",
    "DataSet",
    "EventClips",
    "EventFeatures",
    "EventSlices",
    "ExtractionFailure",
    "ExtractionPlan",
    "ExtractionReport",
    "FeatureImport",
    "FeatureKey",
    "FeatureStore",
    "ImportedFeatures",
    "StreamStatistics",
    "ViewClips",
    "ViewFinder",
    "ViewFlag",
    "clip_seconds",
    "default_store",
    "extract",
    "feature_key",
    "fetch_data_set",
    "import_gestures_features",
    "import_warnings",
    "load_backbone",
    "load_features",
    "lost_views",
    "make_feature_cohort",
    "plan_extraction",
    "plan_fps",
    "read_imported",
    "shortest_clip",
    "stream_features",
]
