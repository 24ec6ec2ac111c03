"""The generated CRDs: current, structural, described, and read well by kubectl."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from tests.api import objects as o

from keyward.api import generic, names, projection, rotation, schema, version
from keyward.controller import crds
from keyward.domain import content, model
from keyward.domain import version as words

CRDS = Path(__file__).parents[2] / "crds"
FOREIGN = {"$ref", "$defs", "anyOf", "allOf", "oneOf", "const", "title", "uniqueItems", "exclusiveMinimum", "nullable"}


def nodes(node, path=""):
    yield path, node
    for name, sub in (node.get("properties") or {}).items():
        yield from nodes(sub, f"{path}.{name}".lstrip("."))
    for inner in ("items", "additionalProperties"):
        if isinstance(node.get(inner), dict):
            yield from nodes(node[inner], f"{path}[]")


ROOTS = {definition.plural: schema.schema(definition.model) for definition in schema.DEFINITIONS}
ALL = [(plural, path, node) for plural, root in ROOTS.items() for path, node in nodes(root)]


def test_the_files_are_those_of_the_models(tmp_path, capsys):
    assert schema.main(["--check", str(CRDS)]) == 0
    shutil.copytree(CRDS, tmp_path / "crds")
    stale = tmp_path / "crds" / "keyward.dev_targets.yaml"
    stale.write_text(stale.read_text() + "\n")
    assert schema.main(["--check", str(tmp_path / "crds")]) == 1
    assert "not current" in capsys.readouterr().out
    assert schema.main([str(tmp_path / "crds")]) == 0
    assert schema.main(["--check", str(tmp_path / "crds")]) == 0


def names_of(node, path=""):
    for name, below in (node.get("properties") or {}).items():
        yield f"{path}.{name}"
        yield from names_of(below, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(node.get(inner), dict):
            yield from names_of(node[inner], f"{path}.{inner}")


@pytest.mark.parametrize("plural", ROOTS)
def test_what_the_operator_expects_of_a_crd_are_the_fields_that_are_written_into_it(plural):
    written = {name for name in names_of(ROOTS[plural]) if name.split(".")[1] not in ("apiVersion", "kind", "metadata")}
    assert set(names_of(schema.shapes()[plural])) == written
    assert len(written) > 3


def test_nothing_else_lies_among_them():
    assert {p.name for p in CRDS.iterdir()} == {d.file for d in schema.DEFINITIONS}
    for file in CRDS.iterdir():
        assert file.stat().st_size < 200 * 1024


def test_every_field_has_a_description_and_a_type():
    for plural, path, node in ALL:
        assert not FOREIGN & node.keys(), (plural, path)
        assert node.get("type"), (plural, path)
        if not path.startswith("metadata") and not path.endswith("[]"):
            text = node.get("description", "")
            assert text[:1].isalpha(), (plural, path)
            assert text.endswith((".", ")")), (plural, path)


def test_every_string_and_list_of_a_spec_is_bounded():
    for plural, path, node in ALL:
        if not path.startswith(("spec", "envelope", "wraps", "record", "status")):
            continue
        bounded = {
            "string": "maxLength" in node or "enum" in node or node.get("format") == "date-time",
            "array": "maxItems" in node,
            "object": "properties" in node or "maxProperties" in node or not node.get("additionalProperties"),
        }
        assert bounded.get(node["type"], True), (plural, path)


def test_rules_that_compare_with_the_past_stand_on_the_root():
    for plural, path, node in ALL:
        for rule in node.get("x-kubernetes-validations", ()):
            assert "oldSelf" not in rule["rule"] or path == "", (plural, path)


def test_a_status_is_stored_as_it_was_written():
    for plural, path, node in ALL:
        assert not path.startswith("status") or "default" not in node, (plural, path)


def test_the_words_of_the_schema_are_those_of_the_planner():
    def literal(found, field):
        return set(found.model_fields[field].annotation.__args__)

    assert literal(rotation.Rotation, "on_drift") == set(model.DriftPolicy)
    assert literal(version.VersionSpec, "mode") == set(words.Mode)
    assert literal(version.VersionSpec, "origin") == set(words.Origin)
    assert literal(version.Cause, "kind") == set(words.CauseKind)
    assert literal(version.Retired, "as_") == set(words.RetiredAs)
    assert set(projection.SecretType.__args__) == set(content.REQUIRED)
    assert generic.Generate().alphabets[:3] == tuple(generic.CLASSES.values())


def test_kinds_have_names_that_are_quickly_typed():
    for definition in schema.DEFINITIONS:
        found = schema.manifest(definition)["spec"]
        assert found["names"]["categories"] == ["keyward"]
        assert found["names"]["shortNames"]
        assert found["group"] == names.GROUP
        assert ("subresources" in found["versions"][0]) == (definition.kind != "CredentialVersion")


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        (o.CREATED, ("credentials", "NAME TYPE STATE CURRENT LAST ROTATED NEXT ROTATION READY AGE")),
        (o.VERSION, ("credentialversions", "NAME CREDENTIAL VERSION SEQUENCE PROMOTED RETIRED AGE")),
        (o.TARGET, ("targets", "NAME ENGINE HOST READY SUSPENDED AGE")),
        (o.CLUSTER_TARGET, ("clustertargets", "NAME ENGINE HOST READY SUSPENDED AGE")),
        (o.KEY, ("encryptionkeys", "NAME STATE CURRENT AVAILABLE AGE")),
    ],
)
def test_kubectl_shows_what_matters_first(server, stored, control_plane, item, shown):
    stored(item)
    plural, headings = shown
    table = control_plane.kubectl("get", plural, "-n", server.namespace)
    assert " ".join(table.splitlines()[0].split()) == headings
    assert len(control_plane.kubectl("get", plural, "-n", server.namespace, "-o", "wide").splitlines()[0]) > len(
        headings
    )


def test_a_status_fills_the_columns(server, stored, control_plane):
    live = stored(o.CREATED)
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": o.AT, "reason": "Projected", "message": ""}
    status = {
        "type": "rds/PostgreSQL",
        "state": "Enabled",
        "currentVersion": "v7",
        "lastRotated": o.AT,
        "nextRotation": "2026-11-25T02:00:00Z",
        "secrets": "orders-db, orders-db-readers",
        "conditions": [ready],
    }
    name = live["metadata"]["name"]
    answer = server.ask("PATCH", server.path(live, name) + "/status", {"status": status})
    assert answer["status"] == status
    row = control_plane.kubectl("get", "creds", name, "-n", server.namespace).splitlines()[1].split()
    assert row[1:4] == ["rds/PostgreSQL", "Enabled", "v7"]
    assert row[5:7] == ["2026-11-25T02:00:00Z", "True"]
    assert "orders-db, orders-db-readers" in control_plane.kubectl(
        "get", "creds", name, "-n", server.namespace, "-o", "wide"
    )


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("credential.spec.rds", "Dual rotates between two accounts"),
        ("credential.spec.rotation.gracePeriod", "How long the previous value is kept valid after every Secret holds"),
        (
            "credential.spec.projections.keys",
            "Which field goes under which key of the Secret, such as password: PGPASS",
        ),
        ("credentialset.spec.template.spec.rds.targetRef", "Is filled in for each Target: leave it out."),
        ("target.spec.rds.endpoints.port", "TCP port; MySQL and MariaDB have no default here, theirs is 3306."),
        ("clustertarget.spec.allowedNamespaces", "Namespaces whose Credentials may use"),
        ("encryptionkey.spec.provider.local", "The operator's own keyring."),
        ("credentialversion.record.promoted.number", "The highest number of a lineage is its current version."),
    ],
)
@pytest.mark.usefixtures("server")
def test_explain_says_what_a_field_is(control_plane, field, text):
    assert text in " ".join(control_plane.kubectl("explain", field).split())


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("plural", ROOTS)
def test_explain_has_a_word_for_each_field_of_a_spec(control_plane, plural):
    assert "<no description>" not in control_plane.kubectl("explain", f"{plural}.spec")


def test_what_the_server_keeps_of_them_lacks_nothing(server):
    for plural, expected in schema.shapes().items():
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{names.GROUP}"
        installed = server.ask("GET", path)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        assert crds.lacking(expected, installed) is None


def test_the_yaml_is_plain():
    for file in CRDS.iterdir():
        assert yaml.safe_load(file.read_text())["kind"] == "CustomResourceDefinition"
