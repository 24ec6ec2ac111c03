"""Every way that is known for a value to get out by accident is tried; each must show the mask or fail without the value."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import io
import json
import logging
import pickle
import pprint
import string
import traceback
from collections.abc import Callable

import orjson
import pydantic
import pytest
import yaml

from keyward.sensitive import Sensitive

CANARY = "canary-7f3e91"
SECRET = Sensitive(CANARY)


@dataclasses.dataclass(frozen=True)
class Holder:
    password: Sensitive
    user: str = "orders"


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    password: Sensitive


def _printed() -> str:
    out = io.StringIO()
    print(SECRET, [SECRET], file=out)
    return out.getvalue()


TEXTS: dict[str, Callable[[], str]] = {
    "str": lambda: str(SECRET),
    "repr": lambda: repr(SECRET),
    "ascii": lambda: ascii(SECRET),
    "print": _printed,
    "f-string": lambda: f"{SECRET} {SECRET!r} {SECRET!s} {SECRET!a} {SECRET:>40}",
    "format": lambda: "{0} {0!r} {0:x}".format(SECRET),  # noqa: UP032
    "format_map": lambda: "{x}".format_map({"x": SECRET}),
    "percent": lambda: "%s %r %a" % (SECRET, SECRET, SECRET),  # noqa: UP031
    "template": lambda: string.Template("$x").substitute(x=SECRET),
    "list": lambda: repr([SECRET]),
    "dict": lambda: repr({"password": SECRET}),
    "tuple": lambda: repr((SECRET,)),
    "pprint": lambda: pprint.pformat({"a": [SECRET]}),
    "dataclass": lambda: repr(Holder(SECRET)),
    "pydantic repr": lambda: repr(Model(password=SECRET)),
    "pydantic dump": lambda: repr(Model(password=SECRET).model_dump()),
    "json default": lambda: json.dumps({"x": SECRET}, default=str),
    "orjson default": lambda: orjson.dumps({"x": SECRET}, default=str).decode(),
    "exception": lambda: "".join(traceback.format_exception_only(ValueError("bad", SECRET))) + repr(ValueError(SECRET)),
    "dir": lambda: repr(dir(SECRET)),
    "signature": lambda: repr(inspect.signature(lambda x=SECRET: x)),
    "type": lambda: repr(type(SECRET).__dict__),
}


@pytest.mark.parametrize("way", TEXTS.values(), ids=TEXTS)
def test_no_text_made_of_it_holds_the_value(way: Callable[[], str]) -> None:
    assert CANARY not in way()


@pytest.mark.parametrize("way", ["str", "repr", "print", "f-string", "percent", "dataclass", "list"])
def test_a_text_made_of_it_says_that_something_is_hidden(way: str) -> None:
    assert "<sensitive>" in TEXTS[way]()


REFUSALS: dict[str, Callable[[], object]] = {
    **{f"pickle {n}": lambda n=n: pickle.dumps(SECRET, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)},
    "pickle in a dataclass": lambda: pickle.dumps(Holder(SECRET)),
    "copy": lambda: copy.copy(SECRET),
    "deepcopy": lambda: copy.deepcopy([SECRET]),
    "asdict": lambda: dataclasses.asdict(Holder(SECRET)),
    "reduce": SECRET.__reduce__,
    "getstate": SECRET.__getstate__,
    "json": lambda: json.dumps(SECRET),
    "orjson": lambda: orjson.dumps(SECRET),
    "orjson dataclass": lambda: orjson.dumps(Holder(SECRET)),
    "pydantic json": lambda: Model(password=SECRET).model_dump_json(),
    "yaml": lambda: yaml.dump({"x": SECRET}),
    "iter": lambda: list(SECRET),  # type: ignore[call-overload]
    "unpack": lambda: [*SECRET],  # type: ignore[misc]
    "in": lambda: b"c" in SECRET,  # type: ignore[operator]
    "bytes": lambda: bytes(SECRET),
    "index": lambda: SECRET[0],  # type: ignore[index]
    "hash": lambda: hash(SECRET),
    "dict key": lambda: {SECRET: 1},
    "vars": lambda: vars(SECRET),
    "join": lambda: ",".join({SECRET.reveal: SECRET}.values()),  # type: ignore[arg-type]
    "add": lambda: "x" + SECRET,  # type: ignore[operator]
    "order": lambda: sorted([SECRET, Sensitive("")]),  # type: ignore[type-var]
    "buffer": lambda: memoryview(SECRET),  # type: ignore[arg-type]
    "set": lambda: setattr(SECRET, "_value", b""),
    "delete": lambda: delattr(SECRET, "_value"),
    "init again": lambda: SECRET.__init__(b"other"),  # type: ignore[misc]
    "subclass": lambda: type("Open", (Sensitive,), {"__repr__": lambda self: self._value}),
    "not text": lambda: Sensitive(b"\xff" + CANARY.encode()).reveal_text(),
    "not encodable": lambda: Sensitive(CANARY + "\ud800"),
    "of a number": lambda: Sensitive(12),  # type: ignore[arg-type]
    "of a list": lambda: Sensitive([1, 2]),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("way", REFUSALS.values(), ids=REFUSALS)
def test_what_would_take_it_out_is_refused_without_the_value(way: Callable[[], object]) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)) as caught:
        way()
    error: BaseException | None = caught.value
    while error is not None:
        # Foreign errors carry what they stumbled over (UnicodeError.object): no link of the chain may be one of those.
        assert CANARY not in f"{error} {error!r} {error.args!r} {vars(error)!r}"
        assert not isinstance(error, UnicodeError)
        error = error.__context__
    assert SECRET.reveal() == CANARY.encode()


def test_a_traceback_that_shows_locals_shows_the_mask() -> None:
    def fails(password: Sensitive) -> None:
        holder = Holder(password)
        raise RuntimeError(f"no login with {holder}")

    try:
        fails(SECRET)
    except RuntimeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "password = <sensitive>" in shown
    # The source lines of this test are shown as well, and they name no value.
    assert CANARY not in shown


def test_a_log_record_never_holds_the_value(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").debug("password %s", SECRET, extra={"password": SECRET})
        logging.getLogger("x").error("%r", {"password": SECRET})
    assert CANARY not in caplog.text
    assert all(CANARY not in json.dumps(vars(record), default=str) for record in caplog.records)


def test_two_are_equal_only_as_values_of_this_type() -> None:
    assert Sensitive(CANARY) == Sensitive(CANARY.encode())
    assert Sensitive(CANARY) != Sensitive(CANARY + "x")
    assert Sensitive(CANARY) != CANARY
    assert Sensitive(CANARY) != CANARY.encode()


def test_the_comparison_takes_as_long_for_an_early_difference_as_for_a_late_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr("keyward.sensitive.hmac.compare_digest", lambda a, b: not seen.append((a, b)))
    assert Sensitive(b"a") == Sensitive(b"b")
    assert seen == [(b"a", b"b")]


@pytest.mark.parametrize("given", [CANARY, CANARY.encode(), bytearray(CANARY.encode()), memoryview(CANARY.encode())])
def test_it_gives_back_what_it_was_given(given: str | bytes) -> None:
    assert Sensitive(given).reveal() == CANARY.encode()
    assert Sensitive(given).reveal_text() == CANARY
    assert len(Sensitive(given)) == len(CANARY)
    assert Sensitive(given)
    assert not Sensitive(b"")
