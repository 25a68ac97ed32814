"""One patient who books by chat: what they write, and how they answer what the clinic says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.messages import Action, ForPatient, Payload, Pick, Reply, Want, by_digit
from frontdesk.replay.arrivals import Arrival
from frontdesk.replay.clinic import ZONE, Doctor

MOST_LINES = 12
MOST_DOCTORS = 3  # whom one asks for a time on that day before one gives up


class Ending(NamedTuple):
    """How it ended: `reason` is the dialog's own word for it, empty when the visit is booked."""

    reason: str = ""


# The question, by its text key: the answer.
_ANSWERS: dict[str, Callable[[Arrival], str]] = {
    "booking.name": lambda arrival: arrival.name,
    "booking.birth_date": lambda arrival: arrival.birth_date.isoformat(),
    "booking.contact": lambda arrival: f"{arrival.address}@example.com",
}


@dataclass
class Patient:
    """Somebody in the middle of booking. Their own doctor comes first among `doctors`."""

    arrival: Arrival
    doctors: list[Doctor]
    lines: int = 0
    asked: list[Doctor] = field(default_factory=list)

    def begin(self) -> str:
        """The first line."""
        return self._ask_for(self.doctors[self.arrival.number % len(self.doctors)])

    def answer(self, payload: Payload) -> str | Ending:
        """What they write next, or how it ended."""
        reply = payload.reply
        if any(happened.event == "booked" for happened in reply.happened):
            return Ending()
        self.lines += 1
        if self.lines == MOST_LINES:
            return Ending("too_many_lines")
        return self._chosen(reply) or self._told(reply) or self._another_doctor() or Ending(_reason(reply))

    def _ask_for(self, doctor: Doctor) -> str:
        self.asked.append(doctor)
        day = self.arrival.day
        return f"I would like to see Dr {doctor.name} on {day:%B} {day.day}, {day.year}"

    def _chosen(self, reply: Reply) -> str | None:
        """The digit of a choice that suits: one of the times on the day they want, not the same for everybody."""
        fitting = [digit for digit, choice in by_digit(reply.choices).items() if self._suits(choice.action)]
        return str(fitting[(self.arrival.number + self.lines) % len(fitting)]) if fitting else None

    def _suits(self, action: Action) -> bool:
        match action:
            case Pick(slot=slot):
                return slot.start.astimezone(ZONE).date() == self.arrival.day
            case Want(practitioner=id):
                return id == self.asked[-1].id
            case ForPatient(patient=id):
                return id is not None
        return False

    def _told(self, reply: Reply) -> str | None:
        answer = _ANSWERS.get(reply.says[-1].key)
        return answer and answer(self.arrival)

    def _another_doctor(self) -> str | None:
        """Where their doctor has no time on that day, somebody else at the same place may."""
        left = [doctor for doctor in self.doctors if doctor not in self.asked]
        is_past = self.arrival.day < self.arrival.at.date()
        if not left or is_past or len(self.asked) == MOST_DOCTORS:
            return None
        return self._ask_for(left[self.arrival.number % len(left)])


def _reason(reply: Reply) -> str:
    """Why there is no visit: the code of a refusal, or else the key of what was said."""
    for happened in reply.happened:
        if happened.event == "refused":
            return str(happened.facts["code"])
    return next((said.key for said in reply.says if said.key != "hello"), "hello")
