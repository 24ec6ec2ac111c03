"""All nodes of a system: those of the Target, and those that they name as their own.

A node that is named gets the admin's password only after its certificate has proven by the Target's CA that it is one, and
only where the Target says that its system has such nodes.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar

from keyward.engines.base import Endpoint, Place, Role, Topology
from keyward.engines.redis import errors, rules
from keyward.engines.redis.connect import Node, Way, all_of, connect
from keyward.errors import Blocked, KeywardError, Reason, Retry

T = TypeVar("T")
_MOST: Final = 64  # nodes; a cluster of more is told so
_REPLICA: Final = re.compile(r"^slave\d+:ip=([^,]+),port=(\d+),", re.MULTILINE)
_GONE: Final = frozenset({"noaddr", "handshake"})


@dataclass(frozen=True, slots=True)
class Info:
    """What a node says of itself."""

    version: tuple[int, int]
    primary: bool
    cluster: bool
    config_file: bool
    others: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A node that is there, with what it says of itself."""

    node: Node
    info: Info

    @property
    def endpoint(self) -> Endpoint:
        return self.node.endpoint


@dataclass(slots=True)
class Nodes:
    """The nodes of a system as they are now."""

    members: list[Member] = field(default_factory=list)
    missing: dict[Endpoint, KeywardError] = field(default_factory=dict)  # why each cannot be used

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return (*(member.endpoint for member in self.members), *self.missing)

    def lacking(self) -> KeywardError | None:
        """The first node that is needed and cannot be used."""
        found = next(((e, why) for e, why in self.missing.items() if not e.optional), None)
        if found is None:
            return None
        text = f"{found[1].message}: each node has to take the value, but for those that the Target marks as optional"
        return Retry(Reason.PROPAGATION_TIMEOUT, text)

    def only(self, members: list[Member]) -> Nodes:
        """Some of them."""
        return Nodes(members)

    async def each(self, work: Callable[[Member], Awaitable[T]]) -> list[T]:
        """The same on every node at once, waited for until each has ended. Raises the first failure."""
        outcomes = await all_of([work(member) for member in self.members])
        for outcome in outcomes:
            if isinstance(outcome, KeywardError):
                raise outcome
        return outcomes

    async def close(self) -> None:
        for member in self.members:
            await member.node.close()


@asynccontextmanager
async def opened(way: Way) -> AsyncIterator[Nodes]:
    """A login at every node that can be reached.

    Raises:
        Retry, Blocked: none can be used, or the system is not what the Target says.
    """
    found = Nodes()
    try:
        await gather(found, way)
        _judge(found, way.place)
        yield found
    finally:
        await found.close()


async def gather(
    found: Nodes,
    way: Way,
    kept: Mapping[Endpoint, Node] = MappingProxyType({}),
    spared: Mapping[Endpoint, KeywardError] = MappingProxyType({}),
) -> None:
    """Log in at every node, by a connection that is kept from before if it still works.

    Those that are `spared` are not tried: they are missing for what they said before.

    Raises:
        Blocked: there are more nodes than are managed.
    """
    place = way.place
    known: set[tuple[str, int]] = set()
    wave = list(place.endpoints)
    while wave:
        known |= {(e.host, e.port) for e in wave}
        if place.topology is not Topology.STANDALONE:
            # Servers name each other by address: one that is listed by its name is not another one.
            known |= {pair for e in wave for pair in await _addresses(e)}
        entered = await all_of([_enter(way, e, kept.get(e)) if e not in spared else _say(spared[e]) for e in wave])
        for endpoint, outcome in zip(wave, entered, strict=True):
            if isinstance(outcome, Member):
                found.members.append(outcome)
            else:
                found.missing[endpoint] = outcome
        named = [other for member in found.members for other in member.info.others]
        new = [] if place.topology is Topology.STANDALONE else [n for n in dict.fromkeys(named) if n not in known]
        if len(found.endpoints) + len(new) > _MOST:
            raise Blocked(Reason.ENGINE_UNSUPPORTED, f"the system has more than {_MOST} nodes")
        wave = [Endpoint(host, port, Role.NODE) for host, port in new]


