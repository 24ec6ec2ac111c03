"""Every bound in the schema, as it is found there: on the API server the edge fits, and what is beyond is refused by its name.

What rules and forms make narrower is in test_bounds.py, by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from tests.api import objects as o
from tests.api.server import RefusedError, changed
from tests.api.test_schema import ALL
from tests.api.whole import WHOLE

Json = dict[str, Any]
Place = tuple[Json, str, Json]
Seat = Callable[[Json, str], str | None]
LEAST, MOST = ("minLength", "minItems", "minimum"), ("maxLength", "maxItems", "maxProperties", "maximum")
SAME = {"credentialsets": "credentials", "clustertargets": "targets"}  # their specs are of the same models
NAMES = ("secretName", "name", "service", "host", "target", "database", "key", "type")

# Edges that are out of reach: which paths, which edges
NARROWER = (
    (r"spec\.rotation\.(interval|gracePeriod|driftInterval|windows\[\]\.duration)", "least most"),  # they have a form,
    (r"spec\.deletion\.recoveryWindow", "least most"),
    (r".+\.ca|spec\.ecs\.hostKeys\[\]|spec\.(rds|polardb)\.openApi\.instanceId", "least"),  # and so have these
    (r"spec\.(rds|polardb)\.create\.privileges\[\]\.level", "least most"),  # words, which differ from engine to engine
    (r"spec\.(rds|polardb)\.allowedPrivileges\[\]\.levels", "most"),  # as do these
    (r"spec\.polardb\.create\.name", "least most"),
    (r"spec\.rds\.create\.name", "most"),  # the clone's name is longer
    (r"spec\.rds\.import\.accounts", "least"),  # Dual has two
    (r"spec\.\w+\.openApi\.endpoints", "most"),  # each system has one service or two
    (r"spec\.credential", "most"),  # the version's name is longer, and has no more room
)


def limit(node: Json, kinds: tuple[str, ...]) -> int | None:
    return next((node[kind] for kind in kinds if kind in node), None)


def those_with(*kinds: str) -> dict[tuple[str, str], list[tuple[str, str, Json]]]:
    """By kind and path, each bound once: where it stands in the schemas."""
    found: dict[tuple[str, str], list[tuple[str, str, Json]]] = {}
    for plural, path, node in ALL:
        if not path.startswith("metadata") and any(kind in node for kind in kinds):
            key = (SAME.get(plural, plural), path.replace("spec.template.spec", "spec"))
            found.setdefault(key, []).append((plural, path, node))
    return found


BOUNDS, WORDS = those_with(*LEAST, *MOST), those_with("enum")


def seat(item: Json, path: str) -> str | None:
    """Where the path of a schema leads in an object; None if nothing is there."""
    found, node = [], item
    for part in re.findall(r"\[\]|[^.\[]+", path):
        if not node or (part != "[]" and part not in node):
            return None
        step: Any = part if part != "[]" else 0 if isinstance(node, list) else next(iter(node))
        found.append(str(step))
        node = node[step]
    return ".".join(found)


def seat_of_word(item: Json, path: str) -> str | None:
    """As `seat`; a word need not stand there, its block must."""
    block, _, word = path.rpartition(".")
    return seat(item, path) if path.endswith("[]") else (found := seat(item, block)) and f"{found}.{word}"


def places(bounds: dict[tuple[str, str], list[tuple[str, str, Json]]], seat: Seat) -> dict[tuple[str, str], Place]:
    """For each bound an object that has its field, the field's place, and its schema."""
    found = {}
    for key, options in bounds.items():
        held = (
            (item, place, node)
            for plural, path, node in options
            for item in WHOLE[plural]
            if (place := seat(item, path)) is not None
        )
        if (first := next(held, None)) is not None:
            found[key] = first
    return found


PLACES, PLACES_OF_WORDS = places(BOUNDS, seat), places(WORDS, seat_of_word)


