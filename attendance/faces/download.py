"""One file over HTTP into a ``.part`` file: resumed, bounded in time, and never longer than announced."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any

from attendance.errors import WeightsUnavailableError
from attendance.faces.network import Broken, NetworkFault, reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from attendance.faces.network import Head, Limits, Transport
    from attendance.faces.published import Published

MAX_BROKEN = 5  # connections that break after some progress and are made anew


class _StartAgain(Exception):  # noqa: N818  never leaves this module
    """The server cannot go on where the .part file ends."""


class Download:
    """Brings one file into ``part``.

    Args:
        what: the file's address and its size; another size is refused at once.
        part: the file to fill. Beside it lies ``<part>.etag``, by which a server knows whether its file is still the same.
        limits: how long the network may be silent.
        transport: what carries the requests; None: the system's network and its proxy settings.
    """

    def __init__(
        self,
        what: Published,
        part: Path,
        *,
        limits: Limits,
        transport: Transport | None = None,
    ) -> None:
        self._what = what
        self._size = what.size
        self._part = part
        self._etag = part.with_name(part.name + ".etag")
        self._limits = limits
        self._transport = transport

    def run(self, progress: Callable[[int, int], None]) -> None:
        """Fill the .part file up to its size, going on where an earlier download ended; ``progress(done, total)`` in bytes.

        Raises:
            WeightsUnavailableError: ``download_failed``; what came is kept for the next time, unless the disk is full.
        """
        deadline = time.monotonic() + self._limits.contact_s
        broken = 0
        while (before := self._have()) != self._size:
            try:
                self._go_on(before, deadline, progress)
            except _StartAgain:
                self.forget()
            except Broken as error:
                broken += 1
                if self._have() <= before or broken > MAX_BROKEN:
                    raise self._failed("the connection broke") from error
                deadline = time.monotonic() + self._limits.contact_s

    def forget(self) -> None:
        """Remove what was downloaded."""
        self._part.unlink(missing_ok=True)
        self._etag.unlink(missing_ok=True)

    def _have(self) -> int:
        size = self._part.stat().st_size if self._part.exists() else 0
        if size <= self._size:
            return size
        self.forget()
        return 0

    def _go_on(self, have: int, deadline: float, progress: Callable[[int, int], None]) -> None:
        headers = {"Accept-Encoding": "identity", "User-Agent": "attend"}
        if have:
            etag = self._etag.read_text(encoding="ascii") if self._etag.exists() else ""
            if not etag:
                raise _StartAgain
            headers |= {"Range": f"bytes={have}-", "If-Range": etag}
        with reading(self._what.url, headers, self._limits, self._transport) as take:
            head = self._take(take, deadline - time.monotonic(), "it did not answer in time")
            done = self._position(head, have)
            etag = head.headers.get("etag", "")
            # A weak tag (W/) doesn't promise identical bytes, so it cannot be used to go on (RFC 9110, 13.1.5).
            self._etag.write_text("" if etag.startswith("W/") else etag, encoding="ascii", errors="ignore")
            progress(done, self._size)
            with self._part.open("ab" if done else "wb") as file:
                while piece := self._take(take, self._limits.stall_s, "it stopped sending"):
                    done += len(piece)
                    if done > self._size:
                        self.forget()
                        raise self._failed("it sent more than the file has")
                    file.write(piece)
                    progress(done, self._size)
        if done < self._size:
            raise Broken

    def _position(self, head: Head, have: int) -> int:
        """Where in the file the answer's body begins, bytes."""
        if have and head.status == 206:
            if head.headers.get("content-range") == f"bytes {have}-{self._size - 1}/{self._size}":
                return have
            raise _StartAgain
        if have and head.status == 416:  # range not satisfiable
            raise _StartAgain
        if head.status != 200:
            raise self._failed(f"it answered with HTTP status {head.status}")
        if head.headers.get("content-length", str(self._size)) != str(self._size):
            raise self._failed("something else answered, such as a sign-in page")
        return 0

    def _take(self, take: Callable[[float], Any], seconds: float, late: str) -> Any:
        try:
            got = take(max(seconds, 0.001))
        except queue.Empty:
            raise self._failed(late) from None
        if isinstance(got, NetworkFault):
            raise self._failed(str(got)) from None
        if isinstance(got, BaseException):
            raise got
        return got

    def _failed(self, why: str) -> WeightsUnavailableError:
        host = self._what.url.split("/")[2].rpartition("@")[2]
        return WeightsUnavailableError(
            f"{self._what.title}'s weights could not be downloaded from {host}: {why}.",
            model=self._what.model,
            reason="download_failed",
        )
