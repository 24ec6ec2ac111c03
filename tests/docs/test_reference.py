"""docs/api.md is what the models say."""

from __future__ import annotations

from pathlib import Path

from keyward.api import reference
from keyward.api.schema import DEFINITIONS, schema

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_reference_is_written_anew_whenever_a_model_changes():
    assert PAGE.read_text(encoding="utf-8") == reference.text(), "run: make generate"


def test_every_kind_field_and_rule_is_in_it():
    def rows(node):
        for name, child in node.get("properties", {}).items():
            inner = child.get("items") or child.get("additionalProperties") or child
            if name not in ("apiVersion", "metadata"):
                yield name, child.get("description", "")
            yield from rows(inner)

    page = reference.text()
    for definition in DEFINITIONS:
        root = schema(definition.model)
        part = page.split(f"\n## {definition.kind}\n")[1].split("\n## ")[0]
        for name, said in rows(root):
            assert name in part
            assert said.split("\n")[0].split("*")[0].split("<")[0][:40] in part or name in ("kind", "spec", "status")
        for rule in root.get("x-kubernetes-validations", ()):
            assert rule["message"].split("<")[0] in part