def sized(node: Json, value: Any, size: int) -> Any:
    """A value like this one, of such a size."""
    match node["type"]:
        case "integer":
            return size
        case "string" if " * " in value:  # cron: blanks are all that may be added
            return value[:size].replace(" ", " " * (1 + max(0, size - len(value))), 1)
        case "string":
            return value[:size] + value[-1] * (size - len(value))
        case "array":
            return [another(node["items"], value[0], number) for number in range(size)]
        case _:
            return {f"k{number}": next(iter(value.values())) for number in range(size)}


def another(node: Json, item: Any, number: int) -> Any:
    """An entry of a list like this one, and different from all of another number, where the schema has so many."""
    if number == 0:
        return item
    if isinstance(item, str):
        others = [word for word in node.get("enum", ()) if word != item]
        return others[(number - 1) % len(others)] if others else f"{item}{number}"
    name = next((field for field in NAMES if field in item), None)
    changes = {name: another(node["properties"][name], item[name], number)} if name else {}
    return item | changes | ({"role": "Replica"} if "role" in item else {})


def value_at(item: Json, place: str) -> Any:
    for part in place.split("."):
        item = item[int(part) if part.isdigit() else part]
    return item


@pytest.fixture(scope="module")
def living(server):
    """An object of each kind, for the bounds of what we write into its status."""
    items = (o.GENERATED, o.SET, o.TARGET, o.KEY)
    made = {item["kind"]: server.create(o.named(item, f"edges-{item['kind'].lower()}")) for item in items}
    yield made
    for item in made.values():
        server.delete(item)


def try_it(server, living, item):
    if "status" in item:
        server.try_status(living[item["kind"]], item["status"])
    else:
        server.try_create(o.of_its_name(item) if item["kind"] == "CredentialVersion" else item)


def field_at(place: str) -> str:
    """As the API server calls it."""
    return re.sub(r"\.(\d+)", r"[\1]", place)


def test_every_bound_is_one_wherever_it_stands_and_has_a_place_in_an_object():
    for options in (*BOUNDS.values(), *WORDS.values()):
        (_, _, first), *others = options
        for kind in (*LEAST, *MOST, "enum"):
            assert {str(node.get(kind)) for _, _, node in others} <= {str(first.get(kind))}, options
    assert [key for key in BOUNDS if key not in PLACES] == []
    assert [key for key in WORDS if key not in PLACES_OF_WORDS] == []


@pytest.mark.parametrize("key", PLACES, ids=" ".join)
def test_the_edge_fits_and_what_is_beyond_is_refused_by_its_name(server, living, key):
    item, place, node = PLACES[key]
    value, least, most = value_at(item, place), limit(node, LEAST), limit(node, MOST)
    for edge, size, beyond in (("least", least, -1), ("most", most, 1)):
        if size is None:
            continue
        narrower = any(re.fullmatch(paths, key[1]) and edge in edges for paths, edges in NARROWER)
        with pytest.raises(RefusedError) if narrower else nullcontext():
            try_it(server, living, changed(item, place, sized(node, value, size)))
        if size + beyond >= 0 or node["type"] == "integer":
            with pytest.raises(RefusedError) as refused:
                try_it(server, living, changed(item, place, sized(node, value, size + beyond)))
            assert field_at(place) in refused.value.fields


@pytest.mark.parametrize("key", PLACES_OF_WORDS, ids=" ".join)
def test_each_word_that_a_field_may_have_is_known_there_and_no_other(server, living, key):
    item, place, node = PLACES_OF_WORDS[key]
    unknown = f"{field_at(place)}: Unsupported value"
    for word in node["enum"]:
        said = ""
        try:
            try_it(server, living, changed(item, place, word))
        except RefusedError as error:  # by a rule: not every word goes with all else
            said = str(error)
        assert unknown not in said
    with pytest.raises(RefusedError, match=re.escape(unknown)):
        try_it(server, living, changed(item, place, "Elsewhere"))
