"""Times beside pictures and arrays."""

import math

import numpy as np
import pytest

from semioscope.core.errors import VideoError
from semioscope.video.timetable import read_timetable


def read(folder, name, text, *, names=("f1.png", "f2.png", "f3.png")):
    (folder / name).write_text(text, encoding="utf-8")
    return read_timetable(folder, num_frames=len(names), names=names)


@pytest.mark.parametrize("text", ["30", " 30.0\n", "30,0", "30/1", "60/2"])
def test_a_rate(tmp_path, text):
    timetable = read(tmp_path, "fps.txt", text)
    np.testing.assert_array_equal(timetable.times_seconds, np.arange(3) / 30)
    assert timetable.frame_seconds == pytest.approx(1 / 30)


def test_a_rate_as_a_fraction_does_not_drift(tmp_path):
    (tmp_path / "fps.txt").write_text("30000/1001")
    timetable = read_timetable(tmp_path, num_frames=30001)
    assert timetable.times_seconds[30000] == 1001.0


@pytest.mark.parametrize("text", ["", "0", "-30", "fast", "nan", "1e999999999", "30/0", "5000", "1/3/2"])
def test_what_is_no_rate(tmp_path, text):
    with pytest.raises(VideoError, match=r"fps.txt must hold one number, the frames per second"):
        read(tmp_path, "fps.txt", text)


def test_a_number_left_out_is_a_frame_that_is_lacking(tmp_path):
    timetable = read(tmp_path, "fps.txt", "10", names=("a_08.png", "a_09.png", "a_11.png"))
    np.testing.assert_allclose(timetable.times_seconds, [0, 0.1, 0.3])
    assert timetable.num_lacking == 1


def test_names_without_numbers_are_one_by_one(tmp_path):
    timetable = read(tmp_path, "fps.txt", "10", names=("a.png", "b.png", "c.png"))
    np.testing.assert_allclose(timetable.times_seconds, [0, 0.1, 0.2])


@pytest.mark.parametrize("numbers", [(33, 66, 100), (7, 7, 7), (1, 3, 5), (10**18, 10**18 + 33, 10**18 + 66)])
def test_numbers_that_do_not_count_need_times(tmp_path, numbers):
    with pytest.raises(VideoError, match=r"must be numbered one by one .* Give timestamps.tsv instead"):
        read(tmp_path, "fps.txt", "10", names=tuple(f"f{number}.png" for number in numbers))


def test_listed_times_begin_at_zero(tmp_path):
    timetable = read(tmp_path, "timestamps.txt", "12.5\n12,6\n12.8\n\n")
    np.testing.assert_allclose(timetable.times_seconds, [0, 0.1, 0.3])
    assert timetable.frame_seconds == pytest.approx(0.15)


def test_a_single_listed_time_has_no_rate(tmp_path):
    timetable = read(tmp_path, "timestamps.txt", "4", names=("f1.png",))
    assert timetable.times_seconds.tolist() == [0]
    assert math.isnan(timetable.frame_seconds)


def test_a_table_names_the_pictures(tmp_path):
    text = "seconds\tfile\n1.0\tf1.png\n1.1\tf2.png\n1.2\tlost.png\n1.3\tf3.png\n"
    timetable = read(tmp_path, "timestamps.tsv", "\ufeff" + text)
    np.testing.assert_allclose(timetable.times_seconds, [0, 0.1, 0.3])
    assert timetable.num_lacking == 1


def test_zero_is_the_first_listed_frame_even_if_it_is_lacking(tmp_path):
    text = "file\tseconds\nlost.png\t1.0\nf1.png\t1.1\nf2.png\t1.2\nf3.png\t1.3\n"
    timetable = read(tmp_path, "timestamps.tsv", text)
    np.testing.assert_allclose(timetable.times_seconds, [0.1, 0.2, 0.3])


def test_a_table_without_names_is_in_order(tmp_path):
    timetable = read(tmp_path, "timestamps.tsv", "seconds\n0\n0.5\n1\n")
    np.testing.assert_allclose(timetable.times_seconds, [0, 0.5, 1])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("timestamps.txt", "", "must hold the time of at least one frame, but is empty"),
        ("timestamps.txt", "0\n1\n", "must hold one time per frame, 3 as in .*, got 2"),
        ("timestamps.txt", "0\n1\n0.5\n", "times must ascend, got 0.5 after 1"),
        ("timestamps.txt", "0\n1\n1\n", "times must ascend, got 1 after 1"),
        ("timestamps.txt", "0\nx\n2\n", r"line 2: a time must be a number of seconds, got 'x'"),
        ("timestamps.txt", "0\n\n2\n", r"line 2: a time must be a number of seconds, got ''"),
        ("timestamps.txt", "0\ninf\n2\n", "line 2: a time must be a number"),
        ("timestamps.txt", "0\n33\n66\n", r"must hold seconds, .* 33 apart. Divide the times by 1000"),
        ("timestamps.tsv", "time\n0\n", "must be a table with tabs and a column seconds"),
        ("timestamps.tsv", "", "must be a table with tabs and a column seconds"),
        (
            "timestamps.tsv",
            "file\tseconds\nf1.png\t0\nf1.png\t1\n",
            "must name each picture once, got 'f1.png'",
        ),
        (
            "timestamps.tsv",
            "file\tseconds\nf1.png\t0\n",
            "time for every picture, but lacks f2.png and 1 more",
        ),
        (
            "timestamps.tsv",
            "file\tseconds\nf2.png\t0\nf1.png\t1\nf3.png\t2\n",
            "must ascend in the order of the file names, but f2.png comes at or before f1.png",
        ),
    ],
)
def test_broken_times_are_told(tmp_path, name, text, message):
    with pytest.raises(VideoError, match=message):
        read(tmp_path, name, text)


def test_none_and_two_files_with_times(tmp_path):
    with pytest.raises(VideoError, match=r"must have its times inside it, but has none. Write the rate"):
        read_timetable(tmp_path, num_frames=1, names=["a.png"])
    array = tmp_path / "d.npy"
    with pytest.raises(VideoError, match=r"beside it, .* into d.fps.txt"):
        read_timetable(array, num_frames=1)
    (tmp_path / "d.fps.txt").write_text("30")
    assert read_timetable(array, num_frames=1).frame_seconds == pytest.approx(1 / 30)
    (tmp_path / "d.timestamps.txt").write_text("0")
    with pytest.raises(VideoError, match=r"one file with its times, got d.timestamps.txt and d.fps.txt"):
        read_timetable(array, num_frames=1)


def test_text_that_cannot_be_read(tmp_path):
    (tmp_path / "fps.txt").write_bytes(b"\xff\xfe30")
    with pytest.raises(VideoError, match=r"fps.txt must be a text file \(UTF-8\)"):
        read_timetable(tmp_path, num_frames=1)
