"""The connection, the collections, their indexes and the version of the data.

| collection | what is in it |
| --- | --- |
| people | one document a person; it alone says which pictures count (docs/decisions/0004), so it is the commit point |
| face_images | the pictures; those of an older app have no ``person_id`` and no ``batch`` and are never written to |
| templates | one document for each model and picture, apart from the pictures, whose bytes would be walked over |
| attempts | one document an attempt, ``_id`` is the attempt's id |
| attendance | the check-ins; ``_id`` is the attempt's id, or what an older app chose |
| check_in_slots | one document a person: whose turn it is to record a check-in |
| audit | ``_id`` is the sequence number |
| kept | what the server remembers; ``_id`` is kind and key |
| meta | ``schema``, ``active_model`` and ``outbox``, the last number that an attempt got |
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pymongo
import structlog
from pymongo import ASCENDING, MongoClient
from pymongo.errors import ConfigurationError, DuplicateKeyError, InvalidName, InvalidURI, OperationFailure
from pymongo.read_concern import ReadConcern

from attendance.errors import SettingsError, StoreError, StoreUnavailableError
from attendance.store.base import SCHEMA_VERSION
from attendance.store.mongo_errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymongo.collection import Collection
    from pymongo.database import Database

Document = dict[str, Any]

DEFAULT_DATABASE = "face_attendance"
CONNECT_MS = 2000  # with a server hung, everything ends within 3 s (docs/decisions/0004)
_INDEX_S = 600.0  # for one index over hundreds of thousands of pictures on a slow disk
_INDEX_EXISTS = {85, 86}  # IndexOptionsConflict, IndexKeySpecsConflict: an older app made its own on the same fields

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rooms:
    """One client and its collections; shared by all threads."""

    client: MongoClient[Document]
    location: str
    transactions: bool
    people: Collection[Document]
    images: Collection[Document]
    templates: Collection[Document]
    attempts: Collection[Document]
    attendance: Collection[Document]
    slots: Collection[Document]
    audit: Collection[Document]
    kept: Collection[Document]
    meta: Collection[Document]
    timeout_s: float


def open_rooms(url: str, timeout_s: float) -> Rooms:
    """Connect, check the version of the data, and make the indexes.

    Raises:
        SettingsError: the URL cannot be used; the message never repeats it.
        StoreUnavailableError: the server is away or refuses the account.
        StoreError: the data were written by a newer version.
    """
    client, name = _client(url, timeout_s)
    try:
        with translated():
            with pymongo.timeout(min(timeout_s, CONNECT_MS / 1000)):  # the first contact has a connection to make, too
                hello = client.admin.command("hello")
            replicated = bool(hello.get("setName")) or hello.get("msg") == "isdbgrid"
            rooms = _rooms(client, name, url, timeout_s, replicated=replicated)
            _check_version(rooms)
            _make_indexes(rooms)
    except Exception:
        client.close()
        raise
    return rooms


def _client(url: str, timeout_s: float) -> tuple[MongoClient[Document], str]:
    wait_ms = min(CONNECT_MS, max(1, int(timeout_s * 1000)))
    try:
        with warnings.catch_warnings():
            # PyMongo warns of an option that it does not know, such as a misspelt tls=true, and goes on without it
            warnings.simplefilter("error", UserWarning)
            client: MongoClient[Document] = MongoClient(
                url,
                appname="attend",
                tz_aware=True,
                datetime_conversion="DATETIME_AUTO",  # a date beyond the calendar must not hide the documents around it
                unicode_decode_error_handler="replace",  # the same for a text that is no UTF-8
                serverSelectionTimeoutMS=wait_ms,
                connectTimeoutMS=wait_ms,
                timeoutMS=max(1, int(timeout_s * 1000)),
                w="majority",  # given here, so that no option of a URL can weaken them
                journal=True,
                readPreference="primary",
            )
            return client, client.get_default_database(DEFAULT_DATABASE).name
    except (InvalidURI, ConfigurationError, InvalidName, ValueError, TypeError, UserWarning) as error:
        if url.startswith("mongodb+srv://") and "DNS" in str(error):
            raise StoreUnavailableError("The database's host name cannot be looked up.", reason="unreachable") from None
        # "from None": PyMongo's message may repeat a part of the URL, and with it of the password
        raise SettingsError(
            "ATTEND_STORE_URL is no MongoDB URL that can be used; one looks like mongodb://host:27017/face_attendance, and"
            " special characters in a user name or password are written in percent encoding.",
            name="ATTEND_STORE_URL",
        ) from None


def _rooms(client: MongoClient[Document], name: str, url: str, timeout_s: float, *, replicated: bool) -> Rooms:
    # Without a replica set every read is as good as a majority one, and old standalone servers refuse the word.
    concern = ReadConcern("majority") if replicated else None
    database: Database[Document] = client.get_database(name, read_concern=concern)
    parts = urlsplit(url)
    return Rooms(
        client=client,
        location=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{name}",
        transactions=replicated,
        people=database["people"],
        images=database["face_images"],
        templates=database["templates"],
        attempts=database["attempts"],
        attendance=database["attendance"],
        slots=database["check_in_slots"],
        audit=database["audit"],
        kept=database["kept"],
        meta=database["meta"],
        timeout_s=timeout_s,
    )


def _drop_narrow_index(rooms: Rooms) -> None:
    """Version 2 has a wider one in its place. Nothing else: what a field means that older documents lack is known."""
    with suppress(OperationFailure):  # another process dropped it first
        rooms.attempts.drop_index("attend_at_utc__id")


def _nothing(_rooms: Rooms) -> None:
    """Version 3 adds a session, a number and ``waiting`` to an attempt; where they are missing it was never to be sent."""


# From which version to the next one: what has to be done to the data.
MIGRATIONS: dict[int, Callable[[Rooms], None]] = {1: _drop_narrow_index, 2: _nothing}


def _check_version(rooms: Rooms) -> None:
    with suppress(DuplicateKeyError):  # two processes that start at once
        rooms.meta.update_one({"_id": "schema"}, {"$setOnInsert": {"version": SCHEMA_VERSION}}, upsert=True)
    found = schema_version(rooms)
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"The database holds version {found} of the data and this program knows {SCHEMA_VERSION}; use a newer program."
        )
    for version in range(found, SCHEMA_VERSION):
        MIGRATIONS[version](rooms)
        rooms.meta.update_one({"_id": "schema", "version": version}, {"$set": {"version": version + 1}})


def schema_version(rooms: Rooms) -> int:
    """As the database says it; a round trip."""
    document = rooms.meta.find_one({"_id": "schema"}) or {}
    version = document.get("version")
    if not isinstance(version, int):
        raise StoreError("The database does not say which version of the data it holds.")
    return version


def _make_indexes(rooms: Rooms) -> None:
    """Costs one look where they exist. Over an older app's pictures the first time may take long, so it has the time."""
    _index(rooms.people, "name_key", unique=True, partialFilterExpression={"name_key": {"$type": "string"}})
    _index(rooms.people, "external_id", unique=True, partialFilterExpression={"external_id": {"$type": "string"}})
    _index(rooms.people, "changed_at")
    _index(rooms.people, "open_at", sparse=True)
    _index(rooms.people, "legacy_names", sparse=True)
    _index(rooms.images, "person_id", "batch")
    _index(rooms.images, "person_id", "name")
    # Only ours: an older app may well have stored one picture twice.
    _index(rooms.images, "sha256", unique=True, partialFilterExpression={"batch": {"$exists": True}})
    _index(rooms.images, "batch", sparse=True)
    _index(rooms.templates, "person_id", "model_id")
    _index(rooms.templates, "model_id", "person_id", "batch", "failed", "reference_id")
    _index(rooms.templates, "reference_id")
    _index(rooms.templates, "sha256", sparse=True)
    _index(rooms.templates, "batch", sparse=True)
    # Pages and counts are answered from these alone, whatever is asked for: an attempt's document may hold a picture.
    _index(rooms.attempts, "at_utc", "_id", "person_id", "decision", "reason", "outcome", "review", "model_id")
    _index(rooms.attempts, "person_id", "at_utc", "_id", "outcome", "review")
    _index(rooms.attempts, "review", "at_utc", "_id", "outcome", "person_id")
    # Those that wait to be sent are few; a number is given once.
    _index(rooms.attempts, "waiting", "number", "at_utc", "_id", partialFilterExpression={"waiting": True})
    _index(rooms.attempts, "waiting", "at_utc", partialFilterExpression={"waiting": True})
    _index(rooms.attempts, "number", unique=True, partialFilterExpression={"number": {"$gt": 0}})
    _index(rooms.attempts, "session", "number", partialFilterExpression={"number": {"$gt": 0}})
    _index(rooms.attendance, "timestamp", "_id")
    _index(rooms.attendance, "person_id", "timestamp")
    _index(rooms.attendance, "person_id", "matched_identity", "timestamp")  # of older apps
    _index(rooms.kept, "kind", "key")
    _index(rooms.kept, "expires_at", sparse=True)  # not one that deletes by itself, which goes by the server's clock
    _index(rooms.slots, "open", partialFilterExpression={"open": True})


def _index(collection: Collection[Document], *fields: str, **options: Any) -> None:
    name = "attend_" + "_".join(fields)
    if name in collection.index_information():
        return
    try:
        with pymongo.timeout(_INDEX_S):
            collection.create_index([(field, ASCENDING) for field in fields], name=name, **options)
    except OperationFailure as error:
        if error.code not in _INDEX_EXISTS or options.get("unique"):
            raise
        _log.warning("an index of another app is used", collection=collection.name, fields=fields)
