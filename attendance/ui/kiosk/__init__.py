"""The live kiosk's own code for the browser: plain ES modules, style sheets, one piece of markup; no build step.

Streamlit takes a component's script as one module. ``script`` therefore puts the files together in the order in which they
need each other, and takes out the ``import`` lines and the word ``export``, which only an editor and a reader need.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
MODULES = (
    "icons.js",
    "words.js",
    "clock.js",
    "camera.js",
    "wire.js",
    "overlay.js",
    "panel.js",
    "stage.js",
    "names.js",
    "views.js",
    "sender.js",
    "page.js",
    "connection.js",
    "live.js",
)

_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def script() -> str:
    """The component's module, whose default export Streamlit calls with the element to draw in."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", _text(name))) for name in MODULES)


@cache
def style() -> str:
    """The rules inside the component's shadow root."""
    return _text("live.css") + _text("shapes.css")


@cache
def markup() -> str:
    """The elements that every state fills; none is ever added above the video."""
    return _text("live.html")


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
