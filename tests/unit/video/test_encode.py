import contextlib
import errno
import subprocess
import sys
import textwrap
from fractions import Fraction

import av
import numpy as np
import pytest

from semioscope.core.errors import ConfigError, StoreError, VideoError
from semioscope.video import CODECS, FrameReader, VideoWriter, available_codecs, probe
from semioscope.video import encode as module

_ENDINGS = [(codec, suffix) for codec, spec in CODECS.items() for suffix in spec.suffixes]


def _write(path, factory, *, num_frames=40, fps=25, size=(128, 96), **arguments):
    with VideoWriter(path, width=size[0], height=size[1], fps=fps, **arguments) as writer:
        for number in range(num_frames):
            writer.write(factory.draw_picture(number, size=size))


@pytest.mark.parametrize(("codec", "suffix"), _ENDINGS)
def test_what_is_written_is_read_back(tmp_path, factory, codec, suffix):
    path = tmp_path / f"video{suffix}"
    _write(path, factory, codec=codec)
    with FrameReader(path) as reader:
        frames = list(reader.read(np.arange(40) / 25))
    assert [factory.read_barcode(frame.picture) for frame in frames] == list(range(40))
    assert reader.report.num_ok == 40
    assert reader.info.fps == pytest.approx(25)
    error = np.abs(frames[20].picture.astype(float) - factory.draw_picture(20)).mean()
    assert error == 0 if codec == "ffv1" else error < 6
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_every_codec_is_available_here():
    assert available_codecs() == dict.fromkeys(CODECS, True)


def test_a_codec_that_is_not_built_in_is_said_so(monkeypatch):
    import dataclasses

    monkeypatch.setitem(CODECS, "h264", dataclasses.replace(CODECS["h264"], encoder="nonesuch"))
    assert available_codecs()["h264"] is False


def test_depth_is_lossless(tmp_path):
    depth = np.random.default_rng(0).integers(0, 2**16, (5, 33, 47)).astype(np.uint16)
    path = tmp_path / "depth.mkv"
    with VideoWriter(path, width=47, height=33, fps=30, codec="ffv1", pixel_format="gray16le") as writer:
        for picture in depth:
            writer.write(picture)
    with FrameReader(path, pixel_format="gray16le") as reader:
        read = np.stack([frame.picture for frame in reader.read(np.arange(5) / 30)])
    np.testing.assert_array_equal(read, depth)


def test_colour_survives(tmp_path):
    path = tmp_path / "colour.mp4"
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :, 0], picture[32:, :, 2] = 200, 180
    with VideoWriter(path, width=64, height=64, fps=10, quality=5) as writer:
        writer.write(picture)
    with FrameReader(path) as reader:
        (frame,) = reader.read(np.zeros(1))
    assert np.abs(frame.picture[8:24].astype(int) - picture[8:24]).max() < 8
    assert np.abs(frame.picture[40:56].astype(int) - picture[40:56]).max() < 8


@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", ".mp4"), ("h264", ".mkv"), ("ffv1", ".mkv"), ("hevc", ".mp4")]
)
def test_own_times(tmp_path, factory, codec, suffix):
    times = factory.variable_times(60, 25)
    path = tmp_path / f"own{suffix}"
    with VideoWriter(path, width=128, height=96, fps=25, codec=codec) as writer:
        for number, time_seconds in enumerate(times.tolist()):
            writer.write(factory.draw_picture(number), pts_seconds=time_seconds)
    with FrameReader(path) as reader:
        assert reader.info.is_variable_rate
        frames = list(reader.read(times))
    assert [factory.read_barcode(frame.picture) for frame in frames] == list(range(60))
    np.testing.assert_allclose([frame.pts_seconds for frame in frames], times, atol=6e-4)


def test_key_frames_come_as_often_as_asked(tmp_path, factory):
    from semioscope.video import index_packets

    path = tmp_path / "keys.mp4"
    _write(path, factory, num_frames=60, keyframe_seconds=0.4)
    keys = np.flatnonzero(index_packets(path).is_key)
    assert np.diff(keys).max() <= 10


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        (29.97, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (15, Fraction(15)),
        (12.5, Fraction(25, 2)),
        (Fraction(24000, 1001), Fraction(24000, 1001)),
    ],
)
def test_rates_are_exact(tmp_path, given, exact):
    assert VideoWriter(tmp_path / "a.mp4", width=2, height=2, fps=given).fps == exact


@pytest.mark.parametrize("codec", list(CODECS))
def test_same_pictures_same_bytes(tmp_path, factory, codec):
    suffix = CODECS[codec].suffixes[0]
    for name in ("a", "b"):
        _write(tmp_path / f"{name}{suffix}", factory, codec=codec, num_frames=12)
    if suffix != ".mkv":  # Matroska files carry a random id
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    with FrameReader(tmp_path / f"a{suffix}") as one, FrameReader(tmp_path / f"b{suffix}") as two:
        times = np.arange(12) / 25
        for left, right in zip(one.read(times), two.read(times), strict=True):
            np.testing.assert_array_equal(left.picture, right.picture)


def test_an_error_leaves_nothing_and_keeps_the_old_file(tmp_path, factory):
    path = tmp_path / "video.mp4"
    path.write_bytes(b"old")

    def pictures():
        yield factory.draw_picture(0)
        raise RuntimeError("stop")

    def write_all():
        with VideoWriter(path, width=128, height=96, fps=25) as writer:
            for picture in pictures():
                writer.write(picture)

    with pytest.raises(RuntimeError, match="stop"):
        write_all()
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["video.mp4"]


