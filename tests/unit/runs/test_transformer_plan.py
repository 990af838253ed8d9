"""The Transformer and excerpts in the plan of a run: what does not fit is told before anything is computed."""

from pathlib import Path

import pytest
from pretraining_work import CORRUPTION, tiny_excerpts, tiny_training
from tiny_transformer import SETTINGS, tiny_size

from semioscope.core.errors import ConfigError
from semioscope.core.files import file_sha256
from semioscope.models import TransformerConfig
from semioscope.recipes import RunConfig, apply_overrides, make_config
from semioscope.runs import plan_run
from semioscope.runs.plan_checks import check_names, check_together
from semioscope.runs.transformer_plan import begun, transformer_notes
from semioscope.training import pretrain, single_thread


def config(*overrides: str) -> RunConfig:
    return apply_overrides(make_config("hou-2022-small"), [*SETTINGS, *overrides])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pretraining") / "last.safetensors"
    with single_thread():
        pretrain(
            tiny_excerpts(),
            transformer=TransformerConfig.of(tiny_size(), num_features=6),
            training=tiny_training(epochs=1),
            corruption=CORRUPTION,
            seed=1,
            checkpoint=path,
            stop_after=1,
        )
    return path


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.schedule=linaer", r"Unknown value of training\.schedule 'linaer'\. Did you mean linear"),
        ("training.precision=float16", r"Unknown value of training\.precision 'float16'"),
        (
            "aggregator.transformer.num_positions=64",
            r"64 positions .*examples\.excerpt_frames must be at most that, got 256\. Use --set .*=64",
        ),
        (
            "backbone.name=r2plus1d_34_8",
            r"shows single frames, but clips of r2plus1d_34_8 have \d+\. Use a network",
        ),
        ("clips.frames_per_clip=2", r"shows single frames, but clips of resnet152 have 2\. Use a network"),
        (
            "aggregator.name=blstm",
            r"leaves out masked steps \((\w+, )*\w+ or transformer\), got aggregator\.name blstm\. Use one",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_a_cohort_is_looked_for(
    override: str, message: str, tmp_path: Path
) -> None:
    check_names(config())
    with pytest.raises(ConfigError, match=message):
        plan_run(config(override), tmp_path / "nowhere")


def test_only_the_transformer_can_be_frozen_or_has_few_positions() -> None:
    other = ["examples.level=event", "aggregator.name=mean"]
    with pytest.raises(
        ConfigError, match=r"aggregator\.frozen is for the aggregator transformer, got mean\. Use"
    ):
        check_names(config(*other, "aggregator.frozen=true"))
    check_names(config(*other, "aggregator.transformer.num_positions=4"))
    with pytest.raises(
        ConfigError, match=r"4 positions .*segments\.num_segments must be at most that, got 16"
    ):
        check_names(config("examples.level=event", "aggregator.transformer.num_positions=4"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["grid.num_segments=[4, 8]"], "Excerpts as examples do not go with a grid of settings"),
        (
            ["examples.level=event", "grid.num_segments=[4, 8]", "aggregator.pretrained=some.safetensors"],
            r"A pre-training does not go with a grid .*got aggregator\.pretrained some\.safetensors",
        ),
    ],
)
def test_a_study_has_neither_excerpts_nor_a_pretraining(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_together(config(*overrides), in_study=False)


def test_the_plan_has_the_hash_of_the_pretraining(checkpoint: Path) -> None:
    wanted = config(f"aggregator.pretrained={checkpoint}")
    planned = begun(wanted, num_features=6)
    assert planned.aggregator.pretrained_sha256 == file_sha256(checkpoint)
    assert planned.model_copy(update={"aggregator": wanted.aggregator}) == wanted
    assert begun(config(), num_features=6) == config()
    with pytest.raises(ConfigError, match=r"another architecture: num_layers is 2, not 1\. Use the size"):
        begun(
            config(f"aggregator.pretrained={checkpoint}", "aggregator.transformer.num_layers=1"),
            num_features=6,
        )


def test_how_the_transformer_begins_is_told(checkpoint: Path) -> None:
    told = f"as its pre-training left it (SHA-256 {file_sha256(checkpoint)[:16]})"
    with_file = f"aggregator.pretrained={checkpoint}"
    [trained] = transformer_notes(begun(config(with_file), num_features=6))
    [frozen] = transformer_notes(begun(config(with_file, "aggregator.frozen=true"), num_features=6))
    assert trained == f"The Transformer begins {told} and is trained on."
    assert frozen == f"The Transformer begins {told} and stays so: only its last layer is trained."
    assert "begins with random weights. The paper" in transformer_notes(config())[0]
    assert "random weights and is not trained" in transformer_notes(config("aggregator.frozen=true"))[0]
    assert transformer_notes(config("aggregator.name=lstm_fc")) == []
