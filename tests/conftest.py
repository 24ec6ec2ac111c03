"""Fixtures that tests of more than one folder use; each lives beside what it starts."""

from __future__ import annotations

pytest_plugins = ["tests.cluster.fixtures", "tests.cluster.postgres_fixtures"]
