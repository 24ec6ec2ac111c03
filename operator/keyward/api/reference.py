"""Writes the reference of the API from the models: `python -m keyward.api.reference [--check] [file]`.

It reads the same schemas as the CRDs are made of: what it says of a field is what the API server enforces.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from keyward.api.base import RULES
from keyward.api.names import GROUP, VERSION
from keyward.api.schema import DEFINITIONS, Definition, schema
from keyward.api.values import DURATION, OBJECT_NAME

Json = dict[str, Any]
_INLINE: Final = 2  # an object with no more fields than this has no section of its own
_KIND: Final = {"string": "text", "boolean": "true or false", "integer": "whole number"}
_OWN: Final = ("apiVersion", "kind", "metadata")
_HEAD: Final = f"""# API reference

<!-- Written by `python -m keyward.api.reference`: change the models instead. -->

Group `{GROUP}`, version `{VERSION}`. The same texts are in `kubectl explain`, as `kubectl explain credential.spec.rds`. Every
text and list is bounded; the API server refuses what is not as written here, and the operator checks it again.
"""


def text() -> str:
    """The whole page."""
    index = "\n".join(
        f"| [{d.kind}](#{d.kind.lower()}) | {'namespaced' if d.namespaced else 'cluster'} | "
        f"{', '.join(f'`{name}`' for name in d.short)} | {_prose(schema(d.model)['description'])} |"
        for d in DEFINITIONS
    )
    table = f"\n| kind | scope | short names | what |\n|---|---|---|---|\n{index}\n"
    return _HEAD + table + "".join(_kind(d) for d in DEFINITIONS)


def _kind(definition: Definition) -> str:
    root = schema(definition.model)
    parts = [f"\n## {definition.kind}\n\n{_prose(root['description'])}\n"]
    for name, node in root["properties"].items():
        if name not in _OWN:
            parts.extend(
                _sections(definition, name + _suffix(node), _inner(node) | {"description": node["description"]})
            )
    rules = [rule["message"] for rule in _rules(root)]
    if rules:
        listed = "\n".join(f"- {_prose(message)}" for message in dict.fromkeys(rules))
        parts.append(f"\n### Rules of {definition.kind}\n\n{listed}\n")
    return "".join(parts)


def _sections(definition: Definition, path: str, node: Json) -> Iterator[str]:
    yield _section(definition, path, node, f"{path}.")
    for name, child in node["properties"].items():
        inner = _inner(child)
        if _has_section(inner):
            yield from _sections(definition, f"{path}.{name}{_suffix(child)}", inner)


def _section(definition: Definition, path: str, node: Json, prefix: str) -> str:
    rows = "\n".join(_rows(definition, prefix, "", node))
    said = f"{_prose(node['description'])}\n\n" if node.get("description") else ""
    return f"\n### {definition.kind}: {path}\n\n{said}| field | type | default | meaning |\n|---|---|---|---|\n{rows}\n"


def _rows(definition: Definition, prefix: str, within: str, node: Json) -> Iterator[str]:
    required = node.get("required", ())
    for name, child in node["properties"].items():
        inner, shown = _inner(child), f"{within}{name}{_suffix(child)}"
        default = "**required**" if name in required else _default(child)
        kind = _linked(definition, f"{prefix}{shown}", child) if _has_section(inner) else _type(child)
        yield f"| `{shown}` | {kind} | {default} | {_prose(child.get('description', ''))} |"
        if "properties" in inner and not _has_section(inner):
            yield from _rows(definition, prefix, f"{shown}.", inner)


def _linked(definition: Definition, path: str, child: Json) -> str:
    anchor = f"{definition.kind}-{path}".lower().replace(".", "").replace("[]", "")
    return f"[{_type(child)}](#{anchor})"


def _inner(node: Json) -> Json:
    """The object that a field holds: itself, or what its list or map is of."""
    found: Json = node.get("items") or node.get("additionalProperties") or node
    return found


def _suffix(node: Json) -> str:
    return "[]" if "items" in node and "properties" in node["items"] else ""


def _has_section(node: Json) -> bool:
    return "properties" in node and _count(node) > _INLINE


def _count(node: Json) -> int:
    return sum(
        _count(inner) if "properties" in inner else 1
        for inner in (_inner(child) for child in node["properties"].values())
    )


# --- one field ---


def _type(node: Json) -> str:
    kind = node.get("type", "")
    if "items" in node:
        what = "objects" if "properties" in node["items"] else _type(node["items"])
        return f"list of {what}{_bounds(node, 'minItems', 'maxItems', ' entries')}"
    if "additionalProperties" in node:
        return (
            f"map to {_type(node['additionalProperties'])}{_bounds(node, 'minProperties', 'maxProperties', ' entries')}"
        )
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    if node.get("pattern") == DURATION:
        return "duration, such as `90m` or `7d`"
    if node.get("format") == "date-time":
        return "time"
    if node.get("pattern") == OBJECT_NAME:
        return "name of an object"
    if kind == "string":
        form = f" of the form {_code(node['pattern'])}" if node.get("pattern") else ""
        return f"text{_bounds(node, 'minLength', 'maxLength', ' characters')}{form}"
    return _KIND.get(kind, str(kind)) + _bounds(node, "minimum", "maximum", "")


def _bounds(node: Json, least: str, most: str, unit: str) -> str:
    low, high = node.get(least), node.get(most)
    if high is None:
        return f", at least {low:,}{unit}" if low else ""
    if low == high:
        return f", {high:,}{unit}"
    return f", {low:,} to {high:,}{unit}" if low is not None else f", at most {high:,}{unit}"


def _default(node: Json) -> str:
    found = node.get("default")
    return "" if found is None or found == {} else _code(orjson.dumps(found).decode())


def _code(said: str) -> str:
    return f"`{said}`".replace("|", "\\|")


def _prose(said: str) -> str:
    # A bare < would begin a tag, and two * would make what is between them slanted.
    return "".join(f"\\{char}" if char in "<*|" else char for char in said).replace("\n", " ")


def _rules(node: Any) -> Iterator[Json]:
    if isinstance(node, list):
        for item in node:
            yield from _rules(item)
    if isinstance(node, dict):
        for name, value in node.items():
            yield from value if name == RULES else _rules(value)


def main(arguments: list[str]) -> int:
    """Write the page, or with --check say whether it is current. The exit status."""
    check = "--check" in arguments
    named = [argument for argument in arguments if not argument.startswith("--")]
    file, wanted = Path(named[0] if named else "docs/api.md"), text()
    if file.exists() and file.read_text(encoding="utf-8") == wanted:
        return 0
    if not check:
        file.write_text(wanted, encoding="utf-8")
    sys.stdout.write(f"{'not current' if check else 'written'}: {file}\n")
    return int(check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
