"""A cluster that the caller names by its kubeconfig.

It changes nothing outside of what tests apply, and starts and stops nothing.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.model import ADDRESS_VARIABLE, Cluster, RefusedError

VARIABLE = "KEYWARD_KUBECONFIG"
IMAGE_VARIABLE = "KEYWARD_LOGIN_IMAGE"


def named() -> Cluster | None:
    """The named cluster, or None when none is named.

    Raises:
        RefusedError: the file that is named is not there.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    if not Path(path).is_file():
        raise RefusedError(f"{VARIABLE} names {path}, and there is no such file")
    return Cluster(
        way="named",
        why=f"{VARIABLE} names its kubeconfig",
        kubeconfig=Path(path).absolute(),
        kubectl_program=kubectl(),
        has_pods=True,
        target_address=os.environ.get(ADDRESS_VARIABLE) or None,
        login_image=os.environ.get(IMAGE_VARIABLE) or None,
    )


def kubectl() -> Path:
    """The machine's kubectl, else ours."""
    found = shutil.which("kubectl")
    return Path(found) if found else binaries.ensure(binaries.KUBERNETES) / "kubectl"
