"""Who logs in: a Deployment per Credential, or a process whose file follows the Secret where no pod can run."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tests.cluster import Cluster, KubectlError, binaries
from tests.cluster.process import Server

from demo import feeds, objects, seen
from demo.feeds import Feed
from demo.seen import Seen


class Client(Protocol):
    """One consumer. Its Secret exists before `begin`."""

    def begin(self) -> None: ...

    def secret_written(self) -> None:
        """The Secret was written anew."""

    def poll(self) -> Iterator[Seen]:
        """What it said since the last time."""

    def stop(self) -> None: ...


class Pod:
    """A pod that mounts the Secret; the kubelet brings a new one into its file."""

    def __init__(self, cluster: Cluster, folder: Path, name: str, secret: str) -> None:
        self._cluster, self._name, self._secret = cluster, name, secret
        self._feed = feeds.pod_log(cluster, folder, name)
        self._begun = False

    def begin(self) -> None:
        cluster = self._cluster
        assert cluster.login_image is not None
        wish = objects.deployment(
            self._name,
            self._secret,
            cluster.login_image,
            host_network=cluster.pod_host_network,
            preloaded=cluster.way != "named",
        )
        cluster.kubectl("apply", "-f", "-", input=json.dumps(wish))
        self._begun = True

    def secret_written(self) -> None:
        pass

    def poll(self) -> Iterator[Seen]:
        return self._feed.poll() if self._begun else iter(())

    def stop(self) -> None:
        self._feed.stop()


class Process:
    """The login client as a process of ours; its file is written anew, in one rename, whenever the Secret is."""

    def __init__(self, cluster: Cluster, folder: Path, name: str, secret: str) -> None:
        self._cluster, self._secret = cluster, secret
        self._files = folder / f"file-{name}"
        self._files.mkdir(mode=0o700)
        program = binaries.ensure(binaries.CLIENT) / "loginclient"
        server = Server(
            name=f"login client of {name}",
            argv=[str(program), *objects.client_args(str(self._files))],
            ready=lambda: True,
            log=folder / f"client-{name}.log",
            stop_seconds=2.0,
        )
        self._feed = Feed(server, lambda line: seen.login(name, line))
        self._begun = False

    def begin(self) -> None:
        self.secret_written()
        self._begun = True

    def secret_written(self) -> None:
        try:
            text = self._cluster.kubectl("get", "secret", self._secret, "-n", objects.NAMESPACE, "-o", "json")
        except KubectlError:
            return  # It was deleted meanwhile: the file stays, as a mounted one does.
        data = json.loads(text)["data"]
        for key in {"ca.crt", "known_hosts", "credential.json"} & data.keys():
            unfinished = self._files / f".{key}"
            unfinished.write_bytes(base64.b64decode(data[key]))
            unfinished.replace(self._files / key)

    def poll(self) -> Iterator[Seen]:
        return self._feed.poll() if self._begun else iter(())

    def stop(self) -> None:
        self._feed.stop()
