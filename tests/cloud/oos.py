"""Secret parameters, as the published documentation of OOS 2019-06-01 describes them. State and rules only: no network."""

from __future__ import annotations

import re
import threading
from typing import Final

from tests.cloud.ecs import REGION, Json
from tests.cloud.signatures import Call, Refused

_NAME: Final = re.compile(r"(?!(?i:aliyun|acs|alibaba|alicloud|oos))[A-Za-z0-9_-]{1,180}")
_LONGEST: Final = 4096


class Oos:
    """Of one account, in one region."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.most_ever = 0  # at once
        self._tokens: dict[str, str] = {}
        self._lock = threading.RLock()

    def read(self, name: str) -> str:
        """As an instance reads it whose role may. Raises LookupError."""
        with self._lock:
            return self.secrets[name]

    def forget_tokens(self) -> None:
        """As the cloud does after a while."""
        self._tokens.clear()

    def answer(self, call: Call) -> Json:
        """What a call gets whose signature is known to be right. Raises Refused."""
        with self._lock:
            operation = getattr(self, f"_{call.action}", None)
            if operation is None:
                raise Refused(400, "InvalidAction.NotFound")
            asked = call.parameters()
            if asked.get("RegionId", REGION) != REGION:
                raise Refused(404, "InvalidRegionId.NotFound")
            answer: Json = operation(asked)
            self.most_ever = max(self.most_ever, len(self.secrets))
            return answer

    def _CreateSecretParameter(self, asked: dict[str, str]) -> Json:  # noqa: N802 - the API's own names, as below
        name, value, token = asked.get("Name", ""), asked.get("Value", ""), asked.get("ClientToken", "")
        if not _NAME.fullmatch(name) or not 1 <= len(value) <= _LONGEST or len(token) > 64:
            raise Refused(400, "InvalidParameter")
        if token and self._tokens.get(token) == name and name in self.secrets:
            return {"Parameter": {"Name": name, "Type": "Secret"}}
        if name in self.secrets:
            raise Refused(409, "EntityAlreadyExists.Parameter")
        self.secrets[name] = value
        self._tokens[token] = name
        return {"Parameter": {"Name": name, "Type": "Secret", "ParameterVersion": 1}}

    def _DeleteSecretParameter(self, asked: dict[str, str]) -> Json:  # noqa: N802
        if asked.get("Name") not in self.secrets:
            raise Refused(404, "EntityNotExists.Parameter")
        del self.secrets[asked["Name"]]
        return {}

    def _ListSecretParameters(self, asked: dict[str, str]) -> Json:  # noqa: N802
        found = [{"Name": name, "Type": "Secret"} for name in sorted(self.secrets) if asked.get("Name", "") in name]
        return {"Parameters": found[: int(asked.get("MaxResults", "50"))], "TotalCount": len(found)}
