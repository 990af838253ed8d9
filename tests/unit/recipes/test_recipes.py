"""Configurations: recipes, protocols, reading, writing, overrides."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from semioscope.cohort import TASKS
from semioscope.core.errors import ConfigError
from semioscope.evaluation import BASELINES
from semioscope.models import AGGREGATORS
from semioscope.networks.backbones import BACKBONES
from semioscope.recipes import (
    PROTOCOLS,
    RECIPES,
    RunConfig,
    apply_overrides,
    dump_config,
    followed_protocol,
    make_config,
    protocol_settings,
    read_config,
)
from semioscope.recipes.edit import all_keys, updated
from semioscope.training import CLASS_WEIGHTS, LOSSES, OPTIMIZERS


def config() -> RunConfig:
    return make_config(next(iter(RECIPES)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_under_every_protocol_names_what_exists(recipe: str, protocol: str) -> None:
    made = make_config(recipe, protocol=protocol)
    assert (made.recipe, made.protocol) == (recipe, protocol)
    assert made.backbone.name in BACKBONES
    assert made.aggregator.name in AGGREGATORS
    assert made.task == TASKS[made.task.name]
    assert set(made.baselines) <= set(BASELINES)
    assert made.training.optimizer in OPTIMIZERS
    assert made.training.loss in LOSSES
    assert made.training.class_weights in CLASS_WEIGHTS
    for section, values in protocol_settings(recipe, protocol).items():
        for key, value in values.items():
            assert getattr(getattr(made, section), key) == value


def test_the_protocols_differ_where_they_should() -> None:
    name = next(iter(RECIPES))
    patient, paper = make_config(name), make_config(name, protocol="paper")
    assert (patient.folds.rule, patient.selection.on) == ("patient", "inner")
    assert (paper.folds.rule, paper.selection.on, paper.clips.stride) == ("seizure", "test", 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_changed_folds_or_selection_are_no_longer_the_protocol(protocol: str) -> None:
    made = make_config(next(iter(RECIPES)), protocol=protocol)
    assert followed_protocol(made) == protocol
    assert (
        followed_protocol(apply_overrides(made, ["seed=7", "training.epochs=3", "folds.num_folds=4"]))
        == protocol
    )
    for changed in ("folds.rule=leave-one-patient-out", "selection.on=none"):
        assert followed_protocol(apply_overrides(made, [changed])) == f"own settings (from {protocol})"


def test_gestures_is_the_best_model_of_the_paper() -> None:
    made = make_config("gestures-2021")
    assert (made.clips.fps, made.segments.num_segments, made.segments.gamma) == (15, 16, 4)
    assert (made.aggregator.name, made.aggregator.hidden_size) == ("blstm", 64)
    assert (made.training.batch_size, made.training.learning_rate, made.training.optimizer) == (
        64,
        1e-2,
        "adamw",
    )
    assert made.events.min_duration_seconds == 15


def test_unknown_names_have_the_nearest_ones() -> None:
    with pytest.raises(ConfigError, match=r"Unknown recipe 'gesture-2021'\. Did you mean gestures-2021 or "):
        make_config("gesture-2021")
    with pytest.raises(ConfigError, match=r"Unknown protocol 'patients'\. Did you mean patient\?"):
        make_config("gestures-2021", protocol="patients")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("gamma", [1.0, 4.0, math.inf])
def test_a_written_configuration_reads_back_the_same(tmp_path: Path, protocol: str, gamma: float) -> None:
    made = make_config("gestures-2021", protocol=protocol)
    made = updated(made, {"segments": {"gamma": gamma}, "report": {"thumbnails": "off"}, "baselines": []})
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(made))
    assert read_config(path) == made
    assert dump_config(read_config(path)) == dump_config(made)


def test_a_written_configuration_is_plain_yaml() -> None:
    text = dump_config(updated(config(), {"segments": {"gamma": math.inf}}))
    assert "gamma: .inf" in text
    assert list(yaml.safe_load(text)) == list(RunConfig.model_fields)
    assert text.startswith("# Run again with: semioscope run ")


VALUES: dict[str, tuple[str, Any]] = {
    "seed": ("7", 7),
    "task.column": ("kind", "kind"),
    "task.classes": ("{left: [L], right: [R, yes]}", {"left": ["L"], "right": ["R", "yes"]}),
    "preprocess.base_width": ("null", None),
    "preprocess.side_crop": ("0.1", 0.1),
    "preprocess.square": ("false", False),
    "backbone.name": ("motion", "motion"),
    "backbone.weights": ("my weights.pt", "my weights.pt"),
    "backbone.precision": ("bf16", "bf16"),
    "clips.fps": ("12.5", 12.5),
    "clips.frames_per_clip": ("16", 16),
    "clips.anchor": ("event", "event"),
    "events.min_duration_seconds": ("0", 0.0),
    "segments.gamma": (".inf", math.inf),
    "training.learning_rate": ("1e-3", 1e-3),
    "training.standardize": ("true", True),
    "folds.rule": ("leave-one-patient-out", "leave-one-patient-out"),
    "selection.on": ("none", "none"),
    "baselines": ("[majority, duration]", ("majority", "duration")),
    "report.thumbnails": ("off", "off"),
    "report.num_examples": ("0", 0),
}


@pytest.mark.parametrize("key", VALUES)
def test_every_kind_of_setting_can_be_overridden(key: str) -> None:
    text, value = VALUES[key]
    before = config()
    if key == "task.classes":
        before = updated(before, {"task": {"without_clonic_phase": []}})
    found: Any = apply_overrides(before, [f"{key}={text}"])
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("key", all_keys(RunConfig))
def test_every_key_takes_its_own_value_and_refuses_a_misspelt_name(key: str) -> None:
    before = config()
    value: Any = before.model_dump(mode="json")
    for part in key.split("."):
        value = value[part]
    text = yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
    assert apply_overrides(before, [f"{key}={text}"]) == before
    misspelt = f"{key[:-1]}{'x' if key[-1] != 'x' else 'y'}{key[-1]}"
    with pytest.raises(ConfigError, match=rf"Unknown setting '{misspelt}'\. Did you mean .*{key}"):
        apply_overrides(before, [f"{misspelt}={text}"])


@given(st.text("abcdefgh._", min_size=1, max_size=12))
def test_a_key_that_does_not_exist_is_never_taken(key: str) -> None:
    if any(name == key or name.startswith(f"{key}.") for name in all_keys(RunConfig)):
        return
    with pytest.raises(ConfigError):
        apply_overrides(config(), [f"{key}=1"])


def test_a_misplaced_key_is_told_where_it_belongs() -> None:
    with pytest.raises(ConfigError, match=r"Unknown setting 'epochs'\. Did you mean .*training\.epochs"):
        apply_overrides(config(), ["epochs=3"])
    with pytest.raises(ConfigError, match=r"Keys of section segments: num_segments, gamma, short"):
        apply_overrides(config(), ["segments.foo=3"])


def test_later_overrides_win_and_the_first_configuration_stays() -> None:
    before = config()
    after = apply_overrides(before, ["seed=1", "clips={fps: 10, stride: 2}", "seed=2"])
    assert (after.seed, after.clips.fps, after.clips.stride) == (2, 10, 2)
    assert after.clips.anchor == before.clips.anchor
    assert before == config()


def test_overrides_are_checked_together() -> None:
    """Settings that go together only may be given in any order, and all that is wrong is told at once."""
    window = ["gray.window=fixed", "gray.low=100", "gray.high=4000"]
    for order in (window, window[::-1]):
        assert apply_overrides(config(), order).gray.rule.high == 4000
    shorter = ["slices.slice_frames=9", "slices.min_frames=9"]
    assert apply_overrides(config(), shorter).slices == apply_overrides(config(), shorter[::-1]).slices
    with pytest.raises(
        ConfigError, match=r"setting: seed must be at least 0, got -1; clips\.fps must be above 0, got 0\.$"
    ):
        apply_overrides(config(), ["clips.fps=0", "seed=-1"])


def test_a_whole_task_replaces_the_old_one() -> None:
    task = "{name: side, column: side, classes: {left: [L], right: [R]}}"
    made = apply_overrides(config(), [f"task={task}"])
    assert made.task.class_names == ("left", "right")
    assert made.task.without_clonic_phase == ()


WRONG = {
    "seed": r"--set needs key=value, got 'seed'\. Write for example",
    "=3": r"--set needs key=value, got '=3'",
    "seed=[": r"--set seed: the value must be YAML, got '\['",
    "seed=1.5": r"seed must be a whole number, got 1\.5",
    "seed=-1": r"seed must be at least 0, got -1",
    "clips.fps=0": r"clips\.fps must be above 0, got 0",
    "clips.fps=fast": r"clips\.fps must be a number",
    "segments=3": r"segments must be a section of key: value lines, got 3",
    "segments.gamma=0.5": r"segments\.gamma must be at least 1, got 0\.5",
    "training.standardize=maybe": r"training\.standardize must be true or false",
    "baselines=majority": r"baselines must be a list such as \[majority, duration\]",
    "backbone.weights=3": r"backbone\.weights must be text",
    "selection.on=outer": r"selection\.on must be 'inner', 'test' or 'none', got 'outer'",
    "task.classes={a: [x]}": r"classes must name at least two classes, got a",
    "recipe=../x": r"recipe .*pattern",
    "training.learning_rate=1e300": r"training\.learning_rate must be at most 1000, got",
    "training.epochs=100000000000": r"training\.epochs must be at most 1000000, got 100000000000",
    "training.batch_size=100000000000": r"training\.batch_size must be at most 1000000, got",
    "training.weight_decay=1e300": r"training\.weight_decay must be at most 1000, got",
    "training.epochs=1.0e+300": r"training\.epochs must be a whole number of at most 18 digits, got 1e\+300",
    "aggregator.hidden_size=10000": r"aggregator\.hidden_size must be at most 4096, got 10000",
    "selection.fraction=1": r"selection\.fraction must be below 1, got 1",
    "clips.frames_per_clip=true": r"clips\.frames_per_clip must be a whole number, got True",
    "aggregator.lstm_sizes=[]": r"aggregator\.lstm_sizes must have at least 1 entry, got \[\]",
    "aggregator.fc_sizes=[1, 2, 3, 4, 5, 6, 7, 8, 9]": r"aggregator\.fc_sizes must have at most 8 entries, got",
    "slices.slice_frames=5": (
        r"setting: slices: slice_frames must be at least min_frames, .*, got slice_frames 5 and min_frames 10\. Set "
        r"both, or leftovers=false\.$"
    ),
    "gray.window=fixed": (
        r"setting: gray: a fixed window must be given low and high, .*, got low none and high none\. Set both, or "
        r"window=percentiles\.$"
    ),
    "gray.low=99.5": r"setting: gray: low and high .* must hold 0 <= low < high <= 100, got 99\.5 and 99\. Give",
    "grid.num_segments=[true, 2]": r"grid\.num_segments must be a whole number, got \[True, 2\]",
}


@pytest.mark.parametrize("override", WRONG)
def test_wrong_values_are_told(override: str) -> None:
    with pytest.raises(ConfigError, match=WRONG[override]):
        apply_overrides(config(), [override])


@pytest.mark.parametrize("key", [key for key in all_keys(RunConfig) if not key.startswith("task.")])
def test_a_truth_value_is_no_number(key: str) -> None:
    found: Any = config().model_dump()
    for part in key.split("."):
        found = found[part]
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        for value in ("true", "false"):
            with pytest.raises(ConfigError, match=rf"{key} must be a (whole )?number, got {value.title()}\."):
                apply_overrides(config(), [f"{key}={value}"])
    elif isinstance(found, bool):
        assert apply_overrides(config(), [f"{key}=true"])


def test_words_that_yaml_takes_for_truth_values_are_words(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    text = (
        dump_config(config())
        .replace("thumbnails: blurred", "thumbnails: off")
        .replace("'on': inner", "on: none")
    )
    assert "\n  on: none" in text
    path.write_text(text)
    made = read_config(path)
    assert (made.report.thumbnails, made.selection.on) == ("off", "none")


def test_a_file_needs_the_recipe_and_the_task(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("seed: 3\n")
    with pytest.raises(ConfigError, match=r"recipe must be there.*task must be there"):
        read_config(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="must be a YAML file that can be read"):
        read_config(path)


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config().seed = 3  # type: ignore[misc]
