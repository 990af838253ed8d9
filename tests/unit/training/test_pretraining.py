import dataclasses
import json
import signal
from collections.abc import Callable

import numpy as np
import pytest
import safetensors.torch
import torch
from pretraining_work import CORRUPTION, tiny_excerpts, tiny_training, tiny_transformer

from semioscope.core.errors import ConfigError, StoreError
from semioscope.models import TransformerRegressor, build_transformer, dropout_generators
from semioscope.plans import CorruptionPlan, draw_corruption
from semioscope.training import (
    PRECISIONS,
    PRETRAININGS,
    ExcerptArrays,
    ExcerptSource,
    load_encoder,
    mean_feature_loss,
    pretrain,
    single_thread,
)
from semioscope.training.excerpt_source import spoilt_excerpts
from semioscope.training.loop import LostLossError
from semioscope.training.pretraining_checkpoint import patients_digest, read_facts, steps_taken
from semioscope.training.pretraining_settings import learning_rate_share
from semioscope.training.pretraining_time import measured_step_seconds


@pytest.fixture(autouse=True)
def one_thread():
    with single_thread():
        yield


def run(source=None, *, transformer=None, training=None, **arguments):
    return pretrain(
        source or tiny_excerpts(),
        transformer=transformer or tiny_transformer(),
        training=training or tiny_training(),
        **({"corruption": CORRUPTION, "seed": 1} | arguments),
    )


def states(result):
    return result.network.state_dict()


def same(one, other):
    return all(torch.equal(tensor, states(other)[name]) for name, tensor in states(one).items())


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Calling(ExcerptArrays):
    """Excerpts that do something when they are read for the so-many-th time."""

    at: int
    action: Callable[[], object]
    reads: list[int] = dataclasses.field(default_factory=list)

    def read(self, index, crop):
        self.reads.append(index)
        if len(self.reads) == self.at:
            self.action()
        return super().read(index, crop)


def fields_of(source):
    return {field.name: getattr(source, field.name) for field in dataclasses.fields(source)}


def test_loss_falls_below_that_of_the_mean_feature():
    source = tiny_excerpts()
    result = run(source, training=tiny_training(epochs=30, learning_rate=1e-2))
    trivial = mean_feature_loss(source)
    assert result.loss.shape == (90,)
    assert result.num_steps == 90
    assert result.epoch_loss[0] > trivial
    assert result.epoch_loss[-5:].mean() < 0.5 * trivial


def test_first_loss_is_the_formula():
    source, config = tiny_excerpts(num_crops=1), tiny_transformer(dropout=0.0)
    result = run(source, transformer=config, training=tiny_training(batch_size=11), stop_after=1)
    network = build_transformer(lambda: TransformerRegressor(config), seed=1)
    total = 0.0
    for number, name in enumerate(source.names):
        frames = int(source.num_frames[number])
        features = source.features[number, 0, :frames].astype(np.float64)
        drawn = draw_corruption(frames, CORRUPTION, num_positions=16, seed=1, epoch=1, clip=name)
        inputs = features[drawn.order[:frames]]
        inputs[drawn.is_masked[:frames]] = source.mask
        with torch.no_grad():
            predicted = network(
                torch.tensor(inputs[None], dtype=torch.float32), torch.ones(1, frames, dtype=torch.bool)
            )
        total += float(np.square(predicted[0].double().numpy() - features).sum())
    assert result.loss[0] == pytest.approx(total / 11, rel=1e-5)


def test_steps_are_those_of_a_plain_loop():
    """Every gradient over the whole batch, PyTorch's own AdamW, no share and no part."""
    source, config, training = tiny_excerpts(), tiny_transformer(dropout=0.0), tiny_training(batch_size=11)
    result = run(source, transformer=config, training=training, clips_at_once=3)
    network = build_transformer(lambda: TransformerRegressor(config), seed=1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1.0, weight_decay=1e-4, fused=False)
    for step, rate in enumerate((3e-3, 2e-3, 1e-3)):
        spoilt = spoilt_excerpts(
            source, range(11), corruption=CORRUPTION, num_positions=16, seed=1, epoch=step + 1
        )
        predicted = network(torch.tensor(spoilt.inputs), torch.tensor(spoilt.real))
        squares = (predicted - torch.tensor(spoilt.targets)).square().sum(dim=2)
        loss = torch.where(torch.tensor(spoilt.real), squares, 0).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        assert result.loss[step] == pytest.approx(float(loss.detach()), rel=1e-5)
    for name, tensor in states(result).items():
        torch.testing.assert_close(tensor, network.state_dict()[name], rtol=1e-3, atol=1e-5)


