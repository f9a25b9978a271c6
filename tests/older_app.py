"""What an older app wrote into a MongoDB database: two collections, and no field of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import bson

from tests.store_makers import NOON

if TYPE_CHECKING:
    from pymongo.database import Database

Document = dict[str, Any]


def old_picture(name: Any, index: int = 0, **fields: Any) -> Document:
    """One of a person's pictures."""
    data = f"picture {index} of {name}".encode()
    return {
        "name": name,
        "image_index": index,
        "image_bytes": data,
        "created_at": datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC),
        "size": len(data),
        **fields,
    }


def old_record(name: str, minutes: int, **fields: Any) -> Document:
    """An attendance record, so long after a noon of the year before."""
    when = NOON - timedelta(days=400) + timedelta(minutes=minutes)
    return {"timestamp": when, "entered_name": name.lower(), "matched_identity": name, "distance": 0.42, **fields}


def contents(database: Database[Document]) -> dict[str, list[bytes]]:
    """Every document of the two old collections, byte for byte."""
    names = ("face_images", "attendance")
    return {name: sorted(bytes(bson.encode(one)) for one in database[name].find()) for name in names}
