"""Creating a message: what Twilio takes, and what it refuses at once."""

import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.fakes.twilio import magic, refusals, segments
from tests.fakes.twilio.carrier import Carrier, segments_for
from tests.fakes.twilio.contents import render
from tests.fakes.twilio.numbers import E164, bare, is_possible, is_whatsapp, region
from tests.fakes.twilio.refusals import Refusal, bad_request, invalid
from tests.fakes.twilio.requests import Request
from tests.fakes.twilio.said import moment
from tests.fakes.twilio.state import LONGEST_QUEUE, Message, Rendered, Sender, Service, World

LONGEST_BODY = 1600
MOST_MEDIA = 10
SOONEST, LATEST = 300, 35 * 24 * 3600  # of what is scheduled [D]
SHORT_CODE = re.compile(r"\d{3,8}")


@dataclass(frozen=True)
class Route:
    """From whom to whom."""

    to: str
    sender: Sender | None
    service: Service | None

    @property
    def senders(self) -> list[Sender]:
        """Those who could send it."""
        if self.sender is not None:
            return [self.sender]
        return [] if self.service is None else self.service.senders


def create(world: World, carrier: Carrier, request: Request) -> Message:
    """Takes a message, or raises what Twilio says."""
    if world.test_credentials:
        return magic.create(world, request)
    route = _route(world, request)
    message = _made(world, request, route)
    _check_route(world, route, message)
    world.messages[message.sid] = message
    carrier.take(message)
    return message


def _route(world: World, request: Request) -> Route:
    to = request.text("To")
    if not to:
        raise Refusal(*refusals.NO_TO)
    if not is_possible(bare(to)):
        raise refusals.bad_to(to)
    service = _service(world, request)
    sender = _sender(world, request, service)
    if sender is not None and sender.whatsapp != is_whatsapp(to):
        raise Refusal(*refusals.MIXED_CHANNELS)
    if sender is not None and sender.address == to:
        raise Refusal(*refusals.TO_ITSELF)
    return Route(to, sender, service)


def _service(world: World, request: Request) -> Service | None:
    sid = request.text("MessagingServiceSid")
    if not sid:
        return None
    if sid not in world.services:
        raise Refusal(*refusals.NO_SUCH_SERVICE)
    service = world.services[sid]
    if not any(each.whatsapp == is_whatsapp(request.text("To")) for each in service.senders):
        raise Refusal(*refusals.EMPTY_SERVICE)
    return service


def _sender(world: World, request: Request, service: Service | None) -> Sender | None:
    address = request.text("From")
    if not address:
        if service is None:
            raise Refusal(*refusals.NO_FROM)
        return None
    sender = world.sender(address)
    if is_whatsapp(address) and sender is None:
        raise Refusal(*refusals.NO_CHANNEL)
    if not E164.fullmatch(bare(address)) and not SHORT_CODE.fullmatch(address):
        raise refusals.bad_from(address)
    if sender is None or (service is not None and sender not in service.senders):
        raise refusals.foreign_from(address)
    return sender


def _check_route(world: World, route: Route, message: Message) -> None:
    """What depends on both ends."""
    if not message.whatsapp:
        _check_number(world, route)
    if all(world.is_opted_out(sender, route.to) for sender in route.senders if sender.whatsapp == message.whatsapp):
        late = world.opt_outs_come_late and route.service is not None
        if not late:
            raise Refusal(*refusals.OPTED_OUT)
    if route.sender is not None and route.sender.waits + message.cost / route.sender.rate > world.longest_queue:
        raise Refusal(*refusals.QUEUE_FULL)


def _check_number(world: World, route: Route) -> None:
    if world.countries is not None and region(route.to) not in world.countries:
        raise refusals.closed_region(route.to)
    if world.verified is not None and route.to not in world.verified:
        raise refusals.unverified(route.to)
    if world.refuses_landlines and world.handset(route.to).line == "landline":
        raise refusals.not_mobile(route.to)
    short = route.sender is not None and route.sender.kind == "short code"
    if short and region(route.to) not in {"US", "CA"}:
        raise refusals.no_route(route.to, route.senders[0].address)  # short codes stay in their country [D]


