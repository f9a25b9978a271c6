"""Which path belongs to whom. What is not listed here does not exist, whatever Streamlit would answer to it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

SOCKET = "/_stcore/stream"
UPLOAD = "/_stcore/upload_file/"


class Door(Enum):
    """Who may pass, by what is behind it."""

    HEALTH = auto()  # everybody, at any time, under any host name
    STATIC = auto()  # everybody, at any time: code and fonts that are the same for all
    SETUP = auto()  # everybody; it works with a one-time link alone
    SIGN_IN = auto()  # everybody, once there is a password; the routes check for themselves
    KIOSK_PAGE = auto()  # whoever may check in
    KIOSK = auto()  # the same; the routes tell an unpaired screen its code
    OFFICE_PAGE = auto()  # operators; others are led to the sign-in page
    OFFICE = auto()  # operators
    UPLOAD = auto()  # operators, and a little of it whoever may check in
    OIDC = auto()  # everybody, where the site's own provider is set up
    NOWHERE = auto()  # nobody


_EXACT = {
    "/": Door.KIOSK_PAGE,
    "/healthz": Door.HEALTH,
    "/readyz": Door.HEALTH,
    "/_stcore/health": Door.HEALTH,
    "/_stcore/host-config": Door.STATIC,
    "/favicon.png": Door.STATIC,
    "/manifest.json": Door.STATIC,
    "/in/style.css": Door.STATIC,
    "/in/pages.js": Door.STATIC,
    "/in/base.js": Door.STATIC,
    "/in/app.css": Door.STATIC,
    "/in/icon.svg": Door.STATIC,
    "/in/setup": Door.SETUP,
    "/auth/login": Door.OIDC,
    "/auth/logout": Door.OIDC,
    "/oauth2callback": Door.OIDC,
}
_BELOW = {
    "/static/": Door.STATIC,
    "/app/static/": Door.STATIC,
    "/component/": Door.STATIC,
    "/_stcore/bidi-components/": Door.STATIC,
    "/in/": Door.SIGN_IN,
    "/api/kiosk/": Door.KIOSK,
    "/media/": Door.OFFICE,
    UPLOAD: Door.UPLOAD,
}


def door_of(path: str, office: Collection[str]) -> Door:
    """Whose path this is; ``office`` are the names of the office's pages, such as ``records``."""
    if path in _EXACT:
        return _EXACT[path]
    if path.strip("/") in office and not path.startswith("//"):
        return Door.OFFICE_PAGE
    return next((door for start, door in _BELOW.items() if path.startswith(start)), Door.NOWHERE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where this server stands.

    Attributes:
        hosts: the host names that it answers to; empty: all.
        open: whether anybody who reaches the page may check in.
    """

    hosts: frozenset[str]
    open: bool

    def answers_to(self, host: str | None) -> bool:
        """Whether this Host header is one of ours. A page of another name that was bent to this address is not (DNS
        rebinding)."""
        return not self.hosts or (host is not None and _name(f"//{host}") in self.hosts)


def place_of(*, address: str, public_url: str, allowed_hosts: Collection[str], access: str, browser: str = "") -> Place:
    """Where the server stands, from its settings.

    A server that listens on this machine alone answers to this machine's names and to the public address; one that listens
    on the network answers to any name unless some are listed. A kiosk is open of itself only where nothing but this machine
    can reach it, under no other name: behind a proxy it is not.

    Args:
        address: that it listens on; empty: all.
        public_url: the address that people open, or empty.
        allowed_hosts: of ``server.allowedHosts``; where there are some, Streamlit's own rules decide as well.
        access: the setting ``kiosk_access``.
        browser: the host name of the printed links.
    """
    named = {name for name in (_name(public_url), *(_name(f"//{host}") for host in allowed_hosts)) if name}
    local = is_local(address)
    hosts = named | {"localhost", "127.0.0.1", "::1"} if local or named else set()
    if browser and hosts:
        hosts.add(browser.lower())
    patterns = any("*" in host for host in allowed_hosts)  # "*.example.org": left to Streamlit's own check
    alone = local and all(is_local(host) for host in named)
    return Place(frozenset() if patterns else frozenset(hosts), access == "open" or (access == "auto" and alone))


def is_local(host: str) -> bool:
    """Whether this name or address means this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _name(url: str) -> str:
    """The host name of a URL, without port; empty where there is none or it cannot be read."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
