"""Run a program where nobody is but itself, with the cloud's own names and addresses on its loopback; it needs root.

    python -m tests.cloud.lone MODULE [ARGUMENT...]

A network of its own with the metadata service's address, and a file of hosts of its own: the SDK has no switch for either. Both
end with the program.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

METADATA = "100.100.100.200"
STS = "sts.aliyuncs.com"
_SET_FLAGS, _SET_ADDRESS, _UP = (
    0x8914,
    0x8916,
    1,
)  # SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP: not each machine has a program `ip`
_NEW = "unshare --net --mount --"
_HOSTS = f"127.0.0.1 localhost {STS}\n"


def alone(*argv: str) -> list[str]:
    """The command for it."""
    return [*_NEW.split(), sys.executable, "-m", "tests.cloud.lone", *argv]


def _settle() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_:
        fcntl.ioctl(any_, _SET_FLAGS, struct.pack("16sH14s", b"lo", _UP, b""))
        address = struct.pack("16sH2s4s8s", b"lo:0", socket.AF_INET, b"", socket.inet_aton(METADATA), b"")
        fcntl.ioctl(any_, _SET_ADDRESS, address)
    with tempfile.TemporaryDirectory() as folder:
        hosts = Path(folder) / "hosts"
        hosts.write_text(_HOSTS)
        subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
        # The mount keeps the file, and the namespace the mount.


if __name__ == "__main__":
    _settle()
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])
