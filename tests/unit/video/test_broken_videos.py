"""Damaged files: decoded + reported missing = truth, and one kind of error."""

import contextlib
import random

import av
import numpy as np
import pytest

from semioscope.core.errors import StoreError, VideoError
from semioscope.video import FrameReader, index_packets, open_reader, probe
from semioscope.video.containers import as_video_error, open_video
from semioscope.video.frames import FrameStream

_NUM = 40
_TRUNCATED = ["h264-open-gop-mkv", "h264-ts", "h264-fragmented-mp4", "mpeg2-ps", "mpeg2-ts", "mpeg2-avi"]


def _read(path, num=_NUM, fps=25):
    with FrameReader(path) as reader:
        frames = list(reader.read(np.arange(num) / fps))
    report = reader.report
    total = report.num_ok + report.num_held + report.num_damaged + report.num_missing
    assert total == report.num_requested == num
    return frames, report


@pytest.mark.parametrize("kind_name", _TRUNCATED)
def test_prefix_law_on_truncations(tmp_path, made, factory, kind_name):
    path, _ = made(kind_name, num_frames=_NUM)
    whole, _ = _read(path)
    data = path.read_bytes()
    for cut in np.linspace(0.06, 0.99, 14):
        short = tmp_path / f"cut{path.suffix}"
        short.write_bytes(data[: int(cut * len(data))])
        frames, report = [], None
        with contextlib.suppress(VideoError):  # so little is left that nothing can be shown
            frames, report = _read(short)
        if report is None:
            assert cut < 0.3
            continue
        shown = [at for at, frame in enumerate(frames) if frame.status != "missing"]
        assert shown == list(range(len(shown)))  # what is missing is missing at the end
        for at in shown[:-1]:
            if frames[at].status == "ok":
                np.testing.assert_array_equal(frames[at].picture, whole[at].picture)
        last = frames[shown[-1]]
        if (
            last.status == "ok" and kind_name != "mpeg2-avi"
        ):  # AVI stores no display times; the next frame tells
            assert factory.read_barcode(last.picture) == shown[-1]
        assert report.num_missing == _NUM - len(shown)


def test_a_truncated_file_tells_what_its_header_promised(broken):
    info = probe(broken["truncated-faststart"].path)
    assert info.header_duration_seconds == pytest.approx(_NUM / 25)
    assert info.duration_seconds < 0.7 * info.header_duration_seconds
    assert info.duration_source == "content"


def test_what_opens_is_read_and_the_rest_is_one_error(broken):
    for name, item in broken.items():
        if item.opens:
            frames, _ = _read(item.path, num=60)
            assert any(frame.picture is not None for frame in frames), name
            assert index_packets(item.path).num_frames > 0, name
            continue
        for function in (probe, index_packets, FrameReader, open_reader):
            with pytest.raises(VideoError) as caught:
                function(item.path)
            assert item.path.name in str(caught.value), name
            assert str(item.path.parent) not in str(caught.value), name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "must be a video file, but it does not exist. Correct the path"),
        ("dangling-link", "a link whose target is gone"),
        ("directory", "it is a folder. Name a file inside it"),
        ("fifo", "is a pipe or a device. Save the stream to a file first"),
        ("zero-bytes", r"it is empty \(0 bytes\). Copy it again"),
        ("audio-only", "it holds only sound. Name the file of the camera"),
        (
            "text",
            "must be a video that can be read; opening it failed: .* Copy it again from the source, or convert",
        ),
        ("random-bytes", "must be a video that can be read; opening it failed: .* Copy it again"),
        ("truncated-no-moov", "opening it failed: .* Copy it again"),
        ("header-only", r"must hold at least one frame, but none can be decoded \(0 frames\)"),
    ],
)
def test_messages(broken, name, message):
    if name not in broken:
        pytest.skip("this system has no such files")
    with pytest.raises(VideoError, match=message):
        probe(broken[name].path)


@pytest.mark.parametrize(
    "name", ["zero-duration-mvhd", "zero-duration-mdhd", "zero-duration-tkhd", "long-duration-mdhd"]
)
def test_lies_of_the_header_do_not_count(broken, factory, name):
    assert probe(broken[name].path).duration_seconds == pytest.approx(_NUM / 25)
    frames, report = _read(broken[name].path)
    assert report.num_ok == _NUM
    assert [factory.read_barcode(frame.picture) for frame in frames] == list(range(_NUM))


