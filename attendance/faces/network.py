"""One HTTP request in a thread of its own, so that whoever waits for it can stop waiting.

Looking a host's name up may block for longer than any timeout that can be set: the C library's getaddrinfo takes none.
The waiting side therefore has its own limit, and gives the thread up when that has passed. The thread only reads the
network; a thread that was given up touches nothing and ends by itself.
"""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    Transport = httpx.BaseTransport

MAX_REDIRECTS = 5
QUEUE_PIECES = 16  # of at most 64 KB each: what may lie between the network and the disk


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a download may be silent.

    Attributes:
        contact_s: from the start to the headers of the answer, names, connections and redirects included, seconds.
        stall_s: between two pieces of the body, seconds.
    """

    contact_s: float = 2.5
    stall_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Head:
    """What comes before the body."""

    status: int
    headers: httpx.Headers


class Broken(Exception):  # noqa: N818  a state of a connection; download.py turns it into one of our errors
    """The connection ended before the body did."""


class NetworkFault(Exception):  # noqa: N818  as above
    """The network cannot be used; the text says why, in words for people."""


@contextmanager
def reading(
    url: str, headers: dict[str, str], limits: Limits, transport: Transport | None
) -> Iterator[Callable[[float], Any]]:
    """A thread that asks for ``url``; the function gives, waiting at most some seconds, a Head, pieces, b"" or an error."""
    pieces: queue.Queue[Any] = queue.Queue(QUEUE_PIECES)
    given_up = threading.Event()

    def put(item: Any) -> bool:
        while not given_up.is_set():
            try:
                pieces.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            _get(url, headers, limits, transport, put)
        except BaseException as error:  # noqa: BLE001  handed over to the waiting thread, which raises it
            put(_translated(error))

    threading.Thread(target=read, name="weights-download", daemon=True).start()
    try:
        yield lambda seconds: pieces.get(timeout=seconds)
    finally:
        given_up.set()


def _get(
    url: str,
    headers: dict[str, str],
    limits: Limits,
    transport: Transport | None,
    put: Callable[[Any], bool],
) -> None:
    import httpx  # here, so that its import counts towards the limit of the first contact

    # Longer than the waiting side's own limits, which decide; these end a thread that was given up.
    timeout = httpx.Timeout(limits.stall_s + 1, connect=limits.contact_s + 1)
    with httpx.Client(timeout=timeout, transport=transport) as client:
        for _ in range(MAX_REDIRECTS + 1):
            with client.stream("GET", url, headers=headers) as response:
                if response.next_request is None:
                    going_on = put(Head(response.status_code, response.headers))
                    body = response.iter_raw()  # pieces as they come: a fixed size would wait for a slow server
                    while going_on and (piece := next(body, b"")):
                        going_on = put(piece)
                    if going_on:
                        put(b"")
                    return
                if response.url.scheme == "https" and response.next_request.url.scheme != "https":
                    raise httpx.InvalidURL("a redirect left https")
                url = str(response.next_request.url)
        raise httpx.TooManyRedirects("too many redirects")


def _translated(error: BaseException) -> BaseException:
    """What the library raised as one of ours. Its text is left out: it may repeat a proxy's address with its password."""
    import httpx

    if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError)):
        return Broken()
    if isinstance(error, httpx.TimeoutException):
        return NetworkFault("it did not answer in time")
    if isinstance(error, (httpx.TransportError, httpx.TooManyRedirects, OSError)):
        return NetworkFault("it cannot be reached from this machine")
    if isinstance(error, (httpx.InvalidURL, ValueError, ImportError)):  # ImportError: a SOCKS proxy without its package
        return NetworkFault("the proxy settings or a redirect cannot be used")
    return error  # a fault of ours
