"""The headers of every answer: what a page may load, who may frame it, and which of the browser's powers it has."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HSTS = "max-age=31536000"  # a year, the least that browsers' preload lists ask for; sent on https only


def content_security_policy(inline_scripts: Iterable[str]) -> str:
    """The policy that Streamlit's pages work under, with nothing left for another host.

    ``blob:`` is how Streamlit loads a component whose script is written inline, ``'wasm-unsafe-eval'`` what its charts and
    tables ask for, and ``data:`` in connect-src what ``st.camera_input`` reads its own picture through. Styles are written
    inline by Streamlit throughout.

    Args:
        inline_scripts: of Streamlit's page, exactly as they stand in it; they are allowed by their hash.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in inline_scripts)
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' blob: 'wasm-unsafe-eval' {hashes}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data:",
            "media-src 'self' blob:",
            "manifest-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def security_headers(inline_scripts: Iterable[str]) -> dict[str, str]:
    """The headers that every answer carries."""
    return {
        "Content-Security-Policy": content_security_policy(inline_scripts),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",  # no-referrer would turn the origin of our own forms into "null"
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
