"""The switch, the sessions, pseudonyms and what is remembered: the same in every process, audited, cheap for a check-in."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from attendance.errors import SettingsError, StoreUnavailableError
from attendance.services.outbox_state import State
from attendance.services.sessions import OPEN, Sessions
from attendance.services.status import Status, worst
from attendance.services.switch import NAME, Switch
from attendance.services.tracking_notes import Notes, pseudonyms
from attendance.services.tracking_status import NOT_INSTALLED, tracking_findings
from attendance.store.connect import connect
from tests.store_makers import NOON, after

if TYPE_CHECKING:
    from pathlib import Path

    from attendance.services.status import Finding
    from attendance.store.base import Store


def test_the_switch_is_saved_over_the_setting_and_audited(store: Store) -> None:
    assert not Switch(store, False).is_on()
    assert Switch(store, True).is_on()
    Switch(store, True).set(False, "olof")
    assert not Switch(store, True).is_on()
    Switch(store, False).set(False, "olof")  # as it is: nothing to do
    Switch(store, False).set(True, "maria")
    assert Switch(store, False).is_on()
    changes = [(one.actor, one.details["changes"]) for one in store.audit()]
    assert changes == [
        ("olof", [{"name": NAME, "from": True, "to": False}]),
        ("maria", [{"name": NAME, "from": False, "to": True}]),
    ]


def test_the_switch_is_no_setting_that_decides(store: Store) -> None:
    from attendance.services.choices import Choices

    Switch(store, False).set(True, "olof")
    assert Choices(store).current().version == 0  # so that no process builds its parts anew, and no draft is out of date


def test_each_server_has_its_session_and_commands_of_a_day_share_one(store: Store) -> None:
    first, second = (Sessions(store, lambda: True, lambda: NOON, site="Main door") for _ in range(2))
    commands = [Sessions(store, lambda: True, lambda: NOON, site="Main door", zone=UTC, server=False) for _ in range(2)]
    assert first.session() == first.session() != second.session()
    assert commands[0].session() == commands[1].session() == "commands-2026-03-02-Main door"
    found = first.find(first.session() or "")
    assert found is not None
    assert found.session.name.startswith("Main door 2026-03-02 ")
    assert found.session.started_at_utc == NOON
    assert len(store.all_kept(OPEN)) == 3


def test_switched_in_one_process_it_holds_in_the_other(store: Store) -> None:
    switch = Switch(store, False)
    here, there = (Sessions(store, switch.is_on) for _ in range(2))
    assert (here.session(), there.session()) == (None, None)
    switch.set(True, "olof")
    here.refresh()
    there.refresh()
    before = there.session()
    assert None not in {here.session(), before}
    switch.set(False, "olof")
    there.refresh()
    assert there.session() is None
    assert [one.session_id for one in there.ended()] == [before]
    switch.set(True, "olof")
    there.refresh()
    assert there.session() not in {None, before}  # one session for each time it was on


def test_an_experiment_takes_everybodys_attempts(store: Store) -> None:
    here, there = (Sessions(store, lambda: True) for _ in range(2))
    own = here.session(), there.session()
    begun = here.begin("  threshold   0.50 ", "olof")
    there.refresh()
    assert here.session() == there.session() == begun.session_id
    assert there.experiment() == begun
    assert begun.name == "threshold 0.50"
    second = there.begin("threshold 0.60", "olof")
    assert [one.session_id for one in here.ended()] == [begun.session_id]
    assert there.session() == second.session_id
    assert here.end("olof") == second
    there.refresh()
    assert (here.session(), there.session()) == own
    assert here.end("olof") is None
    assert {one.session_id for one in here.ended()} == {begun.session_id, second.session_id}
    actions = [one.action for one in store.audit()]
    assert actions == ["begin-experiment", "begin-experiment", "end-experiment"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_an_experiment_needs_a_name(store: Store, name: str) -> None:
    with pytest.raises(SettingsError):
        Sessions(store, lambda: True).begin(name, "olof")
    assert list(store.audit()) == []


def test_an_experiment_lasts_until_it_is_ended(store: Store) -> None:
    clock = [NOON]
    sessions = Sessions(store, lambda: True, lambda: clock[0])
    begun = sessions.begin("long", "olof")
    clock[0] = after(100_000)
    assert sessions.ended() == []
    sessions.end("olof")
    assert [one.session_id for one in sessions.ended()] == [begun.session_id]


def test_a_check_in_asks_memory_alone(store: Store) -> None:
    asked = []

    def is_on() -> bool:
        asked.append(1)
        return True

    sessions = Sessions(store, is_on)
    first = sessions.session()
    store.close()
    assert {sessions.session() for _ in range(100)} == {first}
    assert len(asked) == 1


def test_a_store_that_is_away_is_not_the_sessions_to_tell(store: Store) -> None:
    def away() -> bool:
        raise StoreUnavailableError("away", reason="unreachable")

    assert Sessions(store, away).session() is None


def test_the_first_text_that_is_remembered_stays(store: Store) -> None:
    notes = Notes(store)
    assert notes.recall("run") is None
    assert notes.remember("run", "one") == "one"
    assert Notes(store).remember("run", "two") == "one"
    assert Notes(store).recall("run") == "one"


def test_a_pseudonym_is_the_same_everywhere_and_belongs_to_the_site(store: Store, tmp_path: Path) -> None:
    one, again = pseudonyms(store), pseudonyms(store)
    assert one("Ada") == again("Ada") == one("Ada") != one("Tom")
    assert "Ada" not in one("Ada")
    other = connect(f"sqlite:///{tmp_path}/b.db", timeout_s=5)
    assert pseudonyms(other)("Ada") != one("Ada")
    other.close()


def findings(*, on: bool = True, installed: bool = True, **values: object) -> list[Finding]:
    given = {
        "sent": 0,
        "waiting": 0,
        "oldest_waiting_at_utc": None,
        "last_error": None,
        "last_error_at_utc": None,
        "last_success_at_utc": None,
        "destination": "http://***@tracker",
        **values,
    }
    state = State(**given)  # type: ignore[arg-type]
    return list(tracking_findings(on=on, state=state, installed=installed, experiment=None, zone=UTC))


def test_off_is_one_sentence() -> None:
    (one,) = findings(on=False)
    assert (one.status, one.message) == (Status.OK, "Off: attempts are not tracked.")
    assert len(findings(on=False, waiting=2, oldest_waiting_at_utc=NOON)) > 1


def test_what_waits_and_why() -> None:
    well = findings(sent=1_204, last_success_at_utc=NOON, last_error="was down", last_error_at_utc=after(-9))
    assert worst(well) is Status.OK
    assert well[0].message == "On. 1,204 sent, 0 waiting."
    failing = findings(waiting=3, oldest_waiting_at_utc=NOON, last_error="it is down", last_error_at_utc=after(9))
    assert worst(failing) is Status.WARNING
    assert failing[0].message == "On. 0 sent, 3 waiting, the oldest since 2 Mar 2026, 12:00:00."
    assert failing[-1].message == "Not reached at 2 Mar 2026, 12:00:09: it is down."
    assert findings(installed=False)[-1].message == NOT_INSTALLED
