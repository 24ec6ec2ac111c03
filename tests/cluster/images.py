"""Makes container images of single static programs, with no registry and no image tool.

An image holds its program and nothing else: no shell, no certificates, no user but numbers.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

PAUSE = "local.test/pause:1"
LOGIN_CLIENT = "local.test/loginclient:1"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(path: Path, image: str, program: Path) -> None:
    """Write a docker-archive of one program, which is also the image's entry point."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        _add(tar, program.name, program.read_bytes(), mode=0o755)
    content = layer.getvalue()
    machine = os.uname().machine
    config = json.dumps(
        {
            "architecture": _MACHINES.get(machine, machine),
            "os": "linux",
            "config": {"Entrypoint": [f"/{program.name}"], "User": "65532:65532"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
        }
    ).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [image], "Layers": ["layer.tar"]}]
    with tarfile.open(path, mode="w") as tar:
        _add(tar, "layer.tar", content)
        _add(tar, name, config)
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
