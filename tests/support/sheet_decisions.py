"""Writes the file that a person would download from a contact sheet."""

import json
import re


def write_decisions(sheet, path, **decided):
    """Write the decisions on events, such as ``e1={"decision": "accept"}``, with the digests of a sheet; return path.

    What is given wins over what stands on the sheet.
    """
    text = sheet.read_text(encoding="utf-8")
    cohort_hash, cropper = re.search(r'<body [^>]*data-cohort="(\w+)" data-cropper="(\w*)"', text).groups()
    rows = []
    for event, given in decided.items():
        card = re.search(rf'<article [^>]*data-event="{event}"[^>]*>', text)[0]
        seen = {name: re.search(rf'data-{name}="([^"]+)"', card)[1] for name in ("recording", "plan", "view")}
        row = {"event_id": event, "recording_id": seen.pop("recording"), **seen}
        rows.append(row | given)
    content = {
        "schema_version": 2, "kind": "crop-decisions", "cohort_hash": cohort_hash, "cropper": cropper,
        "decisions": rows,
    }  # fmt: skip
    path.write_text(json.dumps(content))
    return path
