"""What operations.md tells an operator to do, done: the lines of the page itself are run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.docs.pages import page
from tests.whole_path.running import running
from tests.whole_path.world import Shop, until


class Terminal:
    """A shell in a folder of its own, with kubectl."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        kubectl = shop.cluster.kubectl_program
        self._folder = folder
        self._env = os.environ | {
            "KUBECONFIG": str(shop.cluster.kubeconfig),
            "PATH": f"{Path(kubectl).parent}:{os.environ['PATH']}",
        }

    def run(self, *lines: str) -> None:
        command = ["bash", "-euo", "pipefail", "-c", "\n".join(lines)]
        answer = subprocess.run(command, cwd=self._folder, env=self._env, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr


@pytest.fixture
def shop(control_plane, postgres):
    shop = Shop(control_plane, postgres, "keyring-lost")
    shop.prepare()
    yield shop
    shop.close()


def test_a_lost_keyring_is_told_and_comes_back_by_the_words_of_the_page(shop, tmp_path):
    backup, *restore = [line for line in page("docs/operations.md").commands if "keyward-keyring" in line]
    terminal = Terminal(shop, tmp_path)
    spec = {"generic": {"type": "PlainText", "generate": {}}, "projections": [{"secretName": "token"}]}
    shop.apply(shop.made("Credential", "token", spec))
    with running(shop.kubeconfig, shop.log):
        first = until("the first value", lambda: shop.secret("token"))
        terminal.run(backup)
        terminal.run("kubectl delete secret -n keyward-system keyward-keyring")
        shop.annotate("token", "rotate", "without a key")
        until("word of the lost key", lambda: shop.condition("token", "KeyAvailable").get("reason") == "KeyUnavailable")
        assert shop.secret("token") == first
        terminal.run(*restore)
        until("a rotation", lambda: shop.secret("token") not in ({}, first))
    assert not shop.condition("token", "KeyAvailable")
