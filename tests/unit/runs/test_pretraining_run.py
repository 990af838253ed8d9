"""The folder of a pre-training, on excerpts in memory: what is kept, gone on with, refused."""

import json

import numpy as np
import pytest
from pretraining_work import (
    CORRUPTION,
    tiny_excerpts,
    tiny_training,
    tiny_transformer,
    together,
    trained_together,
)

from semioscope.core.errors import ConfigError, StoreError
from semioscope.core.progress import QuietProgress
from semioscope.recipes import make_pretraining_config, updated
from semioscope.runs.pretraining import PretrainingReady, steps_per_checkpoint, train_in
from semioscope.runs.pretraining_estimate import PretrainingEstimate
from semioscope.runs.pretraining_files import (
    PretrainingFolder,
    keep_losses,
    known_losses,
    open_pretraining,
)
from semioscope.training import ProcessGroup, pretrain, single_thread
from semioscope.training.excerpt_source import trivial_losses


@pytest.fixture(autouse=True)
def one_thread():
    with single_thread():
        yield


def config(**training):
    made = make_pretraining_config("hou-2022-small")
    return made.model_copy(
        update={
            "transformer": tiny_transformer(),
            "training": tiny_training(device="cpu", **training),
            "corruption": CORRUPTION,
            "seed": 1,
        }
    )


def ready(source=None, **training):
    return PretrainingReady(
        config=config(**training),
        source=source or tiny_excerpts(),
        patients=("p1",),
        trivial_loss={"mean_feature": 50.0, "spoilt_input": 40.0},
        checkpoint_every=2,
        num_failures=0,
        facts={"run": {"recipe": "x"}},
    )


def train(out, **arguments):
    return train_in(out, ready(), **({"group": ProcessGroup(), "progress": QuietProgress()} | arguments))


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "run.jsonl"}


def test_the_curve_is_that_of_the_training(tmp_path):
    outcome = train(tmp_path)
    curve = json.loads((tmp_path / "curve.json").read_text())
    made = config()
    alone = pretrain(
        tiny_excerpts(), transformer=made.transformer, training=made.training, corruption=CORRUPTION, seed=1
    )
    assert curve["loss"] == outcome.curve["loss"] == alone.loss.tolist()
    assert curve["epoch_loss"] == alone.epoch_loss.tolist()
    assert (curve["num_steps"], curve["steps_per_epoch"], curve["num_excerpts"]) == (9, 3, 11)
    assert curve["kind"] == "pretraining"
    assert curve["run"] == {"recipe": "x"}
    assert outcome.is_finished


@pytest.mark.parametrize("stop_after", [1, 5])
def test_stopped_and_gone_on_with_gives_the_same_bytes(tmp_path, stop_after):
    told = []
    part = train(tmp_path / "part", stop_after=stop_after, report=told.append)
    assert (part.num_taken, part.is_finished) == (stop_after, False)
    assert f"{stop_after} of 9 steps taken." in part.describe()
    train(tmp_path / "part", report=told.append)
    train(tmp_path / "whole")
    assert content(tmp_path / "part") == content(tmp_path / "whole")
    assert told == [tmp_path / "part"] * 2


def test_the_curve_is_there_while_it_trains(tmp_path):
    class Stopped(Exception):
        pass

    class Progress(QuietProgress):
        done = 0

        def advance(self, amount=1.0, *, note=""):
            self.done += 1
            if self.done == 5:
                raise Stopped

    with pytest.raises(Stopped):
        train(tmp_path, progress=Progress())
    assert len(json.loads((tmp_path / "curve.json").read_text())["loss"]) == 4


def test_only_the_first_of_two_processes_writes_and_reports(tmp_path):
    records = together(2, tmp_path / "out", trained_together, str(tmp_path / "run"))
    alone = train(tmp_path / "alone")
    for record in records:
        np.testing.assert_allclose(record["loss"], alone.curve["loss"], rtol=1e-4)
    assert [record["reported"] for record in records] == [1, 0]
    assert json.loads((tmp_path / "run" / "curve.json").read_text())["loss"] == records[0]["loss"]


def test_a_folder_is_gone_on_with_by_the_same_settings_only(tmp_path):
    folder = open_pretraining(tmp_path / "run", config())
    assert (tmp_path / "run" / "config.yaml").read_text().startswith("# Run again with: semioscope pretrain")
    assert open_pretraining(tmp_path / "run", config()) == folder
    with pytest.raises(ConfigError, match=r"other settings \(training.epochs was 3, now 4\)"):
        open_pretraining(tmp_path / "run", config(epochs=4))


def test_a_folder_of_another_kind_of_run_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("recipe: gestures-2021\nprotocol: patient\n")
    with pytest.raises(ConfigError, match=r"holds a run of another kind.*Unknown setting 'protocol'"):
        open_pretraining(tmp_path, config())
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("x")
    with pytest.raises(StoreError, match="must be a new or empty folder"):
        open_pretraining(other, config())


def test_trivial_losses_are_kept_with_the_excerpts_they_are_of(tmp_path):
    folder, source = open_pretraining(tmp_path, config()), tiny_excerpts()
    assert known_losses(folder, source, keys=["a"]) is None
    losses = trivial_losses(source, corruption=CORRUPTION, seed=1)
    keep_losses(folder, source, keys=["b", "a"], trivial_loss=losses)
    assert known_losses(folder, source, keys=["a", "b"]) == losses
    open_pretraining(tmp_path, config())
    assert known_losses(folder, source, keys=["a", "b"]) == losses
    # other features, and nothing trained yet: they are computed anew
    assert known_losses(folder, source, keys=["c"]) is None
    assert known_losses(folder, tiny_excerpts(10), keys=["a", "b"]) is None


def test_a_training_does_not_go_on_with_other_excerpts(tmp_path):
    folder = PretrainingFolder(path=tmp_path)
    keep_losses(folder, tiny_excerpts(), keys=["a"], trivial_loss={"mean_feature": 1.0, "spoilt_input": 1.0})
    train(tmp_path, stop_after=1)
    message = "began with 11 excerpts, and now there are {}, not the same: video was added, changed or mended"
    with pytest.raises(ConfigError, match=message.format(10)):
        known_losses(folder, tiny_excerpts(10), keys=["a"])
    with pytest.raises(ConfigError, match=message.format(11)):
        known_losses(folder, tiny_excerpts(), keys=["b"])


@pytest.mark.parametrize(
    ("seconds", "steps"), [(10.0, 30), (0.001, 1000), (1000.0, 1), (0.0, 1), (float("nan"), 1)]
)
def test_a_checkpoint_is_made_about_every_five_minutes(seconds, steps):
    assert steps_per_checkpoint(seconds) == steps


def test_times_are_told_in_words():
    both = PretrainingEstimate(feature_seconds=4000.0, step_seconds=2.5, num_steps=4000)
    assert both.describe() == (
        "The features take about 1 h 06 min in one process. 4000 steps take about 2 h 46 min (2.5 s each)."
    )
    done = PretrainingEstimate(feature_seconds=0.0, step_seconds=0.0, num_steps=0)
    assert done.describe() == ""
    unknown = PretrainingEstimate(feature_seconds=float("nan"), step_seconds=1.0, num_steps=1)
    assert unknown.describe() == "1 step takes about 1 s (1 s each)."


def test_an_unknown_card_is_refused_before_any_work(monkeypatch):
    from semioscope.runs.pretraining import own_device

    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert own_device(config()) == "cpu"
    with pytest.raises(ConfigError, match=r"training\.device is cuda, but no graphics card can be used"):
        own_device(updated(config(), {"training": {"device": "cuda"}}))
