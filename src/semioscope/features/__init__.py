"""Features: the store, and the extraction that fills it."""

from semioscope.features.extract import ExtractionReport, extract
from semioscope.features.key import BackboneChoice, FeatureKey, load_backbone
from semioscope.features.plan import (
    EventClips,
    ExtractionFailure,
    ExtractionPlan,
    default_store,
    feature_key,
    plan_extraction,
)
from semioscope.features.reading import EventFeatures, load_features
from semioscope.features.store import Block, FeatureStore
from semioscope.features.stream import ClipFeatures, StreamStatistics, ViewClips, stream_features

__all__ = [
    "BackboneChoice",
    "Block",
    "ClipFeatures",
    "EventClips",
    "EventFeatures",
    "ExtractionFailure",
    "ExtractionPlan",
    "ExtractionReport",
    "FeatureKey",
    "FeatureStore",
    "StreamStatistics",
    "ViewClips",
    "default_store",
    "extract",
    "feature_key",
    "load_backbone",
    "load_features",
    "plan_extraction",
    "stream_features",
]
