"""Fetch a published data set by its name: ask what the repository has, download, check, unpack.

Without a network, a file that was brought by hand is unpacked the same way.
"""

import hashlib
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from semioscope.core.errors import CohortError, ConfigError, StoreError, WeightsError, unknown_name
from semioscope.core.files import disk_errors, file_sha256, read_json
from semioscope.core.progress import Progress, QuietProgress, stage
from semioscope.networks import WeightsSource
from semioscope.networks.download import Unreachable, download

BASE_VARIABLE = "SEMIOSCOPE_DATA_URL"
"""Replaces the address of the repository's interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A file of a repository that answers like figshare.

    Args:
        name: As the user names it.
        title: What it is.
        landing: The page to read and to download from by hand.
        base: Address of the interface.
        article: Number of the article.
        file: Number of the file in it.
        file_name: What the file is called here.
        licence: As far as known.
        then: The next command; ``{folder}`` stands for the folder.
    """

    name: str
    title: str
    landing: str
    base: str
    article: int
    file: int
    file_name: str
    licence: str
    then: str


DATA_SETS: dict[str, DataSet] = {
    "gestures-features": DataSet(
        name="gestures-features",
        title="GESTURES: features of 183 seizures of 68 patients (R(2+1)D-34, 8 frames, 15 fps)",
        landing="https://doi.org/10.5522/04/14781771",
        base="https://api.figshare.com/v2",
        article=14781771,
        file=28668096,
        file_name="gestures-features.zip",
        licence="not known here; see the landing page",
        then="semioscope cohort import gestures-features {folder} COHORT",
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedData:
    """A data set that was fetched and unpacked.

    Args:
        data_set: Which.
        folder: Where it lies.
        path: The file as published.
        sha256: Of that file; nobody publishes it, so it is recorded on first use.
        num_files: Files in it.
        licence: As the repository says, else as far as known.
        checked: What the file was compared with.
    """

    data_set: DataSet
    folder: Path
    path: Path
    sha256: str
    num_files: int
    licence: str
    checked: str


def fetch_data_set(name: str, folder: Path, *, progress: Progress | None = None) -> FetchedData:
    """Fetch a data set into a folder and unpack it there; the same command goes on after an interruption.

    Args:
        name: A key of ``DATA_SETS``.
        folder: Where to; made if absent.
        progress: Where to report to.

    Raises:
        ConfigError: If there is no data set of that name, or ``$SEMIOSCOPE_DATA_URL`` is no address.
        CohortError: If it cannot be had, is not what was published, or cannot be unpacked safely.
        StoreError: If the disk is full or the folder cannot be written.
    """
    if name not in DATA_SETS:
        raise ConfigError(unknown_name("data set", name, DATA_SETS))
    data_set = DATA_SETS[name]
    progress = progress or QuietProgress()
    path = folder / data_set.file_name
    try:
        about = _ask(data_set, folder)
    except Unreachable as err:
        if not path.is_file():
            raise CohortError(_by_hand(data_set, path, str(err))) from err
        about, checked = {}, "nothing: there is no network to ask for the published hash"
    else:
        entry = _entry(about, data_set)
        md5 = str(entry.get("computed_md5") or entry.get("supplied_md5") or "").lower()
        size = entry.get("size") if isinstance(entry.get("size"), int) else None
        absent = not path.is_file()
        if absent:
            _bring(data_set, str(entry.get("download_url", "")), path, size=size, progress=progress)
        checked = _check(data_set, path, size=size, md5=md5, fetched=absent)
    num_files = unpack(path, folder, progress=progress)
    licence = about.get("license")
    told = licence.get("name") if isinstance(licence, dict) else None
    return FetchedData(
        data_set=data_set,
        folder=folder,
        path=path,
        sha256=file_sha256(path),
        num_files=num_files,
        licence=str(told or data_set.licence),
        checked=checked,
    )


def unpack(path: Path, folder: Path, *, progress: Progress | None = None) -> int:
    """Unpack a zip archive; files that are there in their full size are left alone.

    Args:
        path: The archive.
        folder: Where to; nothing is written outside.
        progress: Where to report to.

    Returns:
        Number of files in the archive.

    Raises:
        CohortError: If it is no zip archive, is damaged, or names a place outside the folder.
        StoreError: If the disk is full or the folder cannot be written.
    """
    progress = progress or QuietProgress()
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            unsafe = [member.filename for member in members if not _is_inside(member.filename)]
            if unsafe:
                msg = (
                    f"{path.name} must unpack into its own folder, but names {unsafe[0]!r}. Nothing was unpacked. "
                    "It is not the published file; delete it and fetch it again."
                )
                raise CohortError(msg)
            with stage(progress, "unpack", sum(member.file_size for member in members) / 1e6, unit="MB"):
                for member in members:
                    target = folder / member.filename
                    with disk_errors(target):
                        _unpack_one(archive, member, target)
                    progress.advance(member.file_size / 1e6, note=PurePosixPath(member.filename).parent.name)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as err:
        msg = (
            f"{path} must be a whole zip archive, but is not ({err}). Delete it and fetch it again; an archive of "
            "another kind can be unpacked by hand and then imported."
        )
        raise CohortError(msg) from err
    return len(members)


def _unpack_one(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    if target.is_file() and target.stat().st_size == member.file_size:
        return
    content = archive.read(member)  # checks the checksum; files of features are small
    try:
        target.write_bytes(content)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return not (path.is_absolute() or ".." in path.parts or ":" in path.parts[0])


def _ask(data_set: DataSet, folder: Path) -> dict[str, Any]:
    """Return what the repository says of the article; it is kept beside the data as a record."""
    base = os.environ.get(BASE_VARIABLE, "").strip() or data_set.base
    if not base.startswith(("http://", "https://")):
        msg = f"{BASE_VARIABLE} must be an address that begins with http:// or https://, got {base!r}. Correct it."
        raise ConfigError(msg)
    url = f"{base.rstrip('/')}/articles/{data_set.article}"
    record = folder / f"article-{data_set.article}.json"
    with disk_errors(record):
        folder.mkdir(parents=True, exist_ok=True)
        record.with_name(record.name + ".part").unlink(missing_ok=True)
    _download(url, record, size=None)
    try:
        about = read_json(record)
    except StoreError as err:
        record.unlink(missing_ok=True)
        msg = f"{url} did not answer with JSON; a page of a login or a proxy may have come in its place"
        raise Unreachable(msg) from err
    if not isinstance(about, dict):
        msg = f"{url} did not answer with the record of an article"
        raise Unreachable(msg)
    return about


def _entry(about: dict[str, Any], data_set: DataSet) -> dict[str, Any]:
    files = [entry for entry in about.get("files") or [] if isinstance(entry, dict)]
    for entry in files:
        if entry.get("id") == data_set.file:
            return entry
    there = ", ".join(f"{entry.get('id')} ({entry.get('name')})" for entry in files) or "none"
    msg = (
        f"Article {data_set.article} must have the file {data_set.file}, but has {there}. Look at {data_set.landing} "
        f"and bring the file as {data_set.file_name}."
    )
    raise CohortError(msg)


def _bring(data_set: DataSet, url: str, path: Path, *, size: int | None, progress: Progress) -> None:
    started = arrived = False

    def on_start(total: int) -> None:
        nonlocal started
        if not started:
            progress.start(f"fetch {data_set.name}", (size or total) / 1e6, unit="MB")
        started = True

    try:
        _download(
            url,
            path,
            size=size,
            on_start=on_start,
            on_bytes=lambda count: progress.advance(count / 1e6, note=data_set.file_name),
        )
        arrived = True
    except Unreachable as err:
        raise CohortError(_by_hand(data_set, path, str(err))) from err
    except WeightsError as err:
        msg = (
            f"{data_set.file_name} from {url} is not the published file: it must have {size} bytes. It was removed. "
            "Try again; if it stays so, the server or a proxy gives another file."
        )
        raise CohortError(msg) from err
    finally:
        if started:
            progress.finish(stopped=not arrived)


def _download(
    url: str,
    path: Path,
    *,
    size: int | None,
    on_start: Callable[[int], None] = lambda size: None,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> None:
    source = WeightsSource(
        name=path.stem, url=url, file_name=path.name, licence="", origin="", paper="", size_bytes=size
    )
    try:
        download(url, path, source=source, on_start=on_start, on_bytes=on_bytes)
    except StoreError as err:
        cause = err.__cause__
        with disk_errors(path):
            if isinstance(cause, OSError):
                raise cause from err
        raise


def _check(data_set: DataSet, path: Path, *, size: int | None, md5: str, fetched: bool) -> str:
    """Return what a file was compared with, in words.

    Raises:
        CohortError: If it is another file; it is removed if it was fetched just now.
    """
    found_size = path.stat().st_size
    found = _md5(path) if md5 else ""
    if (size is not None and size != found_size) or found != md5:
        if fetched:
            path.unlink()
        then = (
            "It was removed; give the same command again"
            if fetched
            else "Delete it, and give the command again"
        )
        msg = (
            f"{path} must be the published file ({size} bytes, MD5 {md5 or 'not published'}), but has {found_size} "
            f"bytes and MD5 {found or '?'}. {then}, or bring the file from {data_set.landing}."
        )
        raise CohortError(msg)
    return (
        "the size and MD5 that the repository publishes" if md5 else "the size that the repository publishes"
    )


def _md5(path: Path) -> str:
    state = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            state.update(piece)
    return state.hexdigest()


def _by_hand(data_set: DataSet, path: Path, reason: str) -> str:
    return (
        f"The data set {data_set.name} could not be fetched: {reason}. On a computer with network, download the file "
        f"{data_set.file} of {data_set.landing}, put it here as {path}, and give the same command again: it unpacks "
        f"it. {BASE_VARIABLE} may name a mirror."
    )
