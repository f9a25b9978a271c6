"""The list of pairs that the faces of LFW are compared by (Huang et al. 2007, pairs.txt), and lists of the same form."""

from __future__ import annotations

from dataclasses import dataclass

from attendance.errors import SettingsError

MOST_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures, each as the person and the file's name without its ending."""

    first: tuple[str, str]
    second: tuple[str, str]


def parse(text: str) -> list[Pair]:
    """The pairs of a file. A line is ``person number number`` (genuine) or ``person number person number`` (impostor),
    apart by white space; the picture is ``person_0001`` and so on. A first line of numbers alone is a header.

    Raises:
        SettingsError: a line is neither, or there are no pairs.
    """
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("\t") if "\t" in line else line.split()
        words = [word.strip() for word in words if word.strip()]
        if not words or (number == 1 and len(words) <= 2 and all(word.isdecimal() for word in words)):
            continue
        match words:
            case [person, one, two] if one.isdecimal() and two.isdecimal():
                pairs.append(Pair(_picture(person, one), _picture(person, two)))
            case [person, one, other, two] if one.isdecimal() and two.isdecimal():
                pairs.append(Pair(_picture(person, one), _picture(other, two)))
            case _:
                message = f"Line {number} of the pairs is neither `person number number` nor `person number person number`."
                raise SettingsError(message, name="pairs")
    if not pairs:
        raise SettingsError("The file of pairs holds no pairs.", name="pairs")
    return pairs


def _picture(person: str, number: str) -> tuple[str, str]:
    return person, f"{person}_{int(number):04d}"
