"""RAM users as a stage: the cloud picks each AccessKey's secret, and tells it once. Values log in at STS.

The suite's words are kept: the value "one" is the key that was issued when a change to "one" was asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import ClassVar, NoReturn

import pytest
from tests.cloud.standin import StandIn
from tests.engines.conformance.cloud import RECORDS, REGION, CloudStage
from tests.engines.conformance.issuer import Issuer, Record, Records
from tests.engines.conformance.led import Real
from tests.engines.conformance.stage import digest8

from keyward.domain import access_keys
from keyward.domain.access_keys import Pair
from keyward.engines import registry
from keyward.engines.base import AccountSet, CloudApi, Engine, Login
from keyward.errors import Reason
from keyward.sensitive import Sensitive

_MADE_BY_OTHERS = "RAM users are there before us: none is made, so none can be taken meanwhile"
_KEPT = "RAM users are neither disabled nor dropped by us: test_overlap ends a value of theirs, twice"
_NO_CANDIDATE = (
    "the cloud picks the value, so there is none that it could refuse: a third key it does, in test_ram_engine"
)
_TOLD_ONCE = "a value that was told is stored and never asked for again: what a lost answer leaves is withdrawn, in test_outcomes"
_BY_RECORDS = (
    "RAM has no lock, and nothing of a user that a change could be compared with: whoever comes second is stopped by the "
    "limit of two keys and by the compare-and-swap of the records, in tests/protocol/test_issuing.py"
)
_POLICIES = "what a user may do stands in policies, which RAM does not tell with its keys: allowedAccounts bounds it"
_OFF = "a key that a person switched off is told where the next one is reserved: tests/protocol/test_issuing.py"
_STRANGERS = "a key of somebody else's stops the reservation of the next one: tests/protocol/test_issuing.py"
_NO_HAND = "nobody can set a key's secret, not even the cloud's owner: it is what was issued, or gone"
_PICKED = "a value is what the cloud picks: letters and digits, and none of ours is ever set"


@pytest.fixture
def cloud_of_users(suites_cloud: StandIn) -> StandIn:
    return suites_cloud


class RamStage(CloudStage):
    name = "AlibabaCloud"
    server = "cloud_of_users"
    at_limit = "r" * 64
    beyond = "s" * 65
    odd = ("orders.app-1@example.onaliyun.com", "1st")
    creates = False
    overlaps = True
    side_by_side = True
    patience = 2.0
    meanwhile = Reason.UNKNOWN_OUTCOME
    unfit: ClassVar[Mapping[str, str]] = {
        **CloudStage.unfit,
        "test_a_name_that_was_taken_meanwhile_is_a_conflict_and_stays_its_owners": _MADE_BY_OTHERS,
        "test_retire": _KEPT,
        "test_a_removal_is_written_down_without_a_value": _KEPT,
        "test_after_a_definite_refusal_the_next_candidate_is_taken": _NO_CANDIDATE,
        "test_a_refused_candidate_leaves_the_value_in_use": _NO_CANDIDATE,
        "test_the_same_value_twice_changes_nothing_for_its_user": _TOLD_ONCE,
        "test_two_at_once_end_with_one_of_their_values": _BY_RECORDS,
        "test_an_account_that_went_away_meanwhile_is_a_conflict": _BY_RECORDS,
        "test_an_account_that_somebody_disabled_is_never_healed": _OFF,
        "test_an_account_with_rights_over_the_server_is_never_touched": _POLICIES,
        "test_a_right_that_was_taken_is_missed": _POLICIES,
        "test_a_right_that_was_taken_is_given_again_by_the_next_change": _POLICIES,
        "test_rights": _POLICIES,
        "test_somebody_elses_second_value_is_a_conflict_and_stays": _STRANGERS,
        "test_a_value_that_somebody_set_over_ours_is_replaced_and_not_kept": _NO_HAND,
        "test_any_password_that_text_can_hold_is_set_whole": _PICKED,
        "test_the_server_writes_down_no_value": RECORDS,
        "test_the_server_writes_down_neither_value": RECORDS,
        "test_a_statement_that_fails_is_written_down_without_a_value": RECORDS,
    }

    def __init__(self, server: StandIn) -> None:
        self.cloud = server
        place = self._api()
        services = {"RAM": place.primary, "STS": place.primary}
        self.real = Real(place, CloudApi(services, "RAM", REGION))
        self._records: Records = {}

    @property
    def engine(self) -> Engine:
        return Issuer(registry.get(self.name), self.real, self._records)

    def at_rest(self) -> bool:
        return not self.cloud.holding

    def value(self, text: str | bytes, account: str = "") -> Sensitive:
        record = self._records.get(account, Record())
        found = record.values.get(digest8(text))
        if found is not None:
            return found
        id_ = record.known[-1] if record.known else f"LTAI{digest8(account)}"
        return access_keys.encode([Pair(id_, Sensitive(_wrong(text)))])

    def traces(self, text: str) -> tuple[bytes, ...]:
        """Whatever secret the cloud has told anybody, or was tried in its place."""
        users = list(self.cloud.ram.users.values())
        return _wrong(text).encode(), *(key.secret.encode() for user in users for key in user.keys)

    def made(self, admin: Login, *names: str) -> AccountSet:
        return self.imported(*names)

    def imported(self, *names: str) -> AccountSet:
        return AccountSet(names, created=False, overlap=True)

    # --- what a person does ---

    def make(self, name: str, password: str) -> None:
        key = self.cloud.ram.user(name).keys[0]
        record = self._records[name] = Record()
        record.keep(digest8(password), access_keys.encode([Pair(key.id, Sensitive(key.secret))]))

    def forbid(self, name: str) -> None:
        for key in self.cloud.ram.users[name].keys:
            key.status = "Inactive"

    def hijack(self, name: str, password: str) -> None:
        somebody = self.cloud.ram.user(f"{name}-else", keys=0)
        somebody.keys, self.cloud.ram.users[name].keys = self.cloud.ram.users[name].keys, []

    @contextlib.contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        self.cloud.held = lambda call: call.action == "CreateAccessKey" and call.parameters().get("UserName") == name
        try:
            yield
        finally:
            self.cloud.held = lambda _call: False
            while self.cloud.holding:
                time.sleep(0.01)

    def give_second(self, name: str, password: str) -> NoReturn:
        raise NotImplementedError(_STRANGERS)

    def set_by_hand(self, name: str, password: str) -> NoReturn:
        raise NotImplementedError(_NO_HAND)

    def refusing(self, admin: Login, account: str) -> NoReturn:
        raise NotImplementedError(_NO_CANDIDATE)

    def make_mighty(self, name: str) -> NoReturn:
        raise NotImplementedError(_POLICIES)

    def take_right(self, accounts: AccountSet) -> NoReturn:
        raise NotImplementedError(_POLICIES)

    def make_object(self, name: str, password: str) -> NoReturn:
        raise NotImplementedError(_KEPT)

    # --- how a person looks ---

    def exists(self, name: str) -> bool:
        return name in self.cloud.ram.users

    def logs_in(self, name: str, password: str) -> bool:
        found = self._records.get(name, Record()).values.get(digest8(password))
        if found is None:
            return False
        pair = access_keys.decode(found)[0]
        secrets = {key.id: key.secret for key in self.cloud.ram.users[name].keys if key.status == "Active"}
        return secrets.get(pair.id) == pair.secret.reveal_text()

    def left_over(self) -> list[str]:
        """Keys whose secret nobody was told, and users who had more than two at any time."""
        there = {name: self.cloud.ram.users[name] for name in self._records if self.exists(name)}
        unknown = [
            key.id for name, user in there.items() for key in user.keys if key.id not in self._records[name].known
        ]
        return unknown + [name for name in there if self.cloud.ram.most_ever.get(name, 0) > 2]

    def records(self) -> NoReturn:
        raise NotImplementedError(RECORDS)


def _wrong(text: str | bytes) -> str:
    """A secret that no key has."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:30]
