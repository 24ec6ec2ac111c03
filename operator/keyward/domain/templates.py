"""Templates of projected Secrets: Jinja2 cut down to reading fields and formatting them.

A template sees text and dictionaries of text, never a Python object: attributes are items, nothing can be called, and
work and output are bounded. It reaches no cluster, network, clock or file. Its errors name no value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

import jinja2
import orjson
from jinja2 import nodes
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

MAX_SOURCE: Final = 16_384  # characters
MAX_OUTPUT: Final = 1_048_576  # characters
_MAX_NODES: Final = 1_000
_MAX_JOINED: Final = 64  # operands of + and ~ in one template: each may be a whole value
_WORK: Final = 8 * 1_048_576  # characters that filters and loops may handle in one rendering

_ALLOWED: Final = frozenset({
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For, nodes.Filter, nodes.Test,
    nodes.Getattr, nodes.Getitem, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat,
    nodes.Add,
})  # fmt: skip
DICTIONARIES: Final = ("values", "previous")
_LOOP: Final = frozenset({"first", "last", "index", "index0"})
_WORD: Final = re.compile(r"'([A-Za-z][A-Za-z0-9_]{0,62})' is undefined")
_BUDGET: Final = "_budget"
_FILE: Final = "<template>"


class _TooMuchError(Exception):
    """The rendering's work or output went over its bound."""


class _FilterError(Exception):
    """A filter was given what it cannot take; the text is ours and names no value."""


class _Budget:
    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = _WORK

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise _TooMuchError


class _Fields(dict[str, Any]):
    """A dictionary whose loops are paid for by all that a body may read."""

    __slots__ = ("budget", "price")

    def __init__(self, fields: Mapping[str, Any], budget: _Budget) -> None:
        super().__init__(fields)
        self.budget = budget
        self.price = 256 + sum(len(str(value)) for value in fields.values())

    def __iter__(self) -> Iterator[str]:
        for key in super().__iter__():
            self.budget.spend(self.price)
            yield key


