"""The rest of the REST API: reading and changing what there is."""

from collections.abc import Callable
from urllib.parse import urlencode

import phonenumbers

from tests.fakes.twilio import contents, refusals, said
from tests.fakes.twilio.carrier import Carrier
from tests.fakes.twilio.numbers import region, same_person
from tests.fakes.twilio.refusals import Refusal, bad_request, invalid, not_found
from tests.fakes.twilio.requests import Request
from tests.fakes.twilio.said import iso8601, moment, rfc2822
from tests.fakes.twilio.sending import check_url, create
from tests.fakes.twilio.state import FINAL, LONGEST_QUEUE, Content, Json, Media, Message, Sender, Service, World

Answer = tuple[int, Json | None]
MOST_ON_A_PAGE = 1000
DAY = 24 * 3600
NUMBER_SETTINGS = {
    "FriendlyName": "friendly_name",
    "SmsUrl": "sms_url",
    "SmsMethod": "sms_method",
    "SmsFallbackUrl": "sms_fallback_url",
    "SmsFallbackMethod": "sms_fallback_method",
    "SmsApplicationSid": "sms_application_sid",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
}
SERVICE_SETTINGS = {
    "FriendlyName": "friendly_name",
    "InboundRequestUrl": "inbound_request_url",
    "InboundMethod": "inbound_method",
    "FallbackUrl": "fallback_url",
    "FallbackMethod": "fallback_method",
    "StatusCallback": "status_callback",
    "StickySender": "sticky_sender",
    "MmsConverter": "mms_converter",
    "SmartEncoding": "smart_encoding",
    "ScanMessageContent": "scan_message_content",
    "FallbackToLongCode": "fallback_to_long_code",
    "AreaCodeGeomatch": "area_code_geomatch",
    "ValidityPeriod": "validity_period",
    "SynchronousValidation": "synchronous_validation",
    "Usecase": "usecase",
    "UseInboundWebhookOnNumber": "use_inbound_webhook_on_number",
}

CHANNEL_WEBHOOK = {
    "callback_url": "sms_url",
    "callback_method": "sms_method",
    "fallback_url": "sms_fallback_url",
    "fallback_method": "sms_fallback_method",
    "status_callback_url": "status_callback",
    "status_callback_method": "status_callback_method",
}


