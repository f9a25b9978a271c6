"""The only file that touches private parts of Streamlit, measured on 1.67: when Streamlit changes, look here."""

from __future__ import annotations

import gc
import json
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
from streamlit import config, runtime
from streamlit.auth_util import encode_provider_token, get_secrets_auth_section
from streamlit.config import _config_options_template
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx
from streamlit.runtime.secrets import secrets_singleton
from streamlit.util import calc_hash
from streamlit.web.server.starlette.starlette_app_utils import validate_xsrf_token
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks, is_host_allowed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

USER_COOKIE = "_streamlit_user"  # set by st.login, for 30 days
XSRF_COOKIE = "_streamlit_xsrf"  # set by /_stcore/health; readable by our pages alone

BASE = "/in/base.js"
# The theme's font, so that words are not drawn in another one first; Streamlit's page asks for its own, which nothing uses.
FONT = '<link rel="preload" href="/app/static/fonts/inter-latin-wght-normal.woff2" as="font" type="font/woff2" crossorigin>'
_OF_ITSELF = re.compile(
    r'<noscript>.*?</noscript>|^ +<!--.*?-->|<link[^>]*rel="(?:service-desc|preload)"[^>]*>', re.DOTALL | re.MULTILINE
)
NO_SCRIPT = "Attend needs JavaScript. Allow it for this page in the browser's settings, then load the page again."
_STATIC = Path(streamlit.__file__).parent / "static"

UNREADABLE = "unreadable"
# What a page may ask of its script. The others (clearing the caches, reading the repository's state, stopping the server)
# are for developers, and anybody could send them.
ASKED_BY_KIOSKS = frozenset({"rerun_script", "stop_script", "app_heartbeat", "file_urls_request"})
ASKED_BY_PAGES = ASKED_BY_KIOSKS | {"deferred_file", "dataframe_chunk"}


def xsrf_valid(headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
    """Whether the token in ``X-Xsrftoken`` is the one in the cookie: only a page of ours can read that cookie."""
    return validate_xsrf_token(headers.get("x-xsrftoken"), cookies.get(XSRF_COOKIE))


def page(style: str = "", *, operator: bool = False) -> str:
    """Streamlit's page, under our name, with our script first and our style last; what it says of itself to programs and to
    browsers without scripts does not hold here.

    Args:
        style: the address of a style sheet that holds from the first drawing on.
        operator: for style sheets: whether a sidebar will stand beside the page.
    """
    html = _OF_ITSELF.sub("", (_STATIC / "index.html").read_text(encoding="utf-8"))
    html = html.replace('<html lang="en">', '<html lang="en" data-operator>' if operator else '<html lang="en">', 1)
    html = html.replace("<title>Streamlit</title>", f'<title>Attend</title><script src="{BASE}"></script>{FONT}', 1)
    # Behind the head, where Streamlit's own styles are put in while the page runs: of two equal rules the later one holds.
    ours = f'<link rel="stylesheet" href="{style}"><noscript><p>{NO_SCRIPT}</p></noscript>'
    return html.replace('<div id="root">', f'{ours}<div id="root">', 1)


def inline_scripts() -> list[str]:
    """The inline scripts of Streamlit's page, each exactly as the browser sees it."""
    return re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", page(), re.DOTALL)


def static_files() -> frozenset[str]:
    """The paths of the files of Streamlit's page; to any other path under them it answers with the page itself."""
    return frozenset(
        f"/{file.relative_to(_STATIC).as_posix()}" for file in (_STATIC / "static").rglob("*") if file.is_file()
    )


def trust_headers(names: Mapping[str, str]) -> None:
    """Let these headers fill ``st.user``. The guard alone calls this: without it in front, anybody could send them."""
    config.set_option("server.trustedUserHeaders", dict(names))


def message_kind(data: bytes) -> tuple[str, bool]:
    """What a page's message asks for, and whether a person did something (rather than a part that reruns by itself)."""
    message = BackMsg()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return UNREADABLE, False
    kind = message.WhichOneof("type") or ""
    if kind == "backend_operation_request":
        return message.backend_operation_request.WhichOneof("payload") or kind, False
    return kind, kind == "rerun_script" and not message.rerun_script.is_auto_rerun


def page_asked(data: bytes, names: Collection[str]) -> str:
    """For which of these pages a readable message wants the script to run; empty: for none of them.

    It gives the name when the page was just opened, and from then on what Streamlit makes of it.
    """
    run = BackMsg.FromString(data).rerun_script
    asked = run.page_name.strip("/")
    return next((name for name in names if asked == name or run.page_script_hash == calc_hash(name)), "")


def leave_for(path: str) -> bytes:
    """The message with which an open page is led to another address."""
    message = ForwardMsg()
    message.auth_redirect.url = path
    return bytes(message.SerializeToString())


def address() -> str:
    """Where the server listens, such as 127.0.0.1; empty: everywhere."""
    return str(config.get_option("server.address") or "")


def port() -> int:
    """The port that the server listens on."""
    return int(config.get_option("server.port"))


def send_at_once() -> None:
    """Let no answer wait until the browser has acknowledged its headers (TCP_NODELAY).

    asyncio sets this for every connection that it knows for TCP. Streamlit makes its socket without naming the protocol, as
    uvicorn does (Kludex/uvicorn#3149), and nobody hands it out; each answer on a connection that stayed open took 40 ms
    longer. What is set on the listening socket holds for all connections.
    """
    for one in gc.get_objects():
        is_open = type(one) is socket.socket and one.family in {socket.AF_INET, socket.AF_INET6} and one.fileno() >= 0
        if is_open and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def has_desktop() -> bool:
    """Whether a browser can be opened here."""
    return not _config_options_template["server.headless"].value  # the default, whatever is configured


def allowed_hosts() -> list[str]:
    """The names in ``server.allowedHosts``; empty: not limited there."""
    return [str(name) for name in config.get_option("server.allowedHosts")]


def host_allowed(host: str | None) -> bool:
    """Whether ``server.allowedHosts`` lets this Host header pass."""
    return is_host_allowed(host)


def page_id() -> str:
    """The id of the page that this script runs for; empty outside the server."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context is not None and runtime.exists() else ""


def page_is_open(page: str) -> bool:
    """Whether a browser shows the page of this id now."""
    return runtime.exists() and runtime.get_instance().is_active_session(page)


def keep_newest_files(page: str, most: int) -> None:
    """Of the files that this page sent, keep the newest ``most`` in memory."""
    if not runtime.exists():
        return
    manager = runtime.get_instance().uploaded_file_mgr
    if isinstance(manager, MemoryUploadedFileManager):
        held = list(manager.file_storage.get(page, {}))  # in the order in which they came
        for file_id in held[: max(0, len(held) - most)]:
            manager.remove_file(page, file_id)


def oidc_configured() -> bool:
    """Whether Streamlit's secrets name a provider to sign in with."""
    return bool(secrets_singleton.load_if_toml_exists()) and bool(get_secrets_auth_section())


def oidc_login_path() -> str:
    """Where a browser is sent to sign in with the provider."""
    return f"/auth/login?provider={encode_provider_token('default')}"


def oidc_user(cookies: Mapping[str, str]) -> dict[str, Any]:
    """What the provider said of this visitor, as ``st.login`` stored it; empty where its signature is not ours."""
    raw = _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE)
    if not raw:
        return {}
    user = json.loads(raw)
    return user if isinstance(user, dict) else {}
