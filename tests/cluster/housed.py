"""What every server that a test starts has in common: a folder of its own, there as long as a `with` block runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cluster import owned


class Housed(ABC):
    """A context manager: made and started at its beginning, ended and gone at its end, which a failed beginning is too."""

    __slots__ = ()
    folder: Path

    @property
    @abstractmethod
    def short(self) -> str:
        """What its folder's name begins with."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make in `folder` what it needs."""

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers."""

    @abstractmethod
    def _end(self) -> None:
        """End whatever of it runs. Nothing of it is kept."""

    def __enter__(self) -> Self:
        self.folder = owned.new_folder(self.short)
        try:
            self._prepare()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end()
        owned.drop_folder(self.folder)
