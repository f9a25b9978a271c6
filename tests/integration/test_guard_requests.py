"""Attacks on a real running server: uploads, host names, proxies, and the cookies it gives."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.real_server import serving, set_password
from tests.visitors import Visitor, pages_of, signed_in, store_of, stranger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real_server import App

SNAPSHOT = 2_000_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    with serving(tmp_path_factory.mktemp("requests"), model_dir) as running:
        set_password(running)
        yield running


def multipart(size: int) -> tuple[dict[str, str], bytes]:
    """Headers and body of one file of this size, as Streamlit's page sends it."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return {"Content-Type": "multipart/form-data; boundary=x"}, head + bytes(size) + b"\r\n--x--\r\n"


def with_device(app: App) -> Visitor:
    """A stranger's browser, which has been given a device cookie."""
    answer = stranger(app).ask("GET", "/")
    name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
    return Visitor(app, {name: value})


# Uploads ----------------------------------------------------------------------------------------------------------------


def test_a_kiosk_may_send_a_snapshot_for_its_own_page(app: App) -> None:
    visitor = with_device(app)
    with visitor.page() as page:
        page.run()
        headers, content = multipart(100_000)
        path = f"/_stcore/upload_file/{page.session_id}/one"
        assert visitor.ask("PUT", path, headers=headers, content=content).status_code == 204
        assert visitor.ask("DELETE", path).status_code == 204


def test_a_kiosk_cannot_fill_the_memory(app: App) -> None:
    visitor = with_device(app)
    with visitor.page() as page:
        page.run()
        where = f"/_stcore/upload_file/{page.session_id}"
        headers, large = multipart(SNAPSHOT)
        assert visitor.ask("PUT", f"{where}/large", headers=headers, content=large).status_code == 413
        headers, small = multipart(1_000)
        statuses = [
            visitor.ask("PUT", f"{where}/{number}", headers=headers, content=small).status_code for number in range(8)
        ]
        assert statuses[0] == 204
        assert statuses[-1] == 429
        assert set(statuses) == {204, 429}


def test_a_length_that_is_not_stated_is_refused(app: App) -> None:
    visitor = with_device(app)
    with visitor.page() as page:
        page.run()

        def chunks() -> Iterator[bytes]:
            yield b"x" * 10

        headers = {**visitor.headers, "Content-Type": "multipart/form-data; boundary=x"}
        answer = httpx.put(
            f"{app.url}/_stcore/upload_file/{page.session_id}/x", headers=headers, content=chunks(), timeout=30
        )
        assert answer.status_code == 411


def test_an_upload_needs_origin_token_and_a_page_that_is_open(app: App) -> None:
    visitor, _ = signed_in(app)
    headers, content = multipart(10)
    with visitor.page() as page:
        page.run()
        path = f"/_stcore/upload_file/{page.session_id}/x"
        for wrong in ({"Origin": "https://evil.example"}, {"X-Xsrftoken": "2|00|00|0"}):
            assert visitor.ask("PUT", path, headers={**headers, **wrong}, content=content).status_code == 403
        assert visitor.ask("POST", path, headers=headers, content=content).status_code == 405
        assert visitor.ask("PUT", path, headers=headers, content=content).status_code == 204
    assert visitor.ask("PUT", "/_stcore/upload_file/none/x", headers=headers, content=content).status_code == 400


def test_an_unpaired_screen_sends_nothing(tmp_path: Path, model_dir: Path) -> None:
    with serving(tmp_path, model_dir, ATTEND_KIOSK_ACCESS="paired") as closed:
        set_password(closed)
        headers, content = multipart(10)
        assert stranger(closed).ask("PUT", "/_stcore/upload_file/x/y", headers=headers, content=content).status_code == 401
        assert stranger(closed).ask("POST", "/api/kiosk/frame").json()["state"] == "unpaired"


# Where the server is known, and through what it is reached -----------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8501", ""])
def test_another_name_for_this_machine_gets_nothing(app: App, host: str) -> None:
    visitor, _ = signed_in(app)
    answer = visitor.ask("GET", "/records", headers={"Host": host, "Origin": f"http://{host}"})
    assert answer.status_code in {400, 421}
    with pytest.raises(InvalidStatus), visitor.page(Host=host, Origin=f"http://{host}"):
        pass
    assert visitor.ask("GET", "/healthz", headers={"Host": host or "x"}).status_code == 200, "for whoever watches"


def test_behind_a_proxy_cookies_are_secure_and_the_public_name_counts(tmp_path: Path, model_dir: Path) -> None:
    forwarded = {
        "Host": "attend.example.org",
        "Origin": "https://attend.example.org",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.9",
    }
    with serving(tmp_path, model_dir, ATTEND_PUBLIC_URL="https://attend.example.org") as behind:
        set_password(behind)
        assert "https://attend.example.org/in/setup?token=" in behind.log
        visitor, _ = signed_in(behind)
        answer = visitor.ask("GET", "/records", headers=forwarded)
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        answer = stranger(behind).ask("GET", "/", headers=forwarded)
        assert (answer.status_code, answer.headers["location"]) == (303, "/in/pair"), "it is not this machine's alone"
        assert "; Secure" in answer.headers["set-cookie"]
        assert stranger(behind).ask("GET", "/", headers={"Host": "evil.example"}).status_code == 421


