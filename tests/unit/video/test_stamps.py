"""Program streams whose pictures are so small that several share one packet of the container."""

import av
import numpy as np
import pytest

from semioscope.video import FrameReader, VideoWriter, index_packets
from semioscope.video.stamps import picture_header, retime_group

_NUM, _FPS = 100, 25
_TIMES = np.arange(_NUM) / _FPS


def _judged(frames, numbers, factory):
    for frame, number in zip(frames, numbers, strict=True):
        if frame.status == "ok":
            assert factory.read_barcode(frame.picture) == number
    return sum(frame.status == "ok" for frame in frames)


@pytest.mark.parametrize(("bf", "gop"), [(0, 7), (1, 7), (2, 7), (2, 12), (4, 12)])
@pytest.mark.parametrize("quality", [3, 20])
def test_never_a_wrong_picture_where_stamps_are_few(tmp_path, factory, bf, gop, quality):
    path = tmp_path / "few.mpg"
    options = {"bf": str(bf), "qmin": str(quality), "qmax": str(quality)}
    factory.make_video(
        path, codec="mpeg2", num_frames=_NUM, fps=_FPS, size=(64, 48), key_distance=gop, options=options
    )
    assert path.stat().st_size < 300 * _NUM  # many pictures in a packet of 2048 bytes
    with FrameReader(path) as reader:
        assert _judged(list(reader.read(_TIMES)), range(_NUM), factory) >= 0.8 * _NUM
    for number in range(0, _NUM, 9):
        with FrameReader(path) as reader:
            _judged(list(reader.read(_TIMES[[number]])), [number], factory)


@pytest.mark.parametrize("size", [(64, 48), (160, 90)])
def test_our_own_files_stamp_every_picture(tmp_path, factory, size):
    path = tmp_path / "own.mpg"
    with VideoWriter(
        path, width=size[0], height=size[1], fps=_FPS, codec="mpeg2", keyframe_seconds=0.5
    ) as to:
        for number in range(_NUM):
            to.write(factory.draw_picture(number, size=size))
    with av.open(str(path)) as container:
        stamps = [frame.pts for frame in container.decode(video=0)]  # as any other program reads it
        positions = [packet.pos for packet in av.open(str(path)).demux(video=0) if packet.size]
    assert np.diff(stamps).tolist() == [3600] * (_NUM - 1)
    assert None not in positions
    assert len(set(positions)) == _NUM
    index = index_packets(path)
    assert (index.num_frames, index.num_unordered, index.gaps) == (_NUM, 0, ())
    with FrameReader(path) as reader:
        assert _judged(list(reader.read(_TIMES)), range(_NUM), factory) == _NUM
    for number in range(0, _NUM, 7):
        with FrameReader(path) as reader:
            assert _judged(list(reader.read(_TIMES[[number]])), [number], factory) == 1


def test_a_group_is_set_right_from_its_neighbours():
    places = [2, 0, 1, 5, 3, 4, 8, 6, 7]
    right = [600 + 10 * place for place in places]
    wrong = [600, *right[1:4], 610, 620, *right[6:]]  # as a demuxer guessed it once
    assert retime_group(places, right, 10.0) == {}
    assert retime_group(places, wrong, 10.0) == {0: 620, 4: 630, 5: 640}


@pytest.mark.parametrize("steps", [[10, 10, 50, 10, 10], [10, 15, 10, 15, 10], [4, 19, 6, 12, 7]])
def test_pauses_and_varying_rates_are_left_alone(steps):
    ticks = [0, *np.cumsum(steps).tolist()]
    assert retime_group(list(range(6)), ticks, 10.0) == {}


def test_what_is_not_clear_is_said():
    assert retime_group([0, 1, 2, 3], [0, 10, 0, 10], 10.0) is None
    assert retime_group([0, 0, 1, 1], [0, 5, 3, 15], 10.0) == {}  # fields


def test_headers_of_pictures():
    group, picture = b"\x00\x00\x01\xb8abcd", b"\x00\x00\x01\x00\x00\xc8rest"
    header = picture_header(group + picture)
    assert header is not None
    assert (header.place, header.begins_group) == (3, True)
    alone = picture_header(picture)
    assert alone is not None
    assert not alone.begins_group
    assert picture_header(b"\x00\x00\x01\x00\x00") is None
