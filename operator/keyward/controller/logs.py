"""Structured logs: one JSON object a line, or plain text for a person at a terminal.

A foreign exception is reduced to its class and where it came up in our code: its text may hold a password or a statement.
kopf stays at WARNING: at DEBUG it prints whole objects.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import orjson

from keyward.errors import KeywardError

_fields: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("fields", default=())
_QUIET: Final = ("kopf", "aiohttp", "asyncio", "urllib3", "psycopg")
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Every line that is logged within, also by what is awaited, carries these fields: credential, version, step."""
    merged = dict(_fields.get()) | fields
    token = _fields.set(tuple(merged.items()))
    try:
        yield
    finally:
        _fields.reset(token)


def setup(*, json: bool | None = None, verbose: bool = False, stream: TextIO | None = None) -> None:
    """Send logs to `stream` (stderr). `json` None: JSON unless a person reads."""
    out = stream or sys.stderr
    as_json = not out.isatty() if json is None else json
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("keyward").setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def described(exc_info: ExcInfo | None) -> dict[str, str]:
    """What may be told of an exception: its class, where it was raised, and its text if that is ours."""
    if exc_info is None or exc_info[1] is None:
        return {}
    error = exc_info[1]
    found = {"error": type(error).__name__}
    if isinstance(error, KeywardError):
        found |= {"reason": str(error.reason), "cause": error.message}
    frames = traceback.extract_tb(exc_info[2])
    if frames:
        last = next((f for f in reversed(frames) if "keyward" in f.filename), frames[-1])
        found["at"] = f"{last.filename.rpartition('/')[2]}:{last.lineno} {last.name}"
    return found


def _message(record: logging.LogRecord) -> str:
    text = record.getMessage()
    # What follows the arrow is the foreign exception, with a dump of the connection or of the server's answer.
    return text.partition(" -> ")[0] if record.name.startswith("kopf") else text


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        line |= dict(_fields.get())
        line |= described(record.exc_info)
        return orjson.dumps(line, default=lambda _: "<unprintable>").decode()


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = dict(_fields.get()) | described(record.exc_info)
        tail = "".join(f" {key}={value}" for key, value in fields.items())
        return f"{at} {record.levelname:<7} {_message(record)}{tail}"
