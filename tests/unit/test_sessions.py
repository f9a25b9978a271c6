"""Sessions: they survive a restart, end by time, and once ended nothing brings them back."""

from __future__ import annotations

from typing import Any

from attendance.services.accounts import Accounts
from tests.account_place import IDLE, LONGEST, Place


def test_a_session_is_known_to_every_process_and_survives_a_restart(place: Place) -> None:
    sid = place.accounts.start("operator")
    session = place.another().session(sid)
    assert session is not None
    assert (session.who, session.since, session.seen) == ("operator", place.clock.now, place.clock.now)
    assert place.accounts.session(sid[:-1]) is None
    assert place.accounts.session("") is None
    assert place.accounts.start("operator") != sid


def test_signing_out_ends_it_everywhere_at_once(place: Place) -> None:
    other = place.another()
    sid, kept = place.accounts.start("operator"), place.accounts.start("operator")
    other.end(sid)
    other.end("never was")
    assert place.accounts.session(sid) is None
    assert place.accounts.session(kept) is not None


def test_a_pause_ends_it_and_looking_is_no_activity(place: Place) -> None:
    sid = place.accounts.start("operator")
    place.clock.forward(IDLE.total_seconds() - 1)
    assert place.accounts.session(sid) is not None
    place.clock.forward(1)
    assert place.accounts.session(sid) is None
    place.accounts.touch(sid)
    assert place.accounts.session(sid) is None


def test_activity_puts_the_end_off_but_not_for_ever(place: Place) -> None:
    sid, minutes = place.accounts.start("operator"), 0
    while place.accounts.session(sid) is not None:
        place.clock.forward(20 * 60)
        minutes += 20
        place.another().touch(sid)
    assert minutes == LONGEST.total_seconds() / 60


def test_activity_is_written_at_most_once_a_minute(place: Place) -> None:
    sid = place.accounts.start("operator")
    place.seen.calls.clear()
    for _ in range(180):
        place.clock.forward(1)
        place.accounts.touch(sid)
    assert place.seen.calls.count("keep") == 3


def test_a_short_pause_is_still_counted_from_the_last_activity(place: Place) -> None:
    accounts = Accounts(place.store, place.clock, idle=IDLE / 60, longest=LONGEST)  # 30 s
    sid = accounts.start("operator")
    for _ in range(20):
        place.clock.forward(20)
        accounts.touch(sid)
    assert accounts.session(sid) is not None


def test_a_touch_never_brings_back_what_ended_meanwhile(place: Place) -> None:
    sid = place.accounts.start("operator")
    place.clock.forward(90)

    def end_in_between(*args: Any, **kwargs: Any) -> Any:
        kept = place.store.kept(*args, **kwargs)
        place.another().end(sid)
        return kept

    place.seen.replace("kept", end_in_between)
    place.accounts.touch(sid)
    place.seen.restore()
    assert place.accounts.session(sid) is None
    assert place.store.all_kept("session") == []


def test_everybody_can_be_signed_out(place: Place) -> None:
    sessions = [place.accounts.start(who) for who in ("operator", "ann@example.org", "operator")]
    assert place.another().end_all(actor="cli:ann") == 3
    assert [place.accounts.session(sid) for sid in sessions] == [None] * 3
    assert place.accounts.end_all() == 0
    assert place.trail()[-1] == ("cli:ann", "sign-out-all")


def test_shorter_limits_hold_for_sessions_that_began_before(place: Place) -> None:
    sid = place.accounts.start("operator")
    place.clock.forward(600)
    assert Accounts(place.store, place.clock, idle=IDLE / 6, longest=LONGEST).session(sid) is None
    assert Accounts(place.store, place.clock, idle=IDLE, longest=IDLE / 6).session(sid) is None


def test_expired_sessions_are_swept_at_the_next_sign_in(place: Place) -> None:
    place.accounts.start("operator")
    place.clock.forward(LONGEST.total_seconds())
    place.accounts.start("operator")
    assert len(place.store.all_kept("session")) == 1
