"""Our routes behind the real guard on a real database, and browsers that visit them without a network."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from attendance.api import html, pairing, set_up, sign_in
from attendance.api.doors import place_of
from attendance.api.guard import Guard
from attendance.api.running import reset, running
from attendance.settings import Settings
from tests.account_place import GOOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.requests import Request

PAGE = {"Accept": "text/html"}


class Browser:
    """One browser at one address, with its cookies."""

    def __init__(self, server: Server, address: str, cookies: dict[str, str]) -> None:
        self._run = server.runner.run
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(server.app, client=(address, 1234)),
            base_url=server.base,
            headers=PAGE,
            cookies=cookies,
        )

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self._run(self._client.get(path, **more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self._run(self._client.post(path, **more))

    @property
    def cookies(self) -> dict[str, str]:
        return dict(self._client.cookies)

    def close(self) -> None:
        self._run(self._client.aclose())


class Server:
    """Our routes behind the guard; what Streamlit would answer is the path."""

    def __init__(self, folder: Path, access: str, scheme: str = "http") -> None:
        reset(Settings(store_url=SecretStr(f"sqlite:///{folder}/attendance.db"), offline=True, store_timeout_s=0.5))
        place = place_of(address="127.0.0.1", public_url="", allowed_hosts=[], access=access)
        rooms = [*sign_in.routes(), *set_up.routes(), *pairing.routes(), *html.routes()]
        pages = [Route(path, _page) for path in ("/", "/records", "/people")]
        guard = Middleware(Guard, place=place, office=["records", "people"])
        self.app = Starlette(routes=[*rooms, *pages], middleware=[guard])
        self.base = f"{scheme}://localhost"
        self.runner = asyncio.Runner()
        self.browsers: list[Browser] = []

    def browser(self, address: str = "127.0.0.1", **cookies: str) -> Browser:
        self.browsers.append(Browser(self, address, cookies))
        return self.browsers[-1]

    def post(self, browser: Browser, path: str, headers: dict[str, str] | None = None, /, **fields: str) -> httpx.Response:
        """A form of one of our pages, sent by a browser."""
        own = {"Origin": self.base, "Sec-Fetch-Site": "same-origin", **(headers or {})}
        return browser.post(path, data=fields, headers=own)

    def sign_in(self, browser: Browser, password: str = GOOD, **fields: str) -> httpx.Response:
        return self.post(browser, "/in/sign-in", None, password=password, **fields)

    def close(self) -> None:
        for browser in self.browsers:
            browser.close()
        self.runner.close()


async def _page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.url.path)


def servers_in(folder: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers on one database, closed at the end; for a fixture. With a password they are set up."""
    made: list[Server] = []

    def make(access: str = "open", *, password: bool = True, scheme: str = "http") -> Server:
        made.append(Server(folder, access, scheme))
        if password:
            running().accounts.set_password(running().accounts.new_link(), GOOD)
        return made[-1]

    yield make
    reset()
    for server in made:
        server.close()
