"""The recipes of Karácsony against the specification of methods, sections 2 and 3."""

import pytest

from semioscope.cohort import TASKS
from semioscope.core.errors import ConfigError
from semioscope.models import AGGREGATORS
from semioscope.plans import SegmentPlan, SlicePlan, StepPlan
from semioscope.preprocess.crop_finding import CROP_METHODS
from semioscope.recipes import CLASSIFIERS, RECIPES, is_extended, make_config, updated
from semioscope.recipes.registry import OWN_PROTOCOLS, WITH_MANY_CLASSES
from semioscope.training import BEST_EPOCH, LOSSES, OPTIMIZERS

NAMES = ("karacsony-2020", "karacsony-2022-a", "karacsony-2022-b", "karacsony-2022-b05")
THREE = TASKS["fle-vs-tle-vs-nonepileptic"]


@pytest.mark.parametrize("name", NAMES)
def test_two_classes_are_trained_as_in_the_papers(name: str) -> None:
    made = make_config(name)
    assert made.has_slices
    assert made.pictures == "gray"
    assert made.backbone.name == "i3d"
    assert made.task == TASKS["fle-vs-tle"]
    assert made.events.min_duration_seconds == 0
    training = made.training
    assert (training.optimizer, training.learning_rate, training.weight_decay) == ("adam", 1e-3, 0)
    assert (training.loss, training.class_weights) == ("weighted_mse", "inverse_frequency")
    assert (training.epochs, training.batch_size, training.patience) == (2000, 500, None)
    assert training.best_epoch == "best_f1"
    aggregator = made.aggregator
    assert (aggregator.name, aggregator.lstm_sizes, aggregator.fc_sizes) == ("lstm_fc", (128, 64), (64, 32))
    assert (aggregator.dropout, aggregator.recurrent_dropout, aggregator.l2) == (0.5, 0.3, 0.01)
    assert (made.folds.rule, made.folds.num_folds, made.selection.on) == ("patient", 5, "inner")
    assert not is_extended(aggregator)


@pytest.mark.parametrize("name", NAMES)
def test_three_classes_have_their_own_loss_and_batch(name: str) -> None:
    made = make_config(name, task=THREE)
    assert (made.task, made.training.loss, made.training.batch_size) == (THREE, "weighted_nll", 1000)
    assert made.training.epochs == 2000


def test_the_data_sets_differ_in_crops_and_slices_only() -> None:
    a, b, b05, old = (make_config(f"karacsony-{name}") for name in ("2022-a", "2022-b", "2022-b05", "2020"))
    assert [made.crops.method for made in (old, a, b, b05)] == ["box", "depth_box", "depth_box", "depth_box"]
    assert [made.gray.depth_crop for made in (old, a, b, b05)] == [False, False, True, True]
    assert (
        old.slices
        == a.slices
        == b.slices
        == SlicePlan(slice_frames=60, stride=60, leftovers=True, min_frames=10)
    )
    assert b05.slices == SlicePlan(stride=30, leftovers=False)
    same = {"recipe": "x", "slices": SlicePlan(), "gray": b.gray, "crops": b.crops}
    assert a.model_copy(update=same) == b.model_copy(update=same) == b05.model_copy(update=same)


def test_the_papers_own_folds() -> None:
    assert make_config("karacsony-2020", protocol="paper").folds.rule == "patient"
    for name in NAMES[1:]:
        made = make_config(name, protocol="paper")
        assert (made.folds.rule, made.folds.num_folds, made.folds.patients_per_class) == (
            "patients-per-class", 5, 3,
        )  # fmt: skip
        assert made.selection.on == "test"


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_every_classifier_can_be_had(classifier: str, num_classes: int) -> None:
    task = THREE if num_classes == 3 else None
    made = updated(make_config("karacsony-2022-b", task=task), CLASSIFIERS[classifier])
    assert made.aggregator.name in AGGREGATORS
    assert made.training.loss in LOSSES
    assert made.training.optimizer in OPTIMIZERS
    assert made.training.best_epoch in BEST_EPOCH
    assert made.training.batch_size == (1000 if num_classes == 3 else 500)
    assert is_extended(made.aggregator) == (classifier == "Extended LSTM")


def test_own_settings_belong_to_recipes_that_exist() -> None:
    assert {recipe for recipe, _ in OWN_PROTOCOLS} | set(WITH_MANY_CLASSES) <= set(RECIPES)
    assert {make_config(name).crops.method for name in NAMES} <= set(CROP_METHODS)


def test_the_level_says_how_examples_are_seen() -> None:
    assert make_config("karacsony-2020").example_plan(num_steps=7) == StepPlan(num_steps=7)
    assert isinstance(make_config("gestures-2021").example_plan(num_steps=7), SegmentPlan)


def test_crops_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"crops\.check must be true or false"):
        updated(make_config("karacsony-2020"), {"crops": {"check": "maybe"}})
