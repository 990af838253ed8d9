"""Call a function on one unit and turn whatever happens into a result."""

import logging
import time
import traceback
from collections.abc import Callable
from typing import Any

from semioscope.core.errors import SemioscopeError, StoreError
from semioscope.execution.units import Unit, UnitResult

LOG = logging.getLogger("semioscope.execution")


def call(function: Callable[[Any], Any], payload: Any) -> dict[str, Any]:
    """Return the fields of the result of one call: status, message, seconds, value.

    A ``SemioscopeError`` gives its message; a ``StoreError`` also stops the stage; any other error is called
    unexpected and keeps its traceback. ``KeyboardInterrupt`` and ``SystemExit`` are not caught.
    """
    began = time.perf_counter()
    fields: dict[str, Any] = {"status": "failed"}
    try:
        fields = {"status": "done", "value": function(payload)}
    except SemioscopeError as err:
        fields |= {"message": str(err), "stops_stage": isinstance(err, StoreError)}
    except Exception as err:  # an error of ours must not cost the other units
        fields |= {
            "message": f"Unexpected {type(err).__name__}: {err}. The log has the details.",
            "details": traceback.format_exc(),
        }
    fields["seconds"] = time.perf_counter() - began
    return fields


def result_of(unit: Unit, fields: dict[str, Any]) -> UnitResult:
    """Return the result of a unit from the fields of its call; an unexpected error goes to the log."""
    result = UnitResult(unit=unit, **fields)
    if result.details:
        LOG.error("unit %s failed:\n%s", unit.name, result.details)
    return result
