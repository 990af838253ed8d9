"""Mends the time stamps of MPEG program and transport streams that give fewer stamps than pictures.

Such a stream stamps only the first picture that begins in a packet of the container. Where pictures are so
small that several begin in one packet, the demuxer guesses the others, and around a key frame it guesses wrong.
Each picture carries its place in its group (``temporal_reference``), so a wrong stamp can be told, and set right
from its neighbours. Each group is judged alone, so that reading on and seeking agree.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, TypeAlias

import av.packet
import av.video.stream

if TYPE_CHECKING:
    VideoPacket: TypeAlias = av.packet.Packet[av.video.stream.VideoStream]
else:
    VideoPacket = av.packet.Packet  # generic for the type checker only

_MOST_IN_GROUP = 300  # more pictures (and bytes) are not held back; such a group is left as it is
_MOST_BYTES = 64 * 2**20
_GROUP_CODE = b"\x00\x00\x01\xb8"
_PICTURE_CODE = b"\x00\x00\x01\x00"
_LEAST_SHARE = 0.5  # of a group's pictures must agree before the others are set right

Retimed: TypeAlias = dict[int, int]
"""New ticks by position in the group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureHeader:
    """What a packet says of its picture.

    Args:
        place: In display order, from the beginning of the group.
        begins_group: Whether a group begins with this packet.
    """

    place: int
    begins_group: bool


def picture_header(data: bytes) -> PictureHeader | None:
    """Return what an MPEG-1 or MPEG-2 packet says of its picture; None if it holds no whole header."""
    at = data.find(_PICTURE_CODE)
    if at < 0 or len(data) < at + 6:
        return None
    place = data[at + 4] << 2 | data[at + 5] >> 6
    return PictureHeader(place=place, begins_group=data.find(_GROUP_CODE, 0, at) >= 0)


def retime_group(places: list[int], ticks: list[int | None], step_ticks: float) -> Retimed | None:
    """Return which stamps of a group must be others.

    Stamps of a constant rate lie ``step_ticks`` apart per place. Pauses and slower rates make them lie further
    apart, and are left alone. Closer ones are wrong: where at least half of the group agrees on where it begins,
    and the pictures on both sides of the wrong ones are among them, the wrong ones follow.

    Args:
        places: Place of each picture in display order, in the order of the file.
        ticks: Stamp of each, or None.
        step_ticks: Usual distance of two pictures.

    Returns:
        Empty if nothing is wrong; None if it is not clear which stamps are.
    """
    if len(set(places)) < len(places):
        return {}  # single fields: their places do not tell
    order = sorted(range(len(places)), key=places.__getitem__)
    known = [(places[at], tick) for at in order if (tick := ticks[at]) is not None]
    tolerance = max(1.5, 0.1 * step_ticks)
    pairs = list(pairwise(known))
    if all(
        tick - before >= (place - earlier) * step_ticks - tolerance
        for (earlier, before), (place, tick) in pairs
    ):
        return {}
    begins = [None if (tick := ticks[at]) is None else tick - places[at] * step_ticks for at in order]
    base = _common(begins, tolerance)
    if base is None:
        # A rate that varies, as long as time goes on.
        return {} if all(tick > before for (_, before), (_, tick) in pairs) else None
    fits = [begin is not None and abs(begin - base) <= tolerance for begin in begins]
    if _leaps(begins, fits, base, tolerance):
        return None
    return {at: round(base + places[at] * step_ticks) for at, fit in zip(order, fits, strict=True) if not fit}


def _common(begins: list[float | None], tolerance: float) -> float | None:
    """Return the beginning of the group that most pictures agree on, if they are enough and no rival is as many."""
    there = sorted(begin for begin in begins if begin is not None)
    counts: Counter[float] = Counter()
    centre: float | None = None
    for begin in there:
        if centre is None or begin - centre > tolerance:
            centre = begin
        counts[centre] += 1
    best = counts.most_common(2)
    if not best or best[0][1] < max(2, _LEAST_SHARE * len(begins)):
        return None
    return None if len(best) == 2 and best[1][1] == best[0][1] else best[0][0]


def _leaps(begins: list[float | None], fits: list[bool], base: float, tolerance: float) -> bool:
    """Return whether the group ends with later stamps, as behind a pause: then no one base holds for all."""
    runs = [(fit, list(run)) for fit, run in groupby(range(len(fits)), key=fits.__getitem__)]
    fit, last = runs[-1]
    return not fit and any((begin := begins[at]) is not None and begin > base + tolerance for at in last)