def test_forwarded_addresses_of_strangers_are_not_believed(tmp_path: Path, model_dir: Path) -> None:
    with serving(tmp_path, model_dir, FORWARDED_ALLOW_IPS="192.0.2.1") as direct:
        set_password(direct)
        answer = stranger(direct).ask("GET", "/", headers={"X-Forwarded-Proto": "https"})
        assert "strict-transport-security" not in answer.headers
        assert "Secure" not in answer.headers["set-cookie"]


def test_the_device_cookie_is_signed_and_out_of_reach_of_scripts(app: App) -> None:
    header = stranger(app).ask("GET", "/").headers["set-cookie"]
    name, _, rest = header.partition("=")
    assert name == "attend_device"
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=34560000"} <= {part.strip() for part in rest.split(";")}
    visitor = with_device(app)
    assert "set-cookie" not in visitor.ask("GET", "/").headers
    forged = Visitor(app, {"attend_device": visitor.cookies["attend_device"][:-3] + "abc"})
    assert "set-cookie" in forged.ask("GET", "/").headers


def test_a_script_gets_no_page_and_a_page_gets_no_script_of_another(app: App) -> None:
    answer = stranger(app).ask("GET", "/nothing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    with stranger(app).page() as page:
        assert pages_of(page.run("nothing")) == {""}


# Paths and headers that nobody needs --------------------------------------------------------------------------------------


def test_what_is_no_file_of_the_page_is_not_found(app: App) -> None:
    page = stranger(app).ask("GET", "/").text
    script = re.search(r'src="\.(/static/js/[^"]+)"', page)
    assert script is not None
    assert stranger(app).ask("GET", script[1]).headers["content-type"].endswith("javascript")
    for path in (
        "/static/nothing",
        "/static/js/nothing.js",
        "/static/",
        "/static/js/",
        "/static/js/%2e%2e/%2e%2e/index.html",
    ):
        answer = stranger(app).ask("GET", path)
        assert (answer.status_code, "<script" in answer.text) == (404, False), path


def test_the_page_names_its_server_before_anything_else_runs(app: App) -> None:
    page = stranger(app).ask("GET", "/").text
    assert "<title>Attend</title>" in page
    assert page.index("/in/base.js") < page.index('type="module"')
    answer = stranger(app).ask("GET", "/in/base.js")
    assert (answer.status_code, "BACKEND_BASE_URL" in answer.text) == (200, True)


def test_the_page_says_nothing_that_holds_for_streamlit_alone_and_has_its_style_before_anything_is_drawn(app: App) -> None:
    page = stranger(app).ask("GET", "/").text
    assert [word for word in ("_stcore/agent", "MCP", "SourceSans", "A Streamlit app") if word in page] == []
    assert "Attend needs JavaScript." in page
    style = re.search(r'<link rel="stylesheet" href="(/in/app\.css\?\w+)">', page)
    assert style is not None
    assert page.index("</head>") < style.start() < page.index('<div id="root">')
    assert "stSidebar" in stranger(app).ask("GET", style[1]).text
    font = re.search(r'<link rel="preload" href="([^"]+)"', page)
    assert font is not None
    assert stranger(app).ask("GET", font[1]).content[:4] == b"wOF2"


def test_a_place_for_the_sidebar_is_kept_for_an_operator_alone(app: App) -> None:
    visitor, _ = signed_in(app)
    assert '<html lang="en" data-operator>' in visitor.ask("GET", "/").text
    assert "data-operator" not in stranger(app).ask("GET", "/").text


def status_of(visitor: Visitor, path: str, headers: dict[str, str]) -> int:
    """The status alone: who refuses in the middle of the headers hangs up, and the rest of the answer may be lost."""
    for _ in range(5):
        with (
            contextlib.suppress(httpx.ReadError, httpx.WriteError),
            httpx.stream("GET", visitor.app.url + path, headers={**visitor.headers, **headers}, timeout=30) as answer,
        ):
            return answer.status_code
    raise AssertionError(f"{path} never answered.")


def test_headers_of_100_kb_are_refused_and_a_providers_cookies_are_not(app: App) -> None:
    visitor = stranger(app)
    for path in ("/", "/in/sign-in", "/healthz", "/api/kiosk/status", "/static/nothing"):
        for length in (50_000, 100_000):  # 400 by the HTTP library, where so much arrives in pieces
            assert status_of(visitor, path, {"X-Long": "a" * length}) in {400, 431}, path
    assert visitor.ask("GET", "/", headers={"Cookie": f"a={'b' * 16_000}"}).status_code == 200


def test_the_printed_link_follows_the_port_of_the_server(app: App) -> None:
    with store_of(app) as store:
        kept = store.kept("account", "address")
    assert kept is not None
    assert kept.value["url"].rpartition(":")[2] == app.url.rpartition(":")[2]
