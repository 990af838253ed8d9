"""Tells which frames may show damage: those that were broken, and those that were predicted from them.

Decoders conceal what they cannot decode, and only some say so on the frame itself. Three signs count: a packet
that the container marks as corrupt or that the decoder refuses, an error that the decoder reports while it works
on a packet, and the flag on the frame. Damage lasts, in the order of decoding, until the next key frame.
"""

import contextlib
import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import av.logging

# The decoder's complaints are evidence here, not messages for people: they are caught per packet, below.
logging.getLogger("libav").addHandler(logging.NullHandler())
logging.getLogger("libav").propagate = False
av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)

# Book-keeping of references that were given up: said of whole files that are read from the middle, too.
_HARMLESS = ("mmco",)
_MOST_PENDING = 256  # more packets than any decoder holds back


@dataclass(slots=True)
class _Sent:
    tick: int
    group: int
    is_damaged: bool


class DamageTracker:
    """Follows packets into the decoder and frames out of it. Start a new one after each seek."""

    def __init__(self) -> None:
        self._sent: deque[_Sent] = deque(maxlen=_MOST_PENDING)
        self._group = 0  # number of key packets so far
        self._key_tick: int | None = None
        self._now = False
        self._before = (
            False  # the group before this one; its end may be needed by frames shown before the key frame
        )

    @contextlib.contextmanager
    def watching(self, tick: int | None, *, is_key: bool, is_corrupt: bool) -> Iterator[None]:
        """Watch the decoder work on one packet; an exception passes after it was noted.

        Args:
            tick: Presentation time of the packet, or None.
            is_key: Whether the container calls it a key frame.
            is_corrupt: Whether the container calls it damaged.
        """
        if is_key:
            self._group += 1
            self._before, self._now, self._key_tick = self._now, False, tick
        # What is shown before the first key frame after a seek lacks its references by nature, and is dropped.
        is_leading = self._group <= 1 and (
            self._key_tick is None or (tick is not None and tick < self._key_tick)
        )
        failed = True
        with av.logging.Capture() as complaints:
            try:
                yield
                failed = False
            finally:
                complained = any(not text.lstrip().startswith(_HARMLESS) for _, _, text in complaints)
                if not is_leading and (failed or is_corrupt or complained):
                    self._now = True
                borrowed = (
                    self._before and tick is not None and self._key_tick is not None and tick < self._key_tick
                )
                if tick is not None:
                    self._sent.append(_Sent(tick, self._group, self._now or borrowed))

    def is_damaged(self, tick: int, *, is_flagged: bool) -> bool:
        """Return whether a frame that came out may show damage, and forget its packet.

        Args:
            tick: Presentation time of the frame.
            is_flagged: Whether the decoder flagged the frame itself.
        """
        own = next((sent for sent in self._sent if sent.tick == tick), None)
        if own is None:
            if is_flagged:
                self._now = True
            return is_flagged or self._now
        if is_flagged:
            after = False
            for sent in self._sent:
                after = after or sent is own
                if after and sent.group == own.group:
                    sent.is_damaged = True
            if own.group == self._group:
                self._now = True
        damaged = own.is_damaged
        self._sent.remove(own)
        return damaged
