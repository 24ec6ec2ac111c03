"""Statements, hashes and grants as texts: versions that no server here has are held as golden texts, not run."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest

from keyward.engines import registry
from keyward.engines.base import Level, Privilege
from keyward.engines.mysql import check, flavour, grants, hashing, proof, statements, text
from keyward.engines.mysql.flavour import Flavour, Server
from keyward.engines.mysql.grants import Grants
from keyward.engines.mysql.statements import Proof
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

OLD = Server(Flavour.MYSQL, (5, 7, 44))
FIRST_8 = Server(Flavour.MYSQL, (8, 0, 20))
NEW_8 = Server(Flavour.MYSQL, (8, 0, 36))
MARIA = Server(Flavour.MARIADB, (10, 11, 19))
NATIVE = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
MARK = ' ATTRIBUTE \'{"keyward":"the mark"}\''
SALT = b"./0123456789ABCDEFGH"
SHA2 = "$A$005$./0123456789ABCDEFGH" + "x" * 43


# --- versions ---


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("9.7.4-2", (Flavour.MYSQL, (9, 7, 4))),
        ("8.0.36-28", (Flavour.MYSQL, (8, 0, 36))),
        ("5.7.44-log", (Flavour.MYSQL, (5, 7, 44))),
        ("10.11.19-MariaDB-0+deb12u1-log", (Flavour.MARIADB, (10, 11, 19))),
        ("5.5.5-10.6.12-MariaDB", (Flavour.MARIADB, (10, 6, 12))),
    ],
)
def test_a_server_is_known_by_its_version(told, found):
    server = flavour.recognise(found[0], told)
    assert (server.flavour, server.version) == found


@pytest.mark.parametrize("told", ["5.6.51", "5.7.7", "PostgreSQL 15", "", "10.3.39-MariaDB"])
def test_a_server_that_is_too_old_or_none_is_refused(told):
    stated = Flavour.MARIADB if "Maria" in told else Flavour.MYSQL
    with pytest.raises(Blocked) as caught:
        flavour.recognise(stated, told)
    assert caught.value.reason is Reason.ENGINE_UNSUPPORTED


def test_marks_are_kept_where_a_statement_can_carry_them():
    assert [server.keeps_marks for server in (OLD, FIRST_8, NEW_8, MARIA)] == [False, False, True, False]


# --- statements ---


@pytest.mark.parametrize(
    ("server", "plugin", "verifier", "golden"),
    [
        (OLD, "mysql_native_password", NATIVE, f"ALTER USER 'app'@'%' IDENTIFIED WITH 'mysql_native_password' AS '{NATIVE}'"),
        (FIRST_8, "caching_sha2_password", SHA2, f"ALTER USER 'app'@'%' IDENTIFIED WITH 'caching_sha2_password' AS '{SHA2}'"),
        (
            NEW_8,
            "caching_sha2_password",
            SHA2,
            f"ALTER USER 'app'@'%' IDENTIFIED WITH 'caching_sha2_password' AS '{SHA2}'" + MARK,
        ),
        (MARIA, "mysql_native_password", NATIVE, f"ALTER USER 'app'@'%' IDENTIFIED VIA `mysql_native_password` USING '{NATIVE}'"),
    ],
)  # fmt: skip
def test_a_password_is_set_by_one_statement(server, plugin, verifier, golden):
    proofs = [Proof("app", "%", plugin, verifier=verifier)]
    assert statements.set_password(proofs, server, "the mark") == golden


def test_all_rows_are_in_one_statement():
    proofs = [Proof("o'app", host, "ed25519", verifier="A" * 43) for host in ("%", "10.%")]
    assert statements.set_password(proofs, MARIA, None, ["PASSWORD EXPIRE NEVER", "ACCOUNT UNLOCK"]) == (
        f"ALTER USER 'o''app'@'%' IDENTIFIED VIA `ed25519` USING '{'A' * 43}', "
        f"'o''app'@'10.%' IDENTIFIED VIA `ed25519` USING '{'A' * 43}' PASSWORD EXPIRE NEVER ACCOUNT UNLOCK"
    )


def test_accounts_are_made_with_a_hash_and_their_mark():
    proofs = [Proof("app", "%", "caching_sha2_password", verifier=SHA2)]
    assert statements.create(proofs, NEW_8, 'say "x"') == (
        f"CREATE USER 'app'@'%' IDENTIFIED WITH 'caching_sha2_password' AS '{SHA2}' PASSWORD EXPIRE NEVER "
        'ATTRIBUTE \'{"keyward":"say \\\\"x\\\\""}\''
    )


def test_the_explicit_wish_for_clear_text_is_a_literal_like_any_other():
    assert Proof("app", "%", "p", clear="it's {} \\").sql(NEW_8) == "'app'@'%' IDENTIFIED WITH 'p' BY 'it''s {} \\\\'"
    assert Proof("app", "%", "p", clear="x").sql(MARIA) == "'app'@'%' IDENTIFIED VIA `p` USING PASSWORD('x')"


@pytest.mark.parametrize("verifier", [None, "", "a password, not a hash", NATIVE + "'", NATIVE + "\n"])
def test_what_is_no_hash_gets_into_no_statement(verifier):
    with pytest.raises(ValueError, match="not a verifier"):
        Proof("app", "%", "mysql_native_password", verifier=verifier).sql(MARIA)


@pytest.mark.parametrize(
    ("held", "may"),
    [("my_db", True), ("my\\_db", True), ("m%", True), ("my\\_d%", True), ("my_d", False), ("my\\%db", False)],
)
def test_an_admin_may_give_what_it_holds_on_a_pattern_that_covers_the_database(held: str, may: bool):
    own = grants.parse([f"GRANT SELECT ON `{held}`.* TO `rotator`@`%` WITH GRANT OPTION"], NEW_8)
    obj = text.database("my_db", NEW_8)
    assert own.grantable(obj, "SELECT") is may
    assert not own.grantable(obj, "INSERT")
    assert not own.grantable(text.database("other", NEW_8), "SELECT")


@pytest.mark.parametrize("name", ["my_db", "100%", "back\\slash", "back`tick", "a.b", "it's", "two\nlines"])
@pytest.mark.parametrize("kind", ["", "FUNCTION "])
@pytest.mark.parametrize("literal", [False, True], ids=["patterns", "no patterns"])
def test_what_is_in_a_database_may_be_given_by_whoever_holds_the_database(name: str, kind: str, literal: bool):
    server = replace(NEW_8, literal_databases=literal)
    own = grants.parse([f"GRANT SELECT, EXECUTE ON {text.database(name, server)} TO `r`@`%` WITH GRANT OPTION"], server)
    obj = f"{kind}{text.identifier(name)}.{text.identifier(name)}"
    right = "EXECUTE" if kind else "SELECT"
    assert own.grantable(obj, right)
    assert not own.grantable(obj.replace("`.`", "x`.`"), right)
    assert not own.grantable(obj, "INSERT")


def test_a_database_is_no_pattern():
    assert text.database("my_db%`\\", NEW_8) == "`my\\_db\\%``\\\\`.*"
    literal = Server(Flavour.MYSQL, (8, 0, 36), literal_databases=True, lower_case=True)
    assert text.database("My_Db", literal) == "`my_db`.*"


# --- hashes ---


def test_hashes_are_those_of_the_servers():
    assert hashing.verifier("mysql_native_password", Sensitive("password"), b"", 0) == NATIVE
    # From the documentation of MariaDB's plug-in.
    assert hashing.verifier("ed25519", Sensitive("secret"), b"", 0) == "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"
    # MySQL 9.7 let this password in after it was told this.
    digest = "mzBMy8IQfSEBVUUDeHkDswXSJNUnn2op8k3ND9Zj2K9"
    stored = hashing.verifier("caching_sha2_password", Sensitive("secret"), SALT, 5000)
    assert stored == f"$A$005${SALT.decode()}{digest}"


@pytest.mark.parametrize("plugin", sorted(hashing.KNOWN))
@pytest.mark.parametrize("password", ["x", "a" * 100, "日本 ünïcode"])
def test_a_hash_is_known_again_and_another_is_not(plugin, password):
    stored = hashing.verifier(plugin, Sensitive(password), SALT, 7000).encode()
    assert hashing.matches(plugin, stored, Sensitive(password)) is True
    assert hashing.matches(plugin, stored, Sensitive(password + "y")) is False
    assert hashing.matches(plugin, b"", Sensitive(password)) is False


def test_a_salt_ends_no_literal():
    assert re.fullmatch(rb"[./0-9A-Za-z]{20}", hashing.salt(lambda n: bytes(range(n))))
    assert hashing.salt(lambda n: b"\xff" * n) == b"z" * 20


def test_an_unknown_plug_in_has_no_hash():
    with pytest.raises(Blocked) as caught:
        hashing.verifier("parsec", Sensitive("x"), SALT, 5000)
    assert caught.value.reason is Reason.ENGINE_UNSUPPORTED
    assert hashing.matches("parsec", b"x", Sensitive("x")) is None


# --- grants ---


@pytest.mark.parametrize(
    ("line", "rights"),
    [
        ("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB'", set()),
        ("GRANT SELECT, SHOW VIEW ON `d b`.* TO `u`@`%`", {("`d b`.*", "SELECT"), ("`d b`.*", "SHOW VIEW")}),
        (
            "GRANT SELECT (`a, ON`, `b)`), INSERT ON `x``TO``y`.`t` TO `we'ird``x`@`%` WITH GRANT OPTION",
            {
                ("`x``TO``y`.`t`", "SELECT (`a, ON`)"),
                ("`x``TO``y`.`t`", "SELECT (`b)`)"),
                ("`x``TO``y`.`t`", "INSERT"),
                ("`x``TO``y`.`t`", "GRANT OPTION"),
            },
        ),
        ("GRANT EXECUTE ON PROCEDURE `d`.`p` TO `u`@`%`", {("PROCEDURE `d`.`p`", "EXECUTE")}),
        ("GRANT PROXY ON ``@`` TO `u`@`%` WITH GRANT OPTION", {("``@``", "PROXY"), ("``@``", "GRANT OPTION")}),
        (
            "GRANT PROCESS ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB' REQUIRE SSL WITH GRANT OPTION MAX_QUERIES_PER_HOUR 5",
            {("*.*", "PROCESS"), ("*.*", "GRANT OPTION")},
        ),
        (
            "GRANT BACKUP_ADMIN,XA_RECOVER_ADMIN ON *.* TO `u`@`%`",
            {("*.*", "BACKUP_ADMIN"), ("*.*", "XA_RECOVER_ADMIN")},
        ),
        ("SET DEFAULT ROLE `r` FOR `u`@`%`", set()),
    ],
)
def test_a_line_of_grants_is_read(line, rights):
    assert grants.parse([line], NEW_8).rights == rights


def test_roles_and_what_was_taken_are_read():
    found = grants.parse(
        [
            "GRANT SELECT ON *.* TO `u`@`%`",
            "REVOKE SELECT ON `secret`.* FROM `u`@`%`",
            "GRANT `r,1`@`%`,`r2`@`h` TO `u`@`%`",
            "GRANT `r3` TO `u`@`%` WITH ADMIN OPTION",
        ],
        NEW_8,
    )
    assert found.roles == {"`r,1`@`%`", "`r2`@`h`", "`r3`"}
    assert found.holds("`open`.*", "SELECT")
    assert not found.holds("`secret`.*", "SELECT")


@pytest.mark.parametrize("line", ["", "GRANT", "GRANT SELECT ON x", "CREATE USER x", "GRANTSELECT ON *.* TO `u`"])
def test_a_line_that_is_not_understood_is_refused(line):
    with pytest.raises(Blocked) as caught:
        grants.parse([line], NEW_8)
    assert caught.value.reason is Reason.ENGINE_UNSUPPORTED


def test_all_rights_on_a_database_are_the_ones_that_there_are():
    mysql = grants.parse(["GRANT ALL PRIVILEGES ON `d`.* TO `u`@`%`"], NEW_8)
    assert mysql == grants.wanted([Privilege("d", Level.READ_WRITE)], NEW_8)
    maria = grants.parse(["GRANT ALL PRIVILEGES ON `d`.* TO `u`@`%`"], MARIA)
    assert grants.change("u", maria, grants.wanted([Privilege("d", Level.READ_WRITE)], MARIA)) == [
        "REVOKE DELETE HISTORY ON `d`.* FROM u"
    ]


@pytest.mark.parametrize(
    ("line", "mighty"),
    [
        ("GRANT PROCESS, REPLICATION SLAVE, REPLICATION CLIENT, RELOAD ON *.* TO u", False),
        ("GRANT ALL PRIVILEGES ON `shop`.* TO u WITH GRANT OPTION", False),
        ("GRANT SELECT ON *.* TO u", False),
        ("GRANT SELECT ON `mysql`.`user` TO u", False),
        ("GRANT UPDATE ON *.* TO u", True),
        ("GRANT CREATE USER ON *.* TO u", True),
        ("GRANT USAGE ON *.* TO u WITH GRANT OPTION", True),
        ("GRANT INSERT ON `mysql`.* TO u", True),
        ("GRANT UPDATE (`authentication_string`) ON `mysql`.`user` TO u", True),
        ("GRANT SET_ANY_DEFINER,ROLE_ADMIN ON *.* TO u", True),
        ("GRANT SET USER, READ_ONLY ADMIN ON *.* TO u", True),
        ("GRANT PROXY ON `root`@`localhost` TO u", True),
    ],
)
def test_rights_over_the_server_are_told_from_others(line, mighty):
    assert grants.parse([line.replace("TO u", "TO `u`@`%`")], NEW_8).mighty() is mighty


def test_a_change_takes_first_and_then_gives():
    held = Grants(frozenset({("`a`.*", "SELECT"), ("`a`.*", "GRANT OPTION"), ("`b`.`t`", "ALL PRIVILEGES")}))
    target = Grants(
        frozenset({("`a`.*", "SELECT"), ("`c`.*", "INSERT"), ("`c`.*", "DELETE")}), roles=frozenset({"`r`"})
    )
    assert grants.change("'u'@'%'", held, target) == [
        "REVOKE GRANT OPTION ON `a`.* FROM 'u'@'%'",
        "REVOKE ALL PRIVILEGES ON `b`.`t` FROM 'u'@'%'",
        "GRANT DELETE, INSERT ON `c`.* TO 'u'@'%'",
        "GRANT `r` TO 'u'@'%'",
    ]
    assert grants.change("'u'@'%'", target, target) == []


# --- hosts ---


@pytest.mark.parametrize(
    ("address", "host", "covered"),
    [
        ("10.1.2.3", "%", True),
        ("10.1.2.3", "10.1.%", True),
        ("10.1.2.3", "10.1.2._", True),
        ("10.1.2.3", "10.2.%", False),
        ("10.1.2.3", "10.1.0.0/255.255.0.0", True),
        ("10.1.2.3", "10.2.0.0/16", False),
        ("db.Example.com", "%.example.COM", True),
        ("10.1.2.33", "10.1.2.3", False),
        ("name", "10.0.0.0/8", False),
    ],
)
def test_a_host_covers_an_address_as_the_server_sees_it(address, host, covered):
    assert proof.matches(address, host) is covered


# --- the driver ---


@pytest.mark.parametrize("name", ["MySQL", "MariaDB"])
@pytest.mark.parametrize("missing", ["pymysql", "nacl"])
def test_a_missing_driver_names_the_extra(name, missing, monkeypatch):
    for module in [m for m in sys.modules if m.startswith(("keyward.engines.mysql", missing))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Blocked, match=r"keyward\[mysql\]") as caught:
        registry.get(name)
    assert caught.value.reason is Reason.ENGINE_UNSUPPORTED


@pytest.mark.parametrize(
    ("granted", "lacks"),
    [
        ("GRANT USAGE ON *.* TO `u`@`%`", "CREATE USER ON *.*; and SELECT ON mysql.*"),
        ("GRANT CREATE USER ON *.* TO `u`@`%`", "SELECT ON mysql.*"),
        ("GRANT SELECT ON `mysql`.* TO `u`@`%`", "CREATE USER ON *.*"),
    ],
)
def test_each_right_that_the_admin_lacks_is_named(granted, lacks):
    with pytest.raises(Blocked) as caught:
        check.admin_may(NEW_8, grants.parse([granted], NEW_8))
    assert f"the admin lacks {lacks}" in caught.value.message
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING
