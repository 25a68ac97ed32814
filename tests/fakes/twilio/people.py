"""Those who have a phone: what they do, and what they see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fakes.twilio import consent, segments
from tests.fakes.twilio.numbers import PREFIX, same_person
from tests.fakes.twilio.state import Arrived, Handset, Media, Message, Sender
from tests.fakes.twilio.webhooks import Choice

if TYPE_CHECKING:
    from tests.fakes.twilio.fake import FakeTwilio

Told = dict[str, str]  # the fields of a webhook


@dataclass(frozen=True)
class Shown:
    """A message as it stands on the handset."""

    sid: str  # empty if Twilio or the network said it by itself
    text: str
    sender: str
    segments: int
    labels: tuple[str, ...]  # of buttons
    opens: str  # the label that opens a list
    items: tuple[str, ...]
    descriptions: tuple[str, ...]
    whatsapp: bool
    template: bool  # approved
    media: tuple[str, ...]
    at: float

    @property
    def by_twilio(self) -> bool:
        """It stands in no log."""
        return not self.sid

    def __str__(self) -> str:
        return " ".join([self.text, *(f"[{label}]" for label in (*self.labels, *self.items))])


def shown(arrived: Arrived) -> Shown:
    rendered, message = arrived.rendered, arrived.message
    return Shown(
        sid=message.sid if message else "",
        text=rendered.text,
        sender=arrived.sender,
        segments=message.segments if message else segments.count(rendered.text),
        labels=tuple(title for title, _ in rendered.buttons),
        opens=rendered.opens,
        items=tuple(item for item, _, _ in rendered.items),
        descriptions=tuple(description for _, _, description in rendered.items),
        whatsapp=arrived.sender.startswith(PREFIX),
        template=rendered.template,
        media=tuple(message.media_urls) if message else (),
        at=arrived.at,
    )


class Person:
    """One who writes to a clinic by SMS and on WhatsApp.

    What is done gives the fields of the webhook that tells of it. `messages` are what has arrived, oldest first.
    """

    def __init__(self, twilio: FakeTwilio, handset: Handset) -> None:
        self.twilio = twilio
        self.world = twilio.world
        self.handset = handset

    @property
    def number(self) -> str:
        return self.handset.number

    # What they do.

    def texts(self, body: str, to: str | None = None) -> Told:
        """Writes an SMS to the clinic's number: the first there is, unless another is named."""
        with self.world.changing():
            return self._writes(self._sender(to, whatsapp=False), body)

    def texts_on_whatsapp(self, body: str, to: str | None = None) -> Told:
        with self.world.changing():
            return self._writes(self._sender(to, whatsapp=True), body)

    def sends_media(
        self, content: bytes, content_type: str = "image/jpeg", body: str = "", *, whatsapp: bool = False
    ) -> Told:
        with self.world.changing():
            file = Media(self.world.sid("ME"), content, content_type, self.world.now)
            return self._writes(self._sender(None, whatsapp=whatsapp), body, [file])

    def taps(self, what: str | tuple[Shown, str]) -> Told:
        """Taps a button on WhatsApp: the newest with this label, or that of a message."""
        with self.world.changing():
            arrived, label = self._find(what, listed=False)
            return self._chooses(arrived, label, dict(arrived.rendered.buttons)[label], listed=False)

    def picks(self, what: str | tuple[Shown, str]) -> Told:
        """Picks an item of a list on WhatsApp."""
        with self.world.changing():
            arrived, label = self._find(what, listed=True)
            ids = {item: id for item, id, _ in arrived.rendered.items}
            return self._chooses(arrived, label, ids[label], listed=True)

    def reads(self) -> None:
        """Looks at all that has arrived; WhatsApp tells."""
        with self.world.changing():
            for arrived in self.handset.arrived:
                if arrived.message is not None and arrived.message.whatsapp:
                    self.twilio.carrier.read(arrived.message)

    def handset_off(self) -> None:
        with self.world.changing():
            self.handset.on = False

    def handset_on(self) -> None:
        with self.world.changing():
            self.handset.on = True
            self.twilio.carrier.turned_on(self.handset)

    def blocks(self) -> None:
        with self.world.changing():
            self.handset.blocked = True

    def unblocks(self) -> None:
        with self.world.changing():
            self.handset.blocked = False

    def is_gone(self) -> None:
        """Nobody has this number any more."""
        with self.world.changing():
            self.handset.exists = False

    def leaves_whatsapp(self) -> None:
        with self.world.changing():
            self.handset.has_whatsapp = False

    def cannot_get(self, *codes: int) -> None:
        """What the next messages come to, such as 30008; 0, and every message afterwards, goes well."""
        with self.world.changing():
            self.handset.failures.extend(codes)

    def is_spelled(self, number: str, *, only_wa_id: bool = False) -> None:
        """How WhatsApp writes the number, as it does for some countries: in WaId, and in From too."""
        if same_person(number) != same_person(self.number):
            raise ValueError(f"{number} is somebody else than {self.number}")
        with self.world.changing():
            self.handset.spelling, self.handset.spelled_in_from = number.removeprefix("+"), not only_wa_id

    @property
    def is_landline(self) -> bool:
        return self.handset.line == "landline"

    def _sender(self, address: str | None, *, whatsapp: bool) -> Sender:
        if address is not None:
            wanted = f"{PREFIX}{address}" if whatsapp and not address.startswith(PREFIX) else address
            return self.world.senders[wanted]
        return next(sender for sender in self.world.senders.values() if sender.whatsapp == whatsapp)

    def _address(self, *, whatsapp: bool) -> str:
        if not whatsapp:
            return self.number
        spelled = self.handset.spelling if self.handset.spelled_in_from else ""
        return PREFIX + (f"+{spelled}" if spelled else self.number)

    def _writes(
        self, sender: Sender, body: str, media: list[Media] | None = None, choice: Choice | None = None
    ) -> Told:
        """A message comes in: it is logged, acted upon if it is a word for that, and told."""
        now, whatsapp = self.world.now, sender.whatsapp
        message = Message(
            sid=self.world.sid("MM" if media and not whatsapp else "SM"),
            direction="inbound",
            to=sender.address,
            from_=self._address(whatsapp=whatsapp),
            body=body,
            status="received",
            at=now,
            updated_at=now,
            sent_at=now,
            segments=1 if whatsapp else segments.count(body),
            media=media or [],
            service=self.world.service_of(sender),
            sender=sender,
        )
        self.world.messages[message.sid] = message
        if whatsapp:
            self.handset.wrote_at[sender.address] = now
        opting = consent.hear(self.world, sender, self.handset, body)
        return self.twilio.tells(message, self.handset, choice, opting)

    def _find(self, what: str | tuple[Shown, str], *, listed: bool) -> tuple[Arrived, str]:
        which, label = what if isinstance(what, tuple) else (None, what)
        for arrived in reversed(self.handset.arrived):
            rendered = arrived.rendered
            labels = [each[0] for each in (rendered.items if listed else rendered.buttons)]
            if label in labels and (which is None or (arrived.message and arrived.message.sid == which.sid)):
                return arrived, label
        raise LookupError(f"no {label!r}; shown are {self.sees}")

    def _chooses(self, arrived: Arrived, label: str, payload: str, *, listed: bool) -> Told:
        message = arrived.message
        assert message is not None
        assert message.sender is not None
        return self._writes(message.sender, label, choice=Choice(label, payload, message, listed))

    # What they see.

    @property
    def messages(self) -> list[Shown]:
        with self.world.changed:
            return [shown(arrived) for arrived in self.handset.arrived]

    @property
    def sees(self) -> list[str]:
        """What was said to them, each with its buttons or items: "When? [9:00] [9:30]"."""
        return [str(message) for message in self.messages]

    @property
    def last(self) -> Shown:
        return self.messages[-1]

    def waits_for(self, what: int | str | Callable[[Person], Any], seconds: float = 10) -> Shown:
        """Waits for so many messages, for words in the newest, or for something else; gives the newest."""
        self.twilio.wait_until(lambda: self._has(what), seconds, lambda: f"{what!r}; shown are {self.sees}")
        return self.last

    def _has(self, what: int | str | Callable[[Person], Any]) -> bool:
        if isinstance(what, int):
            return len(self.messages) >= what
        if isinstance(what, str):
            return bool(self.messages) and what in str(self.last)
        return bool(what(self))
