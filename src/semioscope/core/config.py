"""The base of every configuration section: frozen, and deaf to misspelt keys."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A frozen section of a configuration. Unknown keys are refused; field docstrings are the help."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=True,
        use_attribute_docstrings=True,
        ser_json_inf_nan="strings",
    )
