"""Every error that may cross a border of Keyward: a code from a closed list and a text that we wrote.

The class says what the loop does about it. Foreign exception text never gets in here: servers, drivers and clients put
passwords, statements and URLs into theirs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why something did not happen: the reason of a condition, an event and a metric's label."""

    # What the user wrote
    INVALID_SPEC = "InvalidSpec"
    UNKNOWN_TARGET = "UnknownTarget"
    TARGET_NOT_ALLOWED = "TargetNotAllowed"
    TARGET_NOT_APPROVED = "TargetNotApproved"
    TARGET_SUSPENDED = "TargetSuspended"
    TARGET_HAS_OTHER_DATA = "TargetHasOtherData"
    ACCOUNT_NOT_ALLOWED = "AccountNotAllowed"
    PRIVILEGE_NOT_ALLOWED = "PrivilegeNotAllowed"
    ACCOUNT_CLAIMED = "AccountClaimed"
    CREDENTIAL_CONFLICT = "CredentialConflict"
    ACCESS_POLICY_UNSUPPORTED = "AccessPolicyUnsupported"
    ENGINE_UNSUPPORTED = "EngineUnsupported"
    SOURCE_MISSING = "SourceMissing"
    SOURCE_INVALID = "SourceInvalid"
    VALUE_TOO_LARGE = "ValueTooLarge"
    UNKNOWN_VERSION = "UnknownVersion"
    VERSION_DEAD = "VersionDead"
    CRD_OUTDATED = "CRDOutdated"
    # Projection
    TEMPLATE_INVALID = "TemplateInvalid"
    SECRET_CONFLICT = "SecretConflict"
    SECRET_INVALID = "SecretInvalid"
    SECRET_TOO_LARGE = "SecretTooLarge"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    # Keys and stored values
    KEY_UNAVAILABLE = "KeyUnavailable"
    KEY_NOT_ALLOWED = "KeyNotAllowed"
    CONTEXT_MISMATCH = "ContextMismatch"
    ENVELOPE_INVALID = "EnvelopeInvalid"
    ROLLBACK_DETECTED = "RollbackDetected"
    # Lineage, forks, restores
    RESTORE_INCOMPLETE = "RestoreIncomplete"
    RESTORED_ELSEWHERE = "RestoredElsewhere"
    TWO_LINEAGES = "TwoLineages"
    FENCED = "Fenced"
    FORKED = "Forked"
    LINEAGE_CONFLICT = "LineageConflict"
    # The system that the credential opens
    UNREACHABLE = "Unreachable"
    NAME_RESOLUTION = "NameResolution"
    TIMEOUT = "Timeout"
    TLS_REFUSED = "TLSRefused"
    UNKNOWN_CA = "UnknownCA"
    HOST_KEY_CHANGED = "HostKeyChanged"
    WEAK_AUTHENTICATION = "WeakAuthentication"
    ADMIN_SECRET_INVALID = "AdminSecretInvalid"
    ADMIN_LOGIN_REFUSED = "AdminLoginRefused"
    ADMIN_PRIVILEGE_MISSING = "AdminPrivilegeMissing"
    ADMIN_CYCLE = "AdminCycle"
    LOGIN_REFUSED = "LoginRefused"
    WRONG_IDENTITY = "WrongIdentity"
    PRIVILEGE_MISSING = "PrivilegeMissing"
    RIGHTS_DIFFER = "RightsDiffer"
    ACCOUNT_EXISTS = "AccountExists"
    ACCOUNT_MISSING = "AccountMissing"
    ACCOUNT_DISABLED = "AccountDisabled"
    ACCOUNT_RESERVED = "AccountReserved"
    SECOND_PASSWORD = "SecondPassword"
    UNKNOWN_ACCESS_KEY = "UnknownAccessKey"
    IMPORTED_VALUE_UNVERIFIED = "ImportedValueUnverified"
    DATABASE_MISSING = "DatabaseMissing"
    PASSWORD_REFUSED = "PasswordRefused"
    READ_ONLY_ENDPOINT = "ReadOnlyEndpoint"
    PROPAGATION_TIMEOUT = "PropagationTimeout"
    NOT_PERSISTENT = "NotPersistent"
    BUSY = "Busy"
    OBJECT_OWNER = "ObjectOwner"
    UNLISTED_HOST = "UnlistedHost"
    KEY_FILE_UNUSABLE = "KeyFileUnusable"
    CLOUD_REFUSED = "CloudRefused"
    LEAK_NOT_ENDED = "LeakNotEnded"
    UNKNOWN_OUTCOME = "UnknownOutcome"
    # The API server and ourselves
    API_UNAVAILABLE = "APIUnavailable"
    API_REFUSED = "APIRefused"
    WRITTEN_BY_ANOTHER = "WrittenByAnother"
    INTERNAL_ERROR = "InternalError"


REASONS: Final = frozenset(Reason)


class KeywardError(Exception):
    """Base of all errors that may travel. `message` is ours, names field, cause and fix, and repeats no value."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Retry(KeywardError):
    """The environment's fault and probably gone later: back off and try again, no sooner than `after` seconds if given."""

    def __init__(self, reason: Reason, message: str, after: float | None = None) -> None:
        super().__init__(reason, message)
        self.after = after


class Underway(Retry):
    """The system accepted what was asked and is still at work, or another one's work is: nothing failed, look again later.

    What was not sent yet is sent then.
    """

    def __init__(self, reason: Reason, message: str, after: float) -> None:
        super().__init__(reason, message, after)


class Blocked(KeywardError):
    """A person or a change of a spec is needed: re-check seldom, and at once when something that it names changes."""


class Conflict(KeywardError):
    """Somebody wrote first: gather again at once and plan anew."""


class Rejected(KeywardError):
    """The system refused this candidate for certain (password policy): abandon it and draft another."""


class Unsettled(Retry):
    """Something was sent and its outcome is unknown: a login tells, then the same value is sent again."""
