"""The stream of values that dlib's serialisation writes. Format: dlib/serialize.h, dlib/cuda/tensor.h (dlib 19 and 20)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class DlibFormatError(ValueError):
    """The bytes are no network of the kind that this reader knows."""


class DlibReader:
    """Values without tags, so one wrong field shifts all that follows. Hence the checks; each raises DlibFormatError, or
    another ValueError or OverflowError where numpy or Python notices first.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that were not read yet."""
        return len(self._data) - self._at

    def raw(self, count: int) -> bytes:
        """The next bytes as they are."""
        if not 0 <= count <= self.left:
            raise DlibFormatError(f"the file ends inside a value at byte {self._at}")
        self._at += count
        return self._data[self._at - count : self._at]

    def integer(self) -> int:
        """Control byte: low 4 bits = how many bytes follow (little-endian magnitude), top bit = negative."""
        control = self.raw(1)[0]
        size = control & 0x0F
        if control & 0x70 or not 1 <= size <= 8:
            raise DlibFormatError(f"no integer at byte {self._at - 1}")
        value = int.from_bytes(self.raw(size), "little")
        return -value if control & 0x80 else value

    def integers(self, count: int) -> list[int]:
        """Several in a row."""
        return [self.integer() for _ in range(count)]

    def reals(self, count: int) -> list[float]:
        """Each is mantissa * 2**exponent, both as integers (float and double alike); 32000 and above mean inf and nan."""
        pairs = [(self.integer(), self.integer()) for _ in range(count)]
        if any(exponent >= 32_000 for _, exponent in pairs):
            raise DlibFormatError("a setting is not a finite number")
        return [math.ldexp(mantissa, exponent) for mantissa, exponent in pairs]

    def flag(self) -> bool:
        """An ASCII 0 or 1."""
        value = self.raw(1)
        if value not in (b"0", b"1"):
            raise DlibFormatError(f"no truth value at byte {self._at - 1}")
        return value == b"1"

    def flags(self, count: int) -> list[bool]:
        """Several in a row."""
        return [self.flag() for _ in range(count)]

    def text(self) -> str:
        """A length and that many ASCII letters."""
        return self.raw(self.integer()).decode("ascii")

    def shape(self, version: int) -> tuple[int, int, int, int]:
        """Samples, channels, rows, columns, after a version: 2 for a tensor, 1 for an alias_tensor (a shape alone)."""
        self.expect(version)
        samples, channels, rows, columns = self.integers(4)
        if min(samples, channels, rows, columns) < 0:
            raise DlibFormatError("a size is negative")
        return samples, channels, rows, columns

    def tensor(self) -> NDArray[np.float32]:
        """A shape and its float32 numbers: the only raw floats in the format."""
        shape = self.shape(2)
        return np.frombuffer(self.raw(4 * math.prod(shape)), "<f4").reshape(shape)

    def expect(self, *values: int) -> int:
        """A version, which must be one of these."""
        value = self.integer()
        if value not in values:
            raise DlibFormatError(f"version {value} at byte {self._at}, know {values}")
        return value
