"""docs/api.md is what the models say."""

from __future__ import annotations

from pathlib import Path

from keyward.api import reference
from keyward.api.schema import DEFINITIONS, schema

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_reference_is_written_anew_whenever_a_model_changes():
    assert PAGE.read_text(encoding="utf-8") == reference.text(), "run: make generate"


def test_every_kind_field_and_rule_is_in_it():
    page = reference.text()
    for definition in DEFINITIONS:
        root = schema(definition.model)
        part = page.split(f"\n## {definition.kind}\n")[1].split("\n## ")[0]
        for name, said in fields(root):
            assert name in part
            assert reference._prose(said) in part
        for rule in root.get("x-kubernetes-validations", ()):
            assert reference._prose(rule["message"]) in part


def fields(node):
    """Names and descriptions of what a person may write, at every depth."""
    for name, child in node.get("properties", {}).items():
        if name in ("apiVersion", "kind", "metadata"):
            continue
        yield name, child.get("description", "")
        yield from fields(child.get("items") or child.get("additionalProperties") or child)