def test_equal_arguments_give_equal_bits():
    one, again, other = run(), run(), run(seed=2)
    assert one.loss.tolist() == again.loss.tolist() != other.loss.tolist()
    assert same(one, again)


@pytest.mark.parametrize("clips_at_once", [1, 3])
def test_parts_of_a_batch_make_no_difference(clips_at_once):
    np.testing.assert_allclose(run(clips_at_once=clips_at_once).loss, run().loss, rtol=1e-5)


def test_epoch_loss_counts_excerpts_not_batches():
    result = run()
    by_epoch = result.loss.reshape(3, 3)
    np.testing.assert_allclose(result.epoch_loss, (by_epoch * [4, 4, 3]).sum(axis=1) / 11)
    assert len(run(stop_after=5).epoch_loss) == 1


@pytest.mark.parametrize("stop_after", [1, 4, 9])
def test_resuming_gives_the_same_bits(tmp_path, stop_after):
    path = tmp_path / "run" / "pretraining.safetensors"
    whole = run()
    part = run(checkpoint=path, stop_after=stop_after)
    assert part.loss.tolist() == whole.loss[:stop_after].tolist()
    resumed = run(checkpoint=path)
    assert resumed.loss.tolist() == whole.loss.tolist()
    assert same(resumed, whole)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_interrupted_run_goes_on_from_its_last_checkpoint(tmp_path):
    path, source = tmp_path / "p.safetensors", tiny_excerpts()

    def die():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # in the sixth step
        run(Calling(**fields_of(source), at=20, action=die), checkpoint=path, checkpoint_every=2)
    assert steps_taken(path) == 4
    resumed = run(source, checkpoint=path, checkpoint_every=2)
    assert resumed.loss.tolist() == run().loss.tolist()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_waits_for_the_step_and_keeps_it(tmp_path, number):
    path, told = tmp_path / "p.safetensors", []
    source = Calling(**fields_of(tiny_excerpts()), at=20, action=lambda: signal.raise_signal(number))
    with pytest.raises(KeyboardInterrupt):
        run(source, checkpoint=path, checkpoint_every=100, on_checkpoint=told.append)
    assert steps_taken(path) == 6  # it came in the sixth
    assert [len(loss) for loss in told] == [6]
    whole, resumed = run(), run(checkpoint=path)
    assert resumed.loss.tolist() == whole.loss.tolist()
    assert same(resumed, whole)


def test_a_second_request_ends_at_once(tmp_path):
    path = tmp_path / "p.safetensors"

    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(Calling(**fields_of(tiny_excerpts()), at=20, action=twice), checkpoint=path, checkpoint_every=100)
    assert not path.exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_checkpoint_knows_its_patients_but_not_their_names(tmp_path):
    path = tmp_path / "p.safetensors"
    run(checkpoint=path, stop_after=1, patients=("Jane", "p2"))
    found = read_facts(path).settings["patients"]
    assert found == patients_digest(["p2", "Jane"]) != patients_digest(["p2"])
    assert b"Jane" not in path.read_bytes()
    with pytest.raises(ConfigError, match="was made with another patients"):
        run(checkpoint=path, patients=("p2",))


def test_every_checkpoint_is_told_with_the_losses_behind_it(tmp_path):
    told = []
    result = run(checkpoint=tmp_path / "p.safetensors", checkpoint_every=4, on_checkpoint=told.append)
    assert [len(loss) for loss in told] == [4, 8, 9]
    assert all(loss.tolist() == result.loss[: len(loss)].tolist() for loss in told)


def test_another_device_is_no_other_training(tmp_path):
    path = tmp_path / "p.safetensors"
    part = run(checkpoint=path, stop_after=2, training=tiny_training(device="cpu"))
    whole = run(checkpoint=path, training=tiny_training(device="auto"))
    assert (part.is_finished, whole.is_finished) == (False, True)


def test_a_finished_run_takes_no_step(tmp_path):
    path = tmp_path / "p.safetensors"
    whole = run(checkpoint=path)
    before = path.read_bytes()
    again = run(checkpoint=path)
    assert path.read_bytes() == before
    assert same(whole, again)


