"""Virtual time. It moves only when a scenario moves it, in either direction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """`real` is the world's own time; `skew` is how far the API server's clock is off, which controllers go by."""

    def __init__(self) -> None:
        self.real = START
        self.skew = timedelta(0)

    def __call__(self) -> datetime:
        return self.real + self.skew

    def advance(self, by: timedelta) -> None:
        self.real += by