class Rest:
    """Each method takes a call and gives status and JSON, or raises a refusal."""

    def __init__(self, world: World, carrier: Carrier) -> None:
        self.world = world
        self.carrier = carrier

    # Messages.

    def create(self, request: Request) -> Answer:
        return 201, said.message(self.world.account, create(self.world, self.carrier, request))

    def fetch(self, request: Request) -> Answer:
        return 200, said.message(self.world.account, self._message(request))

    def list_messages(self, request: Request) -> Answer:
        found = [message for message in reversed(self.world.messages.values()) if _fits(message, request)]
        found.sort(key=lambda message: message.sent_at or message.at, reverse=True)
        return 200, self._page("messages", [said.message(self.world.account, each) for each in found], request)

    def update(self, request: Request) -> Answer:
        """Cancels what is scheduled; takes the words out of what is finished."""
        message = self._message(request)
        if request.has("Status"):
            if request.text("Status") != "canceled" or message.status != "scheduled":
                raise Refusal(*refusals.NOT_CANCELABLE)
            self.carrier.cancel(message)
        if request.has("Body"):
            if request.text("Body"):
                raise invalid("Body can only be made empty")
            self._finished(message)
            message.body = ""
        return 200, said.message(self.world.account, message)

    def delete(self, request: Request) -> Answer:
        message = self._message(request)
        self._finished(message)
        del self.world.messages[message.sid]
        return 204, None

    def _finished(self, message: Message) -> None:
        if message.direction != "inbound" and message.status not in FINAL | {"sent"}:
            raise Refusal(*refusals.NOT_FINISHED)

    def _message(self, request: Request) -> Message:
        message = self.world.messages.get(request.parts["sid"])
        if message is None:
            raise not_found(request.path)
        return message

    # Media.

    def list_media(self, request: Request) -> Answer:
        message = self._message(request)
        files = [said.media(self.world.account, message, file) for file in message.media]
        return 200, self._page("media_list", files, request)

    def fetch_media(self, request: Request) -> Answer:
        message = self._message(request)
        return 200, said.media(self.world.account, message, self.media(request))

    def delete_media(self, request: Request) -> Answer:
        self._message(request).media.remove(self.media(request))
        return 204, None

    def media(self, request: Request) -> Media:
        found = (file for file in self._message(request).media if file.sid == request.parts["media"])
        file = next(found, None)
        if file is None:
            raise not_found(request.path)
        return file

    # Account and numbers.

    def fetch_account(self, request: Request) -> Answer:
        account = {"sid": self.world.account, "friendly_name": "Clinic", "status": "active", "type": "Full"}
        dates = {"date_created": rfc2822(self.world.now), "date_updated": rfc2822(self.world.now)}
        return 200, {**account, **dates, "auth_token": self.world.token, "owner_account_sid": self.world.account}

    @property
    def _numbers(self) -> list[Sender]:
        return [sender for sender in self.world.senders.values() if not sender.whatsapp]

    def list_numbers(self, request: Request) -> Answer:
        wanted = request.text("PhoneNumber")
        numbers = [said.number(self.world.account, each) for each in self._numbers if wanted in each.number]
        return 200, self._page("incoming_phone_numbers", numbers, request)

    def fetch_number(self, request: Request) -> Answer:
        return 200, said.number(self.world.account, self._number(request))

    def update_number(self, request: Request) -> Answer:
        sender = self._number(request)
        self._change(sender.settings, NUMBER_SETTINGS, request)
        sender.settings["date_updated"] = rfc2822(self.world.now)
        return 200, said.number(self.world.account, sender)

    def _number(self, request: Request) -> Sender:
        return self._number_of(request.parts["sid"], request.path)

    def _number_of(self, sid: str, path: str) -> Sender:
        sender = next((sender for sender in self._numbers if sender.sid == sid), None)
        if sender is None:
            raise not_found(path)
        return sender

    def _change(self, settings: Json, known: dict[str, str], request: Request) -> None:
        """Only what is named; whether it makes sense is seen before anything is changed."""
        changes = {known[name]: _typed(request, name) for name in request.names if name in known}
        settings.update(changes)

    # WhatsApp senders.

    @property
    def _channels(self) -> list[Sender]:
        return [sender for sender in self.world.senders.values() if sender.whatsapp]

    def list_channels(self, request: Request) -> Answer:
        if request.text("Channel") != "whatsapp":
            raise invalid("Channel must be whatsapp")
        every = [said.channel(each, CHANNEL_WEBHOOK) for each in self._channels]
        return 200, self._meta_page("senders", every, "https://messaging.twilio.com", request)

    def fetch_channel(self, request: Request) -> Answer:
        return 200, said.channel(self._channel(request), CHANNEL_WEBHOOK)

    def update_channel(self, request: Request) -> Answer:
        """Only what is named; an address may be made empty."""
        sender, given = self._channel(request), request.json if isinstance(request.json, dict) else {}
        asked = given.get("webhook") or {}
        for name in ("callback_url", "fallback_url", "status_callback_url"):
            check_url(asked.get(name) or "", name)
        sender.settings.update({CHANNEL_WEBHOOK[name]: value for name, value in asked.items()})
        return 202, said.channel(sender, CHANNEL_WEBHOOK)

    def _channel(self, request: Request) -> Sender:
        sender = next((sender for sender in self._channels if sender.sid == request.parts["sid"]), None)
        if sender is None:
            raise not_found(request.path)
        return sender

    # Messaging Services.

    def create_service(self, request: Request) -> Answer:
        service = Service(self.world.sid("MG"), service_settings(request.text("FriendlyName"), self.world.now))
        self._change(service.settings, SERVICE_SETTINGS, request)
        self.world.services[service.sid] = service
        return 201, said.service(self.world.account, service)

    def list_services(self, request: Request) -> Answer:
        every = [said.service(self.world.account, each) for each in self.world.services.values()]
        return 200, self._meta_page("services", every, "https://messaging.twilio.com", request)

    def fetch_service(self, request: Request) -> Answer:
        return 200, said.service(self.world.account, self._service(request))

    def update_service(self, request: Request) -> Answer:
        service = self._service(request)
        self._change(service.settings, SERVICE_SETTINGS, request)
        service.settings["date_updated"] = iso8601(self.world.now)
        return 200, said.service(self.world.account, service)

    def _service(self, request: Request) -> Service:
        service = self.world.services.get(request.parts["sid"])
        if service is None:
            raise not_found(request.path)
        return service

    def list_service_numbers(self, request: Request) -> Answer:
        service = self._service(request)
        every = [self._service_number(service, sender) for sender in service.senders if not sender.whatsapp]
        return 200, self._meta_page("phone_numbers", every, "https://messaging.twilio.com", request)

    def add_service_number(self, request: Request) -> Answer:
        """A number is in one service at most [D]."""
        service, sender = self._service(request), self._number_of(request.text("PhoneNumberSid"), request.path)
        if self.world.service_of(sender) is not None:
            raise Refusal(409, 21710, "Phone Number or Short Code is already in the Messaging Service.")
        service.senders.append(sender)
        return 201, self._service_number(service, sender)

    def remove_service_number(self, request: Request) -> Answer:
        service, sender = self._service(request), self._number_of(request.parts["number"], request.path)
        if sender not in service.senders:
            raise not_found(request.path)
        service.senders.remove(sender)
        return 204, None

    def _service_number(self, service: Service, sender: Sender) -> Json:
        return said.service_number(self.world.account, service, sender, region(sender.number))

    # Content.

    def create_content(self, request: Request) -> Answer:
        given = request.json if isinstance(request.json, dict) else {}
        contents.check(given)
        content = Content(
            sid=self.world.sid("HX"),
            friendly_name=given.get("friendly_name") or "",
            language=given["language"],
            variables=given.get("variables") or {},
            types=given["types"],
            at=self.world.now,
        )
        self.world.contents[content.sid] = content
        return 201, said.content(self.world.account, content)

    def list_contents(self, request: Request) -> Answer:
        every = [said.content(self.world.account, each) for each in self.world.contents.values()]
        return 200, self._meta_page("contents", every, "https://content.twilio.com", request)

    def list_contents_and_approvals(self, request: Request) -> Answer:
        every = [self._with_approval(each) for each in self.world.contents.values()]
        return 200, self._meta_page("contents", every, "https://content.twilio.com", request)

    def _with_approval(self, content: Content) -> Json:
        whole = said.content(self.world.account, content)
        kept = {key: value for key, value in whole.items() if key not in {"url", "links"}}
        return {**kept, "approval_requests": said.approval(content, self.world.now)}

    def fetch_content(self, request: Request) -> Answer:
        return 200, said.content(self.world.account, self._content(request))

    def delete_content(self, request: Request) -> Answer:
        del self.world.contents[self._content(request).sid]
        return 204, None

    def submit(self, request: Request) -> Answer:
        """Meta looks at it, and has decided after `approval_takes` seconds."""
        content, given = self._content(request), request.json if isinstance(request.json, dict) else {}
        contents.check_request(content, str(given.get("name") or ""), str(given.get("category") or ""))
        content.name, content.category, content.submitted = given["name"], given["category"], True
        content.rejection = contents.rejection(content)
        answer = said.approval(content, self.world.now)
        content.approved_at = self.world.now + self.world.approval_takes
        return 201, answer

    def fetch_approval(self, request: Request) -> Answer:
        content = self._content(request)
        url = f"https://content.twilio.com/v1/Content/{content.sid}/ApprovalRequests"
        whatsapp = {"type": "whatsapp", **said.approval(content, self.world.now)}
        return 200, {"sid": content.sid, "account_sid": self.world.account, "whatsapp": whatsapp, "url": url}

    def _content(self, request: Request) -> Content:
        content = self.world.contents.get(request.parts["sid"])
        if content is None:
            raise not_found(request.path)
        return content

    # Lookups.

    def look_up(self, request: Request) -> Answer:
        """What kind of line it is, if that was asked for."""
        number = request.parts["number"]
        try:
            parsed = phonenumbers.parse(number, request.text("CountryCode") or None)
        except phonenumbers.NumberParseException:
            raise not_found(request.path) from None
        plain = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        valid = phonenumbers.is_possible_number(parsed)
        line = self._line(plain) if "line_type_intelligence" in request.text("Fields") and valid else None
        return 200, {
            "calling_country_code": str(parsed.country_code),
            "country_code": region(plain) or None,
            "phone_number": plain,
            "national_format": phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL),
            "valid": valid,
            "validation_errors": [] if valid else ["INVALID_LENGTH"],
            "line_type_intelligence": line,
            "url": f"https://lookups.twilio.com/v2/PhoneNumbers/{plain}",
        }

    def _line(self, number: str) -> Json:
        handset = self.world.handsets.get(same_person(number))
        carrier = {"mobile_country_code": None, "mobile_network_code": None, "carrier_name": "Carrier"}
        return {"error_code": None, **carrier, "type": handset.line if handset else "mobile"}

    # Pages.

    def _page(self, key: str, records: list[Json], request: Request) -> Json:
        number, size = _which_page(request)
        kept = [(name, value) for name, value in request.form if name not in {"Page", "PageSize", "PageToken"}]
        return said.page(key, records, request.path, urlencode(kept), number, size)

    def _meta_page(self, key: str, records: list[Json], host: str, request: Request) -> Json:
        number, size = _which_page(request)
        return said.meta_page(key, records, f"{host}{request.path}", number, size)


