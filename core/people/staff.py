"""Receptionists and managers. Sign-in comes with the console; until then they are known by name, in a terminal."""

from typing import Literal, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Identity, LargeBinary, Table, Text

from core.compliance import audit
from core.crypto import Vault
from core.database import Session, metadata, run, scalar

staff = Table(
    "staff",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("data_key_id", BigInteger, ForeignKey("data_keys.id"), nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    CheckConstraint("role IN ('manager', 'receptionist', 'practitioner')", name="role"),
)

Role = Literal["manager", "receptionist", "practitioner"]


class Member(NamedTuple):
    """Somebody who works at the front desk."""

    id: int
    name: str

    @property
    def actor(self) -> audit.Actor:
        """Who the audit names."""
        return audit.Actor("staff", self.id)


_ADD = """
WITH k AS (INSERT INTO data_keys (id, wrapped) VALUES (%(key_id)s, %(wrapped)s) RETURNING id)
INSERT INTO staff (id, data_key_id, name, role) OVERRIDING SYSTEM VALUE SELECT %(id)s, k.id, %(name)s, %(role)s FROM k
"""

_ALL = (
    "SELECT s.id, s.data_key_id, s.name, k.wrapped FROM staff s JOIN data_keys k ON k.id = s.data_key_id ORDER BY s.id"
)


def add(session: Session, vault: Vault, name: str, role: Role) -> Member:
    """Somebody new works here; their name is sealed with a key of their own."""
    staff_id = scalar(session, "SELECT nextval(pg_get_serial_sequence('staff', 'id'))")
    key, wrapped = vault.new_key()
    sealed = key.seal_text("staff.name", staff_id, name)
    run(session, _ADD, id=staff_id, key_id=key.id, wrapped=wrapped, name=sealed, role=role)
    audit.record(session, audit.SETUP, "staff.added", "staff", staff_id)
    return Member(staff_id, name)


def every(session: Session, vault: Vault) -> dict[int, Member]:
    """Who works here, by id. They are few, so a name is found by opening them all."""
    return {
        row.id: Member(row.id, vault.unwrap(row.data_key_id, row.wrapped).open_text("staff.name", row.id, row.name))
        for row in run(session, _ALL)
    }


def called(session: Session, vault: Vault, name: str) -> Member | None:
    """Whoever has this name; capitals and spaces do not matter."""
    wanted = name.casefold().split()
    members = every(session, vault).values()
    return next((member for member in members if member.name.casefold().split() == wanted), None)
