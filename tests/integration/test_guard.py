"""Attacks on a real running server, over raw requests and raw websockets: the two gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import InvalidStatus

from tests.real_server import serving, set_password
from tests.visitors import Visitor, end_session, pages_of, paired, signed_in, stranger, unpair

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real_server import App

OFFICE = {"records", "people", "register", "settings", "thresholds", "versions", "status"}
ENDED = 4401


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    """A kiosk that is open to all, as on a machine of one's own; nothing here waits for the models."""
    with serving(tmp_path_factory.mktemp("open"), model_dir) as running:
        set_password(running)
        yield running


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[App]:
    """A kiosk for paired screens only."""
    with serving(tmp_path_factory.mktemp("closed"), model_dir, ATTEND_KIOSK_ACCESS="paired") as running:
        set_password(running)
        yield running


# The first gate: who may open a page ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"]
)
def test_a_websocket_needs_the_origin_of_its_own_host(app: App, origin: str | None) -> None:
    visitor, _ = signed_in(app)
    with pytest.raises(InvalidStatus, match="403"), visitor.page(Origin=origin):
        pass


@pytest.mark.parametrize("name", ["records", "people", "settings"])
def test_a_stranger_who_asks_for_a_page_of_the_office_is_led_to_the_sign_in_and_nothing_runs(app: App, name: str) -> None:
    visitor, _ = signed_in(app)
    with visitor.page() as page:
        navigation = next(said.navigation for said in page.run() if said.WhichOneof("type") == "navigation")
    page_hash = next(each.page_script_hash for each in navigation.app_pages if each.url_pathname == name)
    onward = f"/in/sign-in?ended=1&next=%2F{name}"
    with stranger(app).page() as page:
        assert page.led_to(page_name=name) == onward
        assert page.led_to(page_name=f"/{name}/") == onward
        assert page.led_to(page_script_hash=page_hash) == onward
        assert page.led_to(page_script_hash=page_hash, fragment_id="any", is_auto_rerun=True) == onward
        assert pages_of(page.run()) == {""}, "the check-in is still theirs"


@pytest.mark.parametrize(
    "header",
    [
        {"X_App_Who": "operator"},
        {"X_App_Who": "operator", "X_App_Sid": "0" * 32, "X_App_Role": "operator"},
        {"x-app_who": "operator"},
        {"X_APP_WHO": "operator"},
    ],
)
def test_no_header_makes_an_operator(app: App, header: dict[str, str]) -> None:
    with stranger(app).page(**header) as page:
        assert pages_of(page.run()) == {""}


def test_the_underscore_form_of_the_header_is_taken_away_too(app: App) -> None:
    answers = [stranger(app).ask("GET", "/media/x", headers={name: "operator"}) for name in ("x_app_who", "X-App-Who")]
    assert [answer.status_code for answer in answers] == [401, 401]


def test_a_page_needs_a_screen_that_was_made_known_by_the_server(app: App) -> None:
    for forged in ("", "made-up", "made-up.signature"):
        with pytest.raises(InvalidStatus, match="403"), Visitor(app, {"attend_device": forged}).page():
            pass


@pytest.mark.parametrize("name", ["attend_session", "_streamlit_user"])
def test_no_forged_cookie_makes_an_operator(app: App, name: str) -> None:
    real, _ = signed_in(app)
    genuine = real.cookies["attend_session"]
    for forged in (
        "operator",
        genuine[:-2] + "xx",
        genuine.rpartition(".")[0] + ".",
        genuine if name != "attend_session" else "",
    ):
        with Visitor(app, {name: forged}).page() as page:
            assert pages_of(page.run()) == {""}


def test_an_operator_gets_the_office(app: App) -> None:
    visitor, _ = signed_in(app)
    with visitor.page() as page:
        assert pages_of(page.run()) == OFFICE | {""}


def test_nobody_goes_on_with_the_page_of_another(app: App) -> None:
    operator, _ = signed_in(app)
    with operator.page() as page:
        page.run()
        theirs = page.session_id
    other, _ = signed_in(app)
    for visitor in (stranger(app), other):
        with visitor.page(resume=theirs) as page:
            page.run()
            assert page.session_id != theirs
    with operator.page(resume=theirs) as page:
        page.run()
        assert page.session_id == theirs, "who it belongs to goes on with it"