def _made(world: World, request: Request, route: Route) -> Message:
    rendered = _content(world, request, route)
    body = _body(request) if rendered is None else rendered.text
    service = route.service
    if not is_whatsapp(route.to) and (request.flag("SmartEncoded") or (service and service.settings["smart_encoding"])):
        body = segments.smart(body)
    longest = service.settings["validity_period"] if service else LONGEST_QUEUE
    send_at = _send_at(world, request)
    status = "scheduled" if send_at is not None else "accepted" if route.sender is None else "queued"
    return Message(
        sid=world.sid("MM" if request.has("MediaUrl") else "SM"),
        direction="outbound-api",
        to=route.to,
        from_=None if route.sender is None else route.sender.address,
        body=body,
        status=status,
        at=world.now,
        updated_at=world.now,
        segments=segments_for(route.sender, body),
        media_urls=_media(request),
        service=service,
        sender=route.sender,
        callback=_callback(request, route),
        validity=request.integer("ValidityPeriod", longest, 1, LONGEST_QUEUE),
        send_at=send_at,
        rendered=rendered,
    )


def _body(request: Request) -> str:
    body = request.text("Body")
    if not body.strip() and not request.has("MediaUrl"):
        raise Refusal(*refusals.NO_BODY)
    if len(body) > LONGEST_BODY:
        raise Refusal(*refusals.TOO_LONG)
    return body


def _media(request: Request) -> list[str]:
    urls = request.all("MediaUrl")
    if len(urls) > MOST_MEDIA or not all(urlsplit(url).scheme in {"http", "https"} for url in urls):
        raise bad_request(21620, "Invalid media URL(s)")
    return urls


def _content(world: World, request: Request, route: Route) -> Rendered | None:
    sid = request.text("ContentSid")
    if not sid:
        if request.has("ContentVariables"):
            raise Refusal(*refusals.NO_SUCH_CONTENT)
        return None
    if sid not in world.contents:
        raise Refusal(*refusals.NO_SUCH_CONTENT)
    if request.text("Body"):
        world.violations.append(f"a Body beside {sid} is not sent")
    return render(world.contents[sid], _variables(request), world.now, whatsapp=is_whatsapp(route.to))


def _variables(request: Request) -> dict[str, str]:
    """A JSON object of strings, none of them empty [R]."""
    try:
        given = json.loads(request.text("ContentVariables") or "{}")
    except ValueError:
        raise Refusal(*refusals.BAD_VARIABLES) from None
    if not isinstance(given, dict) or not all(isinstance(each, str) and each.strip() for each in given.values()):
        raise Refusal(*refusals.BAD_VARIABLES)
    return given


def _send_at(world: World, request: Request) -> float | None:
    if not request.has("ScheduleType"):
        return None
    if not request.text("MessagingServiceSid"):
        raise Refusal(*refusals.SCHEDULED_WITHOUT_SERVICE)
    at = moment(request.text("SendAt"))
    if at is None:
        raise Refusal(*refusals.NO_SEND_AT)
    if not SOONEST <= at - world.now <= LATEST:
        raise Refusal(*refusals.SEND_AT_OUT_OF_RANGE)
    return at


def _callback(request: Request, route: Route) -> str:
    """That of the message, or of its service; a WhatsApp sender may have one too [D]."""
    url = request.text("StatusCallback")
    if url and (urlsplit(url).scheme not in {"http", "https"} or "_" in (urlsplit(url).hostname or "_")):
        raise bad_request(21609, f"The 'StatusCallback' URL {url} is not a valid URL.")
    if url or route.service is not None:
        return url or str((route.service and route.service.settings["status_callback"]) or "")
    own = route.sender is not None and route.sender.whatsapp and route.sender.settings["status_callback"]
    return str(own or "")


def check_url(url: str, name: str) -> str:
    """A webhook's address, or nothing."""
    if url and urlsplit(url).scheme not in {"http", "https"}:
        raise invalid(f"{name} is not a valid URL: {url}")
    return url
