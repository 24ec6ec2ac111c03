"""Projections that cannot be made: templates, sizes, types, Secrets of somebody else."""

from __future__ import annotations

from typing import Any

from tests.inputs.bait import bait
from tests.inputs.case import POLLED, Case
from tests.inputs.desk import Desk
from tests.whole_path.world import Json, until

from keyward.errors import Reason


def _projected(name: str, **projection: Any) -> Any:
    def arrange(desk: Desk) -> list[Json]:
        source = desk.values(f"{name}-source", {"word": bait("w" * 20_000)}, name)
        wanted = [{"secretName": name} | projection]
        return [source, desk.generic(name, projections=wanted)]

    return arrange


def _plain(name: str, secret: str = "") -> Any:
    return lambda desk: desk.apply(desk.generic(name, projections=[{"secretName": secret or name}]))


def _template(name: str, source: str, *says: str) -> Case:
    return Case(
        name,
        Reason.TEMPLATE_INVALID,
        (f"spec.projections[secretName={name}].templates[made]", *says),
        _projected(name, templates={"made": source}),
        _plain(name),
    )


def _claimed(desk: Desk) -> list[Json]:
    desk.apply(desk.values("elder-source", {"word": bait("elder")}, "elder"), desk.generic("elder"))
    until("the elder's Secret", lambda: desk.secret("elder"))
    return [
        desk.values("younger-source", {"word": bait("younger")}, "younger"),
        desk.generic("younger", projections=[{"secretName": "elder"}]),
    ]


def _strangers(desk: Desk) -> list[Json]:
    desk.apply(desk.plain_secret("theirs", {"word": bait("theirs")}))
    source, _ = _projected("strangers")(desk)
    return [source, desk.generic("strangers", projections=[{"secretName": "theirs"}])]


FIELD = "spec.projections[secretName={}]"
HUGE = "{{ word }}" * 27  # of 20,000 characters

CASES = (
    _template("reads-nothing", "{{ wrod }}", "line 1", "'wrod'", "is no field", "there are values, version, word"),
    _template("not-closed", "first\n{{ word", "line 2", "is not valid"),
    _template("no-such-filter", "{{ word | md5 }}", "is not valid", "b64encode"),
    _template("into-python", "{{ word.__class__.__mro__[1].__subclasses__() }}", "line 1", "not allowed"),
    _template("into-globals", "{{ word.__init__.__globals__ }}", "line 1", "a field that is not there"),
    _template("into-files", "{% include '/etc/passwd' %}", "line 1", "Include is not allowed"),
    _template("into-work", "{% for a in values %}{% for b in values %}x{% endfor %}{% endfor %}", "loop within a loop"),
    _template("too-much", "{{ word }}" * 60, "makes too much"),
    Case(
        "over-a-mebibyte",
        Reason.SECRET_TOO_LARGE,
        (FIELD.format("over-a-mebibyte"), "at most 1048576", "project fewer"),
        _projected("over-a-mebibyte", templates={"a": HUGE, "b": HUGE}),
        _plain("over-a-mebibyte"),
    ),
    Case(
        "no-username",
        Reason.SECRET_INVALID,
        (FIELD.format("no-username"), "kubernetes.io/basic-auth", "'username'", "keys"),
        _projected("no-username", type="kubernetes.io/basic-auth"),
        lambda desk: desk.apply(
            desk.values("no-username-source", {"username": "u", "password": bait("p")}, "no-username")
        ),
    ),
    Case(
        "made-twice",
        Reason.INVALID_SPEC,
        (FIELD.format("made-twice"), "'made'", "twice"),
        _projected("made-twice", keys={"word": "made"}, templates={"made": "x"}),
        _plain("made-twice"),
    ),
    Case(
        "strangers",
        Reason.SECRET_CONFLICT,
        (FIELD.format("theirs"), "was not made by Keyward", "delete it", "kubectl label"),
        _strangers,
        lambda desk: desk.api.delete("secret", "theirs", desk.namespace),
        POLLED,
    ),
    Case(
        "younger",
        Reason.SECRET_CONFLICT,
        (FIELD.format("elder"), "Credential 'elder'", "choose another secretName"),
        _claimed,
        _plain("younger"),
    ),
)
