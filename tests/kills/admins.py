"""Lives whose values are the admin login by which their own Target is worked on: one pair, and one that changes itself."""

from __future__ import annotations

from psycopg.sql import SQL, Identifier, Literal
from tests.kills.family import FamilyLife, FamilyStage
from tests.kills.lives import AGAIN, CREATION, IMPORTED, ROTATION, Json, Kin, Life, Tale
from tests.kills.stage import Stage

TALES = (
    Tale(Kin("dual import", "Retain"), (CREATION, ROTATION, AGAIN), (CREATION, ROTATION, AGAIN)),
    Tale(Kin("single import", "Retain"), (CREATION, ROTATION), (CREATION, ROTATION)),
)


ALONE = TALES[1:]
"""What newest PostgreSQL can: no two roles can change each other there."""


class _Keeps(Life):
    """The Target's admin Secret is the one that the Credential projects; nobody makes it before."""

    __slots__ = ()

    @property
    def accounts(self) -> tuple[str, ...]:
        return (self.role, f"{self.role}_second") if self.kin.is_dual else (self.role,)

    def surroundings(self, ca_pem: str) -> list[Json]:
        made = super().surroundings(ca_pem)
        target = next(item for item in made if item["kind"] == "Target")
        target["spec"]["admin"] = {"secretRef": {"name": self.name}, "selfChange": not self.kin.is_dual}
        return [item for item in made if item["metadata"]["name"] != f"{self.name}-admin"]

    def _spec(self) -> Json:
        return super()._spec() | {"deletion": {"accounts": "Retain", "secrets": "Retain"}}


class PostgresLife(_Keeps):
    """See `Life`."""

    __slots__ = ()

    def _rds(self) -> Json:
        mode = "Dual" if self.kin.is_dual else "Single"
        rds: Json = {"targetRef": {"name": self.name}, "accountManagement": mode, "databaseName": self.database}
        return rds | {"import": {"accounts": self._given()}}


class PostgresStage(Stage):
    """See `Stage`."""

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        return PostgresLife(kin, name, self.namespace, self._a_database, self.postgres.port, through)

    def _have_accounts(self, life: Life) -> None:
        for account in life.accounts:
            create = SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}")
            self.postgres.sql(create.format(Identifier(account), Literal(IMPORTED + account)))

    def _proves_login(self, life: Life, secret: dict[str, str]) -> None:
        with self.postgres.connect(life.database, secret["username"], secret["password"]) as session:
            row = session.execute("select current_user").fetchone()
        assert row == (life.role,)


class _FamilyKeeps(FamilyLife, _Keeps):
    __slots__ = ()

    accounts = _Keeps.accounts
    surroundings = _Keeps.surroundings
    _spec = _Keeps._spec


class AdminFamilyStage(FamilyStage):
    """See `Stage`."""

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        port, database = self.server.port, self._a_database
        return _FamilyKeeps(kin, name, self.namespace, database, port, through, engine=self.server.name)

    def _have_accounts(self, life: Life) -> None:
        for account in life.accounts:
            self.server.sql(f"CREATE USER {account} IDENTIFIED BY '{IMPORTED}{account}'")
            self.server.sql(f"GRANT CREATE USER ON *.* TO {account}")
            self.server.sql(f"GRANT SELECT ON mysql.* TO {account}")
            self.server.sql(f"GRANT SELECT ON {life.database}.* TO {account}")
