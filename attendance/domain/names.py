"""Names as they may be stored and shown, and the key by which two names are the same.

A name is data from outside: it may hold control characters, marks that reverse the reading direction, or letters of
another script that look like the ones beside them (Unicode Technical Standard 39). Those are refused with a sentence;
everything else, slashes, dollars and dots included, is an ordinary name, because no part of the house uses a name as a
path, a query or a field's name.
"""

from __future__ import annotations

import unicodedata

from attendance.errors import NameRefusedError

MAX_LENGTH = 200  # characters; the longest legal names on record have about that many
# Scripts with letters that look alike; a word that mixes two of them is made to deceive (UTS 39, section 5.1).
CONFUSABLE_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
_BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
_MARKS = "\u200e\u200f\u061c"  # left-to-right, right-to-left and Arabic letter mark
_JOINERS = "\u200c\u200d"  # needed inside words of several scripts


def clean_name(text: str) -> str:
    """The name as it is stored: composed (NFC), white space folded to single blanks.

    Raises:
        NameRefusedError: empty, too long, or with characters that cannot be shown safely.
    """
    if len(text) > 10 * MAX_LENGTH:  # before any work that grows with the length
        raise NameRefusedError(f"A name has at most {MAX_LENGTH} characters.", reason="too_long")
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise NameRefusedError("A name is needed.", reason="empty")
    if len(name) > MAX_LENGTH:
        raise NameRefusedError(f"A name has at most {MAX_LENGTH} characters.", reason="too_long")
    for character in name:
        if unicodedata.bidirectional(character) in _BIDIRECTIONAL or character in _MARKS:
            raise NameRefusedError(
                "A name cannot hold marks that change the reading direction.", reason="bidirectional_marks"
            )
        category = unicodedata.category(character)
        if category == "Cf" and character not in _JOINERS:
            raise NameRefusedError("A name cannot hold invisible characters.", reason="invisible")
        if category in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}:
            raise NameRefusedError("A name cannot hold control characters.", reason="control_characters")
    if not any(unicodedata.category(character)[0] in "LNS" for character in name):
        raise NameRefusedError("A name needs at least one letter.", reason="invisible")
    for word in name.split():
        scripts = {unicodedata.name(c, "").split(" ")[0] for c in word if c.isalpha()} & set(CONFUSABLE_SCRIPTS)
        if len(scripts) > 1:
            raise NameRefusedError(
                f"One word of this name mixes {' and '.join(sorted(s.title() for s in scripts))} letters that look alike.",
                reason="mixed_scripts",
            )
    return name


def name_key(name: str) -> str:
    """Two names with the same key are one name: compatibility forms, case and white space don't count.

    Takes any text, also names of older databases that ``clean_name`` would refuse.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())
