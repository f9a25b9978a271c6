"""The password, its one-time link, and sessions, on a real store."""

from __future__ import annotations

import threading
import unicodedata

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import CHEAPEST
from hypothesis import given
from hypothesis import strategies as st

from attendance.errors import AccountError
from attendance.services import passwords
from tests.account_place import GOOD, OTHER, Place


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hashes in microseconds."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher.from_parameters(CHEAPEST))


def reason(place: Place, token: str, password: str = OTHER) -> str:
    with pytest.raises(AccountError) as refused:
        place.accounts.set_password(token, password)
    return refused.value.reason


def test_a_link_sets_the_password_once(place: Place) -> None:
    assert not place.accounts.has_password()
    token = place.set_up()
    assert place.accounts.has_password()
    assert place.another().has_password()
    assert place.another().check(GOOD)
    assert not place.accounts.check(OTHER)
    assert not place.accounts.link_fits(token)
    assert reason(place, token) == "link"
    assert place.accounts.check(GOOD)


def test_a_link_is_used_up_only_when_a_password_was_stored(place: Place) -> None:
    token = place.accounts.new_link()
    assert place.accounts.link_fits(token)
    assert reason(place, token, "short") == "too_short"
    assert reason(place, token, "a" * 14) == "too_simple"
    assert not place.accounts.has_password()
    place.accounts.set_password(token, GOOD)
    assert place.accounts.check(GOOD)


def test_a_newer_link_ends_the_older(place: Place) -> None:
    older, newer = place.accounts.new_link(), place.another().new_link()
    assert not place.accounts.link_fits(older)
    assert reason(place, older) == "link"
    place.accounts.set_password(newer, GOOD)


def test_a_link_works_for_a_day(place: Place) -> None:
    token = place.accounts.new_link()
    place.clock.forward(24 * 3600 - 1)
    assert place.accounts.link_fits(token)
    place.clock.forward(1)
    assert not place.accounts.link_fits(token)
    assert reason(place, token) == "link"


@pytest.mark.parametrize("token", ["", "x", "0" * 43, "ü" * 43])
def test_a_link_that_nobody_gave_is_refused(place: Place, token: str) -> None:
    assert reason(place, token) == "link"
    place.accounts.new_link()
    assert reason(place, token) == "link"
    assert [action for _, action in place.trail()] == ["make-link"]


def test_of_many_with_the_same_link_one_sets_the_password(place: Place) -> None:
    token, told = place.accounts.new_link(), list[str]()
    start = threading.Barrier(6)

    def try_it(number: int) -> None:
        start.wait()
        try:
            place.accounts.set_password(token, f"{OTHER} {number}")
            told.append(f"{OTHER} {number}")
        except AccountError as error:
            told.append(error.reason)

    threads = [threading.Thread(target=try_it, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [password] = [one for one in told if one != "link"]
    assert len(told) == 6
    assert place.accounts.check(password)


def test_a_new_password_signs_out_everybody(place: Place) -> None:
    place.set_up()
    sid, other = place.accounts.start("operator"), place.another().start("ann@example.org")
    place.accounts.set_password(place.accounts.new_link(actor="cli:ann"), OTHER)
    assert place.accounts.session(sid) is None
    assert place.accounts.session(other) is None
    assert not place.accounts.check(GOOD)
    assert place.trail()[-2:] == [("cli:ann", "make-link"), ("operator", "set-password")]


def test_who_signs_in_with_the_old_password_while_it_is_replaced_stays_outside(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.set_up()
    fits = passwords.fits

    def slow(kept: str, password: str) -> bool:
        answer = fits(kept, password)
        monkeypatch.setattr(passwords, "fits", fits)
        place.another().set_password(place.another().new_link(), OTHER)
        return answer

    monkeypatch.setattr(passwords, "fits", slow)
    assert place.accounts.sign_in(GOOD) is None
    assert place.store.all_kept("session") == []
    assert place.accounts.sign_in(OTHER) is not None


def test_without_a_password_nobody_signs_in_and_it_takes_as_long(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def hashed(password: str) -> str:
        made.append(password)
        return ""

    monkeypatch.setattr(passwords, "hashed", hashed)
    assert not place.accounts.check("")
    assert place.accounts.sign_in(GOOD) is None
    assert made == ["", GOOD]  # one Argon2 hash each, as a comparison is


def test_a_hash_of_older_parameters_is_replaced_at_the_next_check(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    token = place.set_up()
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert not place.accounts.check(OTHER)
    assert place.accounts.check(GOOD)
    kept = place.store.kept("account", "password")
    assert kept is not None
    assert (extract_parameters(kept.value["hash"]).time_cost, kept.version) == (2, 2)
    assert place.accounts.check(GOOD)
    assert not place.accounts.link_fits(token)


def test_the_defaults_are_those_that_the_documents_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher())
    kept = passwords.hashed(GOOD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.fits(kept, GOOD)
    assert not passwords.outdated(kept)


def test_the_file_holds_nothing_that_lets_anybody_in(place: Place) -> None:
    token = place.set_up()
    sid = place.accounts.start("operator")
    fresh = place.accounts.new_link()
    content = b"".join(path.read_bytes() for path in place.folder.iterdir())
    assert b"argon2" in content
    assert not [secret for secret in (GOOD, token, fresh, sid) if secret.encode() in content]


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "too_short"),
        ("eleven char", "too_short"),
        ("x" * 257, "too_long"),
        ("121212121212", "too_simple"),
        ("Passw0rd", "too_short"),
        ("Password1234", "too_simple"),
        ("attendance-2026", "too_simple"),
        ("operatoroperator", "too_simple"),
        ("123456789012", "too_simple"),
        ("qwertyuiopas", "too_simple"),
        ("zyxwvutsrqponm", "too_simple"),
        ("            ", "too_simple"),
    ],
)
def test_what_is_guessed_first_is_refused(password: str, why: str) -> None:
    with pytest.raises(AccountError) as refused:
        passwords.require_strength(password)
    assert refused.value.reason == why


@pytest.mark.parametrize("password", [GOOD, OTHER, "Tr0ub4dor&3 x", "ßçøñé 漢字 κλειδί", "v9$Lq2!mZx7#"])
def test_other_passwords_are_taken(password: str) -> None:
    passwords.require_strength(password)


@given(st.text(min_size=1, max_size=40))
def test_every_keyboard_types_the_same_password(password: str) -> None:
    kept = passwords.hashed(password)
    assert all(passwords.fits(kept, unicodedata.normalize(form, password)) for form in ("NFC", "NFD", "NFKC"))
    assert not passwords.fits(kept, password + "x")


@given(st.text(max_size=60))
def test_a_hash_that_cannot_be_read_fits_nothing(kept: str) -> None:
    assert not passwords.fits(kept, GOOD)
