"""What the answer to one message may touch, and what is known about who wrote it."""

from dataclasses import dataclass
from functools import cached_property

from bot.events import Facts
from bot.messages import Manner
from core.compliance import audit
from core.crypto import Vault
from core.database import Session
from core.messaging import conversations
from core.people import patients
from core.scheduling import slots
from core.scheduling.directory import Directory


@dataclass(frozen=True)
class Answering:
    """Everything that the answer to one message may touch."""

    session: Session
    vault: Vault
    directory: Directory
    turn: conversations.Turn
    manner: Manner
    address_id: int | None  # where the answer goes

    @property
    def desk(self) -> slots.Asker:
        """On whose behalf time is looked for and taken."""
        turn = self.turn
        return slots.Asker(self.session, self.directory, turn.conversation_id, turn.now, newcomer=not self.known)

    @property
    def actor(self) -> audit.Actor:
        """Who the audit names."""
        return audit.Actor("conversation", self.turn.conversation_id)

    @cached_property
    def known(self) -> tuple[patients.Patient, ...]:
        """The patients this address speaks for, looked up once."""
        if self.address_id is None:
            return ()
        return patients.known_at(self.session, self.vault, self.address_id, self.actor)

    @property
    def known_ids(self) -> list[int]:
        """Whose visits may be seen and changed here."""
        return [patient.id for patient in self.known]

    @property
    def facts(self) -> Facts:
        """What the dialog may know."""
        local = self.turn.now.astimezone(self.directory.zone)
        owner = next((patient.id for patient in self.known if patient.is_owner), None)
        names = tuple((patient.id, patient.first_name) for patient in self.known)
        manner = self.manner
        return Facts(
            self.directory,
            local.date(),
            names,
            manner.reachable,
            manner.most_options,
            owner,
            manner.is_demo,
            manner.texts_to,
        )
