"""CRC-32C (Castagnoli), the check sum of TensorFlow checkpoints, in NumPy: about 50 MB per second.

The register is linear over GF(2): that of two pieces one after the other is that of the first, moved on by as
many zero bytes as the second has, plus (exclusive or) that of the second. So all bytes are taken at once and
joined in pairs, pairs of pairs, and so on.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import UInt8, UInt32

_POLYNOMIAL = 0x82F63B78
_PIECE = 1 << 20


def crc32c(data: bytes | memoryview) -> int:
    """Return the CRC-32C of some bytes.

    Examples:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    given = np.frombuffer(data, dtype=np.uint8)
    register = np.array([0xFFFFFFFF], dtype=np.uint32)
    for start in range(0, len(given), _PIECE):
        piece = given[start : start + _PIECE]
        register = _after_zeros(register, len(piece)) ^ _register(piece)
    return int(register[0]) ^ 0xFFFFFFFF


def _register(piece: UInt8[np.ndarray, " num_bytes"]) -> UInt32[np.ndarray, "1"]:
    """Return the register after some bytes when it began with 0; zeros in front then change nothing."""
    length = 1 << max(len(piece) - 1, 0).bit_length()
    padded = np.concatenate([np.zeros(length - len(piece), dtype=np.uint8), piece])
    joined: np.ndarray = _zeros_table(0)[0][padded]
    level = 0
    while len(joined) > 1:
        joined = _look_up(_zeros_table(level), joined[0::2]) ^ joined[1::2]
        level += 1
    return joined


def _after_zeros(register: UInt32[np.ndarray, " n"], num_zeros: int) -> UInt32[np.ndarray, " n"]:
    for level in range(num_zeros.bit_length()):
        if num_zeros >> level & 1:
            register = _look_up(_zeros_table(level), register)
    return register


def _look_up(
    table: UInt32[np.ndarray, "4 256"], register: UInt32[np.ndarray, " n"]
) -> UInt32[np.ndarray, " n"]:
    parts = [table[part][register >> np.uint32(8 * part) & np.uint32(255)] for part in range(4)]
    joined: np.ndarray = parts[0] ^ parts[1] ^ parts[2] ^ parts[3]
    return joined


@lru_cache(maxsize=64)
def _zeros_table(level: int) -> UInt32[np.ndarray, "4 256"]:
    """Return what ``2 ** level`` zero bytes make of each value of each byte of the register."""
    if level:
        half = _zeros_table(level - 1)
        return np.stack([_look_up(half, row) for row in half])
    lowest = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        lowest = np.where(lowest & 1, lowest >> 1 ^ np.uint32(_POLYNOMIAL), lowest >> 1)
    byte = np.arange(256, dtype=np.uint32)
    return np.stack([lowest, byte, byte << 8, byte << 16]).astype(np.uint32)