def test_encoder_of_a_checkpoint_is_that_of_the_run(tmp_path):
    path = tmp_path / "p.safetensors"
    result = run(checkpoint=path)
    encoder = load_encoder(path, config=tiny_transformer())
    assert not encoder.training
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    for name, tensor in result.network.encoder.state_dict().items():
        assert torch.equal(encoder.state_dict()[name], tensor)


def test_another_architecture_is_refused(tmp_path):
    path = tmp_path / "p.safetensors"
    run(checkpoint=path, stop_after=1)
    other = tiny_transformer(num_layers=3)
    message = r"p\.safetensors holds a Transformer of another architecture: num_layers is 2, not 3\."
    with pytest.raises(ConfigError, match=message):
        run(checkpoint=path, transformer=other)
    with pytest.raises(ConfigError, match=message):
        load_encoder(path, config=other)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"training": tiny_training(batch_size=5)}, "another training: batch_size is 4, not 5"),
        ({"corruption": CorruptionPlan(span_frames=4)}, "another corruption: span_frames is 3, not 4"),
        ({"seed": 7}, "another seed: 1, not 7"),
        ({"source": tiny_excerpts(10)}, "another excerpts: "),
    ],
)
def test_other_settings_are_refused(tmp_path, changed, message):
    path = tmp_path / "p.safetensors"
    run(checkpoint=path, stop_after=1)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=message):
        run(checkpoint=path, **changed)
    assert path.read_bytes() == before


def rewritten(path, about):
    with safetensors.safe_open(path, framework="pt") as stream:
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        known = json.loads(stream.metadata()["semioscope"])
    safetensors.torch.save_file(tensors, path, metadata={"semioscope": json.dumps(known | about)})


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"schema_version": 99}, "format version 99.*Update semioscope"),
        ({"kind": "other"}, "another kind of model"),
        ({"step": 7}, "1 losses of 7 steps"),
        ({"settings": {}}, "must hold a whole encoder"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, about, message):
    path = tmp_path / "p.safetensors"
    run(checkpoint=path, stop_after=1)
    rewritten(path, about)
    with pytest.raises(StoreError, match=message):
        load_encoder(path)


def test_absent_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "p.safetensors"
    with pytest.raises(StoreError, match=r"p\.safetensors does not exist"):
        load_encoder(path)
    run(checkpoint=path, stop_after=1)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StoreError, match="must be a checkpoint of pre-training"):
        run(checkpoint=path)


def test_a_lost_loss_stops_and_keeps_the_checkpoint(tmp_path):
    path = tmp_path / "p.safetensors"
    wild = tiny_training(learning_rate=10.0, warmup_share=0.0, max_gradient_norm=None, epochs=50)
    source = tiny_excerpts()
    run(source, training=wild, checkpoint=path, stop_after=2)
    before = path.read_bytes()

    class Louder(ExcerptArrays):
        def read(self, index, crop):
            return super().read(index, crop) * np.float32(1e25)

    fields = {field.name: getattr(source, field.name) for field in dataclasses.fields(source)}
    message = (
        r"loss must stay finite, but is (inf|nan) at step 3 of 150 \(epoch 1, step size 9\.86667\)\. The last good "
        r"checkpoint, of step 2, is kept in .*p\.safetensors\. Try a smaller learning_rate \(such as 1\), a warm-up "
        r"\(warmup_share 0\.1\), shortened gradients \(max_gradient_norm 1\), in a folder of its own\."
    )
    with pytest.raises(LostLossError, match=message):
        run(Louder(**fields), training=wild, checkpoint=path)
    assert path.read_bytes() == before


def test_lost_gradients_stop_too(monkeypatch):
    spoil = TransformerRegressor.forward

    def forward(self, x, real, generators=None):
        out = spoil(self, x, real, generators)
        out.register_hook(lambda gradient: gradient * torch.inf)
        return out

    monkeypatch.setattr(TransformerRegressor, "forward", forward)
    message = r"Gradients must be finite at step 1 of 9.*There is no checkpoint yet\. Try .*precision float32"
    with pytest.raises(LostLossError, match=message):
        run(training=tiny_training(precision="bfloat16"))


