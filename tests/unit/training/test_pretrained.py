"""A Transformer that begins as a pre-training left it."""

import numpy as np
import pytest
from pretraining_work import CORRUPTION, tiny_excerpts, tiny_training
from tiny_transformer import tiny_size

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.files import file_sha256
from semioscope.models import AggregatorConfig, TransformerAggregator, TransformerConfig, build
from semioscope.plans import ExcerptStepPlan
from semioscope.training import (
    TrainingConfig,
    fit,
    load_encoder,
    planned_pretraining,
    pretrain,
    sequence_set,
    single_thread,
)
from semioscope.training.pretrained import begin_pretrained

NUM_FEATURES = 6
PLAN = ExcerptStepPlan(num_positions=8)


@pytest.fixture(autouse=True)
def one_thread():
    with single_thread():
        yield


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A pre-training of the tiny size on features of six numbers."""
    path = tmp_path_factory.mktemp("pretraining") / "last.safetensors"
    with single_thread():
        pretrain(
            tiny_excerpts(),
            transformer=TransformerConfig.of(tiny_size(), num_features=NUM_FEATURES),
            training=tiny_training(epochs=1),
            corruption=CORRUPTION,
            seed=1,
            checkpoint=path,
            stop_after=2,
        )
    return path


def config(path, **changes):
    settings = {
        "name": "transformer",
        "transformer": tiny_size(),
        "pretrained": None if path is None else str(path),
    }
    return AggregatorConfig(**(settings | changes))


def views():
    rng = np.random.default_rng(0)
    return sequence_set(
        [rng.normal(size=(12, NUM_FEATURES)) for _ in range(6)],
        start_frames=[np.arange(12)] * 6,
        num_frames=[12] * 6,
        frames_per_clip=1,
        y_true=[0, 1] * 3,
        names=[f"sz-{index}" for index in range(6)],
    )


def run(aggregator, **options):
    training = {"epochs": 1, "batch_size": 4, "learning_rate": 1e-3} | options
    return fit(
        views(),
        None,
        aggregator=aggregator,
        training=TrainingConfig(**training),
        segments=PLAN,
        num_classes=2,
        seed=0,
    )


def encoder_of(state):
    prefix = "network.encoder."
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}


def test_a_frozen_encoder_is_that_of_the_checkpoint(checkpoint):
    result = run(config(checkpoint, frozen=True), epochs=2)
    wanted = load_encoder(checkpoint).state_dict()
    found = encoder_of(result.state)
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        np.testing.assert_array_equal(found[name], tensor.numpy(), err_msg=name)


def test_training_begins_from_the_checkpoint_and_goes_on(checkpoint):
    models = [
        build(config(checkpoint), num_features=NUM_FEATURES, num_classes=2, seed=seed) for seed in (0, 1)
    ]
    heads = [model.state()["network.head.weight"] for model in models]
    begin_pretrained(models, config(checkpoint))
    wanted = load_encoder(checkpoint).state_dict()
    for model, head in zip(models, heads, strict=True):
        assert isinstance(model, TransformerAggregator)
        for name, array in encoder_of(model.state()).items():
            np.testing.assert_array_equal(array, wanted[name].numpy())
        np.testing.assert_array_equal(model.state()["network.head.weight"], head)
        assert all(parameter.requires_grad for parameter in model.parameters())
    moved = encoder_of(run(config(checkpoint)).state)
    distance = max(np.abs(moved[name] - wanted[name].numpy()).max() for name in wanted)
    assert 0 < distance < 0.01  # two steps of 1e-3
    random = encoder_of(run(config(None)).state)
    assert max(np.abs(random[name] - wanted[name].numpy()).max() for name in wanted) > 0.01


def test_a_plan_finds_the_hash_and_keeps_it(checkpoint):
    planned = planned_pretraining(config(checkpoint), num_features=NUM_FEATURES)
    assert planned.pretrained_sha256 == file_sha256(checkpoint)
    assert planned_pretraining(planned, num_features=NUM_FEATURES) == planned
    plain = AggregatorConfig(name="mean")
    assert planned_pretraining(plain, num_features=NUM_FEATURES) is plain


def test_another_file_at_the_place_is_refused(checkpoint, tmp_path):
    planned = planned_pretraining(config(checkpoint), num_features=NUM_FEATURES)
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(checkpoint.read_bytes())
    here = planned.model_copy(update={"pretrained": str(moved)})
    assert planned_pretraining(here, num_features=NUM_FEATURES).without_place == planned.without_place
    pretrain(
        tiny_excerpts(),
        transformer=TransformerConfig.of(tiny_size(), num_features=NUM_FEATURES),
        training=tiny_training(epochs=1),
        corruption=CORRUPTION,
        seed=1,
        checkpoint=moved,
    )
    message = rf"moved\.safetensors must be the checkpoint with SHA-256 {planned.pretrained_sha256[:16]}.*later step"
    for call in (lambda: planned_pretraining(here, num_features=NUM_FEATURES), lambda: run(here)):
        with pytest.raises(ConfigError, match=message):
            call()


def test_what_does_not_fit_is_told_before_anything_is_computed(checkpoint, tmp_path):
    with pytest.raises(
        ConfigError,
        match=r"another architecture: width is 32, not 64\. Use the size",
    ):
        planned_pretraining(config(checkpoint, transformer=tiny_size(width=64)), num_features=NUM_FEATURES)
    with pytest.raises(ConfigError, match=r"num_features is 6, not 2048\. Use the size"):
        planned_pretraining(config(checkpoint), num_features=2048)
    with pytest.raises(ConfigError, match=r"is for the aggregator transformer, got blstm\. Use --set"):
        planned_pretraining(config(checkpoint, name="blstm"), num_features=NUM_FEATURES)
    with pytest.raises(
        ConfigError, match=r"pretrained_sha256 is aaaaaaaaaaaaaaaa, but no checkpoint is given\. Give"
    ):
        planned_pretraining(config(None, pretrained_sha256="a" * 64), num_features=NUM_FEATURES)
    with pytest.raises(StoreError, match=r"nothing does not exist\. Give the checkpoint"):
        planned_pretraining(config(tmp_path / "nothing"), num_features=NUM_FEATURES)
    (tmp_path / "torn").write_bytes(checkpoint.read_bytes()[:1000])
    for call in (
        lambda: planned_pretraining(config(tmp_path / "torn"), num_features=NUM_FEATURES),
        lambda: run(config(tmp_path / "torn")),
    ):
        with pytest.raises(StoreError, match="torn must be a checkpoint of pre-training"):
            call()
