"""Each error has one sentence and one code, and keeps no secret."""

from __future__ import annotations

import inspect

import pytest

from attendance import errors
from attendance.cli.failures import Exit, document, exit_code, leaving, sentence

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.AttendanceError) and kind not in {errors.AttendanceError, errors.TrackingError}
]


def example(kind: type[errors.AttendanceError], message: str = "Something is so.") -> errors.AttendanceError:
    needed = [] if kind.__init__ is Exception.__init__ else inspect.getfullargspec(kind.__init__).kwonlyargs
    return kind(message, **dict.fromkeys(needed, 1.5))


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_has_a_code_and_says_its_sentence(kind: type[errors.AttendanceError]) -> None:
    error = example(kind)
    assert exit_code(error) not in {Exit.DONE, Exit.REJECTED, Exit.USAGE, Exit.FAULT}
    assert sentence(error).startswith("Something is so.")
    told = document(error)
    assert (told["error"], told["exit_code"]) == (kind.__name__, exit_code(error))
    assert set(vars(error)) <= set(told)


def test_codes_are_those_of_the_manual() -> None:
    assert exit_code(errors.FaceTooSmallError("", size_px=1, limit_px=2)) == 3
    assert exit_code(errors.LookAlikeError("", person_id="", name="", distance_l2=0, limit=1)) == 4
    assert exit_code(errors.InferenceError()) == 5
    assert exit_code(errors.CorruptRecordError("", record="")) == 6
    assert exit_code(errors.SettingsError("")) == 7
    assert exit_code(OSError(28, "No space left on device")) == 8
    assert exit_code(ValueError("a mistake")) == 70


def test_a_sentence_is_one_line_without_secrets() -> None:
    told = sentence(errors.StoreUnavailableError("mongodb://a:hunter2@db/x\nis away.", reason="unreachable"))
    assert "hunter2" not in told
    assert "\n" not in told
    assert told.endswith("Nothing is confirmed as recorded.")


def test_a_command_that_knows_better_says_what_is_left() -> None:
    error = errors.StoreUnavailableError("The database is away.", reason="unreachable")
    with pytest.raises(errors.StoreUnavailableError), leaving("The folder is as it was."):
        raise error
    assert sentence(error) == "The database is away. The folder is as it was."
    told = {"error": "StoreUnavailableError", "message": sentence(error), "exit_code": 6, "reason": "unreachable"}
    assert document(error) == told


def test_a_full_disk_says_what_is_left() -> None:
    error = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space"), leaving("The folder is as it was."):
        raise error
    assert sentence(error) == "No space left on device. The folder is as it was."


def test_a_mistake_of_ours_is_told_as_such() -> None:
    assert sentence(KeyError("x")).startswith("Unexpected KeyError")
    assert "--debug" in sentence(KeyError("x"))
    assert sentence(OSError(28, "No space left on device", "f.csv")) == "No space left on device: f.csv."
