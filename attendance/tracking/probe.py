"""Does anything answer there? Asked before mlflow is imported, so that nobody waits for a server that is away."""

from __future__ import annotations

import socket
from contextlib import closing
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def answers(uri: str, timeout_s: float) -> bool:
    """False where nothing accepts a connection at this http(s) address or, unencrypted, nothing answers a request.

    True for every other kind of URI, and for an address that is reached through a proxy. This is a hint on whether to
    wait, never a reason not to send.
    """
    try:
        parts = urlsplit(uri)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return True
        if parts.scheme in getproxies() and not proxy_bypass(parts.hostname):
            return True
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with closing(socket.create_connection((parts.hostname, port), timeout_s)) as connection:
            if parts.scheme == "https":
                return True
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            connection.sendall(f"GET /health HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            return bool(connection.recv(1))
    except (OSError, ValueError):
        return False
