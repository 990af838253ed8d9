"""Makes small test videos with PyAV: every frame shows its own number, so reading can be checked exactly.

The number is a barcode of 16 black or white cells of 8 x 8 pixels in the bottom rows (least significant bit
first, row by row). A white square in the top left corner shows the orientation.

    from make_videos import make_video, read_barcode
    make_video(path, codec="h264", num_frames=50, fps=25)     # the suffix chooses the container
    read_barcode(picture)                                     # -> frame number, or -1 if unclear

Needs PyAV and NumPy only. ``KINDS`` names what a reader must get exactly right (``make_kind``);
``make_broken(folder)`` writes one file for each way a video can be broken.
"""

import contextlib
import os
import random
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

CELL = 8
NUM_BITS = 16
CORNER = 16

# codec -> (encoder, pixel format, options)
ENCODERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "h264": ("libx264", "yuv420p", {"crf": "18", "preset": "veryfast", "threads": "1"}),
    "hevc": (
        "libx265",
        "yuv420p",
        {"crf": "18", "preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1"},
    ),
    "mpeg2": ("mpeg2video", "yuv420p", {"b": "6000000", "bf": "2"}),
    "mpeg4": ("mpeg4", "yuv420p", {"b": "4000000", "bf": "0"}),
    "mjpeg": ("mjpeg", "yuvj420p", {"b": "9000000"}),
    "ffv1": ("ffv1", "bgr0", {"level": "3", "slicecrc": "1", "g": "1"}),
    "ffv1-gray16": ("ffv1", "gray16le", {"level": "3", "slicecrc": "1", "g": "1"}),
}

# name -> (codec, suffix, further arguments): what a reader must get exactly right
KINDS: dict[str, tuple[str, str, dict[str, object]]] = {
    "h264-mp4": ("h264", ".mp4", {}),
    "h264-open-gop-mkv": ("h264", ".mkv", {"options": {"x264-params": "open-gop=1:bframes=3:b-adapt=0"}}),
    "h264-ts": ("h264", ".ts", {"options": {"x264-params": "bframes=2:b-adapt=0"}}),
    "h264-avi": ("h264", ".avi", {"options": {"bf": "0"}}),
    "h264-vfr-mp4": ("h264", ".mp4", {"variable": True}),
    "h264-vfr-mkv": ("h264", ".mkv", {"variable": True}),
    "h264-fragmented-mp4": ("h264", ".mp4", {"container_options": {"movflags": "+frag_keyframe+empty_moov"}}),
    "hevc-mp4": ("hevc", ".mp4", {}),
    "hevc-mkv": ("hevc", ".mkv", {}),
    "mpeg2-ps": ("mpeg2", ".mpg", {}),
    "mpeg2-ts": ("mpeg2", ".ts", {}),
    "mpeg2-avi": ("mpeg2", ".avi", {}),
    "mpeg2-interlaced-ps": ("mpeg2", ".mpg", {"options": {"flags": "+ildct+ilme", "bf": "2"}}),
    "mpeg4-avi": ("mpeg4", ".avi", {}),
    "mjpeg-avi": ("mjpeg", ".avi", {}),
    "ffv1-mkv": ("ffv1", ".mkv", {}),
    "ffv1-odd-mkv": ("ffv1", ".mkv", {"size": (65, 49)}),
    "ffv1-gray16-mkv": ("ffv1-gray16", ".mkv", {}),
}


def draw_picture(number: int, *, size: tuple[int, int] = (128, 96)) -> np.ndarray:
    """Return the picture of a frame number, (height, width, 3) uint8."""
    width, height = size
    across = 40 * np.sin((np.arange(width) + 3 * number) / 17)
    down = 30 * np.cos((np.arange(height) - 2 * number) / 11)
    wave = 128 + across[None, :] + down[:, None]
    picture = np.repeat(wave[..., None], 3, axis=2)
    picture[..., 2] = np.clip(picture[..., 2] - 30, 0, 255)
    picture = picture.astype(np.uint8)
    picture[: min(CORNER, height), : min(CORNER, width)] = 0
    picture[2 : min(CORNER - 2, height), 2 : min(CORNER - 2, width)] = 255
    for top, left, bit in _cells(width, height):
        picture[top : top + CELL, left : left + CELL] = 235 if number >> bit & 1 else 16
    return picture


