"""The recipes of Hou 2022: what the paper says, and what a small machine can do."""

import pytest

from semioscope.models import TRANSFORMER_SIZES, TransformerConfig
from semioscope.plans import ClipPlan, ExcerptStepPlan
from semioscope.recipes import PRETRAIN_RECIPES, PROTOCOLS, RunConfig, followed_protocol, make_config, updated
from semioscope.training import SCHEDULES, PretrainingConfig

NAMES = {"hou-2022": "full", "hou-2022-small": "small"}


@pytest.fixture(params=NAMES)
def config(request: pytest.FixtureRequest) -> RunConfig:
    return make_config(request.param)


def test_a_frame_is_a_clip_at_25_per_second_from_the_onset(config: RunConfig) -> None:
    plan = config.clips.plan(backbone_frames=1)
    assert plan == ClipPlan(fps=25, frames_per_clip=1, stride=1, anchor="event")
    assert config.example_plan(num_steps=1) == ExcerptStepPlan(num_positions=256)
    assert config.has_excerpts
    assert not config.has_slices
    assert not config.is_study
    assert config.picture is config.frame
    assert config.events.min_duration_seconds == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", NAMES)
def test_every_protocol_leaves_one_patient_out_and_chooses_nothing(name: str, protocol: str) -> None:
    made = make_config(name, protocol=protocol)
    assert (made.folds.rule, made.selection.on) == ("leave-one-patient-out", "none")
    assert (made.clips.stride, made.segments.short) == (1, "centre")
    assert followed_protocol(made) == protocol
    assert (
        followed_protocol(updated(made, {"folds": {"rule": "patient"}})) == f"own settings (from {protocol})"
    )


def test_training_is_that_of_the_paper() -> None:
    training = make_config("hou-2022").training
    assert (training.epochs, training.batch_size, training.learning_rate) == (50, 16, 0.005)
    assert (training.optimizer, training.weight_decay, training.class_weights) == (
        "adamw",
        1e-4,
        "inverse_count",
    )
    assert (training.loss, training.standardize, training.patience) == ("weighted_nll", False, None)
    assert training.schedule == "linear"
    assert SCHEDULES[training.schedule](0.5) == 0.5
    assert make_config("hou-2022").aggregator.dropout == 0.5


def test_the_encoder_is_the_one_that_is_pretrained_on_the_same_pictures(config: RunConfig) -> None:
    before = PRETRAIN_RECIPES[config.recipe]()
    assert TransformerConfig.of(config.aggregator.transformer, num_features=2048) == before.transformer
    assert config.aggregator.transformer == TRANSFORMER_SIZES[NAMES[config.recipe]].size
    assert config.aggregator.transformer.dropout == 0.1
    assert config.aggregator.transformer.num_positions == config.examples.excerpt_frames
    assert (config.backbone, config.frame) == (before.backbone, before.frame)
    assert config.clips.fps == before.excerpts.fps
    assert config.aggregator.pretrained is None


def test_the_small_one_has_a_tenth_of_the_step_size_as_in_pretraining() -> None:
    small, full = make_config("hou-2022-small"), make_config("hou-2022")
    before = PRETRAIN_RECIPES["hou-2022-small"]().training
    assert small.training.learning_rate / full.training.learning_rate == pytest.approx(
        before.learning_rate / PretrainingConfig().learning_rate
    )
    assert small.training.model_copy(update={"learning_rate": 0.005}) == full.training
    assert (full.keep_fold_models, small.keep_fold_models) == (False, True)
