"""The fake as tests use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.fakes.twilio import consent, webhooks
from tests.fakes.twilio.carrier import Carrier
from tests.fakes.twilio.contents import check
from tests.fakes.twilio.ledger import Call
from tests.fakes.twilio.numbers import PREFIX, bare, kind_of
from tests.fakes.twilio.people import Person, Told
from tests.fakes.twilio.postman import Delivery, Errand
from tests.fakes.twilio.rest import service_settings
from tests.fakes.twilio.routes import BY_NAME
from tests.fakes.twilio.said import rfc2822
from tests.fakes.twilio.server import FILE_METHOD, Server
from tests.fakes.twilio.state import Content, Fields, Handset, Json, Message, Opting, Sender, Service, World
from tests.fakes.twilio.webhooks import Choice
from tests.fakes.vendor.clock import Clock, RealClock
from tests.fakes.vendor.fake import Fake
from tests.fakes.vendor.faults import Fault, Script
from tests.fakes.vendor.ledger import Ledger

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "fedcba9876543210" * 2
RATES = {"long code": 1.0, "toll-free": 3.0, "short code": 100.0, "whatsapp": 80.0}  # [D]
UNTOLD = frozenset({"accepted", "scheduled"})  # states in which a message begins


class FakeTwilio(Fake[Call, Delivery]):
    """Twilio on this machine, with the people who have a phone; it keeps Twilio's and WhatsApp's rules.

    `url` stands for all of Twilio's hosts.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        account: str = ACCOUNT,
        token: str = TOKEN,
        ledger: Path | None = None,
        test_credentials: bool = False,
        seed: int = 1,
    ) -> None:
        self.world = World(clock or RealClock(), account, token, seed)
        self.world.test_credentials = test_credentials
        self.world.tells = self._told_of
        self._script = Script()
        calls = Ledger[Call](ledger)
        self._server: Server = Server(self.world, calls, self._script)
        self.more_fields: Fields = []  # what Twilio adds to all webhooks one day
        self.callback_delay = 0.0  # seconds until a status callback goes out
        super().__init__(self.world, self._server, calls)

    @property
    def account(self) -> str:
        return self.world.account

    @property
    def token(self) -> str:
        return self.world.token

    @property
    def carrier(self) -> Carrier:
        return self._server.carrier

    # Who is there.

    def number(
        self,
        number: str = "+12065550100",
        kind: str | None = None,
        *,
        rate: float | None = None,
        registered: bool = True,
    ) -> Sender:
        """A number of ours, made if it is new; what kind it is shows, unless it is said."""
        return self._sends(number, kind or kind_of(number), rate, registered=registered)

    def whatsapp(self, number: str = "+12065550100", *, rate: float | None = None) -> Sender:
        """A WhatsApp sender of ours."""
        return self._sends(PREFIX + bare(number), "whatsapp", rate)

    def _sends(self, address: str, kind: str, rate: float | None, *, registered: bool = True) -> Sender:
        with self.world.changing() as now:
            if address not in self.world.senders:
                sid = self.world.sid("XE" if kind == "whatsapp" else "PN")
                settings = sender_settings(bare(address), now)
                self.world.senders[address] = Sender(sid, address, kind, rate or RATES[kind], settings, registered)
            return self.world.senders[address]

    def service(self, *senders: Sender, name: str = "Clinic", **settings: object) -> Service:
        """A new Messaging Service with these senders; settings as its JSON names them."""
        with self.world.changing() as now:
            service = Service(self.world.sid("MG"), service_settings(name, now) | settings, list(senders))
            self.world.services[service.sid] = service
            return service

    def advanced_opt_out(
        self,
        service: Service,
        *,
        stop: Iterable[str] = ("STOP",),
        start: Iterable[str] = ("START",),
        help: Iterable[str] = ("HELP",),
        answers: dict[str, str] | None = None,
    ) -> None:
        """Turns Advanced Opt-Out on: these words, and no others, count for the service."""
        said = consent.BY_DEFAULT.answers | (answers or {})
        with self.world.changing():
            service.opting = Opting(_words(stop), _words(start), _words(help), said, advanced=True)

    def content(
        self,
        types: Json,
        *,
        language: str = "en",
        name: str = "",
        variables: dict[str, str] | None = None,
        approved: bool = False,
    ) -> Content:
        """A template that is there already."""
        check({"types": types, "language": language})
        with self.world.changing() as now:
            sid = self.world.sid("HX")
            content = Content(sid, name, language, variables or {}, types, now)
            if approved:
                content.submitted, content.approved_at = True, now
                content.name, content.category = name, "UTILITY"
            self.world.contents[sid] = content
            return content

    def person(self, number: str, name: str = "Amy", *, line: str = "mobile") -> Person:
        """Somebody with a phone; `line` as Lookups call it, such as landline or nonFixedVoip."""
        with self.world.changing():
            handset = self.world.handset(number)
            handset.name, handset.line = name, line
        return Person(self, handset)

    # Rules that can be changed.

    def api_key(self, sid: str, secret: str) -> None:
        """Another way to log in."""
        self.world.keys[sid] = secret

    def sign_with_shared_key(self, key: str, secret: str) -> None:
        """From now on webhooks are signed by HMAC-SHA256, and say so."""
        self.world.shared_key = (key, secret)

    def allow_countries(self, *regions: str) -> None:
        """SMS go to these alone."""
        self.world.countries = frozenset(regions)

    def trial(self, *verified: str) -> None:
        """As an account that has not paid: SMS go to these numbers alone."""
        self.world.verified = frozenset(verified)

    def filter_spam(self, is_spam: Callable[[str], bool]) -> None:
        """Carriers let nothing through that is."""
        self.world.spam = is_spam

    # What was called, and what is to go wrong.

    @property
    def alerts(self) -> list[str]:
        """What Twilio's own debugger would show: webhooks that failed, answers that it did not understand."""
        return self.world.alerts

    def calls(self, method: str, to: str | Person | None = None) -> list[Call]:
        """The calls of one method, perhaps for one number."""
        named = [call for call in self.ledger if call.method == method]
        return [call for call in named if to is None or call.to == _number(to)]

    def will(self, method: str, *faults: Fault | None, to: str | Person | None = None) -> None:
        """What the next calls of this method come to, in order; None, and every call afterwards, goes well."""
        if method not in BY_NAME and method != FILE_METHOD:
            raise ValueError(f"no method {method!r}; there are {sorted(BY_NAME)}")
        with self.world.changing():
            self._script.order(method, faults, None if to is None else _number(to))

    def takes_at_once(self, most: int | None) -> None:
        """How many calls may be under way before the next are told 429."""
        self._server.most_at_once = most

    # How webhooks arrive.

    @property
    def signs_port(self) -> bool:
        """Whether a port in an address is part of what is signed: Twilio has done both [S]."""
        return self._server.postman.signs_port

    @signs_port.setter
    def signs_port(self, signs: bool) -> None:
        self._server.postman.signs_port = signs

    @contextmanager
    def forged(self) -> Iterator[None]:
        """What is posted meanwhile is signed by somebody else."""
        self._server.postman.forges = True
        try:
            yield
            self.settle()
        finally:
            self._server.postman.forges = False

    def repeat(self, told: Told, times: int = 1) -> None:
        """The same webhook so many times more, however it was answered."""
        with self.world.changing() as now:
            sent = next(each for each in reversed(self._server.postman.sent) if each.as_dict == told)
            for number in range(times):
                again = replace(sent, queue=f"again {number} {sent.token}", due_at=now, under_way=False, done=False)
                self._server.postman.add(again)

    def _hold(self, *, swap: bool) -> Iterator[None]:
        postman = self._server.postman
        with self.world.changing():
            held = postman.held = []
        try:
            yield
            self.settle()
        finally:
            with self.world.changing():
                postman.held = None
                postman.let_go(held[::-1] if swap else held, one_by_one=swap)

    def tells(self, message: Message, handset: Handset, choice: Choice | None, opting: str) -> Told:
        """Posts that somebody has written to where the number, or its service, says; gives the fields."""
        assert message.sender is not None
        fields = [*webhooks.incoming(self.account, message, handset, choice, opting), *self.more_fields]
        errand = _incoming(message.sender, message.service, fields, handset.number, self.world.now)
        if errand is not None:
            self._server.postman.add(errand)
        return dict(fields)

    def _told_of(self, message: Message) -> None:
        """A message has got on: said to its status callback, unless that is how it began [D]."""
        began = message.status in UNTOLD or (message.status == "queued" and message.service is None)
        if message.callback and not began:
            fields = [*webhooks.status(self.account, message), *self.more_fields]
            due = self.world.now + self.callback_delay
            self.clock.real_wait(due)
            self._server.postman.add(Errand("status", message.callback, fields, message.sid, due))


def _incoming(sender: Sender, service: Service | None, fields: Fields, number: str, now: float) -> Errand | None:
    """By the service, if it does not leave that to the number [D]."""
    if service is not None and not service.settings["use_inbound_webhook_on_number"]:
        names, settings = ("inbound_request_url", "fallback_url", "inbound_method"), service.settings
    else:
        names, settings = ("sms_url", "sms_fallback_url", "sms_method"), sender.settings
    url, fallback, method = (str(settings[name] or "") for name in names)
    queue = f"{number} {sender.address}"
    return Errand("incoming", url, fields, queue, now, fallback, method or "POST") if url else None


def sender_settings(number: str, now: float) -> Json:
    """As of a number that is new [D]."""
    urls = dict.fromkeys(("sms_url", "sms_fallback_url", "status_callback", "voice_url"), "")
    methods = dict.fromkeys(("sms_method", "sms_fallback_method", "status_callback_method", "voice_method"), "POST")
    dates = {"date_created": rfc2822(now), "date_updated": rfc2822(now)}
    return {"friendly_name": number, "sms_application_sid": "", **urls, **methods, **dates}


def _number(of: str | Person) -> str:
    return bare(of) if isinstance(of, str) else of.number


def _words(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word.upper() for word in words)
