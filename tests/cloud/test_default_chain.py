"""Where the operator's own login comes from: the SDK as it is, in a fresh process, and what gives it temporary keys.

Both givers are stand-ins at the addresses that the cloud has them at, in a network where nobody else is.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.cloud.chain import ROLE
from tests.cloud.lone import alone
from tests.cloud.ram import ACCOUNT

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network of one's own needs root")


def told(folder: Path, way: str) -> Any:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ALIBABA_CLOUD_")}
    environment = kept | {"PYTHONPATH": f"{ROOT / 'operator'}:{ROOT}"}
    argv = alone("tests.cloud.chain", str(folder), way)
    answer = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment, cwd=ROOT, timeout=120)
    return json.loads(answer.stdout)


def test_a_token_of_the_cluster_is_changed_for_temporary_keys_and_read_anew_when_they_are_over(tmp_path):
    found = told(tmp_path, "oidc")
    role = ROLE.rpartition("/")[2]
    assert [arn.rpartition("/")[0] for arn in found["said"]] == [f"acs:ram::{ACCOUNT}:assumed-role/{role}"] * 2
    assert found["asked"] == {"AssumeRoleWithOIDC": 2}
    assert found["calls"] == ["GetCallerIdentity"] * 2
    assert not found["errors"]


def test_an_instance_s_role_gives_temporary_keys_by_hardened_metadata_alone(tmp_path):
    found = told(tmp_path, "metadata")
    assert found["said"] == [f"acs:ram::{ACCOUNT}:assumed-role/keyward/i-bp1example"] * 2
    assert found["asked"]["PUT /latest/api/token"] >= 1
    assert found["asked"]["GET /latest/meta-data/ram/security-credentials/keyward"] >= 1
    assert not found["errors"]


def test_where_there_is_no_login_that_is_told_and_nothing_is_sent(tmp_path):
    found = told(tmp_path, "nothing")
    assert found["said"] == ["NoLogin"] * 2
    assert not found["calls"]
    assert not found["errors"]
