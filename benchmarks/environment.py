"""The interpreter that the operator is measured with: the packages of requirements.lock and no others, as in its image.

The environment of development has kubernetes and more in it, which kopf loads where it finds them.
"""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.cluster.binaries import cache_folder
from tests.cluster.progress import progress

LOCK: Final = Path(__file__).parents[1] / "requirements.lock"


class InstallError(Exception):
    """The packages cannot be installed; the text is what pip said."""


def python() -> Path:
    """The interpreter, made once for each lock and version of Python. Raises InstallError."""
    key = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache_folder() / "run" / key
    if not folder.exists():
        with progress("installing the packages of requirements.lock"):
            _install(folder)
    return folder / "bin" / "python"


def _install(folder: Path) -> None:
    # Under its final name it is finished, and two at once do no harm to one another.
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as name:
        draft = Path(name) / "draft"
        _run(sys.executable, "-m", "venv", str(draft))
        pip = (str(draft / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run(*pip, "--require-hashes", "-r", str(LOCK))
        with contextlib.suppress(OSError):
            draft.rename(folder)


def _run(*command: str) -> None:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise InstallError(answer.stderr.strip()[-2000:] or f"{command[0]} failed")
