"""What Twilio does for test credentials: nothing is sent, and certain numbers fail as published [D]."""

from tests.fakes.twilio import refusals
from tests.fakes.twilio.numbers import is_possible
from tests.fakes.twilio.refusals import Refusal
from tests.fakes.twilio.requests import Request
from tests.fakes.twilio.segments import count
from tests.fakes.twilio.state import Message, World

GOOD_FROM = "+15005550006"


def create(world: World, request: Request) -> Message:
    """A message that goes nowhere."""
    to, from_, body = request.text("To"), request.text("From"), request.text("Body")
    if request.has("MessagingServiceSid"):
        raise refusals.not_for_test_credentials()
    _check_from(from_)
    _check_to(to, from_)
    if not body:
        raise Refusal(*refusals.NO_BODY)
    if len(body) > 1600:
        raise Refusal(*refusals.TOO_LONG)
    sid, now = world.sid("SM"), world.now
    return Message(sid, "outbound-api", to, from_, body, "queued", now, now, segments=count(body))


def _check_from(from_: str) -> None:
    if not from_:
        raise Refusal(*refusals.NO_FROM)
    if from_ == "+15005550001":
        raise refusals.bad_from(from_)
    if from_ == "+15005550008":
        raise Refusal(*refusals.QUEUE_FULL)
    if from_ != GOOD_FROM:  # 0007 and every other
        raise refusals.foreign_from(from_)


def _check_to(to: str, from_: str) -> None:
    if not to:
        raise Refusal(*refusals.NO_TO)
    if to == "+15005550002":
        raise refusals.no_route(to, from_)
    if to == "+15005550003":
        raise refusals.closed_region(to)
    if to == "+15005550004":
        raise Refusal(*refusals.OPTED_OUT)
    if to == "+15005550009":
        raise refusals.not_mobile(to)
    if to == "+15005550001" or not is_possible(to):
        raise refusals.bad_to(to)
