"""The classifier of Karácsony in Keras, on torch: an independent reference for ours."""

import os
import warnings
from types import ModuleType

import numpy as np
import torch

from semioscope.models import Aggregator, AggregatorConfig

L2 = 0.01
_GATES = ("weight_ih", "weight_hh", "bias")
_NORM = ("weight", "bias", "running_mean", "running_var")


def import_keras(folder: str) -> ModuleType:
    """Return Keras on the torch backend and the processor, with its settings in ``folder``."""
    os.environ |= {"KERAS_BACKEND": "torch", "KERAS_TORCH_DEVICE": "cpu", "KERAS_HOME": folder}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
    return keras


def keras_lstm_fc(keras: ModuleType, config: AggregatorConfig, *, num_features: int, num_classes: int):
    """Return the classifier, written from the papers with Keras' own layers. Its weights are random."""
    layers, regularizer = keras.layers, keras.regularizers.L2(config.l2)

    def normalised(x):
        return layers.Dropout(config.dropout)(layers.BatchNormalization()(x))

    def dense(units: int, activation: str):
        return layers.Dense(
            units,
            activation=activation,
            kernel_initializer="he_uniform",
            kernel_regularizer=regularizer,
            bias_regularizer=regularizer,
        )

    inputs = keras.Input((None, num_features))
    x = layers.Masking(mask_value=-1.0)(inputs)
    for index, units in enumerate(config.lstm_sizes):
        x = layers.LSTM(
            units,
            return_sequences=index < len(config.lstm_sizes) - 1,
            recurrent_dropout=config.recurrent_dropout,
            kernel_regularizer=regularizer,
            recurrent_regularizer=regularizer,
            activity_regularizer=regularizer,
        )(x)
        x = normalised(x)
    for units in config.fc_sizes:
        x = normalised(dense(units, "relu")(x))
    last = dense(1, "sigmoid") if num_classes == 2 else dense(num_classes, "softmax")
    return keras.Model(inputs, last(x))


def names_of(model, aggregator: Aggregator) -> list[str]:
    """Return our name of every weight of the Keras model, in its order."""
    layers = {"LSTM": ("lstms", _GATES), "Dense": ("fcs", ("weight", "bias"))}
    names, counts = [], {"lstms": 0, "fcs": 0}
    kind = ""
    for layer in model.layers:
        if type(layer).__name__ in layers:
            kind, parts = layers[type(layer).__name__]
            names += [f"{kind}.{counts[kind]}.{part}" for part in parts]
            counts[kind] += 1
        elif type(layer).__name__ == "BatchNormalization":
            norm = f"{kind.removesuffix('s')}_norms.{counts[kind] - 1}"
            names += [f"{norm}.{part}" for part in _NORM]
    assert sorted(names) == sorted(aggregator.state())
    return names


def weights_of(model) -> list[np.ndarray]:
    """Return copies of the weights of a Keras model or layer, in its order."""
    return [weight.value.detach().numpy().copy() for weight in model.weights]


def randomise(model, seed: int) -> None:
    """Give a Keras model or layer weights from a seed, none of which is 0 or 1, moving averages too."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.path.endswith(("gamma", "moving_variance")):
            value = rng.uniform(0.5, 1.5, weight.shape)
        else:
            value = rng.normal(
                scale=weight.shape[0] ** -0.5 if len(weight.shape) == 2 else 0.1, size=weight.shape
            )
        weight.assign(torch.tensor(value, dtype=torch.float32))


def copy_weights(model, aggregator: Aggregator) -> None:
    """Give our aggregator the weights of the Keras model."""
    names = names_of(model, aggregator)
    aggregator.load_state(
        {name: np.ascontiguousarray(value.T) for name, value in zip(names, weights_of(model), strict=True)}
    )


def gradients(model, aggregator: Aggregator) -> dict[str, torch.Tensor]:
    """Return the gradients of the Keras model under our names, in our layout."""
    names = names_of(model, aggregator)
    return {
        name: weight.value.grad.T if weight.value.grad.ndim == 2 else weight.value.grad
        for name, weight in zip(names, model.weights, strict=True)
        if weight.trainable
    }
