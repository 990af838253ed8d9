"""The base of every configuration section: frozen, and deaf to misspelt keys."""

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic_core import PydanticCustomError


class Config(BaseModel):
    """A frozen section of a configuration. Unknown keys are refused; field docstrings are the help.

    A truth value is no number: ``true`` is refused where 1 could stand.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=True,
        use_attribute_docstrings=True,
        ser_json_inf_nan="strings",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _truth_value_is_no_number(cls, value: Any, info: Any) -> Any:
        items = value if isinstance(value, (list, tuple)) else (value,)
        if not any(isinstance(item, bool) for item in items) or info.field_name is None:
            return value
        kinds = _kinds(cls.model_fields[info.field_name].annotation)
        if bool in kinds or not kinds & {int, float}:
            return value
        kind, words = ("float", "a number") if float in kinds else ("int", "a whole number")
        raise PydanticCustomError(f"{kind}_type", f"Input should be {words}")


def _kinds(annotation: Any) -> set[Any]:
    """Return the plain types in an annotation such as ``tuple[int, ...] | None``."""
    inner = get_args(annotation)
    return {annotation} if not inner else {kind for part in inner for kind in _kinds(part)}
