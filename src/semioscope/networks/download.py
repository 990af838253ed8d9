"""Fetching one file over a network that may fail: streamed, resumed, checked, put in place in one step."""

import contextlib
import errno
import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from semioscope.core.errors import ConfigError, StoreError, WeightsError
from semioscope.core.files import file_sha256
from semioscope.networks.spec import WeightsSource

BASE_VARIABLE = "SEMIOSCOPE_WEIGHTS_URL"
TIMEOUT_SECONDS = 30.0
_ATTEMPTS = 3
_PIECE = 1 << 20


class Unreachable(Exception):  # noqa: N818 - an answer, not a fault of the program
    """The file could not be had; the text says why. ``permanent`` when another try would not help."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


def source_url(source: WeightsSource) -> str:
    """Return where a file is fetched from: ``$SEMIOSCOPE_WEIGHTS_URL`` replaces the base of the address.

    Raises:
        ConfigError: If the variable is not an http, https or file address.
    """
    base = os.environ.get(BASE_VARIABLE, "").strip()
    if not base:
        return source.url
    if urllib.parse.urlsplit(base).scheme not in ("http", "https", "file"):
        msg = (
            f"{BASE_VARIABLE} must be an address that begins with http://, https:// or file://, got "
            f"{base!r}. Correct it or unset it."
        )
        raise ConfigError(msg)
    return f"{base.rstrip('/')}/{source.file_name}"


def download(
    url: str,
    target: Path,
    *,
    source: WeightsSource,
    on_start: Callable[[int], None] = lambda size: None,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> None:
    """Fetch a file, check it, and put it in place.

    What has arrived is kept as ``<target>.part``; the next try goes on from there when the server can, and
    begins again when it cannot. A file that came whole but has the wrong hash is removed.

    Args:
        url: Address.
        target: The finished file; absent until it is whole and checked.
        source: Hash and size that it must have.
        on_start: Called with the size in bytes (0 if unknown) when an answer begins.
        on_bytes: Called with the number of bytes that arrived.

    Raises:
        Unreachable: If it could not be fetched whole.
        WeightsError: If it has the wrong hash.
        StoreError: If the disk is full or the folder cannot be written.
    """
    part = target.with_name(target.name + ".part")
    with disk_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(_ATTEMPTS):
        resumed = part.exists()
        try:
            _fetch_rest(url, part, on_start=on_start, on_bytes=on_bytes)
        except Unreachable as err:
            if err.permanent or attempt == _ATTEMPTS - 1:
                raise
            continue
        problem = hash_problem(part, source)
        if not problem:
            with disk_errors(target.parent):
                os.replace(part, target)
            return
        part.unlink(missing_ok=True)
        if not resumed:
            break
        # What was here before may have been of another file: once more, from nothing.
    msg = (
        f"{source.file_name} from {url} is not the expected file: {problem}. It was removed. Try again; if "
        "it stays so, the server or a proxy gives another file."
    )
    raise WeightsError(msg)


def hash_problem(path: Path, source: WeightsSource) -> str:
    """Return in words how a file differs from the published hash and size; empty when it does not."""
    size = path.stat().st_size
    if source.size_bytes is not None and size != source.size_bytes:
        return f"it must have {source.size_bytes} bytes, got {size}"
    if source.git_blob is not None:
        blob = git_blob_sha1(path)
        if blob != source.git_blob:
            return f"its git blob hash must be {source.git_blob}, got {blob}"
    wanted = source.sha256 or source.sha256_prefix
    if wanted is not None:
        found = file_sha256(path)
        if not found.startswith(wanted.lower()):
            verb = "be" if source.sha256 else "begin with"
            return f"its SHA-256 must {verb} {wanted}, got {found[: max(len(wanted), 16)]}"
    return ""


def git_blob_sha1(path: Path) -> str:
    """Return what ``git hash-object`` prints for a file."""
    state = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            state.update(piece)
    return state.hexdigest()


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a full disk or a folder without write access into a StoreError."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            msg = (
                f"The disk is full: weights could not be written to {folder}. Free some space, or choose "
                "another folder with SEMIOSCOPE_WEIGHTS."
            )
        else:
            msg = (
                f"{folder} must be a folder that can be written: {err.strerror}. Choose another one with "
                "SEMIOSCOPE_WEIGHTS."
            )
        raise StoreError(msg) from err


def _fetch_rest(
    url: str, part: Path, *, on_start: Callable[[int], None], on_bytes: Callable[[int], None]
) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "semioscope"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as err:
        err.close()
        if err.code == 416 and have:  # what is here is as long as the file, or longer: begin again
            part.unlink()
            raise Unreachable("the server refused to go on from the part that is here") from err
        reason = f"the server answered {err.code} {err.reason}"
        raise Unreachable(reason, permanent=400 <= err.code < 500) from err
    except (OSError, http.client.HTTPException, ValueError) as err:
        raise Unreachable(_reason(err)) from err
    with answer:
        goes_on = have > 0 and getattr(answer, "status", None) == 206
        start = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length is not None and length.isdigit() else 0
        on_start(total)
        if goes_on:
            on_bytes(start)
        got = start + _write_pieces(answer, part, append=goes_on, on_bytes=on_bytes)
    if total and got < total:
        msg = f"the connection ended after {got} of {total} bytes"
        raise Unreachable(msg)


def _write_pieces(answer: Any, part: Path, *, append: bool, on_bytes: Callable[[int], None]) -> int:
    count = 0
    with disk_errors(part.parent):
        stream = part.open("ab" if append else "wb")
    with stream:
        while True:
            try:
                piece = answer.read1(_PIECE) if hasattr(answer, "read1") else answer.read(_PIECE)
            except (OSError, http.client.HTTPException) as err:
                msg = f"the connection broke after {count} bytes ({_reason(err)})"
                raise Unreachable(msg) from err
            if not piece:
                return count
            with disk_errors(part.parent):
                stream.write(piece)
            count += len(piece)
            on_bytes(len(piece))


def _reason(err: BaseException) -> str:
    inner = getattr(err, "reason", None)
    if isinstance(inner, BaseException):
        err = inner
    return str(getattr(err, "strerror", None) or err or type(err).__name__)
