"""Debian's PostgreSQL is installed when it is missing, and starts no database of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cluster import debian, postgres


@pytest.mark.parametrize("before", [None, "start_conf = 'manual'\n"])
def test_an_install_makes_no_database_of_debians_and_leaves_the_settings_as_they_were(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str | None
) -> None:
    settings, seen = tmp_path / "etc" / "createcluster.conf", []
    if before is not None:
        settings.parent.mkdir()
        settings.write_text(before)

    def install(packages: list[str]) -> None:
        seen.append((packages, settings.read_text()))

    monkeypatch.setattr(postgres, "_CREATE_CLUSTER", settings)
    monkeypatch.setattr(postgres, "_installed", lambda: [tmp_path] if seen else [])
    monkeypatch.setattr(debian, "install", install)
    assert postgres.binaries() == tmp_path
    assert seen == [(["postgresql"], before or "create_main_cluster = false\n")]
    assert (settings.read_text() if settings.exists() else None) == before
    assert postgres.binaries() == tmp_path
    assert len(seen) == 1
