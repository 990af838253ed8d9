"""Executors and the ledger: resuming, progress, lists of failures and distribution, written once."""

from semioscope.execution.ledger import Ledger
from semioscope.execution.local import LocalExecutor
from semioscope.execution.stages import EXECUTORS, StageResult, make_executor, run_stage
from semioscope.execution.units import Executor, Unit, UnitResult

__all__ = [
    "EXECUTORS",
    "Executor",
    "Ledger",
    "LocalExecutor",
    "StageResult",
    "Unit",
    "UnitResult",
    "make_executor",
    "run_stage",
]