@pytest.mark.parametrize("kind_name", ["h264-mp4", "h264-ts", "mpeg2-ps", "mpeg2-avi", "mpeg2-ts"])
def test_bit_flips_are_delivered_but_never_pass_as_whole(tmp_path, made, factory, kind_name):
    path, _ = made(kind_name, num_frames=_NUM)
    whole, _ = _read(path)
    num_damaged = num_wrong = 0
    for seed in range(6):
        flipped = tmp_path / f"flipped{path.suffix}"
        factory.flip_bits(path, flipped, seed=seed, num_bits=12)
        frames, report = _read(flipped)
        num_damaged += report.num_damaged
        for at, frame in enumerate(frames):
            if frame.status == "ok":
                num_wrong += np.abs(frame.picture.astype(int) - whole[at].picture).mean() > 8
    assert num_damaged > 20
    # A turned bit can also be valid: another colour or vector. Nothing but the picture itself betrays it.
    assert num_wrong <= 0.1 * 6 * _NUM


def test_damage_ends_at_the_next_key_frame(tmp_path, made, factory):
    path, _ = made("h264-open-gop-mkv", num_frames=_NUM)
    spoilt = tmp_path / "spoilt.mkv"
    factory.remux(path, spoilt, change=lambda number, data: bytes(len(data)) if number == 13 else data)
    frames, report = _read(spoilt)
    assert report.num_damaged > 0
    assert {frame.status for frame in frames[:12]} == {"ok"}
    assert {frame.status for frame in frames[24:]} == {"ok"}
    for at, frame in enumerate(frames):
        if frame.status == "ok":
            assert factory.read_barcode(frame.picture) == at


def test_damage_is_the_same_in_sequence_and_at_random(tmp_path, made, factory):
    path, times = made("mpeg2-ts", num_frames=_NUM)
    spoilt = tmp_path / "spoilt.ts"
    factory.remux(
        path, spoilt, change=lambda number, data: data[:40] + bytes(len(data) - 40) if number == 15 else data
    )
    stream, report = _read(spoilt)
    assert report.num_damaged > 0
    with FrameReader(spoilt) as reader:
        for at in random.Random(0).sample(range(_NUM), 25):
            (frame,) = reader.read(times[at : at + 1])
            assert frame.status == stream[at].status


def test_lost_packets_are_counted(broken, factory):
    frames, report = _read(broken["lost-packets"].path)
    index = index_packets(broken["lost-packets"].path)
    lost = _NUM - index.num_frames
    assert lost > 0
    assert report.num_held + report.num_damaged >= lost
    stale = [at for at, frame in enumerate(frames) if round(frame.pts_seconds * 25) != at]
    assert len(stale) == lost
    assert all(frames[at].status in ("held", "damaged") for at in stale)


def test_a_recording_that_starts_between_key_frames_starts_at_the_first_whole_one(broken, factory):
    frames, _ = _read(broken["non-key-start"].path)
    codes = [factory.read_barcode(frame.picture) for frame in frames if frame.status == "ok"]
    assert codes == list(range(12, _NUM))
    index = index_packets(broken["non-key-start"].path)
    assert index.num_frames == _NUM - 12
    assert index.num_unordered == 7


def test_stamps_that_wrap_after_26_hours(broken, factory):
    frames, report = _read(broken["late-start"].path)
    assert [factory.read_barcode(frame.picture) for frame in frames] == list(range(_NUM))
    assert report.num_ok == _NUM


def test_times_that_start_again_are_counted_not_shown_twice(broken):
    index = index_packets(broken["backward-times"].path)
    assert index.num_unordered == _NUM
    frames, _ = _read(broken["backward-times"].path, num=60)
    assert [frame.status for frame in frames[_NUM:]] == ["missing"] * 20


