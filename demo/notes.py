"""What is said beside the play: how it differs from everyday life, and what to type to look around."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from demo import objects
from demo.objects import NAMESPACE
from demo.world import World

CLOSING = "To keep it running and look around with kubectl: make demo ARGS=--keep"
_KUBECTL = f"kubectl -n {NAMESPACE}"


def about(world: World) -> list[str]:
    """How this differs from everyday life; the first line may give way to what is wrong."""
    intervals = list(dict.fromkeys(one["spec"]["rotation"]["interval"] for one in world.credentials))
    found = [f"By schedule every {_and(intervals)}; here sooner, by keyward.dev/rotate."]
    found += [f"No {name}: {why}." for name, why in world.missing.items()]
    if world.why_no_pods:
        found.append(f"No pods: {world.why_no_pods}.")
        found.append("Each process rereads, before every login, a file that follows its Secret.")
    else:
        found.append("Each pod rereads the file of its mounted Secret before every login.")
    if world.slow:
        found.append("This cluster brings a new Secret into its pods' files within a minute or two.")
    return found


def commands(world: World) -> list[str]:
    """What to type in another terminal."""
    found = [f"export KUBECONFIG={world.cluster.kubeconfig}"]
    if shutil.which("kubectl") is None:
        found.append(f"export PATH=$PATH:{world.cluster.kubectl_program.parent}")
    secret = objects.secret_of(world.credentials[0])
    return [
        *found,
        f"{_KUBECTL} get credentials,credentialversions,secrets",
        f"{_KUBECTL} delete secret {secret}   # it is back within a second",
    ]


def _and(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