class StampMender:
    """Gives the packets of one reading right stamps, group by group.

    Args:
        step_ticks: Usual distance of two pictures.
        at_start: Whether reading begins at the beginning of the file, not behind a seek.
    """

    def __init__(self, step_ticks: float, *, at_start: bool) -> None:
        self._step_ticks = step_ticks
        self._drops = not at_start  # behind a seek, groups that lack stamps have no sure place in time
        self._is_first = not at_start
        self._is_new = at_start  # the very first picture of a file has its own stamp
        self._last_position: int | None = None
        # When the next group begins if pictures go on without a pause: as believed, and as one stamp claims.
        self._begin: float | None = None
        self._claimed: float | None = None
        self._held: list[VideoPacket] = []
        self._places: list[int] = []
        self._stamped: list[bool] = []

    def mended(self, packets: Iterator[VideoPacket]) -> Iterator[tuple[VideoPacket, bool]]:
        """Yield packets with right stamps, and whether a stamp is wrong beyond mending.

        Packets of one group are held back together. What precedes the first group is passed as it is.
        """
        num_bytes = 0
        for packet in packets:
            header = picture_header(bytes(packet)) if packet.size > 0 else None
            is_full = len(self._held) >= _MOST_IN_GROUP or num_bytes > _MOST_BYTES
            if header is None or header.begins_group or is_full:
                yield from self._released()
                num_bytes = 0
            is_stamped = self._has_own_stamp(packet)
            if header is None or not (self._held or header.begins_group):
                yield packet, False
                continue
            self._held.append(packet)
            self._places.append(header.place)
            self._stamped.append(is_stamped)
            num_bytes += packet.size
        yield from self._released()

    def _has_own_stamp(self, packet: VideoPacket) -> bool:
        """Return whether a picture is the first that begins in its packet of the container."""
        position = packet.pos
        is_own = position is not None and position != self._last_position and not self._is_first
        self._last_position, self._is_first = position, False
        return is_own and packet.pts is not None

    def _released(self) -> Iterator[tuple[VideoPacket, bool]]:
        """Yield the packets of the group that is complete."""
        held, places, stamped = self._held, self._places, self._stamped
        self._held, self._places, self._stamped = [], [], []
        if not held:
            return
        changes = self._changes(places, [packet.pts for packet in held], stamped)
        self._is_new = False
        for number, packet in enumerate(held):
            if changes and number in changes:
                packet.pts = changes[number]
        if changes is not None:
            self._drops = False
            last = held[max(range(len(held)), key=places.__getitem__)].pts
            self._begin = None if last is None else last + self._step_ticks
            self._claimed = None
        if self._drops:
            return
        for packet in held:
            yield packet, changes is None

    def _changes(self, places: list[int], ticks: list[int | None], stamped: list[bool]) -> Retimed | None:
        step = self._step_ticks
        if all(stamped) and (len(places) > 2 or not self._drops):
            return retime_group(places, ticks, step)
        if len(set(places)) < len(places):
            return {}  # single fields: their places do not tell
        begins = [
            tick - place * step
            for place, tick, is_own in zip(places, ticks, stamped, strict=True)
            if is_own and tick is not None
        ]
        base = self._base(begins)
        if base is None:
            # Go on as if the pictures followed without a pause, and see which the next stamp confirms.
            length = (max(places) + 1) * step
            self._begin = None if self._begin is None else self._begin + length
            self._claimed = begins[-1] + length if begins else None
            return None
        return {at: round(base + place * step) for at, place in enumerate(places)}

    def _base(self, begins: list[float]) -> float | None:
        """Return when a group begins, from what its own stamps claim; None where that is not sure.

        One stamp alone is not believed: where a picture begins at the very edge of a packet of the container,
        the demuxer gives it the stamp of the one after it.
        """
        tolerance = 2 * max(1.5, 0.1 * self._step_ticks)
        if not begins:
            return self._begin if self._claimed is None else None
        if max(begins) - min(begins) > tolerance:
            return None  # a pause, another rate or a wrong stamp, somewhere between two stamps
        base = sum(begins) / len(begins)
        believed = [begin for begin in (self._begin, self._claimed) if begin is not None]
        if len(begins) > 1 or any(abs(base - begin) <= tolerance for begin in believed) or self._is_new:
            return base
        return None
