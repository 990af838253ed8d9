"""The file of decisions that a contact sheet gives out, read and checked."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from semioscope.core.errors import CohortError, unknown_name
from semioscope.core.records import Region

DECISIONS_KIND = "crop-decisions"
DECISIONS_VERSION = 2

Choice = Literal["accept", "reject", "redraw"]
CHOICES: dict[Choice, str] = {
    "accept": "use the plan as it is",
    "reject": "use the raw picture",
    "redraw": "use another box",
}
"""What a person can decide, in words."""

_EDGES = ("left", "top", "right", "bottom")
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided on one plan.

    Args:
        event_id: The event.
        recording_id: The recording that sees it.
        choice: A key of ``CHOICES``.
        box: The new box, in fractions of the picture of the file; None unless ``redraw``.
        planes: Whether a new box keeps what the plan clears by depth.
        plan: Digest of the plan that was seen.
        view: Digest of what the pictures show.
    """

    event_id: str
    recording_id: str
    choice: Choice
    box: Region | None
    planes: bool
    plan: str
    view: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFile:
    """What a contact sheet gave out.

    Args:
        cohort_hash: Of the cohort that it showed.
        cropper: Whose plans it showed; empty if they name none, None where the file does not say (version 1).
        decisions: What a person decided.
    """

    cohort_hash: str
    cropper: str | None
    decisions: tuple[Decision, ...]


def read_decisions(path: Path) -> DecisionFile:
    """Return what a file holds that a contact sheet gave out.

    Raises:
        CohortError: If it is no such file or a row is not valid; all such rows are named.
    """
    content = _content(path)
    problems: list[str] = []
    decisions: list[Decision] = []
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(content["decisions"], 1):
        try:
            decision = _decision(row)
            key = (decision.event_id, decision.recording_id)
            if key in seen:
                msg = f"event {key[0]} in recording {key[1]} must be decided once, but comes twice."
                raise ValueError(msg)
            seen.add(key)
            decisions.append(decision)
        except ValueError as err:
            problems.append(f"{path.name} decision {number}: {err}")
    refuse(problems, path)
    return DecisionFile(
        cohort_hash=str(content.get("cohort_hash") or ""),
        cropper=content["cropper"] if content["schema_version"] > 1 else None,
        decisions=tuple(decisions),
    )


def refuse(problems: list[str], path: Path) -> None:
    """Refuse a file of decisions if there is any problem with it.

    Raises:
        CohortError: With the problems, the first twenty in words.
    """
    if not problems:
        return
    told = problems[:_MOST_TOLD]
    if len(problems) > _MOST_TOLD:
        told.append(f"... and {len(problems) - _MOST_TOLD} more.")
    msg = "\n".join([f"{path.name} cannot be applied; nothing was changed:", *told])
    raise CohortError(msg)


def _content(path: Path) -> dict[str, Any]:
    """Return the content of a file of decisions whose outer form is right."""
    again = "Download it again from the sheet."
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except FileNotFoundError as err:
        msg = f"{path} must be the file that the contact sheet downloads, but does not exist. Check the path."
        raise CohortError(msg) from err
    except (ValueError, RecursionError) as err:
        reason = " ".join(str(err).split())
        msg = f"{path.name} must be the JSON that the contact sheet downloads, but is damaged: {reason}. {again}"
        raise CohortError(msg) from err
    except OSError as err:
        msg = f"{path} must be a file that can be read: {err.strerror}. Check the path."
        raise CohortError(msg) from err
    if not isinstance(content, dict) or content.get("kind") != DECISIONS_KIND:
        msg = f"{path.name} must be the file that a contact sheet downloads, but is something else. {again}"
        raise CohortError(msg)
    version = content.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        msg = f"{path.name} must have a schema_version of 1 or more, got {version!r}. {again}"
        raise CohortError(msg)
    if version > DECISIONS_VERSION:
        msg = (
            f"{path.name} must have a schema_version of at most {DECISIONS_VERSION}, got {version}: a newer "
            "semioscope made it. Update semioscope."
        )
        raise CohortError(msg)
    if version > 1 and not isinstance(content.get("cropper"), str):
        msg = f"{path.name} must say of which cropper the plans are, got {content.get('cropper')!r}. {again}"
        raise CohortError(msg)
    if not isinstance(content.get("decisions"), list):
        msg = f"{path.name} must hold a list of decisions, but holds none. {again}"
        raise CohortError(msg)
    return content


def _no_constant(name: str) -> float:
    msg = f"{name} is no number"
    raise ValueError(msg)


def _decision(row: object) -> Decision:
    """Return the decision of a row of the file.

    Raises:
        ValueError: If it is not valid.
    """
    if not isinstance(row, Mapping):
        msg = f"must be an object, got {_told(row)}. Download the file again."
        raise ValueError(msg)
    texts = {name: row.get(name) for name in ("event_id", "recording_id", "plan", "view")}
    absent = [name for name, text in texts.items() if not isinstance(text, str) or not text]
    if absent:
        msg = f"must have {' and '.join(absent)} as text. Download the file again."
        raise ValueError(msg)
    about = f"event {texts['event_id']}: "
    choice = row.get("decision")
    if not isinstance(choice, str) or choice not in CHOICES:
        raise ValueError(about + unknown_name("decision", _told(choice), CHOICES))
    planes = row.get("planes", True)
    if not isinstance(planes, bool):
        msg = f"{about}planes must be true or false, got {_told(planes)}."
        raise ValueError(msg)
    box = None
    if choice == "redraw":
        try:
            box = _box(row.get("box"))
        except ValueError as err:
            raise ValueError(f"{about}{err}") from err
    return Decision(
        event_id=str(texts["event_id"]),
        recording_id=str(texts["recording_id"]),
        choice=choice,
        box=box,
        planes=planes,
        plan=str(texts["plan"]),
        view=str(texts["view"]),
    )


def _box(given: object) -> Region:
    edges = [given.get(name) for name in _EDGES] if isinstance(given, Mapping) else [None]
    if not all(isinstance(edge, (int, float)) and not isinstance(edge, bool) for edge in edges):
        msg = f"a new box needs the numbers left, top, right and bottom, got {_told(given)}. Draw it again."
        raise ValueError(msg)
    left, top, right, bottom = (float(cast("float", edge)) for edge in edges)
    told = f"left {left:g}, top {top:g}, right {right:g}, bottom {bottom:g}"
    if not all(math.isfinite(edge) for edge in (left, top, right, bottom)):
        msg = f"a new box needs finite numbers, got {told}. Draw it again."
        raise ValueError(msg)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        msg = (
            "a new box must lie inside the picture, in fractions with 0 <= left < right <= 1 and "
            f"0 <= top < bottom <= 1, got {told}. Draw it again."
        )
        raise ValueError(msg)
    return Region(x=left, y=top, width=right - left, height=bottom - top)


def _told(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
