"""Recipes of pre-training: what they say, and which settings fit together."""

import pytest

from semioscope.core.errors import ConfigError
from semioscope.models import TRANSFORMER_SIZES
from semioscope.networks import backbone_spec
from semioscope.networks.backbones import BACKBONES
from semioscope.recipes import PRETRAIN_RECIPES, PretrainingRunConfig, dump_config, make_pretraining_config
from semioscope.recipes.edit import all_keys, read_settings
from semioscope.training import PRECISIONS


@pytest.mark.parametrize("name", PRETRAIN_RECIPES)
def test_every_recipe_names_what_exists_and_survives_its_file(name, tmp_path):
    made = make_pretraining_config(name)
    assert made == PRETRAIN_RECIPES[name]()
    assert made.recipe == name
    assert made.backbone.name in BACKBONES
    assert made.transformer in TRANSFORMER_SIZES.values()
    assert made.training.precision in PRECISIONS
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(made, command="pretrain"))
    assert path.read_text().startswith(
        "# Run again with: semioscope pretrain THIS_FILE --cohort DIR --out RUN\n"
    )
    assert read_settings(path, PretrainingRunConfig) == make_pretraining_config(str(path)) == made


def test_the_paper_is_the_paper():
    made = make_pretraining_config("hou-2022")
    assert (made.excerpts.fps, made.excerpts.num_frames, made.excerpts.num_positions) == (25, 250, 256)
    assert (made.frame.base_height, made.frame.base_width, made.backbone.input_size) == (128, 171, 112)
    assert (made.corruption.span_frames, made.corruption.mask_share) == (30, 0.15)
    assert (made.transformer.num_layers, made.transformer.width, made.transformer.num_heads) == (6, 1024, 8)
    training = made.training
    assert (training.epochs, training.learning_rate, training.weight_decay) == (60, 0.01, 1e-4)
    assert (training.warmup_share, training.max_gradient_norm) == (0, None)


def test_the_small_one_differs_where_it_says():
    paper, small = make_pretraining_config("hou-2022"), make_pretraining_config("hou-2022-small")
    same = {"seed", "frame", "backbone", "excerpts", "num_crops", "balance", "corruption"}
    assert all(getattr(paper, key) == getattr(small, key) for key in same)
    assert (small.transformer.num_layers, small.transformer.width) == (2, 256)
    assert small.training.warmup_share > 0
    assert small.training.max_gradient_norm is not None


@pytest.mark.parametrize("name", [name for name in BACKBONES if backbone_spec(name).kind == "2d"])
def test_the_transformer_follows_the_backbone(name):
    made = make_pretraining_config("hou-2022", [f"backbone.name={name}"])
    assert made.transformer.num_features == backbone_spec(name).num_features


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["backbone.name=resnet34", "transformer.num_features=2048"], "what resnet34 gives, 512, got 2048"),
        (
            ["excerpts.num_positions=512"],
            r"num_positions \(512\) and transformer.num_positions \(256\) must be equal",
        ),
        (["corruption.span_frames=200"], "min_frames must be at least 201"),
        (["training.epoch=3"], "Unknown setting 'training.epoch'. Did you mean training.epochs"),
        (["excerpts.min_frames=300"], "must not fall"),
        (["recipe=mine"], "would change the name only"),
        (["balance=day"], "balance must be 'none' or 'day-night'"),
        (["training.precision=bf16"], "Unknown precision 'bf16'. Did you mean bfloat16"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        make_pretraining_config("hou-2022", settings)


def test_unknown_recipes_are_refused_with_the_nearest():
    with pytest.raises(
        ConfigError, match=r"Unknown recipe of pre-training 'hou-2021'\. Did you mean hou-2022"
    ):
        make_pretraining_config("hou-2021")


def test_a_file_with_sizes_that_do_not_fit_is_refused(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(dump_config(make_pretraining_config("hou-2022")).replace("resnet152", "resnet34"))
    with pytest.raises(ConfigError, match=r"what resnet34 gives, 512, got 2048\. Leave it out"):
        make_pretraining_config(str(path))
    assert make_pretraining_config(str(path), ["backbone.name=resnet34"]).transformer.num_features == 512


def test_every_setting_has_words():
    for key in all_keys(PretrainingRunConfig):
        section = PretrainingRunConfig
        *parents, last = key.split(".")
        for parent in parents:
            section = section.model_fields[parent].annotation
        assert section.model_fields[last].description, key
