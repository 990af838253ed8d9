"""Features: the store, and the extraction that fills it."""

from semioscope.features.clips import EventClips
from semioscope.features.data_sets import DATA_SETS, DataSet, fetch_data_set
from semioscope.features.extract import ExtractionReport, extract
from semioscope.features.gestures_import import FeatureImport, import_gestures_features
from semioscope.features.imported import ImportedFeatures, lost_views, read_imported
from semioscope.features.key import BackboneChoice, FeatureKey, load_backbone
from semioscope.features.plan import (
    ExtractionFailure,
    ExtractionPlan,
    default_store,
    feature_key,
    plan_extraction,
)
from semioscope.features.reading import EventFeatures, load_features
from semioscope.features.store import Block, FeatureStore
from semioscope.features.stream import ClipFeatures, StreamStatistics, ViewClips, stream_features
from semioscope.features.synthetic_cohort import make_feature_cohort

__all__ = [
    "DATA_SETS",
    "BackboneChoice",
    "Block",
    "ClipFeatures",
    "DataSet",
    "EventClips",
    "EventFeatures",
    "ExtractionFailure",
    "ExtractionPlan",
    "ExtractionReport",
    "FeatureImport",
    "FeatureKey",
    "FeatureStore",
    "ImportedFeatures",
    "StreamStatistics",
    "ViewClips",
    "default_store",
    "extract",
    "feature_key",
    "fetch_data_set",
    "import_gestures_features",
    "load_backbone",
    "load_features",
    "lost_views",
    "make_feature_cohort",
    "plan_extraction",
    "read_imported",
    "stream_features",
]
