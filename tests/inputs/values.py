"""Values that cannot be kept: missing, not handed over, too large, no text."""

from __future__ import annotations

from typing import Any

from tests.inputs.bait import bait
from tests.inputs.case import Case
from tests.inputs.desk import Desk
from tests.whole_path.world import Json

from keyward.errors import Reason

LARGE = bait("x" * 30_720)


def _read(name: str, data: dict[str, Any], **generic: Any) -> Json:
    def arrange(desk: Desk) -> list[Json]:
        credential = desk.generic(name)
        credential["spec"]["generic"]["source"] |= generic
        return [desk.values(f"{name}-source", data, name), credential] if data is not None else [credential]

    return arrange


def _good(name: str, **more: Any) -> Any:
    return lambda desk: desk.apply(desk.values(f"{name}-source", {"word": bait("word")} | more, name))


def _unlabelled(desk: Desk) -> list[Json]:
    return [desk.plain_secret("unlabelled-source", {"word": bait("word")}), desk.generic("unlabelled")]


def _generated(**generate: Any) -> Any:
    return lambda desk: [desk.generic("weak", generic={"generate": generate})]


CASES = (
    Case(
        "source-missing",
        Reason.SOURCE_MISSING,
        ("spec.generic.source.secretRef", "Secret source-missing-source", "is not there", "create it"),
        lambda desk: [desk.generic("source-missing")],
        _good("source-missing"),
    ),
    Case(
        "unlabelled",
        Reason.SOURCE_INVALID,
        ("spec.generic.source.secretRef", "Secret unlabelled-source", "label it keyward.dev/source-for=unlabelled"),
        _unlabelled,
        lambda desk: desk.cluster.kubectl(
            "label", "secret", "unlabelled-source", "-n", desk.namespace, "keyward.dev/source-for=unlabelled"
        ),
    ),
    Case(
        "key-missing",
        Reason.SOURCE_INVALID,
        ("spec.generic.source.keys", "Secret key-missing-source", "'token'", "add it"),
        _read("key-missing", {"word": bait("word")}, keys=["token"]),
        _good("key-missing", token=bait("token")),
    ),
    Case(
        "too-large",
        Reason.VALUE_TOO_LARGE,
        ("spec.generic.source.secretRef", "Secret too-large-source", "at most 30720", "shorten"),
        _read("too-large", {"word": LARGE}),
        _good("too-large"),
    ),
    Case(
        "invalid-utf-8",
        Reason.SOURCE_INVALID,
        ("spec.generic.source.secretRef", "Secret invalid-utf-8-source", "'word'", "not valid UTF-8", "base64"),
        _read("invalid-utf-8", {"word": bait("word").encode() + b"\xff\xfe"}),
        _good("invalid-utf-8"),
    ),
    Case(
        "binary",
        Reason.SOURCE_INVALID,
        ("spec.generic.source.secretRef", "Secret binary-source", "'word'", "binary", "base64"),
        _read("binary", {"word": bait("word").encode() + b"\x00\x01"}),
        _good("binary"),
    ),
    Case(
        "empty",
        Reason.SOURCE_INVALID,
        ("spec.generic.source.secretRef", "Secret empty-source", "no keys", "at least one"),
        _read("empty", {}),
        _good("empty"),
    ),
    Case(
        "weak",
        Reason.INVALID_SPEC,
        ("spec.generic.generate.length", "less than 128 bits", "make it longer, or set allowWeak: true"),
        _generated(length=8),
        lambda desk: desk.apply(*_generated(length=8, allowWeak=True)(desk)),
    ),
)
