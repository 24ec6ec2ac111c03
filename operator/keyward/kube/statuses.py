"""Writing the status of one of our objects: as a whole, and only to the very object that was judged."""

from __future__ import annotations

from typing import Any

from keyward.kube.answers import Asked
from keyward.kube.client import Client

Json = dict[str, Any]


async def replace(client: Client, asked: Asked, uid: str, status: Json) -> Json:
    """Put `status` in the place of what stands; the object as the server answers.

    Raises:
        NotFound: the object is gone.
        Conflict: it was made anew: its uid is another one.
    """
    # Not a merge: a status' writer cannot name a uid in it, and what is gone would have to be named to go.
    patch: list[Json] = [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "add", "path": "/status", "value": status},
    ]
    return await client.json_patch(asked, patch)
