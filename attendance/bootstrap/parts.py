"""Parts that are made when they are first asked for, once; and who is told how far that has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

T = TypeVar("T")


class Holder(Protocol):
    """What has parts.

    Attributes:
        made: those that are made, by name.
        lock: held while one is made; reentrant, since one part may ask for another.
    """

    made: dict[str, Any]
    lock: threading.RLock


class Part(Generic[T]):
    """An attribute that is made once, by the first thread that asks; the others wait for it."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, holder: Holder, owner: type) -> T:
        made = holder.made
        if self._name not in made:
            with holder.lock:
                if self._name not in made:
                    made[self._name] = self._make(holder)
        part: T = made[self._name]
        return part


class IfMade:
    """A part that is told of changes where it is made, and is not made for that."""

    def __init__(self, holder: Holder, name: str) -> None:
        self._holder = holder
        self._name = name

    def expire(self) -> None:
        """Let the part, if there is one, ask the store again."""
        part = self._holder.made.get(self._name)
        if part is not None:
            part.expire()


class Progress(Protocol):
    """Told how far a long step has come."""

    def __call__(self, step: str, done: int, total: int | None, /) -> None:
        """``done`` of ``total`` (None: not known) of the step that people know by this name."""


def nobody(_step: str, _done: int, _total: int | None, /) -> None:
    """Progress that nobody watches."""