def test_features_that_are_not_finite_are_named():
    source = tiny_excerpts()
    source.features[5, :, 2, 1] = np.nan
    for function in (run, mean_feature_loss):
        with pytest.raises(ConfigError, match="finite, but those of excerpt rec-1@250 are not"):
            function(source)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_trains(precision):
    result = run(training=tiny_training(precision=precision, epochs=10))
    assert result.network.head.weight.dtype == torch.float32
    assert result.epoch_loss[-1] < result.epoch_loss[0]
    np.testing.assert_allclose(result.loss, run(training=tiny_training(epochs=10)).loss, rtol=0.03)


@pytest.mark.parametrize("name", PRETRAININGS)
def test_every_setting_takes_steps(name):
    result = run(training=PRETRAININGS[name], stop_after=2)
    assert np.isfinite(result.loss).all()


def test_unknown_precision_is_refused():
    with pytest.raises(ConfigError, match=r"Unknown precision 'bfloat61'\. Did you mean bfloat16"):
        run(training=tiny_training(precision="bfloat61"))


def test_step_size_rises_and_falls():
    plain = [learning_rate_share(step, num_steps=4, warmup_share=0) for step in range(4)]
    assert plain == [1, 0.75, 0.5, 0.25]
    warm = [learning_rate_share(step, num_steps=10, warmup_share=0.29) for step in range(10)]
    assert warm == pytest.approx([0.5, 1, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])


def test_mean_feature_loss_is_that_of_the_mean():
    source = tiny_excerpts()
    frames = [
        source.read(number, crop).astype(np.float64)
        for number in range(11)
        for crop in range(source.num_crops)
    ]
    mean = np.concatenate(frames).mean(axis=0)
    expected = np.mean([np.square(part - mean).sum() for part in frames])
    assert mean_feature_loss(source) == pytest.approx(expected, rel=1e-9)


def test_a_step_is_measured_without_a_trace():
    before = torch.random.get_rng_state()
    seconds = measured_step_seconds(
        transformer=tiny_transformer(),
        training=tiny_training(),
        corruption=CORRUPTION,
        num_excerpts=2,
        num_frames=9,
    )
    assert 0 < seconds < 60
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_crop_comes_up():
    source = tiny_excerpts(num_crops=2)
    seen = set()
    for epoch in range(1, 9):
        spoilt = spoilt_excerpts(source, [3], corruption=CORRUPTION, num_positions=16, seed=0, epoch=epoch)
        (crop,) = [c for c in (0, 1) if np.array_equal(spoilt.targets[0, :12], source.read(3, c))]
        seen.add(crop)
        np.testing.assert_array_equal(spoilt.targets[0, 12:], np.tile(source.pad, (4, 1)))
    assert seen == {0, 1}


def test_dropout_of_an_excerpt_depends_on_its_name_alone():
    drawn = [torch.rand(3, generator=generator) for generator in dropout_generators([1, 2, 1])]
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])


def test_arrays_are_a_source():
    source = tiny_excerpts()
    assert isinstance(source, ExcerptSource)
    half = dataclasses.replace(source, features=source.features.astype(np.float16))
    assert half.read(0, 1).dtype == np.float32
    assert half.read(0, 1).shape == (9, 6)


@pytest.mark.parametrize(
    "changed",
    [
        {"names": ("a",) * 11},
        {"num_frames": np.full(11, 15)},
        {"num_frames": np.zeros(11, dtype=np.int64)},
        {"mask": np.zeros(5, dtype=np.float32), "pad": np.zeros(5, dtype=np.float32)},
        {"features": np.zeros((11, 14, 6), dtype=np.float32)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(changed):
    with pytest.raises(ConfigError, match=r"features of shape \(excerpts, crops, frames, features\)"):
        dataclasses.replace(tiny_excerpts(), **changed)


def test_too_short_and_no_excerpts_are_refused():
    message = r"need 31 real frames or more.*11 have fewer, the first is rec-0@0 with 9"
    with pytest.raises(ConfigError, match=message):
        run(corruption=CorruptionPlan())
    none = ExcerptArrays(
        names=(),
        num_frames=np.zeros(0, dtype=np.int64),
        features=np.zeros((0, 1, 14, 6), dtype=np.float32),
        mask=np.zeros(6, dtype=np.float32),
        pad=np.zeros(6, dtype=np.float32),
    )
    for function in (run, mean_feature_loss):
        with pytest.raises(ConfigError, match="at least one excerpt, got none"):
            function(none)
