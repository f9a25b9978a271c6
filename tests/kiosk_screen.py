"""A kiosk's screen without its browser: it sends frames over HTTP as the component does."""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from PIL import Image

from attendance.bootstrap import build
from attendance.services.enrol import NamedPicture
from attendance.settings import load
from tests.real_server import NO_TLS
from tests.visitors import Visitor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from tests.real_server import App


@dataclass
class Screen:
    """One mount of the component; keeps its connection and its cookies, as a browser does."""

    app: App
    cookies: dict[str, str] = field(default_factory=dict)
    turn: int = 0
    claim: str | None = None
    view: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        visitor = Visitor(self.app, self.cookies)
        headers = visitor.headers
        self._client = httpx.Client(base_url=self.app.url, timeout=30, verify=NO_TLS)
        for pair in headers.pop("Cookie").split("; "):
            name, _, value = pair.partition("=")
            self._client.cookies.set(name, value, domain="127.0.0.1")
        self._client.headers.update(headers)

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, path: str, *, headers: Mapping[str, str | None] | None = None, **more: Any) -> httpx.Response:
        """One request; a header of None is left out."""
        request = self._client.build_request(method, path, **more)
        for name, value in (headers or {}).items():
            request.headers.pop(name, None)
            if value is not None:
                request.headers[name] = value
        return self._client.send(request)

    def send(self, jpeg: bytes, changes: Mapping[str, str | None] | None = None) -> httpx.Response:
        """One frame; ``changes`` are headers, _ for -."""
        headers: dict[str, str | None] = {
            "Content-Type": "image/jpeg",
            "X-Attend-View": self.view,
            "X-Attend-Turn": str(self.turn),
            "X-Attend-Claim": quote(self.claim) if self.claim else None,
            **{name.replace("_", "-"): value for name, value in (changes or {}).items()},
        }
        return self.ask("POST", "/api/kiosk/frame", headers=headers, content=jpeg)

    def until(self, states: str, frames: Sequence[bytes], most: int = 40) -> dict[str, Any]:
        """Send frames in turn until an answer has this state, or one of these, with "or" between them."""
        heard = []
        for number in range(most):
            answer: dict[str, Any] = self.send(frames[number % len(frames)]).json()
            heard.append(answer["state"])
            if heard[-1] in states.split(" or "):
                return answer
        raise AssertionError(f"never {states}: {heard}")


def frames_of(picture: NDArray[np.uint8], count: int = 6) -> list[bytes]:
    """640x480 frames of a picture, each moved and compressed a little otherwise; about 30 kB."""
    portrait = Image.fromarray(picture)
    portrait.thumbnail((480, 480))
    frames = []
    for number in range(count):
        frame = Image.new("RGB", (640, 480), (120, 120, 120))
        frame.paste(portrait, ((640 - portrait.width) // 2 + 3 * number, (480 - portrait.height) // 2))
        out = io.BytesIO()
        frame.save(out, "JPEG", quality=88 - number)
        frames.append(out.getvalue())
    return frames


def enrol(folder: Path, model_dir: Path, people: Mapping[str, Sequence[bytes]]) -> dict[str, str]:
    """Enrol people on the database in ``folder``, before its server starts; their ids by name."""
    settings = load(
        store_url=f"sqlite:///{folder}/attendance.db", model_dir=model_dir, offline=True, accelerate=False, embedder="dlib"
    )
    application = build(settings)
    ids = {}
    for name, pictures in people.items():
        given = [NamedPicture(f"{number}.jpg", data) for number, data in enumerate(pictures)]
        ids[name] = application.enrol.enrol(name, given, external_id=f"N-{name}").person.person_id
    application.close()
    return ids