# The second gate: what an open page can still do ------------------------------------------------------------------------


def test_an_old_tab_can_do_nothing_once_the_session_has_ended_elsewhere(app: App) -> None:
    visitor, sid = signed_in(app)
    with visitor.page() as page:
        page.run()
        end_session(app, sid)
        message = BackMsg()
        message.rerun_script.fragment_id = "any"
        page.send(message)
        assert page.closed_with() == ENDED


def test_an_old_tab_that_nobody_touches_is_closed_as_well(app: App) -> None:
    visitor, sid = signed_in(app)
    with visitor.page() as page:
        page.run()
        end_session(app, sid)
        assert page.closed_with() == ENDED


def test_signing_out_closes_every_tab_of_that_session_and_no_other(app: App) -> None:
    visitor, _ = signed_in(app)
    other, _ = signed_in(app)
    with visitor.page() as first, visitor.page() as second, other.page() as third, stranger(app).page() as fourth:
        for page in (first, second, third, fourth):
            page.run()
        assert visitor.ask("POST", "/in/sign-out").status_code == 200
        assert (first.closed_with(), second.closed_with()) == (ENDED, ENDED)
        assert pages_of(third.run()) == OFFICE | {""}
        assert pages_of(fourth.run()) == {""}


def test_a_page_cannot_ask_for_what_only_developers_need(app: App) -> None:
    visitor, _ = signed_in(app)
    for who in (visitor, stranger(app)):
        with who.page() as page:
            page.run()
            for kind in ("clear_cache", "load_git_info", "set_run_on_save", "debug_shutdown_runtime"):
                message = BackMsg()
                setattr(message, kind, True)
                page.send(message)
            message = BackMsg()
            message.backend_operation_request.install_skills.SetInParent()
            page.send(message)
            page.run()
    for kind in ("clear_cache", "load_git_info", "set_run_on_save", "debug_shutdown_runtime", "install_skills"):
        assert app.log.count(f'"kind": "{kind}"') == 2


def test_a_message_that_is_none_ends_the_page(app: App) -> None:
    with stranger(app).page() as page:
        page.socket.send(b"\xff\xff\xff\xff")
        assert page.closed_with() == 1002
    with stranger(app).page() as page:
        page.socket.send("text")
        assert page.closed_with() == 1002


def test_a_kiosk_cannot_send_much_or_open_many_pages(app: App) -> None:
    with stranger(app).page() as page:
        page.run()
        message = BackMsg()
        message.rerun_script.query_string = "x" * 300_000
        page.send(message)
        assert page.closed_with() == 1009


def test_one_screen_cannot_open_pages_without_end(app: App) -> None:
    import contextlib

    visitor = paired(app, "a-screen-with-many-tabs")
    with contextlib.ExitStack() as tabs:
        for _ in range(8):
            tabs.enter_context(visitor.page()).run()
        with pytest.raises(InvalidStatus, match="403"), visitor.page():
            pass


# A kiosk for paired screens ---------------------------------------------------------------------------------------------


def test_an_unpaired_screen_is_shown_how_to_be_paired(closed: App) -> None:
    visitor = stranger(closed)
    answer = visitor.ask("GET", "/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/in/pair")
    with pytest.raises(InvalidStatus, match="403"), visitor.page():
        pass


def test_a_paired_screen_checks_in_until_it_is_unpaired(closed: App) -> None:
    visitor = paired(closed, "the-front-door")
    assert visitor.ask("GET", "/").status_code == 200
    assert visitor.ask("GET", "/records").status_code == 303
    with visitor.page() as page:
        assert pages_of(page.run()) == {""}
        unpair(closed, "the-front-door")
        assert page.closed_with() == ENDED
    assert visitor.ask("GET", "/").status_code == 303


def test_an_operator_may_check_in_anywhere(closed: App) -> None:
    visitor, _ = signed_in(closed)
    assert visitor.ask("GET", "/").status_code == 200
