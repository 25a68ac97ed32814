"""The web chat over HTTP: a page, and a few small posts."""

import hashlib
import re
import secrets
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Annotated, Any, TypeVar, cast

import msgspec
from flask import Blueprint, Flask, Response, abort, after_this_request, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from msgspec import Meta

from channels.webchat import Log, WebChat

LONGEST_TEXT = 4096
PATIENCE = 0.25  # seconds that a post waits for its reply
REMEMBERED_FOR = 30 * 24 * 3600  # seconds: as long as the texts themselves are kept
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

blueprint = Blueprint("webchat", __name__, url_prefix="/chat")


def mount(app: Flask, chat: WebChat) -> None:
    """Serve `chat` under /chat."""
    app.extensions["webchat"] = chat
    limiter.init_app(app)
    app.register_blueprint(blueprint)


def web_chat() -> WebChat:
    """The one object that the web process talks to."""
    return cast(WebChat, current_app.extensions["webchat"])


# Whose chat it is


def _visitor() -> str:
    """The token that the browser brought, or nothing."""
    token = request.cookies.get(_cookie_name(), "")
    return token if re.fullmatch(r"[A-Za-z0-9_-]{43,64}", token) else ""  # 256 bits, in base64 or hexadecimal


def _remember(visitor: str) -> None:
    """Give the browser this token with the coming response."""

    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(
            _cookie_name(), visitor, REMEMBERED_FOR, secure=_is_https(), httponly=True, samesite="Strict"
        )
        return response


def _cookie_name() -> str:
    return "__Host-chat" if _is_https() else "chat"


def _is_https() -> bool:
    return request.is_secure or current_app.config["PREFERRED_URL_SCHEME"] == "https"


def _chat_id(visitor: str) -> str:
    """Tells chats apart without giving the token away, so that a page can say which chat it shows."""
    return hashlib.sha256(visitor.encode()).hexdigest()[:16] if visitor else ""


def _visitor_of(shown: str) -> str:
    """The visitor of this browser, who may be new, or 409 when the page shows another's chat.

    A page that has shown nobody's chat yet fits everybody: a link from another site arrives without the cookie.
    """
    visitor = _visitor()
    if shown not in ("", _chat_id(visitor)):
        abort(409)
    if not visitor:
        visitor = web_chat().begin(None)
        _remember(visitor)
    return visitor


# How much


def _address() -> str:
    """Where a request comes from; of IPv6 the network, as one household owns all of its addresses."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:  # a proxy's own notation
        return request.remote_addr or "unknown"
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(IPv6Network((address, 64), strict=False))
    return str(address)


def _visitor_or_address() -> str:
    return _visitor() or _address()


# Many patients may share an address (a waiting room, a phone company); nobody types faster than the first numbers.
limiter = Limiter(_address, storage_uri="memory://", headers_enabled=True)
messages_of_visitor = limiter.shared_limit("20 per 10 seconds; 200 per hour", "messages", key_func=_visitor_or_address)
messages_of_address = limiter.shared_limit("60 per 10 seconds; 1000 per hour", "messages")
polls_of_visitor = limiter.limit("60 per 10 seconds", key_func=_visitor_or_address)
polls_of_address = limiter.limit("1200 per minute")
beginnings = limiter.limit("30 per minute; 300 per hour")
pages = limiter.limit("240 per minute")


# What a page may say


class Shown(msgspec.Struct, forbid_unknown_fields=True):
    """What the page shows already: whose chat, and up to where."""

    chat: Annotated[str, Meta(pattern=r"^([0-9a-f]{16})?\Z")] = ""
    after: Annotated[int, Meta(ge=0, lt=2**53)] = 0


class Said(Shown, forbid_unknown_fields=True, kw_only=True):
    """A message of the patient: typed, or one of the buttons."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z")]
    text: Annotated[str, Meta(min_length=1)] | None = None
    choice: Annotated[str, Meta(pattern=r"^[!-~]{1,128}\Z")] | None = None
    label: Annotated[str, Meta(max_length=300)] | None = None

    def __post_init__(self) -> None:
        if (self.text is None) == (self.choice is None):
            raise ValueError("a text or a choice")

    @property
    def is_too_long(self) -> bool:
        return len(self.text or "") > LONGEST_TEXT


Body = TypeVar("Body", bound=Shown)


def _from_json(kind: type[Body]) -> Body:
    if request.mimetype != "application/json":
        abort(415)
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        abort(400)


def _from_form() -> Said:
    """The page's form as it is sent without JavaScript; a button's value is its token, a space and its label."""
    form = request.form.to_dict()
    choice, _, label = form.pop("choice", "").partition(" ")
    text = form.pop("example", "") or form.pop("text", "").replace("\r\n", "\n")
    said = {"choice": choice, "label": label} if choice else {"text": text}
    try:
        return msgspec.convert(form | said, Said, strict=False)
    except msgspec.ValidationError:
        abort(400)


# The page


@blueprint.get("")
@pages
def page() -> str:
    """The whole chat so far. Changes nothing, not even what counts as seen."""
    return _page()


def _page(draft: str = "", notice: int | None = None) -> str:
    visitor = _visitor()
    log = web_chat().log(visitor, 0, settle=False) if visitor else Log((), 0, waiting=False)
    return render_template(
        "chat.html",
        clinic=web_chat().clinic(),
        personas=web_chat().personas(),
        log=log,
        chat=_chat_id(visitor),
        message_id=secrets.token_urlsafe(16),
        longest=LONGEST_TEXT,
        draft=draft,
        notice=notice,
    )


@blueprint.post("")
@messages_of_visitor
@messages_of_address
def submit() -> ResponseReturnValue:
    """A message from the page without JavaScript."""
    if request.mimetype not in FORMS:
        abort(415)
    said = _from_form()
    if said.is_too_long:
        return _page(said.text or "", notice=413), 413
    _receive(said)
    return redirect("/chat#end", 303)


@blueprint.post("/begin")
@beginnings
def begin() -> ResponseReturnValue:
    """Leave the chat behind and start another: as a patient of the demo clinic, or as nobody known."""
    persona = request.form.get("persona") or None
    if persona is not None and persona not in {known.key for known in web_chat().personas()}:
        abort(400)
    _remember(web_chat().begin(persona))
    return redirect("/chat", 303)


# What the page's script asks


@blueprint.post("/messages")
@messages_of_visitor
@messages_of_address
def messages() -> ResponseReturnValue:
    """Store a message, once; answer with what is new, the reply too if it is quick."""
    said = _from_json(Said)
    if said.is_too_long:
        abort(413)
    visitor, log = _receive(said)
    return _news(visitor, log)


@blueprint.post("/poll")
@polls_of_visitor
@polls_of_address
def poll() -> ResponseReturnValue:
    """What is new after what the page shows; that has been seen now."""
    shown = _from_json(Shown)
    visitor = _visitor_of(shown.chat)
    return _news(visitor, web_chat().log(visitor, shown.after, settle=True))


def _receive(said: Said) -> tuple[str, Log]:
    visitor = _visitor_of(said.chat)
    web_chat().receive(visitor, said.id, text=said.text, choice=said.choice, label=said.label, seen=said.after)
    return visitor, web_chat().wait(visitor, said.after, PATIENCE)


def _news(visitor: str, log: Log) -> dict[str, Any]:
    return {
        "chat": _chat_id(visitor),
        "lines": [
            line._asdict() | {"at": line.at.isoformat(), "buttons": [button._asdict() for button in line.buttons]}
            for line in log.lines
        ],
        "cursor": log.cursor,
        "waiting": log.waiting,
    }
