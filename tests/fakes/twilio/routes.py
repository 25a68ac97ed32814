"""Which call is which: the hosts of Twilio share one port here, as their paths do not collide.

Names are for ledger and fault scripts. The parameters are those that Twilio's own library would send [S].
"""

import re
from dataclasses import dataclass

from tests.fakes.twilio.rest import NUMBER_SETTINGS, SERVICE_SETTINGS, Method, Rest

ACCOUNT = r"/2010-04-01/Accounts/(?P<account>AC\w+)"
MESSAGE = rf"{ACCOUNT}/Messages/(?P<sid>[A-Z]{{2}}\w+)"
NUMBERS = rf"{ACCOUNT}/IncomingPhoneNumbers"
CHANNELS = r"/v2/Channels/Senders"
SERVICES = r"/v1/Services"
SERVICE = rf"{SERVICES}/(?P<sid>MG\w+)"
CONTENTS = r"/v1/Content"
CONTENT = rf"{CONTENTS}/(?P<sid>HX\w+)"
PAGES = frozenset({"PageSize", "Page", "PageToken"})
SENT = frozenset({"DateSent", "DateSent<", "DateSent>"})
CREATED = frozenset({"DateCreated", "DateCreated<", "DateCreated>"})
MESSAGE_PARAMETERS = frozenset(
    {
        *("To", "From", "MessagingServiceSid", "Body", "MediaUrl", "ContentSid", "ContentVariables", "StatusCallback"),
        *("ApplicationSid", "MaxPrice", "ProvideFeedback", "Attempt", "ValidityPeriod", "ForceDelivery", "SendAt"),
        *("ContentRetention", "AddressRetention", "SmartEncoded", "PersistentAction", "TrafficType", "ShortenUrls"),
        *("ScheduleType", "SendAsMms", "MessageIntent", "RiskCheck", "FallbackFrom"),
    }
)


@dataclass(frozen=True)
class Route:
    """One method of the REST API."""

    name: str
    verb: str
    path: re.Pattern[str]
    method: Method
    parameters: frozenset[str]
    with_test_credentials: bool = False


def _route(name: str, verb: str, path: str, method: Method, *parameters: str) -> Route:
    return Route(name, verb, re.compile(path), method, frozenset(parameters), name in {"create", "account.fetch"})


ROUTES = [
    _route("create", "POST", rf"{ACCOUNT}/Messages\.json", Rest.create, *MESSAGE_PARAMETERS),
    _route("list", "GET", rf"{ACCOUNT}/Messages\.json", Rest.list_messages, "To", "From", *SENT, *PAGES),
    _route("fetch", "GET", rf"{MESSAGE}\.json", Rest.fetch),
    _route("update", "POST", rf"{MESSAGE}\.json", Rest.update, "Body", "Status"),
    _route("delete", "DELETE", rf"{MESSAGE}\.json", Rest.delete),
    _route("media.list", "GET", rf"{MESSAGE}/Media\.json", Rest.list_media, *CREATED, *PAGES),
    _route("media.fetch", "GET", rf"{MESSAGE}/Media/(?P<media>ME\w+)\.json", Rest.fetch_media),
    _route("media.delete", "DELETE", rf"{MESSAGE}/Media/(?P<media>ME\w+)\.json", Rest.delete_media),
    _route("account.fetch", "GET", rf"{ACCOUNT}\.json", Rest.fetch_account),
    _route("numbers.list", "GET", rf"{NUMBERS}\.json", Rest.list_numbers, "PhoneNumber", "FriendlyName", *PAGES),
    _route("numbers.fetch", "GET", rf"{NUMBERS}/(?P<sid>PN\w+)\.json", Rest.fetch_number),
    _route("numbers.update", "POST", rf"{NUMBERS}/(?P<sid>PN\w+)\.json", Rest.update_number, *NUMBER_SETTINGS),
    _route("channels.list", "GET", CHANNELS, Rest.list_channels, "Channel", *PAGES),
    _route("channels.fetch", "GET", rf"{CHANNELS}/(?P<sid>XE\w+)", Rest.fetch_channel),
    _route("channels.update", "POST", rf"{CHANNELS}/(?P<sid>XE\w+)", Rest.update_channel),
    _route("services.create", "POST", SERVICES, Rest.create_service, *SERVICE_SETTINGS),
    _route("services.list", "GET", SERVICES, Rest.list_services, *PAGES),
    _route("services.fetch", "GET", SERVICE, Rest.fetch_service),
    _route("services.update", "POST", SERVICE, Rest.update_service, *SERVICE_SETTINGS),
    _route("services.numbers.list", "GET", rf"{SERVICE}/PhoneNumbers", Rest.list_service_numbers, *PAGES),
    _route("services.numbers.add", "POST", rf"{SERVICE}/PhoneNumbers", Rest.add_service_number, "PhoneNumberSid"),
    _route(
        "services.numbers.remove", "DELETE", rf"{SERVICE}/PhoneNumbers/(?P<number>PN\w+)", Rest.remove_service_number
    ),
    _route("contents.create", "POST", CONTENTS, Rest.create_content),
    _route("contents.list", "GET", CONTENTS, Rest.list_contents, *PAGES),
    _route("contents.fetch", "GET", CONTENT, Rest.fetch_content),
    _route("contents.delete", "DELETE", CONTENT, Rest.delete_content),
    _route("approvals.create", "POST", rf"{CONTENT}/ApprovalRequests/whatsapp", Rest.submit),
    _route("approvals.fetch", "GET", rf"{CONTENT}/ApprovalRequests", Rest.fetch_approval),
    _route("approvals.list", "GET", "/v1/ContentAndApprovals", Rest.list_contents_and_approvals, *PAGES),
    _route("lookup", "GET", r"/v2/PhoneNumbers/(?P<number>[^/]+)", Rest.look_up, "Fields", "CountryCode"),
]
BY_NAME = {route.name: route for route in ROUTES}


def find(verb: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The method of this call, with the parts of its path."""
    for route in ROUTES:
        found = route.path.fullmatch(path)
        if found is not None and route.verb == verb:
            return route, found.groupdict()
    return None
