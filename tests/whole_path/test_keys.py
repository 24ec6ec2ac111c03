"""A key's life on a real API server: rotated, every value rewrapped, its old version destroyed, and all still opens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.whole_path.world import Shop, until

from keyward.cli import keyring, main


@pytest.fixture
def shop(control_plane, postgres) -> Iterator[Shop]:
    shop = Shop(control_plane, postgres, "keys")
    shop.prepare()
    yield shop
    shop.close()


@pytest.fixture
def keyward(shop, capsys, monkeypatch):
    """The command line: exit status and what it said."""

    def call(*args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["keyward", *args, "--kubeconfig", str(shop.kubeconfig)])
        with pytest.raises(SystemExit) as ended:
            main.run()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return call


def wrapped_by(shop: Shop) -> set[str]:
    return {w["keyVersion"] for v in shop.versions("token") for w in v["wraps"]}


def test_a_rotated_key_rewraps_every_value_and_its_old_version_can_go(shop, keyward, monkeypatch):
    token = {"generic": {"generate": {}}, "projections": [{"secretName": "token"}]}
    with shop.operator():
        shop.apply(shop.made("Credential", "token", token))
        first = until("the first Secret", lambda: shop.secret("token"))
        assert not shop.condition("token", "KeyAvailable")
        (old,) = wrapped_by(shop)
        status, said = keyward("keyring", "rotate")
        assert status == 0, said
        until("the rewrapping", lambda: wrapped_by(shop) == {str(int(old) + 1)})
        monkeypatch.setattr(keyring, "_SETTLED", timedelta(hours=1))
        status, said = keyward("keyring", "destroy", old)
        assert (status, "less than a minute ago" in said) == (1, True)
        monkeypatch.setattr(keyring, "_SETTLED", timedelta(0))
        status, said = keyward("keyring", "destroy", str(int(old) + 1))
        assert (status, "still wraps" in said) == (1, True)
        status, said = keyward("keyring", "destroy", old)
        assert status == 0, said
    shop.api.delete("secret", "token", shop.namespace)
    with shop.operator():
        again = until("the Secret after a restart", lambda: shop.secret("token"))
    assert again == first


def test_a_key_version_that_wraps_a_value_is_not_destroyed(shop, keyward, monkeypatch):
    token = {"generic": {"generate": {}}, "projections": [{"secretName": "token"}]}
    with shop.operator():
        shop.apply(shop.made("Credential", "token", token))
        until("the first Secret", lambda: shop.secret("token"))
    (old,) = wrapped_by(shop)
    monkeypatch.setattr(keyring, "_SETTLED", timedelta(0))
    assert keyward("keyring", "rotate")[0] == 0  # and nobody is there who rewraps
    status, said = keyward("keyring", "destroy", old)
    assert status == 1
    assert "CredentialVersions are wrapped by version" in said
