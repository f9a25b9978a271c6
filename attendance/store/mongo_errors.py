"""PyMongo's errors in the house's words; every public method of the store goes through ``guarded``."""

from __future__ import annotations

import functools
import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from bson.errors import BSONError, InvalidBSON
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from attendance.errors import ConflictError, CorruptRecordError, SettingsError, StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Function = TypeVar("Function", bound="Callable[..., Any]")

DUPLICATE_KEY = 11000
# Error codes of the server, from mongo/src/mongo/base/error_codes.yml.
_REFUSED = {13, 18, 31, 8000}  # Unauthorized, AuthenticationFailed, RoleNotFound, AtlasError
_DISK_FULL = {14031}  # OutOfDiskSpace
_READ_ONLY = {10107, 13435, 13436, 20}  # NotWritablePrimary and its kind, IllegalOperation on a read-only server


def _failed(error: OperationFailure) -> StoreError:
    """What the server answered when it refused an operation."""
    code = error.code or 0
    if code in _REFUSED:
        return StoreUnavailableError(
            "The database refused the user name or password, or the account may not do this.", reason="refused"
        )
    if code in _DISK_FULL:
        return StoreUnavailableError("The database's disk is full; nothing was stored.", reason="disk_full")
    if code in _READ_ONLY:
        return StoreUnavailableError("The database accepts no changes just now; nothing was stored.", reason="read_only")
    return StoreError(f"The database refused an operation (code {code}).")


def _bulk(error: BulkWriteError) -> StoreError:
    details = error.details or {}
    codes = {item.get("code") for item in details.get("writeErrors", ())}
    if DUPLICATE_KEY in codes:
        return ConflictError("Something else stored the same thing first.")
    if details.get("writeConcernErrors"):
        return StoreUnavailableError("The database did not confirm in time that the data are safe.", reason="timeout")
    return StoreError(f"The database refused a part of the data (codes {sorted(map(str, codes))}).")


def translate(error: Exception) -> StoreError | SettingsError:  # noqa: PLR0911 - one line for each kind of error
    """The house's error for one of PyMongo's. Its message never holds what a URL or a document holds."""
    match error:
        case DuplicateKeyError():
            return ConflictError("Something else stored the same thing first.")
        case BulkWriteError():
            return _bulk(error)
        case NetworkTimeout() | ExecutionTimeout() | WriteConcernError():
            return StoreUnavailableError("The database did not answer in time; nothing was acknowledged.", reason="timeout")
        case NotPrimaryError():
            return StoreUnavailableError("The database is choosing a new primary; try again.", reason="read_only")
        case ServerSelectionTimeoutError() | AutoReconnect() | InvalidOperation():
            return StoreUnavailableError("The database cannot be reached; nothing was acknowledged.", reason="unreachable")
        case DocumentTooLarge():
            return StoreError("A record is larger than the 16 MB that MongoDB can store.")
        case OperationFailure():
            return _failed(error)
        case ConfigurationError():
            return SettingsError("ATTEND_STORE_URL holds an option that cannot be used.", name="ATTEND_STORE_URL")
        case InvalidBSON():
            return CorruptRecordError("The database holds a document that cannot be read.", record="mongodb")
        case BSONError() | UnicodeEncodeError() | OverflowError():
            return StoreError("A text or number cannot be stored in MongoDB.")
        case PyMongoError() if error.timeout:
            return StoreUnavailableError("The database did not answer in time; nothing was acknowledged.", reason="timeout")
    return StoreError(f"The database could not do something ({type(error).__name__}).")


@contextmanager
def translated() -> Iterator[None]:
    """What PyMongo raises inside leaves as an error of the house."""
    try:
        yield
    except (PyMongoError, BSONError, UnicodeEncodeError, OverflowError) as error:
        raise translate(error) from error


def guarded(function: Function) -> Function:
    """``translated`` around a method, or around a generator for as long as it is read."""
    wrapper: Any
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            with translated():
                yield from function(*args, **kwargs)

        wrapper = generator
    else:

        @functools.wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            with translated():
                return function(*args, **kwargs)

        wrapper = plain
    result: Function = wrapper
    return result
