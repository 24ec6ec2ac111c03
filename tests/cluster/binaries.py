"""Builds the programs of the plain cluster, once for each set of versions, into the user's cache.

A folder under its final name is a finished build: it is made beside it and renamed. It never touches the
module's lock, and two builders at once make one build.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import golang, shelf
from tests.cluster.process import log_tail
from tests.cluster.progress import progress

_HERE = Path(__file__).parent
_KUBERNETES = "k8s.io/kubernetes"
_SOURCES = ("*.go", "*/*.go", "go.mod", "go.sum")


class BuildError(Exception):
    """A build failed; the text ends with what Go said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to build from one Go module.

    Attributes:
        programs: name of each program and the package it is made of.
        version_of: module whose version is put into the programs that report one.
    """

    name: str
    module: Path
    programs: Mapping[str, str]
    label: str
    version_of: str | None = None
    stamped: tuple[str, ...] = field(default=())

    def version(self) -> str:
        """The version of `version_of` that go.mod pins, such as v1.36.3; empty without one."""
        return _pinned(self.module, self.version_of) if self.version_of else ""

    def key(self) -> str:
        """Differs whenever the result would."""
        digest = hashlib.sha256(repr((sorted(self.programs.items()), self.stamped, os.uname().machine)).encode())
        for path in sorted({path for pattern in _SOURCES for path in self.module.glob(pattern)}):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return "-".join(part for part in (self.name, self.version(), digest.hexdigest()[:12]) if part)

    def go_version(self) -> tuple[int, int]:
        found = re.search(r"^go (\d+)\.(\d+)", (self.module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.module}/go.mod names no Go version")
        return int(found[1]), int(found[2])


KUBERNETES = Recipe(
    name="kubernetes",
    module=_HERE / "kubernetes",
    programs={
        **{
            name: f"{_KUBERNETES}/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
        },
        "etcd": "go.etcd.io/etcd/server/v3",
    },
    label="building Kubernetes and etcd (once; about 6 minutes on 2 cores)",
    version_of=_KUBERNETES,
    stamped=("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"),
)
CLIENT = Recipe(
    name="client",
    module=_HERE / "loginclient",
    programs={"loginclient": ".", "pause": "./pause"},
    label="building the login client",
)


def cache_folder() -> Path:
    """KEYWARD_CACHE, or `keyward` in the user's cache folder."""
    named = os.environ.get("KEYWARD_CACHE")
    if named:
        return Path(named).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "keyward"


def ensure(recipe: Recipe) -> Path:
    """The folder with the recipe's programs, built first when it is not there.

    Raises:
        BuildError: Go failed.
        golang.NoGoError: there is no Go.
    """
    finished = cache_folder() / "cluster" / recipe.key()
    if finished.is_dir():
        return finished
    with shelf.alone(finished, recipe.label):
        if not finished.is_dir():
            _build(recipe, finished)
    return finished


def _build(recipe: Recipe, finished: Path) -> None:
    go = golang.find(recipe.go_version(), cache_folder())
    with shelf.part(finished) as part:
        out = part / "bin"
        out.mkdir()
        log = part / "log"
        argv = [str(go.program), "build", "-trimpath", "-ldflags", _ldflags(recipe), "-o", f"{out}/"]
        with progress(recipe.label):
            status = shelf.run([*argv, *recipe.programs.values()], recipe.module, go.env, log)
        if status != 0:
            raise BuildError(f"{recipe.label} failed with status {status}:\n{log_tail(log)}")
        for name, package in recipe.programs.items():
            _name_after(out, name, package)
        out.chmod(0o755)
        out.rename(finished)


def _name_after(out: Path, name: str, package: str) -> None:
    # Go names a program after its package's last element that is no version: .../etcd/server/v3 becomes "server".
    made = re.sub(r"/v\d+$", "", package).rpartition("/")[2]
    if made not in {name, "."}:
        (out / made).rename(out / name)
    if not (out / name).is_file():
        raise BuildError(f"Go built no {name}")


def _ldflags(recipe: Recipe) -> str:
    flags = ["-s", "-w"]
    major, minor = ([*recipe.version().removeprefix("v").split("."), "", ""])[:2]
    for package in recipe.stamped:
        values = {"gitVersion": recipe.version(), "gitMajor": major, "gitMinor": minor}
        flags += [f"-X {package}.{name}={value}" for name, value in values.items()]
    return " ".join(flags)


def _pinned(module: Path, of: str) -> str:
    text = (module / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^\s*(?:require )?{re.escape(of)} (v\S+)$", text, re.MULTILINE)
    if found is None:
        raise BuildError(f"{module}/go.mod does not require {of}")
    return found[1]


def main() -> None:
    """Build everything that the plain cluster needs."""
    for recipe in (CLIENT, KUBERNETES):
        sys.stdout.write(f"{ensure(recipe)}\n")