def read_barcode(picture: np.ndarray) -> int:
    """Return the frame number in a picture (uint8 colour or uint16 gray), or -1 if a cell is unclear."""
    gray = picture.astype(float).mean(axis=2) if picture.ndim == 3 else picture / 257.0
    number = 0
    for top, left, bit in _cells(gray.shape[1], gray.shape[0]):
        value = gray[top + 2 : top + CELL - 2, left + 2 : left + CELL - 2].mean()
        if 90 < value < 166:
            return -1
        number |= int(value > 128) << bit
    return number


def corner_is_bright(picture: np.ndarray) -> bool:
    """Return whether the corner marker is at the top left."""
    return bool(picture[4 : CORNER - 4, 4 : CORNER - 4].mean() > 200)


def variable_times(num_frames: int, fps: float) -> np.ndarray:
    """Return irregular times in seconds, whole milliseconds, steps of 0.4 to 1.9 frame distances."""
    steps = np.random.default_rng(7).uniform(0.4, 1.9, num_frames) / fps
    return np.round(np.concatenate([[0.0], np.cumsum(steps)[:-1]]), 3)


def make_video(
    path: Path,
    *,
    codec: str = "h264",
    num_frames: int = 50,
    fps: float | Fraction = 25,
    size: tuple[int, int] = (128, 96),
    key_distance: int = 12,
    times: Sequence[float] | np.ndarray | None = None,
    variable: bool = False,
    numbers: Iterable[int] | None = None,
    pixel_format: str | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    draw: Callable[..., np.ndarray] = draw_picture,
) -> np.ndarray:
    """Write a video whose frames carry the numbers 0, 1, 2, ... and return their times in seconds.

    Args:
        path: The suffix chooses the container.
        codec: A key of ``ENCODERS``.
        num_frames: How many.
        fps: Frame rate.
        size: (width, height).
        key_distance: Most frames from one key frame to the next.
        times: Own times in seconds (multiples of a millisecond), ascending.
        variable: Use ``variable_times``.
        numbers: Own barcode numbers.
        pixel_format: Instead of that of the codec.
        options: For the encoder.
        container_options: For the muxer.
        draw: Makes the picture of a number.
    """
    encoder, usual_format, usual_options = ENCODERS[codec]
    rate = Fraction(fps).limit_denominator(100_000)
    if variable:
        times = variable_times(num_frames, float(rate))
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(encoder, rate=rate, options={**usual_options, **(options or {})})
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format or usual_format
        context = stream.codec_context
        context.gop_size = 1 if codec.startswith("ffv1") else key_distance
        context.thread_count = 1
        context.time_base = Fraction(1, 1000) if times is not None else 1 / rate
        shown = list(numbers) if numbers is not None else list(range(num_frames))
        for position, number in enumerate(shown):
            picture = draw(number, size=size)
            if stream.pix_fmt == "gray16le":
                frame = av.VideoFrame.from_ndarray(
                    (picture[..., 0].astype(np.uint16) * 257), format="gray16le"
                )
            else:
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = round(float(times[position]) * 1000) if times is not None else position
            frame.time_base = context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return np.asarray(times, dtype=float) if times is not None else np.arange(len(shown)) / float(rate)


def make_kind(folder: Path, kind: str, *, num_frames: int = 50, **changes: object) -> tuple[Path, np.ndarray]:
    """Write one of ``KINDS`` into a folder; return its path and the times of its frames."""
    codec, suffix, arguments = KINDS[kind]
    path = folder / f"{kind}{suffix}"
    return path, make_video(path, codec=codec, num_frames=num_frames, **{**arguments, **changes})  # type: ignore[arg-type]