class _Environment(ImmutableSandboxedEnvironment):
    """Attributes and items are keys of dictionaries, and nothing else."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj
        if isinstance(obj, dict) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        # No name in it: what stands in the brackets may be a value.
        return self.undefined(hint="a field that is not there")


_Filter = Callable[..., Any]


def _filter(work: Callable[[str], str]) -> _Filter:
    @jinja2.pass_context
    def bounded(context: Context, value: Any) -> str:
        text = _text(value)
        context[_BUDGET].spend(64 + len(text))
        result = work(text)
        context[_BUDGET].spend(len(result))
        return result

    return bounded


def _text(value: Any) -> str:
    if isinstance(value, Undefined):
        str(value)  # raises
    if not isinstance(value, str | int):
        raise _FilterError("a filter takes text")
    return str(value)


def _b64decode(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        raise _FilterError("b64decode was given something that is not base64 of UTF-8 text") from None


@jinja2.pass_context
def _tojson(context: Context, value: Any) -> str:
    if isinstance(value, Undefined):
        str(value)  # raises
    dumped = orjson.dumps(value, default=_no_json, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
    context[_BUDGET].spend(64 + 2 * len(dumped))
    return dumped


def _no_json(value: Any) -> Any:
    if isinstance(value, _Fields):
        return dict(value.items())
    raise _FilterError("tojson takes text, numbers and fields")


def _default(value: Any, other: str = "") -> Any:
    return other if isinstance(value, Undefined) else value


def _printed(value: Any) -> Any:
    if not isinstance(value, str | int | Undefined):
        raise _FilterError(
            "it prints something that is neither text nor a number: name one of its fields, or use tojson"
        )
    return value


def _environment() -> _Environment:
    env = _Environment(
        undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True, cache_size=0, finalize=_printed
    )
    env.globals.clear()
    env.filters = {
        "b64encode": _filter(lambda text: base64.b64encode(text.encode()).decode()),
        "b64decode": _filter(_b64decode),
        "quote": _filter(lambda text: quote(text, safe="")),
        "upper": _filter(str.upper),
        "lower": _filter(str.lower),
        "trim": _filter(str.strip),
        "tojson": _tojson,
        "default": _default,
    }
    env.tests = {name: env.tests[name] for name in ("defined", "undefined")}
    return env


_ENV: Final = _environment()


def filters() -> tuple[str, ...]:
    """The names of the filters, for messages and documents."""
    return tuple(sorted(_ENV.filters))


def check(source: str, where: str) -> None:
    """Whether a template may be rendered at all. Raises Blocked with TEMPLATE_INVALID."""
    _compiled(source, where)


def render(source: str, variables: Mapping[str, Any], where: str) -> Sensitive:
    """Render a template.

    Args:
        source: the template's text.
        variables: names to text, numbers, or dictionaries of text. Names with a leading underscore are not reachable.
        where: the template's field, as messages shall name it.

    Raises:
        Blocked: with TEMPLATE_INVALID, naming `where` and the line.
    """
    template = _compiled(source, where)
    budget = _Budget()
    context = {key: _Fields(v, budget) if isinstance(v, dict) else v for key, v in variables.items()}
    context[_BUDGET] = budget
    parts, size = [], 0
    try:
        for part in template.generate(context):
            size += len(part)
            if size > MAX_OUTPUT:
                raise _TooMuchError  # noqa: TRY301 - it ends as the budget's does
            parts.append(part)
        return Sensitive("".join(parts).encode())
    except _TooMuchError:
        raise _invalid(where, None, "it makes too much: bound what it loops over and prints") from None
    except _FilterError as error:
        raise _invalid(where, _line(error.__traceback__), str(error)) from None
    except jinja2.UndefinedError as error:
        found = _WORD.fullmatch(error.message or "")
        known = ", ".join(sorted(variables))[:256]
        what = f"{found[1]!r}, which is no field; there are {known}" if found else "a field that is not there"
        raise _invalid(where, _line(error.__traceback__), f"it reads {what}") from None
    except Exception as error:  # noqa: BLE001 - a foreign text could quote a value
        raise _invalid(where, _line(error.__traceback__), "it cannot be rendered") from None


@lru_cache(maxsize=512)
def _compiled(source: str, where: str) -> jinja2.Template:
    if len(source) > MAX_SOURCE:
        raise _invalid(where, None, f"it is longer than {MAX_SOURCE} characters")
    try:
        tree = _ENV.parse(source)
        _judge(tree, where)
        code = _ENV.compile(tree, filename=_FILE)
    except jinja2.TemplateSyntaxError as error:
        # Jinja2 reports an unknown filter or test as a syntax error, too.
        known = ", ".join(filters())
        raise _invalid(where, error.lineno, f"it is not valid, or uses a filter that is none of: {known}") from None
    except (RecursionError, MemoryError, SyntaxError, ValueError, OverflowError):
        raise _invalid(where, None, "it is nested too deeply") from None
    return jinja2.Template.from_code(_ENV, code, {})


def _judge(tree: nodes.Template, where: str) -> None:
    """Refuse what is not on the list, before a line of it is compiled: compiling evaluates constants."""
    joined = 0
    for count, node in enumerate(_walk(tree)):
        if type(node) not in _ALLOWED:
            raise _invalid(where, node.lineno, f"{type(node).__name__} is not allowed in templates")
        if isinstance(node, nodes.Name) and node.name.startswith("_"):
            raise _invalid(where, node.lineno, "names that begin with an underscore are not allowed in templates")
        if isinstance(node, nodes.For):
            _judge_loop(node, where)
        if isinstance(node, nodes.Concat):
            joined += len(node.nodes)
        if isinstance(node, nodes.Add):
            joined += 1
        if count > _MAX_NODES or joined > _MAX_JOINED:
            raise _invalid(where, node.lineno, "it is too long: split it, or write text outside of expressions")


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(found.iter_child_nodes())


def _judge_loop(loop: nodes.For, where: str) -> None:
    over = loop.iter.name if isinstance(loop.iter, nodes.Name) else ""
    if over not in DICTIONARIES or not isinstance(loop.target, nodes.Name) or loop.recursive:
        raise _invalid(where, loop.lineno, "a loop goes over the names of all fields: {% for name in values %}")
    if any(isinstance(inner, nodes.For) for part in (loop.body, loop.else_) for n in part for inner in _walk(n)):
        raise _invalid(where, loop.lineno, "a loop within a loop is not allowed in templates")


def _line(trace: TracebackType | None) -> int | None:
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _invalid(where: str, line: int | None, why: str) -> Blocked:
    place = f"{where}, line {line}" if line is not None else where
    return Blocked(Reason.TEMPLATE_INVALID, f"{place}: {why}")
