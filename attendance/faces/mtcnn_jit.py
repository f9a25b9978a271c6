"""How the detector's kernels are compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

_Function = TypeVar("_Function", bound="Callable[..., object]")


def inner(function: _Function) -> _Function:
    """A part of compiled functions of the same file; sums may be reordered.

    Numba looks at one file only to see whether what it has cached is out of date: keep such a part beside its user.
    """
    compiled: _Function = njit(nogil=True, fastmath=True)(function)
    return compiled


def outer(signature: object, *, fastmath: bool) -> Callable[[_Function], _Function]:
    """Compiled on import, or loaded from numba's cache; runs without the interpreter's lock."""

    def decorate(function: _Function) -> _Function:
        compiled: _Function = njit(signature, nogil=True, cache=True, fastmath=fastmath, error_model="numpy")(function)
        return compiled

    return decorate
