"""The play: what was seen so far, what that adds up to, and when the next rotation is asked for.

Pure: times come in, in seconds since 1970. Logins are counted from the clients' own lines, and a rotation when a client
has logged in with its version: nothing is claimed that a consumer did not live through.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from demo.seen import Login, Seen, Status, Stored, Written

INTERVAL = 10.0
STEPS = ("reserve", "apply", "verify", "promote", "project", "file")
_RATE_SECONDS = 5.0
_KEPT = 3


@dataclass(slots=True)
class Rotation:
    """One version on its way from the reserve into a client's file. A time that is None has not come yet.

    Attributes:
        before, account_before: what the client logged in with until then; empty for a first version.
        written_at: when the operator wrote the Secret, as the Secret says.
        read_at: when a client first logged in with it.
        to_file: seconds between the two.
    """

    credential: str
    version: str
    before: str = ""
    account: str = ""
    account_before: str = ""
    promoted: bool = False
    written_at: float | None = None
    read_at: float | None = None
    to_file: float | None = None

    def reached(self) -> int:
        """How many of STEPS are proven by what was seen; a promotion is recorded after apply and verify alone."""
        if self.read_at is not None:
            return 6
        if self.written_at is not None:
            return 5
        return 4 if self.promoted else 1


@dataclass(slots=True)
class Row:
    """One Credential and its consumer.

    Attributes:
        server: which kind of server its account is on.
        not_before: a rotation is not asked for sooner.
        asked_at: when one was asked for the last time; `waiting` while that one has not reached the client.
        version: what its client logs in with.
        failed: logins that did not come to the server's judgement: no connection, no file.
    """

    name: str
    secret: str
    server: str = ""
    not_before: float = 0.0
    asked_at: float | None = None
    waiting: bool = False
    state: str = ""
    problem: str = ""
    version: str = ""
    logins: int = 0
    refused: int = 0
    failed: int = 0
    code: str = ""
    last_at: float = 0.0
    rotations: dict[str, Rotation] = field(default_factory=dict)

    @property
    def latest(self) -> Rotation | None:
        return max(self.rotations.values(), key=lambda one: number(one.version), default=None)

    @property
    def account(self) -> str:
        """Whom its client logs in as: the account of the version in its file."""
        found = self.rotations.get(self.version)
        return found.account if found else ""

    def under_way(self) -> bool:
        """Whether a version is asked for, or there, that the client has not logged in with."""
        latest = self.latest
        return self.waiting or (latest is not None and number(latest.version) > number(self.version))


@dataclass(slots=True)
class Play:
    """All rows, and what they add up to.

    Attributes:
        opened: when all began that led to it: the cluster, the servers and the operator are started within.
        first: seconds from then to the first rotation.
    """

    rows: dict[str, Row]
    opened: float | None = None
    interval: float = INTERVAL
    rotations: int = 0
    first: float | None = None
    longest: float = 0.0
    done: deque[Rotation] = field(default_factory=lambda: deque(maxlen=20))
    _recent: deque[float] = field(default_factory=deque)

    @property
    def logins(self) -> int:
        return sum(row.logins for row in self.rows.values())

    @property
    def refused(self) -> int:
        return sum(row.refused for row in self.rows.values())

    @property
    def failed(self) -> int:
        return sum(row.failed for row in self.rows.values())

    def rate(self, now: float) -> float:
        """Logins per second, of the last five seconds."""
        while self._recent and self._recent[0] < now - _RATE_SECONDS:
            self._recent.popleft()
        return len(self._recent) / _RATE_SECONDS

    # --- seeing ---

    def see(self, seen: Seen, now: float) -> None:
        """Take in what was seen, perhaps not for the first time: a list begins anew when its watch does."""
        match seen:
            case Login():
                self._login(self.rows[seen.credential], seen, now)
            case Stored() if (row := self.rows.get(seen.credential)) is not None:
                found = _of(row, seen.version)
                found.account, found.promoted = seen.account, found.promoted or seen.promoted
            case Written():
                for row in self.rows.values():
                    if row.secret == seen.secret:
                        found = _of(row, seen.version)
                        found.written_at = found.written_at or seen.at
            case Status() if (row := self.rows.get(seen.credential)) is not None:
                row.state, row.problem = seen.state, seen.problem

    def _login(self, row: Row, seen: Login, now: float) -> None:
        if seen.at <= row.last_at:
            return
        row.last_at, row.code = seen.at, seen.code
        if seen.ok:
            row.logins += 1
            self._recent.append(now)
            if number(seen.version) > number(row.version):
                self._arrived(row, seen, now)
        elif seen.refused:
            row.refused += 1
        else:
            row.failed += 1

    def _arrived(self, row: Row, seen: Login, now: float) -> None:
        found = _of(row, seen.version)
        found.before, found.account_before = row.version, row.account
        row.version, row.waiting = seen.version, False
        found.read_at = seen.at
        for version in [one for one in row.rotations if number(one) < number(row.version) - _KEPT]:
            del row.rotations[version]
        if not found.before:
            return  # Its Secret was there before its client: there is nothing to measure.
        self.rotations += 1
        self.done.append(found)
        if self.first is None and self.opened is not None:
            self.first = now - self.opened
        if found.written_at is not None:
            # The client's clock may be another machine's: it counts where ours does not contradict it.
            at = seen.at if found.written_at <= seen.at <= now else now
            found.to_file = at - found.written_at
            self.longest = max(self.longest, found.to_file)

    # --- asking ---

    def pause(self) -> float:
        """Seconds between two rotations of one Credential: never less than twice the longest way from Secret to file."""
        return max(self.interval, 2 * self.longest)

    def next_at(self, row: Row) -> float | None:
        """When its next rotation is asked for; None while one is under way, or its client has not logged in yet."""
        if row.under_way() or not row.version:
            return None
        asked = 0.0 if row.asked_at is None else row.asked_at + self.pause()
        latest = row.latest
        # Somebody else may have asked in between: the way of that version counts, too.
        written = 0.0 if latest is None or latest.written_at is None else latest.written_at
        return max(row.not_before, asked, written + 2 * self.longest)

    def due(self, now: float) -> Row | None:
        """The Credential whose rotation is to be asked for now; the caller does it, and says so by `asked`."""
        times = [(at, row.name) for row in self.rows.values() if (at := self.next_at(row)) is not None and at <= now]
        return self.rows[min(times)[1]] if times else None

    def asked(self, row: Row, now: float) -> None:
        row.asked_at, row.waiting = now, True


def number(version: str) -> int:
    """The sequence that a version's default id tells; 0 for none."""
    digits = version.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _of(row: Row, version: str) -> Rotation:
    return row.rotations.setdefault(version, Rotation(row.name, version))
