from __future__ import annotations

import io
import json
import logging

import pytest

from keyward.controller import logs
from keyward.errors import Reason, Retry

CANARY = "canary-7f3a"


def fail(error: Exception):
    raise error


@pytest.fixture
def lines():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.setup(json=True, stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_carries_the_fields_that_are_bound_and_no_others(lines):
    log = logging.getLogger("keyward.test")
    with logs.bound(credential="shop/orders"), logs.bound(step="apply", version="v2"):
        log.info("done")
    log.info("after")
    first, second = lines()
    assert (first["credential"], first["step"], first["version"]) == ("shop/orders", "apply", "v2")
    assert (first["message"], first["level"]) == ("done", "info")
    assert "credential" not in second


def test_a_foreign_exception_is_reduced_to_its_class(lines):
    try:
        fail(RuntimeError(f"password={CANARY}"))
    except RuntimeError:
        logging.getLogger("keyward.test").exception("it failed")
    (line,) = lines()
    assert line["error"] == "RuntimeError"
    assert "test_logs.py" in line["at"]
    assert CANARY not in json.dumps(line)


def test_our_own_error_keeps_its_text(lines):
    try:
        fail(Retry(Reason.UNREACHABLE, "the server is down"))
    except Retry:
        logging.getLogger("keyward.test").exception("it failed")
    (line,) = lines()
    assert (line["reason"], line["cause"]) == ("Unreachable", "the server is down")


@pytest.mark.usefixtures("lines")
def test_kopf_never_speaks_below_a_warning_even_when_we_are_verbose():
    logs.setup(json=True, verbose=True, stream=io.StringIO())
    for name in ("kopf.objects", "kopf._core", "aiohttp.client"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    logs.setup(json=True, stream=io.StringIO())


def test_text_for_a_terminal_hides_as_much():
    record = logging.LogRecord("keyward", logging.INFO, "f", 1, "said", (), None)
    try:
        fail(RuntimeError(CANARY))
    except RuntimeError as error:
        record.exc_info = (RuntimeError, error, error.__traceback__)
    text = logs.TextFormatter().format(record)
    assert "error=RuntimeError" in text
    assert CANARY not in text


def test_kopf_never_hands_on_the_text_of_a_foreign_exception(lines):
    logging.getLogger("kopf.client").error("Request attempt #1 failed: GET /api -> ClientError(%r)", CANARY)
    (line,) = lines()
    assert line["message"] == "Request attempt #1 failed: GET /api"
