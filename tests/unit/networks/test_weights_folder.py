"""The weights manager against a small web server, with small checkpoints in the published layout."""

import errno
import hashlib
import json
import os
import pickle
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from semioscope.core.errors import ConfigError, StoreError, WeightsError
from semioscope.networks import BACKBONES, DETECTORS, BackboneEntry, WeightsSource, load
from semioscope.networks import weights as manager
from semioscope.networks.backbones.r2plus1d_network import R2Plus1D
from semioscope.networks.checkpoints import read_checkpoint, tensors_digest
from semioscope.networks.download import git_blob_sha1


def build_tiny() -> torch.nn.Module:
    return R2Plus1D(num_blocks=(1, 1, 1, 1), widths=(4, 6, 8, 16), stem_planes=5).eval()


def published(path: Path, *, drop: str | None = None, widen: str | None = None) -> bytes:
    """Save random weights as ig65m-pytorch publishes them: a state dict with a classification layer."""
    rng = np.random.default_rng(0)
    state = {
        name: torch.from_numpy(rng.random(tuple(tensor.shape), dtype=np.float32))
        if tensor.ndim
        else torch.tensor(7)
        for name, tensor in build_tiny().state_dict().items()
    }
    state["fc.weight"] = torch.from_numpy(rng.random((400, 16), dtype=np.float32))
    state["fc.bias"] = torch.zeros(400)
    if drop is not None:
        state = {name: tensor for name, tensor in state.items() if not name.startswith(drop)}
    if widen is not None:
        state[widen] = torch.zeros(3, 3)
    torch.save(state, path)
    return path.read_bytes()


class Messages:
    """A progress display that remembers."""

    def __init__(self) -> None:
        self.total = self.done = 0.0
        self.open = False

    def start(self, stage: str, total: float, *, unit: str = "") -> None:
        assert unit == "MB"
        self.total, self.open = total, True

    def advance(self, amount: float = 1.0, *, note: str = "") -> None:
        self.done += amount

    def message(self, text: str, *, level: str = "info") -> None: ...

    def finish(self, *, stopped: bool = False) -> None:
        self.open = False


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.delenv("SEMIOSCOPE_WEIGHTS_URL", raising=False)
    return tmp_path / "weights"


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return published(tmp_path / "made.pth")


@pytest.fixture
def tiny(site, folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WeightsSource]:
    """Put a small R(2+1)D into the catalogue; the server has its file."""

    def install(**changes: object) -> WeightsSource:
        values: dict[str, object] = {
            "name": "tiny",
            "url": f"{site.url}/tiny-x.pth",
            "file_name": "tiny-x.pth",
            "licence": "CC0",
            "origin": "made here",
            "paper": "none",
            "sha256_prefix": hashlib.sha256(content).hexdigest()[:8],
        }
        source = WeightsSource(**(values | changes))  # type: ignore[arg-type]
        spec = replace(
            BACKBONES["r2plus1d_34_8"].spec, name="tiny", num_features=16, num_parameters=1, weights=source
        )
        monkeypatch.setitem(BACKBONES, "tiny", BackboneEntry(spec=spec, build=build_tiny))
        site.files["tiny-x.pth"] = content
        return source

    install()
    return install


def test_a_good_download_is_converted_and_recorded(tiny, site, folder, content, tmp_path) -> None:
    progress = Messages()
    path = manager.fetch_weights("tiny", progress=progress)
    assert path == folder / "tiny.safetensors"
    original = torch.load(tmp_path / "made.pth", weights_only=True)
    kept = load_file(path)
    assert set(kept) == {n for n in original if not n.startswith("fc.") and "num_batches" not in n}
    assert all(torch.equal(kept[name], original[name]) for name in kept)
    record = json.loads((folder / "tiny.json").read_text())
    assert record["sha256"] == hashlib.sha256(content).hexdigest()
    assert record["source"] == f"{site.url}/tiny-x.pth"
    assert record["licence"] == "CC0"
    assert record["checked_against"] == "sha256 prefix"
    assert progress.done == pytest.approx(len(content) / 1e6) == pytest.approx(progress.total)
    assert not progress.open
    assert sorted(p.name for p in folder.iterdir()) == ["tiny.json", "tiny.lock", "tiny.safetensors"]


def test_it_is_fetched_once(tiny, site) -> None:
    manager.fetch_weights("tiny")
    manager.fetch_weights("tiny")
    manager.load_weights("tiny")
    assert len(site.requests) == 1


