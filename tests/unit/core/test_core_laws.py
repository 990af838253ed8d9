"""Laws of intervals, names, canonical text, random streams and atomic files."""

import errno
import itertools
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semioscope.core import errors, files, randomness
from semioscope.core.errors import ConfigError, StoreError, unknown_name
from semioscope.core.intervals import Interval, union
from semioscope.core.provenance import provenance
from semioscope.core.records import EventView, Region

times = st.floats(0, 1000, allow_nan=False)


@st.composite
def intervals(draw):
    start = draw(times)
    return Interval(start_seconds=start, end_seconds=start + draw(st.floats(0.001, 100)))


@given(st.lists(intervals(), max_size=12), times)
def test_union_covers_the_same_time(items, moment):
    merged = union(items)
    assert any(item.contains(moment) for item in items) == any(item.contains(moment) for item in merged)
    assert all(a.end_seconds < b.start_seconds for a, b in itertools.pairwise(merged))


@given(intervals(), intervals())
def test_intersection_is_symmetric_and_inside(a, b):
    shared = a.intersection(b)
    assert shared == b.intersection(a)
    assert (shared is not None) == a.overlaps(b)
    if shared is not None:
        assert shared.start_seconds >= a.start_seconds
        assert shared.end_seconds <= min(a.end_seconds, b.end_seconds)


@pytest.mark.parametrize("ends", [(1.0, 1.0), (2.0, 1.0)])
def test_an_interval_ends_after_it_starts(ends):
    with pytest.raises(ValueError, match="must end after it starts"):
        Interval(start_seconds=ends[0], end_seconds=ends[1])


@pytest.mark.parametrize("ends", [(0.0, float("inf")), (float("nan"), 1.0)])
def test_an_interval_is_finite(ends):
    with pytest.raises(ValueError, match="finite ends"):
        Interval(start_seconds=ends[0], end_seconds=ends[1])


@pytest.mark.parametrize(
    "numbers", [(0.0, 0.0, 0.0, 1.0), (-0.1, 0.0, 1.0, 1.0), (0.5, 0.0, 0.6, 1.0), (0.0, 1.0, 1.0, 1.0)]
)
def test_a_region_lies_inside_the_picture(numbers):
    with pytest.raises(ValueError, match="inside the picture"):
        Region(x=numbers[0], y=numbers[1], width=numbers[2], height=numbers[3])


@given(st.floats(0, 0.9), st.floats(0.001, 0.1), st.integers(1, 4000))
def test_region_pixels_are_never_empty(x, width, size):
    left, top, right, bottom = Region(x=x, y=x, width=width, height=width).pixels(width=size, height=size)
    assert 0 <= left < right <= size
    assert 0 <= top < bottom <= size


@pytest.mark.parametrize(
    ("onset", "clonic", "offset", "match"),
    [
        (-1.0, None, 5.0, "0 or later"),
        (5.0, None, 5.0, "must come after"),
        (1.0, 1.0, 5.0, "must lie between"),
        (1.0, 5.0, 5.0, "must lie between"),
    ],
)
def test_event_times_are_in_order(onset, clonic, offset, match):
    with pytest.raises(ValueError, match=match):
        EventView(recording_id="r", onset_seconds=onset, clonic_onset_seconds=clonic, offset_seconds=offset)


def test_unknown_names_come_with_the_nearest():
    assert "Did you mean blstm" in unknown_name("aggregator", "BLSM", ["mean", "blstm"])
    assert "Did you mean" not in unknown_name("aggregator", "xyz", ["mean", "blstm"])


def test_every_error_is_one_of_ours():
    classes = [
        item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)
    ]
    assert len(classes) == 8
    assert all(issubclass(item, errors.SemioscopeError) for item in classes)


scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text()
plain = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(plain)
def test_canonical_json_keeps_the_data(content):
    assert json.loads(files.canonical_json(content)) == content


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=6))
def test_digest_ignores_the_order_of_keys(content):
    assert files.digest(content) == files.digest(dict(reversed(content.items())))


def test_undefined_numbers_are_null():
    assert files.canonical_json({"a": float("nan"), "b": np.float64("nan")}) == '{"a":null,"b":null}'


def test_streams_are_named(tmp_path):
    draws = {
        (seed, use, fold): randomness.stream(seed, use, fold=fold).random()
        for seed in range(3)
        for use in ("a", "b")
        for fold in range(3)
    }
    assert len(set(draws.values())) == len(draws)
    assert draws[1, "a", 2] == randomness.stream(1, "a", fold=2).random()
    assert 0 <= randomness.torch_seed(0, "a") < 2**63


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.tsv"
    files.write_text(path, "old")

    def write_and_fail():
        with files.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_and_fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "match"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EDQUOT, "The disk is full"),
        (errno.EACCES, "can be written"),
    ],
)
def test_disk_errors_are_sentences(tmp_path, number, match):
    def write():
        with files.atomic_path(tmp_path / "a.json"):
            raise OSError(number, os.strerror(number))

    with pytest.raises(StoreError, match=match):
        write()


def test_a_file_in_the_place_of_a_folder_is_said(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(StoreError, match="must be a folder"):
        files.write_text(tmp_path / "a" / "b.json", "")


def test_kill_leaves_no_torn_file(tmp_path):
    code = (
        "import sys, pathlib\n"
        "from semioscope.core.files import write_text\n"
        "path = pathlib.Path(sys.argv[1]); print('go', flush=True)\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1; write_text(path, str(n) * 5000 + 'end')\n"
    )
    path = tmp_path / "file.txt"
    for lines in range(3):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        process.stdout.readline()
        while not path.exists() or lines > os.stat(path).st_mtime_ns % 3:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert path.read_text().endswith("end")
    files.sweep_temporaries(tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_reading_json_says_what_is_wrong(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        files.read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(StoreError, match="must be a JSON file"):
        files.read_json(tmp_path / "a.json")


def test_provenance_names_no_host():
    import socket

    text = files.canonical_json(provenance())
    assert socket.gethostname() not in text or len(socket.gethostname()) < 4


def test_progress_modes(capsys):
    from semioscope.core.progress import format_seconds, make_progress, stage

    for mode in ("plain", "json", "quiet", "rich"):
        progress = make_progress(mode)
        with stage(progress, "work", 3, unit="steps"):
            for _ in range(3):
                progress.advance(note="x")
            progress.message("hello")
        text = capsys.readouterr().err
        assert ("hello" in text) == (mode != "quiet")
        if mode == "json":
            events = [json.loads(line)["event"] for line in text.splitlines()]
            assert events == ["start", "progress", "message", "finish"]
    progress = make_progress("plain")
    with pytest.raises(KeyboardInterrupt), stage(progress, "work", 1, unit="seizures"):
        raise KeyboardInterrupt
    text = capsys.readouterr().err
    assert "work: 1 seizure\n" in text
    assert "work: stopped after 0 s" in text
    assert "done" not in text
    with pytest.raises(ConfigError, match="Did you mean quiet"):
        make_progress("quite")
    assert format_seconds(3599.6) == "1 h 00 min"
