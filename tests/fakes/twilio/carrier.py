"""What becomes of a message that Twilio has taken: queue, network, handset, and what is told of it."""

from tests.fakes.twilio import segments
from tests.fakes.twilio.numbers import region
from tests.fakes.twilio.refusals import BY_TWILIO_ITSELF
from tests.fakes.twilio.state import DAY, Arrived, Handset, Message, Rendered, Sender, World

VOICE_ONLY = frozenset({"landline", "fixedVoip"})


def segments_for(sender: Sender | None, body: str) -> int:
    """How many segments this sender would make of it."""
    if sender is not None and sender.whatsapp:
        return 1
    return segments.count(body, toll_free=sender is not None and sender.kind == "toll-free")


class Carrier:
    """Queues of senders, and those who deliver."""

    def __init__(self, world: World) -> None:
        self.world = world

    # The queue.

    def take(self, message: Message) -> None:
        """It will be sent as soon as its sender gets to it."""
        if message.send_at is None:
            self._enqueue(message)
        else:
            self.world.later(message.send_at, lambda: self._leave_schedule(message))

    def _leave_schedule(self, message: Message) -> None:
        if message.status == "scheduled":
            self._become(message, "accepted")
            self._enqueue(message)

    def _enqueue(self, message: Message) -> None:
        began = message.at if message.send_at is None else message.send_at
        self.world.later(began + message.validity, lambda: self._expire(message), last=True)
        if message.sender is None:
            self.world.later(self.world.now, lambda: self._assign(message))
        else:
            self._join(message, message.sender)

    def _assign(self, message: Message) -> None:
        """A service chooses a sender: the one that this person knows, or else the one that is free first [D]."""
        assert message.service is not None
        fitting = [sender for sender in message.service.senders if sender.whatsapp == message.whatsapp]
        chosen = message.service.sticky.get(message.to) or min(fitting, key=lambda each: (each.waits, each.free_at))
        if message.service.settings["sticky_sender"]:
            message.service.sticky[message.to] = chosen
        message.sender, message.from_ = chosen, chosen.address
        message.segments = segments_for(chosen, message.body)
        self._become(message, "queued")
        if chosen.waits + message.cost / chosen.rate > self.world.longest_queue:
            self._end(message, 30001)
        else:
            self._join(message, chosen)

    def _join(self, message: Message, sender: Sender) -> None:
        sender.queue.append(message)
        self._pump_when_free(sender)

    def _pump_when_free(self, sender: Sender) -> None:
        if sender.queue and not sender.pumping:
            sender.pumping = True
            self.world.later(max(self.world.now, sender.free_at), lambda: self._pump(sender))

    def _pump(self, sender: Sender) -> None:
        """The next one goes out."""
        sender.pumping = False
        if sender.queue:
            message = sender.queue.pop(0)
            sender.free_at = self.world.now + message.cost / sender.rate
            self._send(message, sender)
        self._pump_when_free(sender)

    def _expire(self, message: Message) -> None:
        if message.sender is not None and message in message.sender.queue:
            message.sender.queue.remove(message)
            self._end(message, 30001)

    def cancel(self, message: Message) -> None:
        self._become(message, "canceled")

    # The network.

    def _send(self, message: Message, sender: Sender) -> None:
        handset = self.world.handset(message.to)
        trouble = self._trouble(message, sender, handset)
        if trouble in BY_TWILIO_ITSELF or (trouble and message.whatsapp):
            self._end(message, trouble)
            return
        message.sent_at = self.world.now
        self._become(message, "sent")
        if message.whatsapp:
            handset.got_at[sender.address] = self.world.now
        moment = self.world.now + self.world.delivers_after
        self.world.later(moment, lambda: self._arrive(message, handset, trouble))

    def _trouble(self, message: Message, sender: Sender, handset: Handset) -> int | None:
        """Why it will not arrive."""
        if self.world.is_opted_out(sender, message.to):
            return 21610
        if handset.failures:
            return handset.failures.popleft() or None
        return (
            self._on_whatsapp(message, sender, handset) if message.whatsapp else self._by_text(message, sender, handset)
        )

    def _on_whatsapp(self, message: Message, sender: Sender, handset: Handset) -> int | None:
        now, rendered = self.world.now, message.rendered
        if now - handset.got_at.get(sender.address, -DAY) < self.world.pair_seconds:
            return 63018
        if not handset.has_whatsapp or not handset.exists:
            return 63024
        if handset.blocked:
            return 63014
        open_now = now - handset.wrote_at.get(sender.address, now - DAY) < DAY
        if not open_now and not (rendered and rendered.template):
            return 63016
        return rendered.trouble if rendered else None

    def _by_text(self, message: Message, sender: Sender, handset: Handset) -> int | None:
        if not sender.registered and region(message.to) == "US":
            return 30034
        if self.world.spam(message.body):
            return 30007
        if message.rendered is not None and message.rendered.trouble:
            return message.rendered.trouble
        troubles: dict[int, bool] = {
            30005: not handset.exists,
            30006: handset.line in VOICE_ONLY,
            30004: handset.blocked,
            30003: not handset.on,
        }
        return next((code for code, so in troubles.items() if so), None)

    def _arrive(self, message: Message, handset: Handset, trouble: int | None) -> None:
        if trouble:
            self._end(message, trouble)
        elif message.whatsapp and not handset.on:
            handset.waiting.append(message)
        else:
            self._show(message, handset)

    def _show(self, message: Message, handset: Handset) -> None:
        rendered = message.rendered or Rendered(message.body)
        handset.arrived.append(Arrived(self.world.now, message.from_ or "", rendered, message))
        self._become(message, "delivered")

    def turned_on(self, handset: Handset) -> None:
        """WhatsApp brings what has waited."""
        waiting, handset.waiting = handset.waiting, []
        for message in waiting:
            self._show(message, handset)

    def read(self, message: Message) -> None:
        """The person has looked at it."""
        if message.status == "delivered":
            self._become(message, "read")

    # What is told.

    def _end(self, message: Message, code: int | None) -> None:
        message.error = code
        self._become(message, "failed" if code in BY_TWILIO_ITSELF else "undelivered")

    def _become(self, message: Message, status: str) -> None:
        message.status, message.updated_at = status, self.world.now
        self.world.tells(message)