def make_audio(path: Path, *, seconds: float = 1.0) -> None:
    """Write a file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        stream.layout = "mono"
        for start in range(0, int(seconds * 16_000), 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def make_with_sound(path: Path, *, codec: str, seconds: float, sound_seconds: float, fps: int = 25) -> None:
    """Write a video of ``seconds`` and silence of ``sound_seconds``, packets in the order of their time."""
    encoder, pixel_format, options = ENCODERS[codec]
    with av.open(str(path), "w") as container:
        shown = container.add_stream(encoder, rate=fps, options=options)
        shown.width, shown.height, shown.pix_fmt = 128, 96, pixel_format
        heard = container.add_stream("aac" if path.suffix == ".flv" else "mp2", rate=44_100)
        heard.layout = "mono"
        kind = "flt" if path.suffix == ".flv" else "s16"
        packets: list[av.Packet] = []
        for number in range(round(seconds * fps)):
            picture = av.VideoFrame.from_ndarray(draw_picture(number), format="rgb24")
            picture.pts = number
            packets += shown.encode(picture)
        for start in range(0, round(sound_seconds * 44_100), 1024):
            silence = np.zeros((1, 1024), np.float32 if kind == "flt" else np.int16)
            sound = av.AudioFrame.from_ndarray(silence, format=kind, layout="mono")
            sound.sample_rate, sound.pts = 44_100, start
            packets += heard.encode(sound)
        for packet in sorted(
            [*packets, *shown.encode(None), *heard.encode(None)],
            key=lambda one: (one.dts or 0) * one.time_base,
        ):
            container.mux_one(packet)


def remux(
    source: Path,
    target: Path,
    *,
    keep: Callable[[int, av.Packet], bool] | None = None,
    shift_seconds: float = 0.0,
    change: Callable[[int, bytes], bytes] | None = None,
) -> int:
    """Copy packets into another file, leaving some out or changing their bytes; return how many were kept."""
    kept = 0
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        incoming = reader.streams.video[0]
        outgoing = writer.add_stream_from_template(incoming)
        for number, packet in enumerate(reader.demux(incoming)):
            if packet.size == 0 or (keep is not None and not keep(number, packet)):
                continue
            made = packet
            if change is not None:
                made = av.Packet(change(number, bytes(packet)))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.duration, made.is_keyframe = packet.duration, packet.is_keyframe
            if shift_seconds:
                ticks = round(shift_seconds / incoming.time_base)
                made.pts = None if made.pts is None else made.pts + ticks
                made.dts = None if made.dts is None else made.dts + ticks
            made.stream = outgoing
            writer.mux_one(made)
            kept += 1
    return kept


def rotate_mp4(path: Path, degrees: int) -> None:
    """Write a rotation into the header of an MP4; the stored pictures stay as they are."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    matrix = at + (4 + 32 if data[at] == 0 else 4 + 44) + 4
    one = 1 << 16
    a, b, c, d = {
        0: (one, 0, 0, one),
        90: (0, one, -one, 0),
        180: (-one, 0, 0, -one),
        270: (0, -one, one, 0),
    }[degrees]
    data[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def patch_header(path: Path, box: bytes, position: int, value: int) -> None:
    """Overwrite a 32-bit number in the first MP4 box of a name, counted in bytes from behind the name."""
    data = bytearray(path.read_bytes())
    at = data.index(box) + 4 + position
    data[at : at + 4] = struct.pack(">I", value)
    path.write_bytes(data)


def flip_bits(
    path: Path, target: Path, *, seed: int = 0, num_bits: int = 40, first: float = 0.3, last: float = 0.95
) -> None:
    """Write a copy with random bits turned over between two fractions of the file."""
    data = bytearray(path.read_bytes())
    chance = random.Random(seed)
    size = data.rindex(b"moov") if path.suffix == ".mp4" else len(data)
    for _ in range(num_bits):
        data[chance.randrange(int(first * size), int(last * size))] ^= 1 << chance.randrange(8)
    target.write_bytes(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A broken video; ``opens``: something of it can be shown; ``num_frames``: the truth before it broke."""

    path: Path
    opens: bool
    num_frames: int = 0


def make_broken(folder: Path, *, num_frames: int = 40) -> dict[str, Broken]:
    """Write one file for each way a video can be broken; return them by name."""
    folder.mkdir(parents=True, exist_ok=True)
    whole: dict[str, Path] = {}
    for kind in (
        "h264-mp4",
        "h264-open-gop-mkv",
        "h264-ts",
        "h264-fragmented-mp4",
        "mpeg2-ps",
        "mpeg2-ts",
        "mpeg2-avi",
    ):
        whole[kind], _ = make_kind(folder, kind, num_frames=num_frames)
    faststart = folder / "faststart.mp4"
    make_video(faststart, num_frames=num_frames, container_options={"movflags": "+faststart"})
    whole["faststart"] = faststart
    made: dict[str, Broken] = {}

    def add(name: str, suffix: str, content: bytes | Path, *, opens: bool = True) -> Path:
        path = folder / f"broken-{name}{suffix}"
        path.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        made[name] = Broken(path=path, opens=opens, num_frames=num_frames if opens else 0)
        return path

    for kind in (
        "h264-open-gop-mkv",
        "h264-ts",
        "h264-fragmented-mp4",
        "mpeg2-ps",
        "mpeg2-ts",
        "mpeg2-avi",
        "faststart",
    ):
        data = whole[kind].read_bytes()
        add(f"truncated-{kind}", whole[kind].suffix, data[: int(len(data) * 0.7)])
    plain = whole["h264-mp4"].read_bytes()
    add("truncated-no-moov", ".mp4", plain[: len(plain) // 2], opens=False)
    moov_first = faststart.read_bytes()
    add("header-only", ".mp4", moov_first[: moov_first.index(b"mdat") + 4], opens=False)
    for box, position in ((b"mvhd", 16), (b"mdhd", 16), (b"tkhd", 20)):
        patch_header(add(f"zero-duration-{box.decode()}", ".mp4", plain), box, position, 0)
    patch_header(add("long-duration-mdhd", ".mp4", plain), b"mdhd", 16, 0x7FFFFFF0)
    patch_header(add("too-many-samples", ".mp4", plain, opens=False), b"stsz", 8, 0x7FFFFFFF)
    made["too-many-samples"] = Broken(path=made["too-many-samples"].path, opens=False, num_frames=num_frames)
    for kind in ("h264-mp4", "h264-ts", "mpeg2-ps", "mpeg2-avi"):
        flip_bits(whole[kind], add(f"bit-flips-{kind}", whole[kind].suffix, b""))
        made[f"bit-flips-{kind}"] = Broken(
            path=made[f"bit-flips-{kind}"].path, opens=True, num_frames=num_frames
        )
    for kind in ("h264-open-gop-mkv", "mpeg2-ts"):
        data = bytearray(whole[kind].read_bytes())
        third = len(data) // 3
        add(f"zero-hole-{kind}", whole[kind].suffix, bytes(data[:third] + bytes(4000) + data[third + 4000 :]))
        add(f"deleted-block-{kind}", whole[kind].suffix, bytes(data[:third] + data[third + 4000 :]))
        add(f"doubled-block-{kind}", whole[kind].suffix, bytes(data[: third + 4000] + data[third:]))
    target = add("non-key-start", ".ts", b"")
    remux(whole["mpeg2-ts"], target, keep=lambda number, _: number >= 5)
    target = add("lost-packets", ".ts", b"")
    remux(whole["h264-ts"], target, keep=lambda number, packet: packet.is_keyframe or number % 7 != 3)
    target = add("corrupt-packets", ".mkv", b"")
    remux(
        whole["h264-open-gop-mkv"],
        target,
        change=lambda number, data: random.Random(number).randbytes(len(data)) if number % 9 == 4 else data,
    )
    target = add("late-start", ".ts", b"")
    remux(whole["h264-ts"], target, shift_seconds=2**33 / 90_000 - 1.0)
    add("backward-times", ".ts", whole["h264-ts"].read_bytes() + whole["h264-ts"].read_bytes())
    gap = add("gap", ".mp4", b"")
    make_video(
        gap,
        num_frames=num_frames,
        times=[k / 25 + (10.0 if k >= num_frames // 2 else 0.0) for k in range(num_frames)],
    )
    make_audio(add("audio-only", ".m4a", b"", opens=False))
    add("zero-bytes", ".mp4", b"", opens=False)
    add("text", ".mp4", b"seizure log\n" * 200, opens=False)
    add("text", ".txt", b"seizure log\n" * 200, opens=False)
    add("random-bytes", ".mpg", random.Random(1).randbytes(20_000), opens=False)
    add("wrong-extension", ".avi", plain)
    add("unicode-größe-視頻", ".mp4", plain)
    add("colon:name", ".mp4", plain)
    directory = folder / "broken-directory.mp4"
    directory.mkdir(exist_ok=True)
    made["directory"] = Broken(path=directory, opens=False)
    made["absent"] = Broken(path=folder / "broken-absent.mp4", opens=False)
    with contextlib.suppress(OSError, AttributeError):
        link = folder / "broken-dangling.mp4"
        link.symlink_to(folder / "nothing.mp4")
        made["dangling-link"] = Broken(path=link, opens=False)
    with contextlib.suppress(OSError, AttributeError):
        pipe = folder / "broken-fifo.mp4"
        os.mkfifo(pipe)
        made["fifo"] = Broken(path=pipe, opens=False)
    return made


def _cells(width: int, height: int) -> list[tuple[int, int, int]]:
    """Return (top, left, bit) of every cell; nothing when the picture is too small for a barcode."""
    per_row = width // CELL
    if per_row == 0 or height < CELL * -(-NUM_BITS // per_row):
        return []
    num_rows = -(-NUM_BITS // per_row)
    first_top = height - CELL * num_rows
    return [(first_top + CELL * (bit // per_row), CELL * (bit % per_row), bit) for bit in range(NUM_BITS)]