def test_loading_gives_the_published_numbers_and_a_hash_of_them(tiny, tmp_path) -> None:
    state, found = manager.load_weights("tiny")
    assert found == tensors_digest(state)
    by_file = load("tiny", weights=tmp_path / "made.pth", engine="torch")
    by_name = load("tiny", engine="torch")
    assert by_file.weights_hash == by_name.weights_hash == found
    clips = np.random.default_rng(0).random((2, 3, 8, 16, 16), dtype=np.float32)
    np.testing.assert_array_equal(by_file(clips), by_name(clips))
    module = build_tiny()
    module.load_state_dict(state, strict=False)
    with torch.no_grad():
        np.testing.assert_allclose(by_name(clips)[:, 0], module(torch.from_numpy(clips)), rtol=1e-4)


@pytest.mark.parametrize("kind", ["sha256", "git_blob", "sha256_prefix", "none"])
def test_every_kind_of_hash_is_checked(tiny, site, content, tmp_path, kind) -> None:
    good = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "git_blob": git_blob_sha1(tmp_path / "made.pth"),
        "sha256_prefix": hashlib.sha256(content).hexdigest()[:8],
    }
    tiny(**{"sha256_prefix": None, **({kind: good[kind]} if kind != "none" else {})})
    assert manager.fetch_weights("tiny") is not None
    Path(manager.weights_folder() / "tiny.safetensors").unlink()
    site.files["tiny-x.pth"] = published(tmp_path / "other.pth") + b"\0"
    if kind == "none":
        return
    with pytest.raises(WeightsError, match=f"is not the expected file: its .* {good[kind]}, got"):
        manager.fetch_weights("tiny")
    assert manager.weights_status("tiny").state == "absent"


def test_the_git_blob_hash_is_that_of_git(tmp_path) -> None:
    (tmp_path / "a").write_bytes(b"hello\n")
    assert git_blob_sha1(tmp_path / "a") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_an_unpublished_hash_is_recorded_on_first_use(tiny, content, folder) -> None:
    tiny(sha256_prefix=None)
    manager.fetch_weights("tiny")
    record = json.loads((folder / "tiny.json").read_text())
    assert record["sha256"] == hashlib.sha256(content).hexdigest()
    assert record["checked_against"] == "none published; recorded on first use"


def test_a_wrong_hash_is_refused_and_nothing_is_kept(tiny, folder) -> None:
    tiny(sha256_prefix="00000000")
    with pytest.raises(WeightsError, match=r"SHA-256 must begin with 00000000, got [0-9a-f]{16}.*removed"):
        manager.fetch_weights("tiny")
    assert [path.name for path in folder.iterdir()] == ["tiny.lock"]


def test_a_wrong_size_is_refused(tiny, content) -> None:
    tiny(size_bytes=5)
    with pytest.raises(WeightsError, match=f"must have 5 bytes, got {len(content)}"):
        manager.fetch_weights("tiny")


def test_a_truncated_download_goes_on_where_it_stopped(tiny, site, content) -> None:
    site.cut_after, site.cuts = 1000, 2
    progress = Messages()
    manager.fetch_weights("tiny", progress=progress)
    assert [asked for _, asked in site.requests] == [None, "bytes=1000-", "bytes=2000-"]


def test_a_truncated_download_begins_again_where_the_server_cannot_go_on(tiny, site) -> None:
    site.cut_after, site.cuts, site.ranges = 1000, 1, False
    manager.fetch_weights("tiny")
    assert manager.verify_weights("tiny").state == "present"


def test_a_download_that_never_comes_whole_says_so_and_goes_on_next_time(tiny, site, content, folder) -> None:
    site.cut_after, site.cuts = 1000, 3
    with pytest.raises(WeightsError, match=rf"ended after 3000 of {len(content)} bytes.*tiny-x\.pth"):
        manager.fetch_weights("tiny")
    assert (folder / "tiny-x.pth.part").stat().st_size == 3000
    assert not (folder / "tiny-x.pth").exists()
    manager.fetch_weights("tiny")
    assert site.requests[-1][1] == "bytes=3000-"


@pytest.mark.parametrize("longer", [False, True])
def test_the_rest_of_another_file_does_no_harm(tiny, site, folder, content, longer) -> None:
    folder.mkdir()
    (folder / "tiny-x.pth.part").write_bytes(b"x" * (len(content) + 10 if longer else 500))
    manager.fetch_weights("tiny")
    assert manager.verify_weights("tiny").state == "present"


