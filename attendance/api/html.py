"""The frame of the plain pages, and the files that they load. They need neither Streamlit nor a script, and work before
anybody has signed in.
"""

from __future__ import annotations

import hashlib
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from attendance.api import streamlit_private
from attendance.api.requests import STYLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

HERE = Path(__file__).parent
SCRIPT = "/in/pages.js"
APP_STYLE = "/in/app.css"
ICON = "/in/icon.svg"
KEY = '<circle cx="8" cy="15" r="4"/><path d="m11 12 8-8M16 7l3 3"/>'  # the signs that the kiosk shows, in a box of 24
PAUSE = '<path d="M9 6v12M15 6v12"/>'
UI = HERE.parent / "ui"
_FILES = {
    STYLE: ([HERE / "pages.css"], "text/css"),
    SCRIPT: ([HERE / "pages.js"], "text/javascript"),
    ICON: ([UI / "icon.svg"], "image/svg+xml"),
    streamlit_private.BASE: ([HERE / "base.js"], "text/javascript"),
    APP_STYLE: ([UI / name for name in ("style.css", "system.css", "register.css")], "text/css"),
}


def page(
    title: str,
    content: str,
    *,
    status: int = 200,
    wall: bool = False,
    refresh_s: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """One page.

    Args:
        title: as text; shown by the browser before the app's name.
        content: HTML below the logo; whoever writes it has escaped what came from outside.
        status: of HTTP.
        wall: for a screen on a wall rather than for somebody at a desk.
        refresh_s: the page is asked for again after so many seconds, where the browser runs no scripts.
        headers: more of them.
    """
    again = f'<noscript><meta http-equiv="refresh" content="{refresh_s}"></noscript>' if refresh_s else ""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} · Attend</title>{again}<meta name="color-scheme" content="light dark">'
        f'<meta name="robots" content="noindex"><link rel="icon" href="{ICON}">'
        f'<link rel="stylesheet" href="{fresh(STYLE)}"><script src="{fresh(SCRIPT)}" defer></script>'
    )
    brand = f'<div class="brand"><img src="{ICON}" alt="" width="36" height="36">Attend</div>'
    body = f"<body{' class=wall' if wall else ''}><main>{brand}{content}</main></body>"
    document = f'<!doctype html><html lang="en"><head>{head}</head>{body}</html>'
    return HTMLResponse(document, status, {"Cache-Control": "no-store", **(headers or {})})


def message(title: str, text: str, *, status: int, more: str = "", retry_s: int | None = None) -> HTMLResponse:
    """A page that only says something.

    Args:
        title: the headline.
        text: what it means and what to do.
        status: of HTTP.
        more: HTML below the text.
        retry_s: the browser asks again by itself after so many seconds; also sent as ``Retry-After``.
    """
    headers = {"Retry-After": str(retry_s), "Refresh": str(retry_s)} if retry_s else None
    content = f"<h1>{escape(title)}</h1><p>{escape(text)}</p>{more}"
    return page(title, content, status=status, headers=headers)


def away(text: str, *, onward: str = "", words: str = "Try again") -> HTMLResponse:
    """The database cannot be asked.

    Args:
        text: what that means here.
        onward: the address of the link below it; empty: this page once more.
        words: of that link.
    """
    return message("The database is away", text, status=503, more=link(onward, words))


def sign(shape: str) -> str:
    """HTML of a sign in its circle; the words beside it say the same."""
    return f'<span class="icon" aria-hidden="true"><svg viewBox="0 0 24 24">{shape}</svg></span>'


def link(address: str, words: str) -> str:
    """HTML for the way on; an empty address is the same page once more."""
    return f'<p class="onward"><a href="{escape(address)}">{escape(words)}</a></p>'


def password_field(purpose: str, *, hint: str = "", error: str = "", least: int = 1, label: str = "Password") -> str:
    """HTML of the field for a password, with the account's name beside it for password managers.

    Args:
        purpose: ``current-password`` or ``new-password``, for password managers.
        hint: HTML under the field.
        error: HTML that stands there instead.
        least: characters that are needed.
        label: above the field.
    """
    tone, wrong = (' data-tone="bad" role="alert"', ' aria-invalid="true"') if error else ("", "")
    name = '<input type="text" name="username" value="operator" autocomplete="username" hidden readonly>'
    field = (
        f'<input id="password" name="password" type="password" minlength="{least}" autocomplete="{purpose}" '
        f'autocapitalize="off" spellcheck="false" aria-describedby="say"{wrong} required autofocus>'
    )
    show = (
        '<button type="button" class="show" aria-controls="password" hidden>'
        '<span>Show</span><span class="unseen"> password</span></button>'
    )
    said = f'<p class="say" id="say"{tone}>{error or hint}</p>'
    return f'{name}<label for="password">{escape(label)}</label><div class="field">{field}{show}</div>{said}'


def routes() -> list[Route]:
    """The files that the plain pages load."""
    return [Route(path, _file, methods=["GET"]) for path in _FILES]


async def _file(request: Request) -> Response:
    content, kind, _ = _read(request.url.path)
    return Response(content, media_type=kind, headers={"Cache-Control": "public, max-age=3600"})


def fresh(path: str) -> str:
    """The path with a part that changes with the file, so that no browser shows a new page in an old style."""
    return f"{path}?{_read(path)[2]}"


@cache
def _read(path: str) -> tuple[bytes, str, str]:
    files, kind = _FILES[path]
    content = b"".join(file.read_bytes() for file in files)
    return content, kind, hashlib.sha256(content).hexdigest()[:8]
