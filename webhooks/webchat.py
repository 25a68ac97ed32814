"""The web chat over HTTP: a page, and a few small posts."""

import hashlib
import re
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, TypeVar, cast

import msgspec
from flask import Blueprint, Flask, Response, abort, after_this_request, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue
from msgspec import Meta

from channels.webchat import Log, WebChat, Written
from webhooks.limits import Limits, Rate, household, too_many

LONGEST_TEXT = 4096
LONGEST_LABEL = 300
PATIENCE = 0.25  # seconds that a post waits for its reply
REMEMBERED_FOR = 30 * 24 * 3600  # seconds: as long as the texts themselves are kept
EMBED_KEPT_FOR = 600  # seconds: every page of the clinic's website asks for it
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

blueprint = Blueprint("webchat", __name__, url_prefix="/chat")


def mount(app: Flask, chat: WebChat, limits: Limits, embed_origins: tuple[str, ...] = ()) -> None:
    """Serve `chat` under /chat, within `limits`; in a frame, on these websites."""
    app.extensions.update(webchat=chat, limits=limits, embed_origins=embed_origins)
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
        # In a frame on another site only a partitioned cookie is kept: one chat for each website that shows it.
        foreign: Any = {"samesite": "None", "partitioned": True} if _may_be_framed() else {"samesite": "Strict"}
        response.set_cookie(_cookie_name(), visitor, REMEMBERED_FOR, secure=_is_https(), httponly=True, **foreign)
        return response


def _may_be_framed() -> bool:
    """Whether other sites may show the chat in a frame; without https only those of our own host can."""
    return bool(current_app.extensions["embed_origins"]) and _is_https()


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

View = Callable[[], ResponseReturnValue]


def limited(what: str, *, address: tuple[Rate, ...], visitor: tuple[Rate, ...] = ()) -> Callable[[View], View]:
    """Refuse what goes beyond the rates of an address, or of a visitor; whoever has no cookie counts as their address.

    The address comes first: cookies can be made up without end, and those of a refused address are not even remembered.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def within_limits() -> ResponseReturnValue:
            home = household(request.remote_addr or "")
            allowances = [(f"{what} from {home}", rate) for rate in address]
            allowances += [(f"{what} of {_visitor() or home}", rate) for rate in visitor]
            if wait := _limits().take(allowances):
                raise too_many(wait)
            return view()

        return within_limits

    return decorate


def _limits() -> Limits:
    return cast(Limits, current_app.extensions["limits"])


# Many patients may share an address (a waiting room, a phone company); nobody types faster than a visitor may.
messages_limited = limited(
    "messages", address=(Rate(60, 10), Rate(1000, 3600)), visitor=(Rate(20, 10), Rate(200, 3600))
)
polls_limited = limited("polls", address=(Rate(1200, 60),), visitor=(Rate(60, 10),))
beginnings_limited = limited("beginnings", address=(Rate(30, 60), Rate(300, 3600)))
pages_limited = limited("pages", address=(Rate(240, 60),))


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
    label: str | None = None

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
@pages_limited
def page() -> ResponseReturnValue:
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
@messages_limited
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
@beginnings_limited
def begin() -> ResponseReturnValue:
    """Leave the chat behind and start another: as a patient of the demo clinic, or as nobody known."""
    persona = request.form.get("persona") or None
    if persona is not None and persona not in {known.key for known in web_chat().personas()}:
        abort(400)
    _remember(web_chat().begin(persona))
    return redirect("/chat", 303)


@blueprint.get("/embed.js")
@pages_limited
def embed() -> ResponseReturnValue:
    """The script that puts the chat on a clinic's own website."""
    origins = current_app.extensions["embed_origins"]
    if not origins:
        abort(404)
    response = current_app.make_response(render_template("embed.js", origins=origins, clinic=web_chat().clinic()))
    response.mimetype = "text/javascript"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Cache-Control"] = f"public, max-age={EMBED_KEPT_FOR}"
    return response


# What the page's script asks


@blueprint.post("/messages")
@messages_limited
def messages() -> ResponseReturnValue:
    """Store a message, once; answer with what is new, the reply too if it is quick."""
    said = _from_json(Said)
    if said.is_too_long:
        abort(413)
    visitor, log = _receive(said)
    return _news(visitor, log)


@blueprint.post("/poll")
@polls_limited
def poll() -> ResponseReturnValue:
    """What is new after what the page shows; that has been seen now."""
    shown = _from_json(Shown)
    visitor = _visitor_of(shown.chat)
    return _news(visitor, web_chat().poll(visitor, shown.after))


def _receive(said: Said) -> tuple[str, Log]:
    visitor = _visitor_of(said.chat)
    # The words of a button are ours, however long a clinic's names make them: what was tapped counts, and is shown as far as it fits.
    label = said.label and said.label[:LONGEST_LABEL]
    written = Written(said.text, said.choice, label)
    return visitor, web_chat().take(visitor, said.id, written, seen=said.after, patience=PATIENCE)


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
