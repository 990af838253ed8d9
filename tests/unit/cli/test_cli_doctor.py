"""``semioscope doctor``: one block, whole and anonymous."""

import getpass
import os
import socket
from pathlib import Path

import pytest
from tiny import call

from semioscope.cli import doctor

NAMES = (
    "semioscope", "packages", "system", "processor", "codecs", "engines", "accelerator", "disk",
    "write rights", "weights",
)  # fmt: skip


@pytest.fixture(scope="module")
def block():
    return call("doctor").out


def labels(text):
    lines = text.split("\n\n")[0].splitlines()
    return [line[:14].strip() for line in lines if line[0] != " "]


def test_it_holds_everything_once_in_order(block):
    assert tuple(labels(block)) == NAMES


def test_it_fits_and_is_aligned(block):
    lines = block.split("\n\n")[0].splitlines()
    assert max(map(len, lines)) <= doctor.WIDTH
    assert all(line[12:14] == "  " and line[14] != " " for line in lines)


def test_it_names_versions_and_every_backbone(block):
    from semioscope.core.provenance import package_versions
    from semioscope.networks import BACKBONES

    text = " ".join(block.split())
    for name, version in package_versions().items():
        assert version in text, name
    for name in (*BACKBONES, "h264 yes", "hevc yes", "openvino", "torch"):
        assert name in text


def test_it_says_nothing_twice(block):
    from semioscope.networks import describe_accelerator

    assert " ".join(block.split()).count(describe_accelerator()) == 1


def test_it_names_no_person_host_or_folder(block, monkeypatch):
    assert str(Path.home()) not in block
    assert os.getcwd() not in block
    assert socket.gethostname() not in block.split()
    assert getpass.getuser() not in block.split()


def test_it_ends_with_what_comes_next(block):
    assert block.splitlines()[-1] == "Next: semioscope demo DIR. With own videos: semioscope cohort new DIR."


def quick(monkeypatch):
    """Leave out what loads the engines."""
    for name in ("_codecs", "_accelerator", "_weights"):
        monkeypatch.setattr(doctor, name, lambda: ["fine"])
    monkeypatch.setattr(doctor, "_engines", lambda said: ["fine"])


def test_it_gets_to_the_end_of_its_round(monkeypatch):
    def fail():
        raise RuntimeError(f"lost\n  {Path.home()}/secret")

    quick(monkeypatch)
    monkeypatch.setattr(doctor, "_codecs", fail)
    shown = call("doctor")
    assert shown.exit_code == 0
    assert tuple(labels(shown.out)) == NAMES
    assert "failed: RuntimeError: lost ~/secret" in shown.out


def test_a_folder_without_rights_is_said(monkeypatch, tmp_path):
    quick(monkeypatch)
    shown = call("doctor", "--folder", tmp_path / "not" / "there").out
    assert "cannot write here: No such file or directory. Check another place with --folder DIR." in shown
    assert "GiB free" in shown
    assert "write rights  yes" in call("doctor", "--folder", tmp_path).out
    monkeypatch.setenv("SEMIOSCOPE_STORE", str(tmp_path))
    assert "yes, $SEMIOSCOPE_STORE is set" in call("doctor", "--folder", tmp_path).out


def test_little_space_is_said(monkeypatch, tmp_path):
    quick(monkeypatch)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda there: Usage())
    assert "3 GiB free  (little: make room" in call("doctor", "--folder", tmp_path).out


class Usage:
    free = 3 * 2**30
