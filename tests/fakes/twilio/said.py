"""The JSON of Twilio's answers: pure functions, after the properties that its own library reads [S]."""

import math
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from tests.fakes.twilio import refusals
from tests.fakes.twilio.state import Content, Json, Media, Message, Sender, Service

API = "https://api.twilio.com"
VERSION = "2010-04-01"
PRICE = 0.0079  # dollars a segment


def rfc2822(moment: float | None) -> str | None:
    return None if moment is None else format_datetime(datetime.fromtimestamp(int(moment), UTC))


def iso8601(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(said: str) -> float | None:
    """The time that a date or an instant names, as in filters; None if it names none."""
    try:
        parsed = datetime.fromisoformat(said)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def message_uri(account: str, sid: str) -> str:
    return f"/{VERSION}/Accounts/{account}/Messages/{sid}"


def message(account: str, stored: Message) -> Json:
    uri = message_uri(account, stored.sid)
    unassigned = stored.service is not None and stored.sender is None
    price = None if stored.sent_at is None else f"{-PRICE * stored.cost:.5f}"
    return {
        "account_sid": account,
        "api_version": VERSION,
        "body": stored.body,
        "date_created": rfc2822(stored.at),
        "date_sent": rfc2822(stored.sent_at),
        "date_updated": rfc2822(stored.updated_at),
        "direction": stored.direction,
        "error_code": stored.error,
        "error_message": None if stored.error is None else refusals.LATER.get(stored.error, "Unknown error"),
        "from": stored.from_,
        "messaging_service_sid": stored.service and stored.service.sid,
        "num_media": str(len(stored.media) + len(stored.media_urls)),
        "num_segments": "0" if unassigned else str(stored.segments),  # [D]
        "price": price,
        "price_unit": "USD",
        "sid": stored.sid,
        "status": stored.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": stored.to,
        "uri": f"{uri}.json",
    }


def media(account: str, stored: Message, file: Media) -> Json:
    return {
        "account_sid": account,
        "content_type": file.content_type,
        "date_created": rfc2822(file.at),
        "date_updated": rfc2822(file.at),
        "parent_sid": stored.sid,
        "sid": file.sid,
        "uri": f"{message_uri(account, stored.sid)}/Media/{file.sid}.json",
    }


def number(account: str, sender: Sender) -> Json:
    uri = f"/{VERSION}/Accounts/{account}/IncomingPhoneNumbers/{sender.sid}.json"
    abilities = {"voice": True, "sms": True, "mms": True, "fax": False}
    own = {"sid": sender.sid, "phone_number": sender.number, "account_sid": account, "uri": uri}
    return {
        **own,
        "api_version": VERSION,
        "beta": False,
        "capabilities": abilities,
        "status": "in-use",
        **sender.settings,
    }


def channel(sender: Sender, webhook: dict[str, str]) -> Json:
    """A WhatsApp sender, with its webhook under the names that this part of the API has for it."""
    return {
        "sid": sender.sid,
        "status": "ONLINE",
        "sender_id": sender.address,
        "friendly_name": sender.settings["friendly_name"],
        "configuration": {"waba_id": "1"},
        "webhook": {name: sender.settings[kept] for name, kept in webhook.items()},
        "profile": {"name": "Clinic"},
        "properties": {"quality_rating": "HIGH", "messaging_limit": "10K Customers/24hr"},
        "offline_reasons": None,
        "compliance": None,
        "url": f"https://messaging.twilio.com/v2/Channels/Senders/{sender.sid}",
    }


def service(account: str, stored: Service) -> Json:
    url = f"https://messaging.twilio.com/v1/Services/{stored.sid}"
    links = {"phone_numbers": f"{url}/PhoneNumbers"}
    return {"sid": stored.sid, "account_sid": account, "url": url, "links": links, **stored.settings}


def service_number(account: str, stored: Service, sender: Sender, country: str) -> Json:
    url = f"https://messaging.twilio.com/v1/Services/{stored.sid}/PhoneNumbers/{sender.sid}"
    dates = {"date_created": sender.settings["date_created"], "date_updated": sender.settings["date_updated"]}
    of_it = {"phone_number": sender.number, "country_code": country, "capabilities": ["SMS", "MMS"]}
    return {"sid": sender.sid, "account_sid": account, "service_sid": stored.sid, "url": url, **of_it, **dates}


def content(account: str, stored: Content) -> Json:
    url = f"https://content.twilio.com/v1/Content/{stored.sid}"
    links = {
        "approval_create": f"{url}/ApprovalRequests/whatsapp",
        "approval_fetch": f"{url}/ApprovalRequests",
    }
    return {
        "sid": stored.sid,
        "account_sid": account,
        "friendly_name": stored.friendly_name,
        "language": stored.language,
        "variables": stored.variables,
        "types": stored.types,
        "date_created": iso8601(stored.at),
        "date_updated": iso8601(stored.at),
        "url": url,
        "links": links,
    }


def approval(stored: Content, now: float) -> Json:
    return {
        "name": stored.name,
        "category": stored.category,
        "content_type": next(iter(stored.types)),
        "status": stored.status(now),
        "rejection_reason": stored.rejection if stored.status(now) == "rejected" else "",
        "allow_category_change": True,
    }


def page(key: str, records: list[Json], path: str, query: str, number: int, size: int) -> Json:
    """A page of the API of 2010: the next is named by its path."""
    part, pages = records[number * size : (number + 1) * size], max(1, math.ceil(len(records) / size))
    return {
        key: part,
        "end": number * size + max(0, len(part) - 1),
        "first_page_uri": _page_of(path, query, 0, size),
        "next_page_uri": _page_of(path, query, number + 1, size) if number + 1 < pages else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": _page_of(path, query, number - 1, size) if number else None,
        "start": number * size,
        "uri": _page_of(path, query, number, size),
    }


def meta_page(key: str, records: list[Json], url: str, number: int, size: int) -> Json:
    """A page of the newer API: the next is named by its whole address."""
    more = (number + 1) * size < len(records)
    meta: dict[str, Any] = {
        "page": number,
        "page_size": size,
        "first_page_url": _page_of(url, "", 0, size),
        "previous_page_url": _page_of(url, "", number - 1, size) if number else None,
        "url": _page_of(url, "", number, size),
        "next_page_url": _page_of(url, "", number + 1, size) if more else None,
        "key": key,
    }
    return {"meta": meta, key: records[number * size : (number + 1) * size]}


def _page_of(path: str, query: str, number: int, size: int) -> str:
    token = f"&PageToken=PA{number:032x}" if number else ""
    return f"{path}?{query}{'&' if query else ''}PageSize={size}&Page={number}{token}"
