"""The one table that turns errors into a sentence and an exit code; docs/cli.md lists the codes."""

from __future__ import annotations

from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from attendance import errors
from attendance.cli.output import emit, note
from attendance.logs import mask_value, masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Exit(IntEnum):
    """What the command line returns to the shell."""

    DONE = 0  # accepted, found, stored, shown
    REJECTED = 1  # rejected, nobody, some pictures of an import refused, a fault found by the doctor
    USAGE = 2
    PICTURE = 3
    PERSON = 4
    MODEL = 5
    STORE = 6
    SETTINGS = 7
    FILES = 8
    FAULT = 70  # sysexits.h, EX_SOFTWARE: a mistake of this program
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it


# The first class that fits; what to do is added to the error's own sentence, where there is something to do.
_TABLE: tuple[tuple[type[BaseException], Exit, str], ...] = (
    (errors.SettingsError, Exit.SETTINGS, "docs/settings.md lists every setting."),
    (errors.ImageUnreadableError, Exit.PICTURE, ""),
    (errors.CaptureError, Exit.PICTURE, ""),
    (errors.LookAlikeError, Exit.PERSON, "If they are two people, add --allow-look-alike; it is recorded."),
    (errors.PersonNotFoundError, Exit.PERSON, "`python -m attendance people` lists everybody."),
    (errors.EnrolmentError, Exit.PERSON, ""),
    (errors.TemplateMismatchError, Exit.MODEL, "Run `python -m attendance reembed`."),
    (errors.RegistryError, Exit.MODEL, "docs/registry.md says what it needs."),
    (errors.WeightsUnavailableError, Exit.MODEL, "`python -m attendance models` shows what is there."),
    (errors.ModelError, Exit.MODEL, ""),
    (errors.StoreUnavailableError, Exit.STORE, "Nothing is confirmed as recorded."),
    (errors.StoreError, Exit.STORE, ""),
    (errors.AccountError, Exit.PERSON, ""),
    (errors.ExportError, Exit.FILES, ""),
    (errors.AttendanceError, Exit.FAULT, ""),
    (OSError, Exit.FILES, ""),
)


def exit_code(error: BaseException) -> Exit:
    """The code of an error; FAULT for what nobody foresaw."""
    return next((code for kind, code, _ in _TABLE if isinstance(error, kind)), Exit.FAULT)


def sentence(error: BaseException) -> str:
    """One clear sentence, and what to do; no traceback, no password."""
    advice = next((advice for kind, _, advice in _TABLE if isinstance(error, kind)), "")
    if isinstance(error, OSError):
        text = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}."
    elif isinstance(error, errors.AttendanceError):
        text = str(error) or f"{type(error).__name__}."
    else:
        text, advice = f"Unexpected {type(error).__name__}: {error}", "With --debug before the command you see where."
    advice = " ".join(getattr(error, "__notes__", ())) or advice  # a command that knows better (``leaving``)
    if advice and advice.rstrip(".") in text:
        advice = ""
    return masked(" ".join(f"{text} {advice}".split()))


@contextmanager
def leaving(told: str) -> Iterator[None]:
    """Whatever the database or the disk does in here, the sentence ends with what that leaves behind."""
    try:
        yield
    except (errors.StoreError, OSError) as error:
        error.add_note(told)
        raise


def document(error: BaseException) -> dict[str, Any]:
    """The error as JSON: class, sentence, exit code, and the error's own attributes."""
    name = type(error).__name__
    attributes: Mapping[str, Any] = vars(error) if isinstance(error, errors.AttendanceError) else {}
    shown = {key: mask_value(key, value) for key, value in attributes.items() if not key.startswith("_")}
    return {"error": name, "message": sentence(error), "exit_code": int(exit_code(error)), **shown}


def report(error: BaseException, *, as_json: bool) -> Exit:
    """Write the error where the results of this call go, and return its code."""
    if as_json:
        emit(document(error))
    else:
        note(sentence(error))
    return exit_code(error)


def report_usage(message: str, *, as_json: bool) -> Exit:
    """The command line itself was wrong."""
    if as_json:
        emit({"error": "UsageError", "message": message, "exit_code": int(Exit.USAGE)})
    else:
        for line in message.splitlines():
            note(line)
    return Exit.USAGE
