"""What Twilio knows: the account, its senders and services, messages, and the handsets out there."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.twilio.numbers import bare, is_whatsapp, same_person
from tests.fakes.vendor import world
from tests.fakes.vendor.clock import Clock

Json = dict[str, Any]
Fields = list[tuple[str, str]]  # of a form: names may come twice

FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "read"})
LONGEST_QUEUE = 36_000  # seconds [D]
DAY = 24 * 3600


@dataclass(frozen=True)
class Opting:
    """What a service says and does when somebody opts out or in, or asks for help; `advanced` comes with OptOutType."""

    stop: frozenset[str]
    start: frozenset[str]
    help: frozenset[str]
    answers: dict[str, str] = field(default_factory=dict)  # by STOP, START, HELP
    advanced: bool = False


@dataclass(eq=False)
class Sender:
    """A number of ours, or a WhatsApp sender; one place in a queue at a time."""

    sid: str
    address: str  # with whatsapp: where it is one
    kind: str
    rate: float  # segments a second; messages on WhatsApp
    settings: Json
    registered: bool = True
    queue: "list[Message]" = field(default_factory=list)
    free_at: float = 0
    pumping: bool = False

    @property
    def whatsapp(self) -> bool:
        return is_whatsapp(self.address)

    @property
    def number(self) -> str:
        return bare(self.address)

    @property
    def waits(self) -> float:
        """Seconds that what is in the queue takes."""
        return sum(message.cost for message in self.queue) / self.rate


@dataclass(eq=False)
class Service:
    """A Messaging Service with its pool of senders."""

    sid: str
    settings: Json
    senders: list[Sender] = field(default_factory=list)
    opting: Opting | None = None  # Advanced Opt-Out
    sticky: dict[str, Sender] = field(default_factory=dict)


@dataclass(frozen=True)
class Media:
    """A file of a message."""

    sid: str
    content: bytes
    content_type: str
    at: float


@dataclass(frozen=True)
class Rendered:
    """What a person gets to see."""

    text: str
    buttons: tuple[tuple[str, str], ...] = ()  # title and id
    items: tuple[tuple[str, str, str], ...] = ()  # item, id and description
    opens: str = ""  # the label that opens the list
    template: bool = False  # approved, so it may come at any time
    trouble: int | None = None  # Meta will not take it


@dataclass(eq=False)
class Message:
    """A message, in either direction."""

    sid: str
    direction: str
    to: str
    from_: str | None
    body: str
    status: str
    at: float
    updated_at: float
    sent_at: float | None = None
    error: int | None = None
    segments: int = 1
    media: list[Media] = field(default_factory=list)
    media_urls: list[str] = field(default_factory=list)
    service: Service | None = None
    sender: Sender | None = None
    callback: str = ""
    validity: int = LONGEST_QUEUE
    send_at: float | None = None
    rendered: Rendered | None = None

    @property
    def whatsapp(self) -> bool:
        return is_whatsapp(self.to)

    @property
    def cost(self) -> int:
        """Places that it takes in the queue."""
        return 1 if self.whatsapp else max(1, self.segments)


@dataclass(frozen=True)
class Arrived:
    """What stands on a handset: a message, or what Twilio or the network said by itself."""

    at: float
    sender: str
    rendered: Rendered
    message: Message | None = None


@dataclass(eq=False)
class Handset:
    """What a person has in hand, and how it behaves."""

    number: str
    name: str
    line: str = "mobile"
    on: bool = True
    exists: bool = True
    blocked: bool = False
    has_whatsapp: bool = True
    spelling: str = ""  # how WhatsApp writes the number, without a plus
    spelled_in_from: bool = True
    failures: deque[int] = field(default_factory=deque)
    arrived: list[Arrived] = field(default_factory=list)
    waiting: "list[Message]" = field(default_factory=list)  # on WhatsApp, until it is on again
    wrote_at: dict[str, float] = field(default_factory=dict)  # by WhatsApp sender
    got_at: dict[str, float] = field(default_factory=dict)  # by WhatsApp sender


@dataclass(eq=False)
class Content:
    """A template of the Content API."""

    sid: str
    friendly_name: str
    language: str
    variables: dict[str, str]
    types: Json
    at: float
    name: str = ""
    category: str = ""
    approved_at: float | None = None
    rejection: str = ""
    submitted: bool = False

    def status(self, now: float) -> str:
        """As Meta sees it."""
        if not self.submitted:
            return "unsubmitted"
        if self.approved_at is not None and now >= self.approved_at:
            return "rejected" if self.rejection else "approved"
        return "received"


class World(world.World):
    """All of it."""

    def __init__(self, clock: Clock, account: str, token: str, seed: int) -> None:
        super().__init__(clock, seed)
        self.account = account
        self.token = token
        self.keys: dict[str, str] = {}
        self.shared_key: tuple[str, str] | None = None
        self.test_credentials = False
        self.senders: dict[str, Sender] = {}
        self.services: dict[str, Service] = {}
        self.messages: dict[str, Message] = {}
        self.handsets: dict[str, Handset] = {}
        self.contents: dict[str, Content] = {}
        self.opted_out: set[tuple[str, str]] = set()  # number or service, and person
        self.alerts: list[str] = []
        self.countries: frozenset[str] | None = None
        self.verified: frozenset[str] | None = None
        self.spam: Callable[[str], bool] = lambda _text: False
        self.refuses_landlines = False
        self.opt_outs_come_late = False
        self.longest_queue: float = LONGEST_QUEUE
        self.delivers_after: float = 0
        self.approval_takes: float = 0
        self.pair_seconds: float = 0
        self.tells: Callable[[Message], None] = lambda _message: None
        self._agenda: list[tuple[float, int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def sid(self, prefix: str) -> str:
        return f"{prefix}{self.chance.getrandbits(128):032x}"

    @property
    def now(self) -> float:
        return self.clock.now()

    # What is to happen.

    def later(self, moment: float, do: Callable[[], None], *, last: bool = False) -> None:
        """At this time; `last`: after everything else that is due then."""
        self.clock.real_wait(moment)  # a clock that is advanced stops there
        heapq.heappush(self._agenda, (moment, int(last), next(self._order), do))

    def catch_up(self) -> float | None:
        """Everything that is due happens, in order; gives when more will be due."""
        with self.changed:
            while self._agenda and self._agenda[0][0] <= self.now:
                heapq.heappop(self._agenda)[3]()
            self.changed.notify_all()
            return self._agenda[0][0] if self._agenda else None

    @property
    def behind(self) -> bool:
        """Something is due."""
        with self.changed:
            return bool(self._agenda) and self._agenda[0][0] <= self.now

    # Who is who.

    def handset(self, number: str) -> Handset:
        """Of this number, however it is spelled; a plain mobile phone if nobody said otherwise."""
        key = same_person(number)
        if key not in self.handsets:
            self.handsets[key] = Handset(bare(number), "Amy")
        return self.handsets[key]

    def sender(self, address: str) -> Sender | None:
        return self.senders.get(address)

    def service_of(self, sender: Sender) -> Service | None:
        return next((service for service in self.services.values() if sender in service.senders), None)

    def is_opted_out(self, sender: Sender, number: str) -> bool:
        return (self.opting_place(sender), same_person(number)) in self.opted_out

    def opting_place(self, sender: Sender) -> str:
        """Opting out is for a service, or for a number that is in none [D]."""
        service = self.service_of(sender)
        return sender.address if service is None else service.sid
