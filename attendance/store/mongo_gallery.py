"""What a gallery has to take over since it last asked.

Every change of a person writes a new ``token`` and, by the server's clock, ``changed_at`` into the person's document, in the
same update. So "what is new" is one indexed query for what was written since the newest change that is known, less an
overlap for writes that became visible late; and now and then all tokens are compared, which depends on no clock. A cursor
is a digest of what a gallery knows, person to token. What it stands for is kept here; one that is not known, such as
another process's, is compared with the digest of what there is, and answered with everything where they differ.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from attendance.domain.model import PersonStatus, PersonTemplates
from attendance.errors import CorruptRecordError
from attendance.store.base import GalleryChanges
from attendance.store.codec import embedding_from_bytes
from attendance.store.mongo_documents import Belonging, warn_skipped
from attendance.store.mongo_errors import guarded
from attendance.store.mongo_journal import finish_unfinished
from attendance.store.mongo_legacy import adopt
from attendance.store.mongo_templates import read_active

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from attendance.store.mongo_schema import Rooms

Document = dict[str, Any]

# No write becomes visible later than the store's own limit of a few seconds after the time it carries.
OVERLAP = timedelta(seconds=15)
COMPARE_S = 45.0  # how often all tokens are compared, older apps looked after and what crashes left is finished
MAX_VIEWS = 16  # a process has one gallery, or two while it changes its model
_PAGE = 500  # people whose templates are read in one query
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS = {"token": 1, "changed_at": 1, "state": 1}


@dataclass(frozen=True, slots=True)
class View:
    """What a gallery knows: of each person the token, of those who are removed too."""

    cursor: str
    model_id: str
    tokens: Mapping[str, str]
    newest: datetime
    compared_s: float  # time.monotonic() of the last comparison of everything


class Views:
    """The latest views, by cursor; several threads may use it."""

    def __init__(self) -> None:
        self._views: OrderedDict[str, View] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, cursor: str | None, model_id: str) -> View | None:
        """The view of a cursor, unless it is of another model or too old to be kept."""
        with self._lock:
            view = self._views.get(cursor or "")
            return view if view is not None and view.model_id == model_id else None

    def put(self, view: View) -> None:
        """Keep a view; the oldest ones go."""
        with self._lock:
            self._views[view.cursor] = view
            self._views.move_to_end(view.cursor)
            while len(self._views) > MAX_VIEWS:
                self._views.popitem(last=False)


class GalleryPart:
    """The store's method about galleries; ``MongoStore`` is made of such parts."""

    _rooms: Rooms
    _views: Views

    @guarded
    def gallery_changes(self, model_id: str, cursor: str | None = None) -> GalleryChanges:
        """See ``Store.gallery_changes``."""
        rooms, now_s = self._rooms, time.monotonic()
        view = self._views.get(cursor, model_id)
        everything = view is None or now_s - view.compared_s >= COMPARE_S
        if everything:
            finish_unfinished(rooms)
            adopt(rooms)
        active = read_active(rooms)
        if view is None:
            view = View("", model_id, {}, _LONG_AGO, now_s)
        query: Document = {"state": {"$in": ["present", "removed"]}}
        if not everything:
            query["changed_at"] = {"$gte": view.newest - OVERLAP}
        found = {document["_id"]: document for document in rooms.people.find(query, _FIELDS)}
        if cursor and not view.cursor:
            view = _recognised(view, cursor, found)
        news = [key for key, document in found.items() if view.tokens.get(key) != _token(document)]
        lost = view.tokens.keys() - found.keys() if everything else set()
        compared_s = now_s if everything else view.compared_s
        times = [document.get("changed_at") for document in found.values()]
        newest = max([view.newest, *(known for known in times if isinstance(known, datetime))])
        if not news and not lost and view.cursor:
            self._views.put(replace(view, newest=newest, compared_s=compared_s))
            return GalleryChanges(view.cursor, active, (), ())
        changed, tokens = _read(rooms, model_id, news)
        there = {person.person_id for person in changed}
        removed = [key for key in news if key not in there and (cursor is not None or key in view.tokens)]
        tokens = {**view.tokens, **{key: _token(found[key]) for key in news}, **tokens}
        for key in lost:
            del tokens[key]
        after = View(_digest(model_id, tokens), model_id, tokens, newest, compared_s)
        self._views.put(after)
        return GalleryChanges(after.cursor, active, tuple(changed), (*removed, *sorted(lost)))


def _recognised(view: View, cursor: str, found: Mapping[str, Document]) -> View:
    """The view that a cursor of another process stands for, where it is what there is now; otherwise an empty one."""
    tokens = {key: _token(document) for key, document in found.items()}
    return view if _digest(view.model_id, tokens) != cursor else replace(view, cursor=cursor, tokens=tokens)


def _digest(model_id: str, tokens: Mapping[str, str]) -> str:
    """The same for the same people and tokens in any order: the exclusive or of a digest of each."""
    total = 0
    for key, token in (("model", model_id), *tokens.items()):
        total ^= int.from_bytes(hashlib.blake2b(f"{key} {token}".encode(), digest_size=16).digest())
    return f"{total:032x}"


def _token(person: Mapping[str, Any]) -> str:
    return str(person.get("token", ""))


def _read(rooms: Rooms, model_id: str, person_ids: Sequence[str]) -> tuple[list[PersonTemplates], dict[str, str]]:
    """The templates of those who are there, and the tokens they were read under: a change that comes while they are read
    has another token, so these people are listed again.
    """
    made: list[PersonTemplates] = []
    tokens: dict[str, str] = {}
    for start in range(0, len(person_ids), _PAGE):
        query = {"_id": {"$in": list(person_ids[start : start + _PAGE])}, "state": "present"}
        people = list(rooms.people.find(query))
        belonging = Belonging.of(people)
        found: dict[str, list[tuple[str, NDArray[np.float32]]]] = {person["_id"]: [] for person in people}
        for template in rooms.templates.find({"person_id": {"$in": list(found)}, "model_id": model_id, "failed": None}):
            owner = belonging.template_owner(template)
            if owner is None:
                continue
            try:
                embedding = embedding_from_bytes(template.get("embedding"), f"templates/{template['_id']}")
            except CorruptRecordError as error:
                warn_skipped("templates", [template["_id"]], str(error))
                continue
            found[owner].append((template["reference_id"], embedding))
        dimension = _dimension(found.values())
        for person in people:
            tokens[person["_id"]] = _token(person)
            made.append(_person_templates(person, found[person["_id"]], dimension))
    return made, tokens


def _dimension(found: Any) -> int:
    """The usual length of an embedding; one of another length is damaged."""
    lengths = Counter(embedding.size for templates in found for _, embedding in templates)
    return lengths.most_common(1)[0][0] if lengths else 0


def _person_templates(person: Document, templates: list[tuple[str, NDArray[np.float32]]], dimension: int) -> PersonTemplates:
    fitting = sorted((item for item in templates if item[1].size == dimension), key=lambda item: item[0])
    if len(fitting) < len(templates):
        warn_skipped("templates", [key for key, embedding in templates if embedding.size != dimension], "an odd length")
    active = person.get("status") == PersonStatus.ACTIVE.value
    return PersonTemplates(
        person_id=person["_id"],
        name=str(person.get("name", "")),
        status=PersonStatus.ACTIVE if active else PersonStatus.INACTIVE,
        reference_ids=tuple(key for key, _ in fitting),
        embeddings=np.stack([embedding for _, embedding in fitting]) if fitting else np.empty((0, dimension), np.float32),
    )
