"""The one type that holds a secret value in memory.

It does not print, format, pickle, copy into JSON or compare in variable time by accident. It is no defence against
somebody who reads this process's memory.
"""

from __future__ import annotations

import hmac
from typing import Final, NoReturn, final

_MASK: Final = "<sensitive>"


@final
class Sensitive:
    """A secret as bytes. `reveal` and `reveal_text` are the only ways out, so that each use can be searched for."""

    __slots__ = ("_value",)
    _value: bytes

    def __init__(self, value: bytes | bytearray | memoryview | str) -> None:
        if hasattr(self, "_value"):
            raise AttributeError("a sensitive value cannot be changed")
        object.__setattr__(self, "_value", _as_bytes(value))

    def __init_subclass__(cls) -> NoReturn:
        # A subclass could bring back every way out that is closed here.
        raise TypeError("a sensitive value has no subclasses")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a sensitive value cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a sensitive value cannot be changed")

    def reveal(self) -> bytes:
        """The secret itself, as bytes."""
        return self._value

    def reveal_text(self) -> str:
        """The secret as text.

        Raises:
            ValueError: it is not UTF-8; neither the error nor its context holds anything of it.
        """
        try:
            return self._value.decode()
        except UnicodeDecodeError:
            pass  # it carries the bytes, and would be the context of what is raised inside of this handler
        raise ValueError("the value is not valid UTF-8")

    def __len__(self) -> int:
        return len(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sensitive):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    # A hash would be a digest of the secret in a place that nobody thinks of.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return _MASK

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return _MASK

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a sensitive value cannot be pickled or copied")

    __reduce__ = __reduce_ex__  # type: ignore[assignment]

    def __getstate__(self) -> NoReturn:
        # What object.__getstate__ answers has the value in it.
        raise TypeError("a sensitive value cannot be pickled or copied")

    def __iter__(self) -> NoReturn:
        raise TypeError("a sensitive value cannot be iterated")

    def __bytes__(self) -> NoReturn:
        raise TypeError("a sensitive value is revealed by reveal()")


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if not isinstance(value, str):
        raise TypeError("a sensitive value is made of bytes or text")
    try:
        return value.encode()
    except UnicodeEncodeError:
        pass  # it carries the text, as above
    raise ValueError("the text has characters that UTF-8 cannot hold")
