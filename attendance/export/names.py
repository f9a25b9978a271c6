"""From a person's name to the name of a folder that is safe and unique on every file system.

Unsafe is what some system refuses, hides, reads as something else, or folds into another name: separators and the characters
that Windows forbids, its device names, dots and blanks at the ends, controls and invisible characters, and what is no NFC.
Sources: "Naming Files, Paths, and Namespaces" of the Windows documentation; POSIX.1-2017, 3.282 (portable file names).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

from attendance.domain.names import name_key

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BYTES = 100  # of UTF-8; with "_", an index and ".jpg" well below the 255 of a file's name
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _'-]*[A-Za-z0-9_'-]|[A-Za-z0-9]")  # most names, decided at once
_FORBIDDEN = set('<>:"/\\|?*')
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])(\s*\..*)?", re.IGNORECASE)
_ENDS = ". "
_MARK = "~"  # between a name that was changed and the digest that keeps it apart from others
_DIGITS = 8


def safe_name(text: str) -> str:
    """The text itself where it is a safe file name, else a safe one with a part of the text's SHA-256 behind it."""
    if len(text) <= MAX_BYTES and _PLAIN.fullmatch(text) and not _DEVICES.fullmatch(text):
        return text
    composed = unicodedata.normalize("NFC", text)
    kept = "".join("_" if _unsafe(character) else character for character in composed)
    cut = kept.encode("utf-8", "replace")[:MAX_BYTES].decode("utf-8", "ignore")
    bare = cut.strip(_ENDS).lstrip("-")
    if bare and bare == composed and not _DEVICES.fullmatch(bare) and _MARK not in bare:
        return bare
    return f"{bare.strip(_ENDS) or '_'}{_MARK}{_digest(text)}"


def folder_names(people: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The folder of each person, by person id, whatever the order of ``people`` (id and name).

    A name that is safe and that nobody else's can be taken for has a folder of the same name. Where two would be one on
    some file system, each has its id's digest behind it.
    """
    folders = {person_id: safe_name(name) for person_id, name in people}
    taken: dict[str, int] = {}
    for folder in folders.values():
        taken[name_key(folder)] = taken.get(name_key(folder), 0) + 1
    if len(taken) == len(folders):
        return folders
    return {
        person_id: folder if taken[name_key(folder)] == 1 else f"{folder}{_MARK}{_digest(person_id, 2 * _DIGITS)}"
        for person_id, folder in folders.items()
    }


def _unsafe(character: str) -> bool:
    return character in _FORBIDDEN or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _digest(text: str, digits: int = _DIGITS) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:digits]