def test_404_names_the_address_the_file_and_the_folder(tiny, site, folder) -> None:
    del site.files["tiny-x.pth"]
    with pytest.raises(WeightsError, match=r"answered 404") as caught:
        manager.fetch_weights("tiny")
    text = str(caught.value)
    assert f"{site.url}/tiny-x.pth" in text
    assert str(folder) in text
    assert "put it into" in text
    assert len(site.requests) == 1  # asking again would not help


def test_no_network_is_one_clear_error(tiny, folder, monkeypatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS_URL", closed)
    with pytest.raises(WeightsError, match="Connection refused") as caught:
        load("tiny")
    text = str(caught.value)
    assert f"{closed}/tiny-x.pth" in text
    assert f"put it into {folder}" in text


def test_a_mirror_replaces_the_base_of_the_address(tiny, site, monkeypatch) -> None:
    tiny(url="https://example.invalid/somewhere/tiny-x.pth")
    site.files["mirror/tiny-x.pth"] = site.files["tiny-x.pth"]
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS_URL", f"{site.url}/mirror/")
    manager.fetch_weights("tiny")
    assert site.requests == [("/mirror/tiny-x.pth", None)]


def test_a_mirror_may_be_a_folder(tiny, tmp_path, content, monkeypatch) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "tiny-x.pth").write_bytes(content)
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS_URL", (tmp_path / "share").as_uri())
    manager.fetch_weights("tiny")
    assert manager.verify_weights("tiny").state == "present"


def test_a_mirror_must_be_an_address(tiny, monkeypatch) -> None:
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS_URL", "ftp://old.server")
    with pytest.raises(ConfigError, match="must be an address that begins with http://"):
        manager.fetch_weights("tiny")


def test_a_file_put_there_by_hand_is_taken_and_left(tiny, site, folder, content) -> None:
    folder.mkdir()
    (folder / "tiny-x.pth").write_bytes(content)
    assert manager.weights_status("tiny").state == "waiting"
    assert manager.verify_weights("tiny").state == "waiting"
    manager.fetch_weights("tiny")
    assert site.requests == []
    assert (folder / "tiny-x.pth").exists()
    assert json.loads((folder / "tiny.json").read_text())["source"] == "brought by hand"


def test_a_damaged_file_put_there_by_hand_is_refused(tiny, folder, content) -> None:
    folder.mkdir()
    (folder / "tiny-x.pth").write_bytes(content[:-100])
    assert manager.verify_weights("tiny").state == "damaged"
    with pytest.raises(WeightsError, match=r"tiny-x\.pth must be the published weights of tiny, but its SHA"):
        manager.fetch_weights("tiny")


def test_missing_keys_are_named(tiny, site, tmp_path) -> None:
    tiny(sha256_prefix=None)
    site.files["tiny-x.pth"] = published(tmp_path / "less.pth", drop="layer2.0.conv2.0.3")
    with pytest.raises(WeightsError, match=r"weights of tiny.*missing: layer2\.0\.conv2\.0\.3\.weight\."):
        manager.fetch_weights("tiny")


def test_wrong_shapes_and_unknown_keys_are_named(tiny, site, tmp_path) -> None:
    tiny(sha256_prefix=None)
    site.files["tiny-x.pth"] = published(tmp_path / "other.pth", widen="stem.0.weight")
    with pytest.raises(WeightsError, match=r"wrong shape: stem\.0\.weight 3x3 instead of 5x3x1x7x7"):
        manager.fetch_weights("tiny")
    site.files["tiny-x.pth"] = published(tmp_path / "other.pth", widen="layer9.weight")
    with pytest.raises(WeightsError, match=r"not known to it: layer9\.weight"):
        manager.fetch_weights("tiny")


