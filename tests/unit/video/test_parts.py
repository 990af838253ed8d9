import re

import numpy as np
import pytest

from semioscope.core.errors import VideoError
from semioscope.core.intervals import Interval
from semioscope.video import (
    FrameReader,
    PartsReader,
    fingerprint,
    index_packets,
    is_parts_list,
    open_reader,
    probe,
    read_parts,
)

_STARTS = (0.0, 2.0, 5.0)  # the parts last 2, 1 and 2 s: no gap, then one from 3 to 5 s


def _write(path, rows):
    path.write_text("\n".join("\t".join(map(str, row)) for row in rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def table(factory, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    factory.make_video(folder / "a.mpg", codec="mpeg2", numbers=range(50))
    factory.make_video(folder / "b.mp4", numbers=range(50, 75))
    factory.make_video(folder / "c.ts", numbers=range(125, 175))
    rows = [("path", "start_seconds"), ("a.mpg", 0), ("b.mp4", 2), ("c.ts", "5,0")]
    return _write(folder / "night.parts.tsv", rows)


def test_reading_runs_across_parts(table, factory):
    with open_reader(table) as reader:
        assert isinstance(reader, PartsReader)
        frames = list(reader.read(np.arange(-1, 180) / 25))
    expected = [None, *range(75), *[None] * 50, *range(125, 175), *[None] * 5]
    assert [None if f.picture is None else factory.read_barcode(f.picture) for f in frames] == expected
    assert reader.report.num_missing == expected.count(None)
    assert reader.report.num_ok == 125
    shown = [frame for frame in frames if frame.picture is not None]
    np.testing.assert_allclose([f.pts_seconds for f in shown], [f.time_seconds for f in shown], atol=1e-6)


def test_random_reads_equal_reading_in_sequence(table, factory):
    with open_reader(table) as reader:
        for number in (130, 3, 60, 174, 125, 49, 50):
            (frame,) = reader.read(np.array([number / 25]))
            assert factory.read_barcode(frame.picture) == number
        assert reader.num_packets_read > 0


def test_start_written_in_milliseconds_still_begins_its_part(table, factory):
    with open_reader(table) as reader:
        (frame,) = reader.read(np.array([1.9996]))
    assert factory.read_barcode(frame.picture) == 50


def test_probe_and_index_cover_the_whole(table):
    info = probe(table)
    assert info.path == table
    assert info.duration_seconds == pytest.approx(7.0)
    assert (info.width, info.height, info.codec) == (128, 96, "mpeg2video")
    index = index_packets(table)
    assert index.num_frames == 125
    assert [(round(g.start_seconds, 3), round(g.end_seconds, 3)) for g in index.gaps] == [(3.0, 5.0)]
    assert np.all(np.diff(index.pts_seconds) > 0)


def test_index_of_a_span_of_parts(table):
    whole = index_packets(table).pts_seconds
    for start, end in ((1.0, 2.5), (2.5, 6.0), (3.2, 4.0), (6.9, 20.0)):
        span = index_packets(table, Interval(start_seconds=start, end_seconds=end))
        inside = (whole >= start - 1e-6) & (whole < end - 1e-6)
        np.testing.assert_allclose(span.pts_seconds, whole[inside], atol=1e-9)


def test_a_plain_file_opens_as_such(table):
    with open_reader(table.parent / "a.mpg") as reader:
        assert isinstance(reader, FrameReader)


def test_fingerprint_follows_parts_and_starts(table, tmp_path):
    same = _write(
        table.parent / "same.parts.tsv", [("path", "start_seconds"), ("a.mpg", 0), ("b.mp4", 2), ("c.ts", 5)]
    )
    moved = _write(
        table.parent / "moved.parts.tsv", [("path", "start_seconds"), ("a.mpg", 0), ("b.mp4", 2), ("c.ts", 6)]
    )
    assert fingerprint(table) == fingerprint(same) != fingerprint(moved)


def test_parts_of_different_size_are_refused(table, factory):
    factory.make_video(table.parent / "big.mp4", num_frames=5, size=(192, 144))
    mixed = _write(
        table.parent / "mixed.parts.tsv", [("path", "start_seconds"), ("a.mpg", 0), ("big.mp4", 2)]
    )
    message = re.escape(
        "mixed.parts.tsv: all parts must show pictures of one size, 128x96 as the first part; big.mp4"
    )
    with open_reader(mixed) as reader, pytest.raises(VideoError, match=message):
        list(reader.read(np.array([2.0])))


def test_an_absent_part_is_named(table):
    lost = _write(table.parent / "lost.parts.tsv", [("path", "start_seconds"), ("a.mpg", 0), ("gone.mp4", 2)])
    with pytest.raises(VideoError, match=r"gone.mp4 must be a video file, but it does not exist"):
        open_reader(lost)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "must have the columns path and start_seconds, .* path is lacking"),
        ([("path", "begin"), ("a", 0)], "start_seconds is lacking. Add it"),
        ([("path", "start_seconds")], "must name at least one part, got only a header"),
        ([("path", "start_seconds"), ("", 0)], "row 2: path must name a video file, got ''"),
        (
            [("path", "start_seconds"), ("x.parts.tsv", 0)],
            "row 2: path must name a video file, got 'x.parts.tsv'",
        ),
        (
            [("path", "start_seconds"), ("a", "soon")],
            "row 2: start_seconds must be a number of seconds, 0 or more, got 'soon'",
        ),
        ([("path", "start_seconds"), ("a", "-1")], "row 2: start_seconds must be a number"),
        ([("path", "start_seconds"), ("a", "nan")], "row 2: start_seconds must be a number"),
        ([("path", "start_seconds"), ("a", "3")], "row 2: the first part must start at 0, got 3. Subtract 3"),
        (
            [("path", "start_seconds"), ("a", 0), ("b", 0)],
            "row 3: start_seconds must be above 0 of the row before",
        ),
    ],
)
def test_bad_tables(tmp_path, rows, message):
    with pytest.raises(VideoError, match=message):
        read_parts(_write(tmp_path / "bad.parts.tsv", rows))


def test_absent_and_unreadable_tables(tmp_path):
    with pytest.raises(VideoError, match=r"none.parts.tsv must be a parts list, but does not exist"):
        probe(tmp_path / "none.parts.tsv")
    binary = tmp_path / "binary.parts.tsv"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(VideoError, match=r"binary.parts.tsv must be a table \(UTF-8, tab-separated\)"):
        read_parts(binary)


def test_the_ending_decides(tmp_path):
    assert is_parts_list(tmp_path / "Night.PARTS.tsv")
    assert not is_parts_list(tmp_path / "parts.tsv.mp4")
