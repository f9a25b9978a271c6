"""People: what every engine keeps, finds, orders, refuses and removes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from attendance.domain.model import PersonStatus
from attendance.errors import ConflictError, DuplicatePictureError, PersonExistsError, PersonNotFoundError
from tests.store_makers import MODEL, NOON, person, reference, references

if TYPE_CHECKING:
    from collections.abc import Callable

    from attendance.store.base import Store

# Each passes domain.names.clean_name: no part of a store may take a name for a path, a query or a field.
NAMES = [
    "Åsa Öberg",
    "محمد الأمين",
    "ชาญชัย ใจดี",
    "O'Brien; DROP TABLE people;--",
    "$where.name.$gt",
    "../../etc/passwd",
    ".hidden.",
    "%_%",
    "a\\b/c",
    "\U0001d518\U0001d52b\U0001d526 \U0001f600",
    "N" * 200,
    "ÿ" * 200,
]


def test_a_person_comes_back_as_stored(store: Store) -> None:
    ada = person(external_id="4711", group="Research", consent="signed 2026-03-01", status=PersonStatus.INACTIVE)
    stored = store.add_person(ada, references(3), MODEL)
    assert stored == replace(ada, reference_count=3)
    assert store.person(ada.person_id) == stored
    assert store.count_people() == 1


def test_a_person_without_pictures(store: Store) -> None:
    ada = person()
    assert store.add_person(ada, [], MODEL).reference_count == 0
    assert store.active_model() is None


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_kept_and_found(store: Store, name: str) -> None:
    stored = store.add_person(person(name), references(1), MODEL)
    store.add_person(person("Somebody Else"), references(1), MODEL)
    assert stored.name == name
    assert store.find_person(name) == stored
    assert [one.name for one in store.people(search=name)] == [name]


@pytest.mark.parametrize("key", ["ada lovelace", "  ADA   LOVELACE ", "Ada Lovelace"])
def test_found_by_name_without_regard_to_case(store: Store, key: str) -> None:
    ada = store.add_person(person("Ada Lovelace"), [], MODEL)
    assert store.find_person(key) == ada


def test_a_name_comes_before_a_staff_number(store: Store) -> None:
    by_number = store.add_person(person("Grace Hopper", external_id="4711"), [], MODEL)
    assert store.find_person("4711") == by_number
    by_name = store.add_person(person("4711"), [], MODEL)
    assert store.find_person("4711") == by_name


@pytest.mark.parametrize("key", ["", "Nobody", "$ne", "ada", "%"])
def test_nobody_found(store: Store, key: str) -> None:
    store.add_person(person("Ada Lovelace", external_id="4711"), [], MODEL)
    with pytest.raises(PersonNotFoundError) as caught:
        store.find_person(key)
    assert caught.value.key == key
    with pytest.raises(PersonNotFoundError):
        store.person(key)


def test_half_characters_are_nobodys_name(store: Store) -> None:
    """What Python makes of bytes on the command line that are no text."""
    store.add_person(person("Ada?", external_id="?"), [], MODEL)
    for key in ("Ada\udcff", "\ud800"):
        with pytest.raises(PersonNotFoundError):
            store.find_person(key)
        with pytest.raises(PersonNotFoundError):
            store.person(key)
        assert store.people(search=key) == []


def test_a_name_is_taken_in_any_case(store: Store) -> None:
    store.add_person(person("Ada Lovelace"), [], MODEL)
    with pytest.raises(PersonExistsError) as caught:
        store.add_person(person("ADA lovelace"), references(1), MODEL)
    assert caught.value.field == "name"
    assert store.count_people() == 1
    assert store.count_references() == 0


def test_a_staff_number_is_taken(store: Store) -> None:
    store.add_person(person("Ada", external_id="4711"), [], MODEL)
    with pytest.raises(PersonExistsError) as caught:
        store.add_person(person("Grace", external_id="4711"), references(1), MODEL)
    assert (caught.value.field, caught.value.value) == ("external_id", "4711")
    assert store.count_people() == 1
    assert store.count_references() == 0


def test_many_people_without_staff_number(store: Store) -> None:
    for name in ("Ada", "Grace", "Edith"):
        store.add_person(person(name), [], MODEL)
    assert store.count_people() == 3


def test_a_refused_picture_leaves_nothing_of_the_person(store: Store) -> None:
    store.add_person(person("Ada"), [reference("the same")], MODEL)
    with pytest.raises(DuplicatePictureError) as caught:
        store.add_person(person("Grace"), [reference("new"), reference("the same")], MODEL)
    assert caught.value.label == "one.jpg"
    assert [one.name for one in store.people()] == ["Ada"]
    assert store.count_references() == 1
    store.add_person(person("Grace"), [reference("new")], MODEL)  # name and picture are still free


def test_the_same_enrolment_again_is_told_by_its_name(store: Store) -> None:
    """Where the answer was lost and the operator enrols again: the name says more than the pictures do."""
    store.add_person(person("Ada"), [reference("a"), reference("b")], MODEL)
    with pytest.raises(PersonExistsError):
        store.add_person(person("Ada"), [reference("a"), reference("b")], MODEL)


def test_an_id_is_never_used_again(store: Store) -> None:
    ada = person("Ada")
    store.add_person(ada, [], MODEL)
    with pytest.raises(ConflictError):
        store.add_person(replace(ada, name="Grace"), [], MODEL)
    assert store.person(ada.person_id).name == "Ada"


def test_people_are_listed_by_name(store: Store) -> None:
    for name in ("grace", "Ada", "Édith", "edith", "Zoë", "ada b"):
        store.add_person(person(name), [], MODEL)
    listed = [one.name for one in store.people()]
    assert listed == ["Ada", "ada b", "edith", "grace", "Zoë", "Édith"]
    assert [one.name for one in store.people(limit=2)] == listed[:2]
    assert [one.name for one in store.people(limit=2, offset=3)] == listed[3:5]
    assert store.people(offset=6) == []


def test_search_is_plain_text_in_name_number_and_group(store: Store) -> None:
    store.add_person(person("Åsa Öberg", external_id="A-1", group="Lab 100%"), [], MODEL)
    store.add_person(person("Ben (x.y)", external_id="B_2", group="Office"), [], MODEL)

    def found(search: str) -> list[str]:
        return [one.name for one in store.people(search=search)]

    assert found("öberg") == found("a-1") == found("100%") == found("lab") == ["Åsa Öberg"]
    assert found("(X.Y)") == found("b_2") == found("OFFICE") == ["Ben (x.y)"]
    assert found(".*") == found("^") == found("[a-z]") == found("nobody") == []
    assert found("%") == ["Åsa Öberg"]
    assert found("_") == ["Ben (x.y)"]
    assert len(found("")) == 2


def test_listed_by_status(store: Store) -> None:
    store.add_person(person("Ada"), [], MODEL)
    store.add_person(person("Ben", status=PersonStatus.INACTIVE), [], MODEL)
    assert [one.name for one in store.people(status=PersonStatus.ACTIVE)] == ["Ada"]
    assert [one.name for one in store.people(status=PersonStatus.INACTIVE)] == ["Ben"]
    assert store.count_people() == 2


def test_change_one_thing_at_a_time(store: Store) -> None:
    ada = store.add_person(person("Ada", external_id="1", group="Lab"), references(1), MODEL)
    assert store.update_person(ada.person_id) == ada
    renamed = store.update_person(ada.person_id, name="Ada King")
    assert renamed == replace(ada, name="Ada King")
    moved = store.update_person(ada.person_id, group="Office", external_id="2")
    assert moved == replace(renamed, group="Office", external_id="2")
    off = store.update_person(ada.person_id, status=PersonStatus.INACTIVE)
    assert off == replace(moved, status=PersonStatus.INACTIVE) == store.person(ada.person_id)
    assert store.find_person("ada king") == store.find_person("2") == off
    assert store.people(search="office") == [off]
    assert store.people(search="lab") == []
    with pytest.raises(PersonNotFoundError):
        store.find_person("Ada")


def test_a_number_and_a_group_can_be_taken_away(store: Store) -> None:
    ada = store.add_person(person("Ada", external_id="1", group="Lab"), [], MODEL)
    bare = store.update_person(ada.person_id, external_id="", group="")
    assert (bare.external_id, bare.group) == (None, None)
    ben = store.add_person(person("Ben", external_id="1"), [], MODEL)
    assert store.update_person(ben.person_id, external_id="").external_id is None


def test_a_person_may_keep_the_own_name(store: Store) -> None:
    ada = store.add_person(person("ada", external_id="1"), [], MODEL)
    assert store.update_person(ada.person_id, name="Ada", external_id="1").name == "Ada"


def test_a_taken_name_or_number_is_refused_and_nothing_changed(store: Store) -> None:
    store.add_person(person("Ada", external_id="1"), [], MODEL)
    ben = store.add_person(person("Ben", external_id="2"), [], MODEL)
    with pytest.raises(PersonExistsError) as caught:
        store.update_person(ben.person_id, name="ADA", group="Lab")
    assert caught.value.field == "name"
    with pytest.raises(PersonExistsError) as caught:
        store.update_person(ben.person_id, name="Benjamin", external_id="1")
    assert caught.value.field == "external_id"
    assert store.person(ben.person_id) == ben
    assert store.find_person("Ben") == ben


def test_a_name_is_free_again_after_a_rename_and_a_removal(store: Store) -> None:
    ada = store.add_person(person("Ada"), [], MODEL)
    store.update_person(ada.person_id, name="Ada King")
    other = store.add_person(person("Ada"), [], MODEL)
    store.remove_person(other.person_id)
    store.add_person(person("Ada"), [], MODEL)
    assert sorted(one.name for one in store.people()) == ["Ada", "Ada King"]


def test_changing_nobody(store: Store) -> None:
    with pytest.raises(PersonNotFoundError):
        store.update_person("gone", name="Ada")
    with pytest.raises(PersonNotFoundError):
        store.remove_person("gone")


def test_removing_takes_pictures_and_templates_along(store: Store) -> None:
    ada = store.add_person(person("Ada", external_id="1"), [reference("a"), reference("b")], MODEL)
    ben = store.add_person(person("Ben"), [reference("c")], MODEL)
    pictures = store.references(ada.person_id)
    assert store.remove_person(ada.person_id) == ada
    assert store.count_people() == 1
    assert store.count_references() == 1
    assert [(c.references, c.templates) for c in store.template_coverage()] == [(1, 1)]
    assert store.references(ada.person_id) == []
    for picture in pictures:
        assert store.picture_owner(str(picture.sha256)) is None
        with pytest.raises(PersonNotFoundError):
            store.picture(picture.reference_id)
    for gone in (ada.name, "1"):
        with pytest.raises(PersonNotFoundError):
            store.find_person(gone)
    with pytest.raises(PersonNotFoundError):
        store.remove_person(ada.person_id)
    assert store.person(ben.person_id) == ben
    again = store.add_person(person("Ada", external_id="1"), [reference("a"), reference("b")], MODEL)
    assert again.reference_count == 2


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 10, 25, 1, 30, 0, 999999, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, 1000, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(2199, 1, 1, tzinfo=UTC),
    ],
)
def test_times_are_kept_to_the_millisecond_in_utc(store: Store, moment: datetime) -> None:
    ada = person(created_at=moment)
    store.add_person(ada, [], MODEL)
    created = store.person(ada.person_id).created_at
    assert created is not None
    assert created.utcoffset() == timedelta(0)
    assert timedelta(0) <= moment - created < timedelta(milliseconds=1)


def test_everything_is_there_after_reopening(open_store: Callable[[], Store]) -> None:
    first = open_store()
    ada = first.add_person(person("Ada", created_at=NOON), references(2), MODEL)
    first.close()
    again = open_store()
    assert again.people() == [ada]
    assert again.active_model() == MODEL
    assert len(again.references(ada.person_id)) == 2


def test_the_store_says_who_it_is(store: Store, store_url: str) -> None:
    info = store.info()
    assert info.engine == store_url.partition(":")[0]
    assert info.schema_version == 3
    assert info.version[0].isdigit()
    assert info.location.startswith(f"{info.engine}://")
    assert info.details["transactions"] in {"yes", "no"}