def test_only_a_few_of_many_keys_are_named(tmp_path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match=r"missing: .* and \d+ more; not known to it: a\. Bring the file"):
        load("r2plus1d_34_8", weights=tmp_path / "a.safetensors")


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_file_with_code_is_refused_and_not_run(tmp_path, monkeypatch, how) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pth"
    if how == "torch":
        torch.save({"stem.0.weight": torch.zeros(1), "x": _Evil()}, path)
    else:
        path.write_bytes(pickle.dumps({"x": _Evil()}))
    with pytest.raises(WeightsError, match=r"evil\.pth must hold plain tensors only.*refused"):
        read_checkpoint(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html>sign in</html>", "must be a file of weights"),
        (b"", "must be a file of weights"),
        (b"PK\x03\x04 and then nothing", "is damaged or cut short"),
        (b"\x10\0\0\0\0\0\0\0{not json", "is damaged or cut short"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content, message) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(tmp_path / "w.pth")


def test_a_truncated_checkpoint_is_damaged(tmp_path, content) -> None:
    (tmp_path / "w.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match=r"w\.pth is damaged or cut short"):
        read_checkpoint(tmp_path / "w.pth")


def test_what_holds_no_tensors_is_refused(tmp_path) -> None:
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="must hold tensors with names, got list"):
        read_checkpoint(tmp_path / "list.pth")
    torch.save({"epoch": 3, "w": torch.zeros(1)}, tmp_path / "mixed.pth")
    with pytest.raises(WeightsError, match="these are something else: epoch"):
        read_checkpoint(tmp_path / "mixed.pth")
    with pytest.raises(WeightsError, match="must be a file of weights that can be read"):
        read_checkpoint(tmp_path / "absent.pth")


def test_wrapped_and_prefixed_checkpoints_are_read(tmp_path) -> None:
    torch.save({"epoch": 3, "state_dict": {"module.a.weight": torch.ones(2)}}, tmp_path / "w.pth")
    assert list(read_checkpoint(tmp_path / "w.pth")) == ["a.weight"]


def test_changed_tensors_are_found(tiny, folder) -> None:
    path = manager.fetch_weights("tiny")
    assert manager.verify_weights("tiny").state == "present"
    state = load_file(path)
    state["stem.0.weight"][0, 0, 0, 0, 0] += 1
    save_file(state, path)
    status = manager.verify_weights("tiny")
    assert status.state == "damaged"
    assert "has changed since it was made" in status.message
    with pytest.raises(WeightsError, match="has changed since it was made"):
        load("tiny")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "must be a JSON file"),
        ("{}", "must be the record of a file of weights"),
        ('{"schema_version": 99, "tensors": "a", "sha256": "b"}', "was written by a newer semioscope"),
    ],
)
def test_a_broken_record_is_found(tiny, folder, record, message) -> None:
    manager.fetch_weights("tiny")
    (folder / "tiny.json").write_text(record)
    assert manager.weights_status("tiny").state == "damaged"
    with pytest.raises(WeightsError, match=message):
        manager.load_weights("tiny")


def test_the_list_names_every_backbone_and_what_to_do(tiny) -> None:
    by_name = {status.name: status for status in manager.list_weights()}
    published = {name for name, entry in DETECTORS.items() if entry.spec.weights is not None}
    assert set(by_name) == set(BACKBONES) | published
    assert by_name["motion"].state == "none needed"
    assert by_name["resnet34"].state == "absent"
    assert "resnet34-b627a593.pth" in by_name["resnet34"].message
    manager.fetch_weights("tiny")
    assert manager.weights_status("tiny").state == "present"


def test_motion_needs_no_weights() -> None:
    assert manager.fetch_weights("motion") is None
    with pytest.raises(WeightsError, match="motion has no pre-trained weights"):
        manager.load_weights("motion")


def test_an_unknown_backbone_is_named() -> None:
    with pytest.raises(ConfigError, match=r"Unknown backbone 'resnet43'\. Did you mean resnet34"):
        manager.fetch_weights("resnet43")


def test_the_folder_is_the_users_cache_unless_said(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("SEMIOSCOPE_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert manager.weights_folder().parts[-2:] == ("semioscope", "weights")
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS", "~/w")
    assert manager.weights_folder() == Path.home() / "w"


def test_a_folder_that_cannot_be_written_is_said(tiny, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SEMIOSCOPE_WEIGHTS", str(tmp_path / "file" / "weights"))
    with pytest.raises(StoreError, match=r"must be a folder that can be written.*SEMIOSCOPE_WEIGHTS"):
        manager.fetch_weights("tiny")


def test_a_full_disk_is_said(tiny, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("semioscope.networks.download.os.replace", full)
    with pytest.raises(StoreError, match="The disk is full: weights could not be written"):
        manager.fetch_weights("tiny")


def test_hashes_of_a_source_must_be_whole() -> None:
    with pytest.raises(ValueError, match="sha256 of f must have 64 hexadecimal digits, got 3"):
        WeightsSource(name="n", url="u", file_name="f", licence="l", origin="o", paper="p", sha256="abc")