def test_no_pictures_no_file(tmp_path):
    path = tmp_path / "empty.mp4"
    with (
        pytest.raises(VideoError, match=r"empty.mp4 must get at least one picture"),
        VideoWriter(path, width=8, height=8, fps=25),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk(tmp_path, factory, monkeypatch, number):
    path = tmp_path / "full.mp4"

    def full(self, packets):
        raise OSError(number, "No space left on device")

    monkeypatch.setattr(VideoWriter, "_mux", full)
    with pytest.raises(
        StoreError, match=r"The disk is full: .*full.mp4 could not be written. Free some space"
    ):
        _write(path, factory)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of POSIX")
@pytest.mark.parametrize(
    ("codec", "suffix", "limit"),
    [("h264", ".mp4", 20_000), ("ffv1", ".mkv", 200_000), ("mpeg2", ".mpg", 30_000)],
)
def test_file_that_may_not_grow(tmp_path, codec, suffix, limit):
    """The operating system itself refuses bytes, in the middle of a video or in its last block."""
    code = f"""
        import resource, sys
        from pathlib import Path
        import numpy as np
        from semioscope.core.errors import StoreError
        from semioscope.video import VideoWriter
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        noise = np.random.default_rng(0).integers(0, 256, (60, 96, 128, 3)).astype(np.uint8)
        try:
            with VideoWriter(Path(sys.argv[1]), width=128, height=96, fps=25, codec={codec!r}) as writer:
                for picture in noise:
                    writer.write(picture)
        except StoreError as err:
            print("StoreError", err)
        """
    target = tmp_path / f"limited{suffix}"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(target)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("StoreError The disk is full"), done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("a.mp4", {"codec": "h265"}, "Unknown codec 'h265'. Did you mean h264"),
        ("a.avi", {}, "A h264 video must be written to a file ending in .mp4 or .mkv"),
        ("a.mp4", {"codec": "ffv1"}, "A ffv1 video must be written to a file ending in .mkv or .avi"),
        (
            "a.mp4",
            {"width": 65, "height": 49},
            "width and height must be even for h264 with yuv420p, got 65x49. Crop or pad",
        ),
        (
            "a.mkv",
            {"width": 48, "height": 34, "codec": "hevc"},
            "hevc picture must be at least 64x36 pixels, got 48x34",
        ),
        ("a.mp4", {"width": 0}, "must be at least 1x1 pixels, got 0x96"),
        ("a.mp4", {"pixel_format": "yuv422p"}, "Unknown pixel format of h264 'yuv422p'"),
        ("a.mp4", {"quality": 99}, r"The quality of h264 must lie from 0 \(best\) to 51, got 99"),
        ("a.mkv", {"codec": "ffv1", "quality": 3}, "ffv1 is lossless and takes no quality, got 3"),
        ("a.mp4", {"fps": 0}, "fps must be a number above 0, got 0"),
        ("a.mp4", {"fps": float("nan")}, "fps must be a number above 0, got nan"),
        ("a.mp4", {"keyframe_seconds": 0.0}, "keyframe_seconds must be above 0, got 0"),
    ],
)
def test_bad_settings(tmp_path, name, changes, message):
    with pytest.raises(ConfigError, match=message):
        VideoWriter(tmp_path / name, **{"width": 128, "height": 96, "fps": 25, **changes})


def test_bad_pictures(tmp_path, factory):
    good = factory.draw_picture(0)
    with (
        contextlib.suppress(VideoError),
        VideoWriter(tmp_path / "a.mp4", width=128, height=96, fps=25) as writer,
    ):
        with pytest.raises(
            ValueError, match=r"must be uint8 of shape \(96, 128, 3\), got uint8 of shape \(96, 100, 3\)"
        ):
            writer.write(good[:, :100])
        writer.write(good)
        with pytest.raises(ValueError, match="Either every picture or none must have pts_seconds"):
            writer.write(good, pts_seconds=3.0)
    with VideoWriter(tmp_path / "b.mp4", width=128, height=96, fps=25) as writer:
        writer.write(good, pts_seconds=1.0)
        with pytest.raises(
            ValueError, match=r"pts_seconds must be 0 or more and ascend, got 0.5 for picture 1"
        ):
            writer.write(good, pts_seconds=0.5)
    with pytest.raises(ValueError, match="must be used as a context manager"):
        VideoWriter(tmp_path / "c.mp4", width=128, height=96, fps=25).write(good)


def test_an_encoder_that_refuses(tmp_path, factory, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise av.error.InvalidDataError(22, "Invalid argument")

    monkeypatch.setattr(module.av, "open", refuse)
    with pytest.raises(
        VideoError,
        match=r"a.mp4 could not be written as h264, 128x96 at 25 frames per second: Invalid argument. Choose",
    ):
        _write(tmp_path / "a.mp4", factory)
    assert list(tmp_path.iterdir()) == []


def test_mp4_plays_while_it_loads(tmp_path, factory):
    path = tmp_path / "fast.mp4"
    _write(path, factory)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert probe(path).codec == "h264"


@pytest.mark.parametrize(
    ("codec", "suffix"), [(name, s) for name in CODECS for s in CODECS[name].suffixes[:2]]
)
def test_equal_pictures_give_equal_bytes(tmp_path, codec, suffix):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (30, 9, 16, 3), dtype=np.uint8)
    pictures = coarse.repeat(10, axis=1).repeat(10, axis=2)
    contents = set()
    for number in range(8):
        path = tmp_path / f"{number}{suffix}"
        with VideoWriter(path, width=160, height=90, fps=10, codec=codec) as writer:
            for picture in pictures:
                writer.write(picture)
        contents.add(path.read_bytes())
    assert len(contents) == 1