def test_one_wild_stamp_does_not_lose_the_rest(tmp_path, factory):
    path = tmp_path / "wild.mkv"
    good = tmp_path / "good.mkv"
    factory.make_video(good, codec="ffv1", num_frames=30)
    with av.open(str(good)) as reader, av.open(str(path), "w") as writer:
        incoming = reader.streams.video[0]
        outgoing = writer.add_stream_from_template(incoming)
        for number, packet in enumerate(packet for packet in reader.demux(incoming) if packet.size):
            if number == 10:
                packet.pts += 20_000
            packet.stream = outgoing
            writer.mux_one(packet)
    frames, report = _read(path, num=30)
    codes = [factory.read_barcode(frame.picture) for frame in frames]
    assert codes == [9 if number == 10 else number for number in range(30)]
    assert report.num_held == 1


def test_a_change_of_size_keeps_the_first_size(tmp_path, factory):
    first, second = tmp_path / "a.ts", tmp_path / "b.ts"
    factory.make_video(first, codec="mpeg2", num_frames=24)
    factory.make_video(second, codec="mpeg2", num_frames=24, size=(192, 144), numbers=range(24, 48))
    shifted = tmp_path / "c.ts"
    factory.remux(second, shifted, shift_seconds=24 / 25)
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + shifted.read_bytes())
    frames, _ = _read(both, num=40)
    assert {frame.picture.shape for frame in frames if frame.picture is not None} == {(96, 128, 3)}


def test_no_key_frame_at_all_is_shown_as_damaged(tmp_path, made, factory):
    path, _ = made("mpeg4-avi", num_frames=_NUM)
    cut = tmp_path / "cut.avi"
    factory.remux(path, cut, keep=lambda number, _: 14 <= number < 24)
    frames, report = _read(cut, num=10)
    assert report.num_ok == 0
    assert report.num_damaged > 0
    assert frames[0].status == "damaged"


def test_hostile_bytes_raise_nothing_but_our_error(tmp_path, made):
    sources = [
        made(kind_name, num_frames=_NUM)[0]
        for kind_name in ("h264-mp4", "h264-open-gop-mkv", "mpeg2-ps", "mpeg2-avi")
    ]
    chance = random.Random(5)
    num_read = 0
    for _ in range(120):
        source = chance.choice(sources)
        data = bytearray(source.read_bytes())
        for _ in range(chance.choice([1, 5, 40])):
            at = chance.randrange(len(data) if chance.random() < 0.5 else min(len(data), 1500))
            data[at] = chance.randrange(256)
        path = tmp_path / f"hostile{source.suffix}"
        path.write_bytes(data)
        try:
            _read(path, num=15)
            index_packets(path)
            num_read += 1
        except VideoError:
            pass
    assert num_read > 20


@pytest.mark.parametrize(
    "error",
    [UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), MemoryError(), IndexError("i"), OverflowError("o")],
)
def test_any_exception_becomes_ours(tmp_path, error):
    with (
        pytest.raises(
            VideoError, match=r"a.mp4 must be a video that can be read; decoding it failed: .* Copy it again"
        ),
        as_video_error(tmp_path / "a.mp4", "decoding"),
    ):
        raise error


def test_our_own_errors_pass_unchanged(tmp_path):
    with pytest.raises(StoreError, match=r"^full$"), as_video_error(tmp_path / "a.mp4", "decoding"):
        raise StoreError("full")


def test_permission(made, monkeypatch):
    path, _ = made("h264-mp4")

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(VideoError, match=r"h264-mp4.mp4 may not be read by this user. Ask for read access"):
        open_video(path)
    monkeypatch.undo()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(VideoError, match="may not be read by this user"):
        probe(path)


def test_a_damaged_stretch_of_the_container_is_passed_over(made, factory, monkeypatch):
    path, _ = made("mpeg2-ts", num_frames=_NUM)
    with FrameStream(path) as stream:
        usual = stream._opened.container.demux
        calls = []

        class Faulty:
            def __getattr__(self, name):
                return getattr(opened, name)

            def demux(self, *arguments):
                calls.append(1)
                for number, packet in enumerate(usual(*arguments)):
                    if len(calls) == 1 and number == 5:
                        raise OverflowError("bad")
                    yield packet

        opened = stream._opened.container
        object.__setattr__(stream._opened, "container", Faulty())
        numbers = []
        while (frame := stream.next()) is not None:
            numbers.append(factory.read_barcode(frame.raw.to_ndarray(format="rgb24")))
    assert numbers[-1] == _NUM - 1
    assert len(calls) == 2
