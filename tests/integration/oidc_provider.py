"""A small OpenID Connect provider on loopback: it lets everybody in at once, as whoever the test says."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT = "attend"


class Provider:
    """What it knows.

    Attributes:
        email: of whoever signs in next.
        claims: added to the token, over its own.
        signed_out: how often somebody was sent here to sign out.
    """

    def __init__(self) -> None:
        self.email = "ada@example.org"
        self.claims: dict[str, Any] = {}
        self.signed_out = 0
        self.url = ""
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig", "alg": "RS256"})
        self.nonces: dict[str, str] = {}

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, Any] | str]:
        """JSON for a status of 200, an address for 302."""
        if path == "/.well-known/openid-configuration":
            names = {"authorization": "authorize", "token": "token", "end_session": "logout"}
            ends = {f"{name}_endpoint": f"{self.url}/{end}" for name, end in names.items()}
            more = {"response_types_supported": ["code"], "id_token_signing_alg_values_supported": ["RS256"]}
            return 200, {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **ends, **more}
        if path == "/jwks":
            return 200, {"keys": [self.key.as_dict(private=False)]}
        if path == "/authorize":
            code = secrets.token_urlsafe(8)
            self.nonces[code] = query.get("nonce", "")
            return 302, f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        if path == "/token":
            return 200, {
                "access_token": "a",
                "token_type": "Bearer",
                "expires_in": 300,
                "id_token": self.token(query["code"]),
            }
        if path == "/logout":
            self.signed_out += 1
            return 302, query["post_logout_redirect_uri"]
        return 404, {}

    def token(self, code: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": self.email,
            "email": self.email,
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonces.pop(code),
        }
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims | self.claims, self.key)


@contextmanager
def provider() -> Iterator[Provider]:
    """A running one."""
    known = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _reply(self, query: str) -> None:
            status, answer = known.answer(urlsplit(self.path).path, {k: v[0] for k, v in parse_qs(query).items()})
            content = json.dumps(answer).encode() if isinstance(answer, dict) else b""
            self.send_response(status)
            if isinstance(answer, str):
                self.send_header("Location", answer)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def secrets_for(known: Provider, app_url: str) -> str:
    """Streamlit's secrets.toml for an app at this address."""
    cookie_secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return (
        f'[auth]\nredirect_uri = "{app_url}/oauth2callback"\ncookie_secret = "{cookie_secret}"\nclient_id = "{CLIENT}"\n'
        f'client_secret = "of no use outside this test"\n'
        f'server_metadata_url = "{known.url}/.well-known/openid-configuration"\n'
    )
