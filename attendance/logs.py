"""Logs: one line an event on stderr, for people on a terminal and as JSON elsewhere, with secrets masked.

Only the doors call ``configure``; every other module takes ``structlog.get_logger()`` and passes facts as keywords.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import TextIO

MASK = "***"
_SECRET_KEYS = re.compile(r"passw|secret|token|api_?key|authorization|cookie|credential", re.IGNORECASE)
# user:password@ of a URL (RFC 3986, section 3.2.1). Up to the last "@" of the word, because a badly written password may
# itself hold "@" or "/": rather hide too much than show a part of it.
_USER_INFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)\S+@", re.IGNORECASE)
# Passwords in a URL's options, such as MongoDB's tlsCertificateKeyFilePassword=….
_SECRET_OPTION = re.compile(r"(?P<name>[?&][\w.-]*(?:passw|secret|token)[\w.-]*=)[^\s&#]+", re.IGNORECASE)
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def masked(text: str) -> str:
    """The text with every URL's user name, password and secret options replaced by three asterisks."""
    return _SECRET_OPTION.sub(rf"\g<name>{MASK}", _USER_INFO.sub(rf"\g<scheme>{MASK}@", text))


def mask_value(key: str, value: Any) -> Any:
    """What may be written of a value under this key; looks into mappings, lists and tuples."""
    if _SECRET_KEYS.search(key):
        return MASK
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {inner: mask_value(str(inner), held) for inner, held in value.items()}
    if isinstance(value, list | tuple):
        return [mask_value("", held) for held in value]
    if isinstance(value, BaseException):
        return masked(f"{type(value).__name__}: {value}")
    return value


def _mask_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: no secret leaves through a log."""
    return {key: mask_value(key, value) for key, value in event.items()}


def configure(*, level: str = "info", as_json: bool | None = None, stream: TextIO | None = None) -> None:
    """Send logs to ``stream`` (default: the stderr of the moment).

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``; what is below is dropped.
        as_json: one JSON object a line; None: exactly where the stream is no terminal.
        stream: a text stream.

    Raises:
        ValueError: the level is none of these.
    """
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no log level; there are {', '.join(LEVELS)}")
    out = sys.stderr if stream is None else stream
    plain = not out.isatty() if as_json is None else as_json
    last: list[Any] = [structlog.processors.JSONRenderer()] if plain else [structlog.dev.ConsoleRenderer(colors=False)]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _mask_event,
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr if stream is None else stream),
        cache_logger_on_first_use=False,  # a test, or a door that starts another, may configure again
    )
