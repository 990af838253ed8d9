"""The size of a Transformer that tests can train, as settings and as a command line."""

SIZES = {"num_layers": 2, "width": 32, "feedforward": 64}
"""In place of the paper's."""
SETTINGS = tuple(f"aggregator.transformer.{key}={value}" for key, value in SIZES.items())
"""For ``--set``."""


def tiny_size(**changes):
    from semioscope.models import TransformerSize

    return TransformerSize(**(SIZES | changes))
