"""Views that are seen as their excerpts: how they are cut, learnt from, validated and scored."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_transformer import tiny_size

from semioscope.core.errors import ConfigError
from semioscope.core.randomness import stream, torch_seed
from semioscope.models import MASK_VALUE, AggregatorConfig, build, restore
from semioscope.plans import ExcerptStepPlan, draw_phase, seizure_excerpts
from semioscope.training import (
    OPTIMIZERS,
    SCHEDULES,
    ShownSequences,
    TrainingConfig,
    fit,
    fit_side_by_side,
    predict_representations,
    predict_scores,
    predict_sequences,
    predict_steps,
    sequence_set,
    single_thread,
)
from semioscope.training.epochs import _of_examples
from semioscope.training.samplers import sampler_of
from semioscope.training.sequences import MASKED_ROW

NUM_FEATURES = 5
PLAN = ExcerptStepPlan(num_positions=8)
TRANSFORMER = AggregatorConfig(name="transformer", transformer=tiny_size(), dropout=0.2)


@pytest.fixture(autouse=True)
def one_thread():
    with single_thread():
        yield


def views(lengths, *, missing=(), seed=0, shift=0.0, num_classes=2):
    """Views of so many frames; ``missing`` are pairs of a view and a frame without features."""
    rng = np.random.default_rng(seed)
    y_true = np.arange(len(lengths)) % num_classes
    features = []
    for length, y in zip(lengths, y_true, strict=True):
        part = rng.normal(size=(length, NUM_FEATURES)).astype(np.float32)
        part[:, y] += shift
        features.append(part)
    for view, frame in missing:
        features[view][frame] = np.nan
    return sequence_set(
        features,
        start_frames=[np.arange(length) for length in lengths],
        num_frames=list(lengths),
        frames_per_clip=1,
        y_true=y_true.tolist(),
        names=[f"sz-{index}" for index in range(len(lengths))],
    )


def many(count=30, *, seed=0, shift=1.5):
    lengths = np.random.default_rng(seed + 1).integers(3, 30, count).tolist()
    return views(lengths, seed=seed, shift=shift)


def run(train, validation=None, *, aggregator=TRANSFORMER, plan=PLAN, seed=0, fold=0, **options):
    training = {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3} | options
    return fit(
        train,
        validation,
        aggregator=aggregator,
        training=TrainingConfig(**training),
        segments=plan,
        num_classes=2,
        seed=seed,
        fold=fold,
    )


def model_of(result, aggregator=TRANSFORMER):
    return restore(aggregator, num_features=NUM_FEATURES, num_classes=2, state=result.state)


def strong(seed=0):
    """An aggregator whose weights are large enough that every frame shows."""
    model = build(TRANSFORMER, num_features=NUM_FEATURES, num_classes=2, seed=seed)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_every_frame_is_in_one_excerpt_whatever_is_drawn(data, seed):
    lengths = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=5))
    holes = [
        (view, frame)
        for view, length in enumerate(lengths)
        for frame in sorted(data.draw(st.sets(st.integers(0, length - 1), max_size=min(10, length - 1))))
    ]
    whole = views(lengths, missing=holes, seed=seed)
    for part in (whole, whole.subset(np.random.default_rng(seed).permutation(len(lengths)))):
        sampler = sampler_of(part, PLAN)
        for shown in (sampler.fixed(), sampler.drawn(PLAN, stream(seed, "segments"))):
            found = shown.rows[shown.rows != MASKED_ROW]
            assert sorted(found) == sorted(part.clip_rows)
            assert (shown.rows != MASKED_ROW).any(axis=1).all()
            assert np.unique(shown.owner).tolist() == list(range(part.num_examples))
            assert (np.diff(shown.owner) >= 0).all()
            for rows, owner in zip(shown.rows, shown.owner.tolist(), strict=True):
                place = np.flatnonzero(rows != MASKED_ROW)
                own = rows[place]
                number = own - part.first_clip[owner]
                assert ((number >= 0) & (number < part.num_clips[owner])).all()
                # frames stand as far from each other as they are in time
                assert np.unique(part.start_frames[own] - place).size == 1


def test_nothing_is_drawn_for_validation_and_prediction():
    data = views([20, 8, 3, 17])
    shown = sampler_of(data, PLAN).fixed()
    wanted_rows, wanted_owner = [], []
    for view in range(4):
        for first, count in seizure_excerpts(int(data.num_frames[view]), num_positions=8):
            row = np.full(8, MASKED_ROW)
            row[:count] = data.first_clip[view] + first + np.arange(count)
            wanted_rows.append(row)
            wanted_owner.append(view)
    np.testing.assert_array_equal(shown.rows, wanted_rows)
    np.testing.assert_array_equal(shown.owner, wanted_owner)
    assert not shown.is_one_each
    assert sampler_of(data.subset(np.array([1, 2])), PLAN).fixed().is_one_each


def test_each_view_draws_its_phase_in_order_whatever_the_lengths_before_it():
    lengths = [20, 8, 3, 17, 30]
    data = views(lengths)
    shown = sampler_of(data, PLAN).drawn(PLAN, stream(5, "segments", epoch=1))
    rng = stream(5, "segments", epoch=1)
    for view, length in enumerate(lengths):
        phase = draw_phase(length, rng, num_positions=8)
        counts = (shown.rows[shown.owner == view] != MASKED_ROW).sum(axis=1)
        assert counts.tolist() == seizure_excerpts(length, phase=phase, num_positions=8)[:, 1].tolist()
    other = sampler_of(data, PLAN).drawn(PLAN, stream(5, "segments", epoch=2))
    assert other.rows.shape != shown.rows.shape or (other.rows != shown.rows).any()


def test_a_hole_is_masked_and_what_is_behind_it_stays_in_place():
    data = views([20], missing=[(0, frame) for frame in (3, *range(8, 16), 19)])
    shown = sampler_of(data, PLAN).fixed()
    times = np.where(shown.rows == MASKED_ROW, -1, data.start_frames[shown.rows])
    assert times.tolist() == [[0, 1, 2, -1, 4, 5, 6, 7], [16, 17, 18, -1, -1, -1, -1, -1]]
    batch = data.gathered(shown.rows)
    assert (batch[0, 3] == MASK_VALUE).all()
    assert np.isfinite(batch).all()


def test_the_score_of_a_view_is_the_mean_of_its_excerpts():
    data, model = views([20, 8, 3, 17], missing=[(3, 2)]), strong()
    scores, found = predict_scores(model, data, PLAN), predict_sequences(model, data, PLAN)
    assert scores.std(axis=0).max() > 0.01
    at = 0
    for view in range(4):
        own = []
        for first, count in seizure_excerpts(int(data.num_frames[view]), num_positions=8):
            x = np.full((1, 8, NUM_FEATURES), MASK_VALUE, np.float32)
            rows = data.first_clip[view] + np.arange(data.num_clips[view])
            for row in rows:
                place = data.start_frames[row] - first
                if 0 <= place < count:
                    x[0, place] = data.features[row]
            with torch.no_grad():
                own.append(torch.softmax(model(torch.tensor(x)).double(), dim=1)[0].numpy())
        np.testing.assert_allclose(found.scores[at : at + len(own)], own, atol=1e-6)
        np.testing.assert_allclose(scores[view], np.mean(own, axis=0), atol=1e-6)
        at += len(own)
    assert at == len(found.scores)
    representations = predict_representations(model, data, PLAN)
    assert representations.shape == (4, 32)
    assert representations.dtype == np.float32


def test_scores_do_not_depend_on_the_other_views_nor_on_how_many_go_at_once(monkeypatch):
    data, model = many(25), strong()
    whole = predict_scores(model, data, PLAN)
    for index in (0, 7, 24):
        alone = predict_scores(model, data.subset(np.array([index])), PLAN)
        np.testing.assert_allclose(alone[0], whole[index], atol=1e-6)
    monkeypatch.setattr(type(model), "sequences_at_once", 3)
    np.testing.assert_allclose(predict_scores(model, data, PLAN), whole, atol=1e-6)


def test_steps_are_told_per_excerpt():
    data, model = views([10, 3]), strong()
    steps, found = predict_steps(model, data, PLAN), predict_sequences(model, data, PLAN)
    assert steps.start_frame.tolist() == [
        list(range(8)),
        [8, 9, *[-1] * 6],
        [0, 1, 2, *[-1] * 5],
    ]
    assert steps.position.tolist() == steps.start_frame.tolist()
    np.testing.assert_allclose(steps.score_so_far[0, -1], found.scores[0], atol=1e-6)
    np.testing.assert_allclose(steps.score_so_far[1, 1], found.scores[1], atol=1e-6)


def test_classes_are_weighed_by_views_not_by_excerpts():
    data = views([40, 3, 41, 2, 39, 3, 44])
    assert data.y_true.tolist() == [0, 1, 0, 1, 0, 1, 0]
    result = run(data, class_weights="inverse_count", epochs=1)
    np.testing.assert_allclose(result.class_weights, [1 / 4, 1 / 3])


def test_loop_is_the_plain_one():
    """The same fit written out: cuts, order, dropout of each step, weighted loss, step size."""
    train, epochs = many(14), 3
    ours = run(
        train,
        epochs=epochs,
        batch_size=5,
        class_weights="inverse_count",
        schedule="linear",
        weight_decay=1e-4,
    )
    model = build(
        TRANSFORMER, num_features=NUM_FEATURES, num_classes=2, seed=torch_seed(0, "fit", fold=0)
    ).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    counts = np.bincount(train.y_true)
    losses = []
    for epoch in range(1, epochs + 1):
        rng = stream(0, "segments", fold=0, epoch=epoch)
        excerpts = []
        for view in range(14):
            length = int(train.num_frames[view])
            drawn = int(rng.integers(8))
            phase = drawn if length > 8 else 0
            cuts = [0, *range(phase, length, 8), length] if phase else [*range(0, length, 8), length]
            for begin, end in itertools.pairwise(cuts):
                x = np.full((8, NUM_FEATURES), MASK_VALUE, np.float32)
                x[: end - begin] = train.features[
                    train.first_clip[view] + begin : train.first_clip[view] + end
                ]
                excerpts.append((x, train.y_true[view]))
        order = stream(0, "order", fold=0, epoch=epoch).permutation(len(excerpts))
        num_steps, total = -(-len(excerpts) // 5), 0.0
        for step in range(num_steps):
            batch = [excerpts[i] for i in order[5 * step : 5 * step + 5]]
            seed = torch_seed(0, "dropout", fold=0, epoch=epoch, step=step)
            model.set_step_generator(torch.Generator().manual_seed(seed))
            optimizer.param_groups[0]["lr"] = 1e-3 * (
                1 - ((epoch - 1) * num_steps + step) / (epochs * num_steps)
            )
            optimizer.zero_grad()
            y = torch.tensor([one[1] for one in batch])
            logits = model(torch.tensor(np.stack([one[0] for one in batch])))
            nll = -torch.log_softmax(logits, dim=1)[torch.arange(len(batch)), y]
            loss = (nll / torch.tensor(counts, dtype=torch.float32)[y]).mean()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(batch)
        losses.append(total / len(excerpts))
    np.testing.assert_allclose(ours.history["train_loss"], losses, rtol=1e-4)
    for key, value in model.state().items():
        np.testing.assert_allclose(ours.last_state[key], value, atol=1e-5)


def test_same_seed_same_bits_whatever_ran_before():
    train, validation = many(), many(9, seed=1)
    torch.manual_seed(1)
    first = run(train, validation)
    torch.manual_seed(2)
    second = run(train, validation)
    assert all(np.array_equal(first.state[key], second.state[key]) for key in first.state)
    for key in first.history:
        np.testing.assert_array_equal(first.history[key], second.history[key])
    without = run(train)
    np.testing.assert_array_equal(first.history["train_loss"], without.history["train_loss"])
    for changed in ({"seed": 1}, {"fold": 1}):
        other = run(train, **changed)
        assert any(not np.array_equal(first.state[key], other.state[key]) for key in first.state)


def test_validation_judges_whole_views():
    train, validation = many(), many(9, seed=1)
    result = run(train, validation, epochs=4)
    scores = predict_scores(model_of(result), validation, PLAN)
    of_truth = scores[np.arange(9), validation.y_true]
    wanted = np.mean(result.class_weights[validation.y_true] * -np.log(of_truth))
    assert result.history["validation_loss"][result.best_epoch - 1] == pytest.approx(wanted, rel=1e-5)
    accuracy = np.mean(scores.argmax(axis=1) == validation.y_true)
    assert result.history["validation_accuracy"][result.best_epoch - 1] == accuracy


def test_logits_of_views_have_the_mean_softmax_of_their_excerpts():
    logits = torch.tensor(np.random.default_rng(0).normal(size=(2, 5, 3)), dtype=torch.float32)
    owner = np.array([0, 0, 0, 1, 1])
    found = _of_examples(logits, ShownSequences(rows=np.zeros((5, 1), np.int64), owner=owner), 2)
    each = torch.softmax(logits, dim=2)
    wanted = torch.stack([each[:, :3].mean(dim=1), each[:, 3:].mean(dim=1)], dim=1)
    torch.testing.assert_close(torch.softmax(found, dim=2), wanted)
    one_each = ShownSequences(rows=np.zeros((5, 1), np.int64), owner=np.arange(5))
    assert _of_examples(logits, one_each, 5) is logits


@pytest.mark.parametrize("frozen", [False, True])
def test_a_tiny_transformer_learns_a_signal_it_can_see(frozen):
    train, test = many(40), many(30, seed=5)
    aggregator = TRANSFORMER.model_copy(update={"frozen": frozen})
    rate = 3e-2 if frozen else 3e-3
    result = run(train, aggregator=aggregator, epochs=12, learning_rate=rate, schedule="linear")
    assert result.history["train_loss"][-1] < 0.7 * result.history["train_loss"][0]
    scores = predict_scores(model_of(result, aggregator), test, PLAN)
    assert np.mean(scores.argmax(axis=1) == test.y_true) > 0.85


def test_a_frozen_encoder_stays_as_it_began():
    aggregator = TRANSFORMER.model_copy(update={"frozen": True})
    result = run(many(), aggregator=aggregator, weight_decay=0.1, epochs=2)
    began = build(
        aggregator, num_features=NUM_FEATURES, num_classes=2, seed=torch_seed(0, "fit", fold=0)
    ).state()
    moved = {key for key in began if not np.array_equal(began[key], result.state[key])}
    assert moved == {"network.head.weight", "network.head.bias"}


@pytest.mark.parametrize("aggregator", ["lstm_fc", "i3d_head"])
def test_other_aggregators_that_know_masked_steps_can_see_excerpts(aggregator):
    config = AggregatorConfig(
        name=aggregator, lstm_sizes=(6,), fc_sizes=(), dropout=0.1, recurrent_dropout=0.0
    )
    train = many(30)
    result = run(train, aggregator=config, epochs=15, learning_rate=0.03)
    scores = predict_scores(model_of(result, config), many(20, seed=5), PLAN)
    assert np.mean(scores.argmax(axis=1) == many(20, seed=5).y_true) > 0.8


def test_those_side_by_side_cut_alike():
    results = [
        fit_side_by_side(
            many(),
            None,
            aggregator=TRANSFORMER,
            training=TrainingConfig(epochs=2, batch_size=8, learning_rate=1e-3),
            segments=[PLAN] * count,
            num_classes=2,
            seed=0,
        )
        for count in (1, 2)
    ]
    for one in results[1]:
        for key, array in results[0][0].last_state.items():
            np.testing.assert_allclose(one.last_state[key], array, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
@given(num_steps=st.integers(1, 9), num_epochs=st.integers(1, 9))
def test_every_schedule_begins_at_the_highest_step_and_stays_above_zero(name, num_steps, num_epochs):
    shares = [SCHEDULES[name](k / (num_steps * num_epochs)) for k in range(num_steps * num_epochs)]
    assert shares[0] == 1
    assert all(0 < share <= 1 for share in shares)
    if name == "linear":
        total = num_steps * num_epochs
        np.testing.assert_allclose(shares, [(total - step) / total for step in range(total)])
    else:
        assert set(shares) == {1.0}


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
def test_the_step_size_is_that_of_the_schedule(schedule, monkeypatch):
    taken = []

    class Seen(torch.optim.AdamW):
        def step(self, closure=None):
            taken.append(self.param_groups[0]["lr"])
            return super().step(closure)

    monkeypatch.setitem(
        OPTIMIZERS, "adamw", lambda parameters, config: Seen(parameters, lr=config.learning_rate)
    )
    run(views([8, 8, 8, 8]), epochs=3, batch_size=2, learning_rate=0.01, schedule=schedule)
    wanted = [0.01] * 6 if schedule == "constant" else [0.01 * share / 6 for share in (6, 5, 4, 3, 2, 1)]
    np.testing.assert_allclose(taken, wanted)


def test_half_precision_is_near_and_is_the_same_again():
    train = many()
    full, half, again = (run(train, precision=precision) for precision in ("float32", "bfloat16", "bfloat16"))
    assert all(np.array_equal(half.state[key], again.state[key]) for key in half.state)
    assert any(not np.array_equal(full.state[key], half.state[key]) for key in full.state)
    np.testing.assert_allclose(full.history["train_loss"], half.history["train_loss"], rtol=0.05)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"schedule": "linaer"}, r"Unknown schedule 'linaer'\. Did you mean linear"),
        ({"precision": "float16"}, r"Unknown precision 'float16'\. Did you mean "),
    ],
)
def test_unknown_names(option, message):
    with pytest.raises(ConfigError, match=message):
        run(many(), **option)


def test_a_card_that_is_not_there(monkeypatch):
    from semioscope.networks import Accelerator
    from semioscope.training import settings as of_training

    monkeypatch.setattr(
        of_training, "find_accelerator", lambda: Accelerator(usable=False, sentence="No card was found.")
    )
    with pytest.raises(
        ConfigError,
        match=r"device is cuda, but no .* can be used\. No card was found\. Use --set training.device=cpu",
    ):
        run(many(), device="cuda")
    assert of_training.training_device("auto").type == "cpu"
    first, second = run(many(), device="auto"), run(many(), device="cpu")
    assert all(np.array_equal(first.state[key], second.state[key]) for key in first.state)