async def _say(said: KeywardError) -> Member:
    raise type(said)(said.reason, said.message)  # another one each time: what is raised holds on to where it was


async def _addresses(endpoint: Endpoint) -> set[tuple[str, int]]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    return {(str(entry[4][0]), endpoint.port) for entry in found}


async def _enter(way: Way, endpoint: Endpoint, kept: Node | None) -> Member:
    if kept is not None:
        try:
            return Member(kept, await about(kept))
        except KeywardError:
            await kept.close()
    node = await connect(way, endpoint)
    try:
        return Member(node, await about(node))
    except BaseException:
        await node.close()
        raise


async def about(node: Node) -> Info:
    """What a node says of itself.

    Raises:
        Retry, Blocked: ENGINE_UNSUPPORTED for one that is too old.
    """
    text = (await node.ask("INFO", doing="read INFO")).decode("utf-8", "replace")
    fields = dict(line.partition(":")[::2] for line in text.splitlines() if ":" in line)
    version = _version(fields.get("redis_version", ""))
    if version < rules.OLDEST:
        raise errors.at(node.endpoint, Blocked(Reason.ENGINE_UNSUPPORTED, "Redis 6 is the oldest that is supported"))
    cluster = fields.get("cluster_enabled") == "1"
    others = _of_replication(text, fields)
    if cluster:
        nodes = (await node.ask("CLUSTER", "NODES", doing="read CLUSTER NODES")).decode("utf-8", "replace")
        others = of_cluster(nodes)
    return Info(
        version=version,
        primary=fields.get("role") == "master",
        cluster=cluster,
        config_file=bool(fields.get("config_file")),
        others=others,
    )


def _version(text: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _of_replication(text: str, fields: dict[str, str]) -> tuple[tuple[str, int], ...]:
    found = [(host, int(port)) for host, port in _REPLICA.findall(text)]
    if fields.get("role") == "slave" and fields.get("master_port", "").isdigit():
        found.append((fields.get("master_host", ""), int(fields["master_port"])))
    return tuple(found)


def of_cluster(text: str) -> tuple[tuple[str, int], ...]:
    """Host and port of each node in an answer to CLUSTER NODES; the host's name where one is announced."""
    found = []
    for line in text.splitlines():
        _, address, flags, *_ = line.split(" ")
        place, _, details = address.partition(",")
        name = details.split(",")[0]
        host, _, port = place.partition("@")[0].rpartition(":")
        # A node that says nothing of its own address is the one that we are talking to.
        if not _GONE & set(flags.split(",")) and (host or name):
            found.append((name or host, int(port)))
    return tuple(found)


def _judge(found: Nodes, place: Place) -> None:
    if not found.members:
        why = found.missing[place.primary]
        raise type(why)(why.reason, why.message)
    stated = place.topology is Topology.CLUSTER
    for member in found.members:
        if member.info.cluster is not stated:
            is_one = "is a node of a cluster" if member.info.cluster else "is no node of a cluster"
            raise Blocked(Reason.INVALID_SPEC, f"{member.endpoint} {is_one}: correct spec.redis.topology of the Target")
    first = found.members[0]
    if place.topology is Topology.STANDALONE and not first.info.primary:
        text = "is a replica: name its primary in spec.redis.endpoints of the Target, or set spec.redis.topology to Replicated"
        raise errors.at(first.endpoint, Blocked(Reason.INVALID_SPEC, text))
    if not any(member.info.primary for member in found.members):
        text = "no node that can be reached says that it is a primary; a failover may be going on"
        raise Retry(Reason.READ_ONLY_ENDPOINT, text)
    if place.topology is Topology.STANDALONE and any(m.info.others for m in found.members):
        text = "has replicas, which keep accounts of their own: set spec.redis.topology of the Target to Replicated"
        raise errors.at(first.endpoint, Blocked(Reason.INVALID_SPEC, text))