def _which_page(request: Request) -> tuple[int, int]:
    return request.integer("Page", 0, 0, 10**6), min(request.integer("PageSize", 50, 1, 10**6), MOST_ON_A_PAGE)


def _fits(message: Message, request: Request) -> bool:
    """Whether the filters let it through; what is not sent yet has no date to be found by [R]."""
    ends = {"To": message.to, "From": message.from_}
    if any(request.text(name) and request.text(name) != value for name, value in ends.items()):
        return False
    return all(_in_time(message.sent_at, name, request.text(name)) for name in ("DateSent", "DateSent<", "DateSent>"))


def _in_time(sent_at: float | None, name: str, said_: str) -> bool:
    """Filters of a day mean all of it, filters of an instant mean that second; both ends are included [D]."""
    since = moment(said_)
    if since is None:
        return True
    if sent_at is None:
        return False
    length = 1 if "T" in said_ else DAY
    lower = since if name != "DateSent<" else float("-inf")
    upper = since + length if name != "DateSent>" else float("inf")
    return lower <= int(sent_at) < upper


def _typed(request: Request, name: str) -> bool | int | str:
    value = request.text(name)
    if name == "ValidityPeriod":
        return request.integer(name, LONGEST_QUEUE, 1, LONGEST_QUEUE)
    if name.endswith(("Url", "Callback")):
        return check_url(value, name)
    if name.endswith("Method") and value.upper() not in {"GET", "POST"}:
        raise bad_request(21403 if name == "SmsMethod" else 20001, f"{name} must be GET or POST")
    return value == "true" if value in {"true", "false"} else value


def service_settings(name: str, now: float) -> Json:
    """As of a service that is new [D]."""
    urls = {"inbound_request_url": None, "fallback_url": None, "status_callback": None}
    methods = {"inbound_method": "POST", "fallback_method": "POST"}
    switches = {"sticky_sender": True, "mms_converter": True, "smart_encoding": True, "fallback_to_long_code": False}
    more = {"scan_message_content": "inherit", "area_code_geomatch": True, "synchronous_validation": False}
    last = {"validity_period": LONGEST_QUEUE, "usecase": "notifications", "us_app_to_person_registered": True}
    dates = {"date_created": iso8601(now), "date_updated": iso8601(now)}
    own = {"friendly_name": name, "use_inbound_webhook_on_number": False}
    return {**own, **urls, **methods, **switches, **more, **last, **dates}


Method = Callable[[Rest, Request], Answer]
