"""The MySQL and MariaDB that tests get: quick after the first time, unprivileged, on loopback, gone afterwards."""

from __future__ import annotations

import os
import ssl
import time
from pathlib import Path

import pymysql
import pytest
from tests.cluster import mysql, process, unpacked
from tests.cluster.mariadb import MariadbServer
from tests.cluster.mysql import MysqlServer

KINDS = (MysqlServer, MariadbServer)


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_runs_as_nobody_and_leaves_nothing(kind):
    with kind() as server:
        assert server.sql("SELECT 1") == [(1,)]
        status = Path(f"/proc/{server.running.pid}/status").read_text()
        uid = int(status.partition("Uid:")[2].split()[0])
        assert uid == (process.unprivileged_id() or os.getuid())
        folder, pid = server.folder, server.running.pid
    assert not folder.exists()
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_an_outage_ends_and_the_data_is_there(kind):
    with kind() as server:
        server.database("kept")
        server.stop()
        with pytest.raises(pymysql.OperationalError):
            server.sql("SELECT 1")
        server.start()
        assert ("kept",) in server.sql("SHOW DATABASES")


@pytest.mark.parametrize("kind", KINDS)
def test_its_certificate_is_of_the_tests_own_authority(kind):
    with kind() as server, kind() as other:
        context = ssl.create_default_context(cadata=other.ca_pem)
        with pytest.raises(pymysql.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
            pymysql.connect(host="127.0.0.1", port=server.port, user="x", password="x", ssl=context)


def test_mysql_is_fetched_and_initialised_once():
    root = unpacked.ensure(mysql.PACKAGE)
    assert (root / "data" / "ibdata1").is_file() or _initialise(root)
    began = time.monotonic()
    assert unpacked.ensure(mysql.PACKAGE) == root
    assert time.monotonic() - began < 0.5
    assert root.name.startswith("mysql-9.")


def _initialise(root: Path) -> bool:
    with MysqlServer():
        return (root / "data" / "ibdata1").is_file()
