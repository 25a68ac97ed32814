"""Puts the web process together."""

import time
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Response, get_template_attribute, jsonify, render_template, request
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException, ServiceUnavailable
from werkzeug.middleware.proxy_fix import ProxyFix

from channels.webchat import WebChat
from core import logs
from core.config import Settings
from core.database import UNAVAILABLE, open_engine
from core.messaging.waking import Bell, Ear
from webhooks import health, mail, metrics, telegram, twilio, webchat
from webhooks.limits import Clock, Limits, Rate, household, too_many
from webhooks.mail import Mail
from webhooks.security import protect

FLOOD = Rate(1000, 20)  # requests of any kind from one address: some two hundred open pages and their files
REST = 5  # seconds for which we ask a flood to stay away

log = logs.get("webhooks")


class Web(Flask):
    """Flask, but for what it writes about failures."""

    def log_exception(self, exc_info: Any) -> None:
        """Flask would write the exception's message, which may quote a patient."""
        log.error("request_failed", method=request.method, path=request.path, exc_info=exc_info)


THREADS = 8  # of the web process, and its connections; a web-chat POST keeps one for up to 250 ms while it waits for its reply


VENDORS = (telegram, twilio)


def connect(settings: Settings) -> tuple[WebChat, Mail, Engine]:
    """The way to inbox and outbox: a pool for the threads of the web server, a connection to ring by and one to be woken by."""
    url, vault = settings.database_url, settings.vault
    engine, bell = open_engine(url, pool_size=THREADS), Bell(url)
    return WebChat(engine, vault, bell, Ear(url, "outbox")), mail.opened(engine, vault, bell), engine


def create_app(
    settings: Settings,
    chat: WebChat | None = None,
    clock: Clock = time.monotonic,
    vendors: Mail | None = None,
    engine: Engine | None = None,
) -> Flask:
    """The web process as a WSGI application. Limits count by `clock`."""
    app = Web(__name__)
    if chat is None:
        chat, vendors, engine = connect(settings)
    limits = Limits(clock)
    app.config["PREFERRED_URL_SCHEME"] = "https" if settings.public_url.startswith("https:") else "http"
    protect(app, settings)
    webchat.mount(app, chat, limits, settings.embed_origins)
    mounted = (vendor.mount(app, settings, vendors or Mail(), limits) for vendor in VENDORS)
    deliveries: frozenset[str] = frozenset().union(*mounted)
    app.register_blueprint(health.blueprint)
    metrics.mount(app, settings, engine)
    app.register_error_handler(HTTPException, _explain)
    for error in UNAVAILABLE:
        app.register_error_handler(error, _wait_for_database)
    app.wsgi_app = Door(app, limits, deliveries)  # type: ignore[method-assign]
    if hops := settings.trusted_proxies:  # otherwise anybody could choose the address that the limits count by
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


class Door:
    """Turns away an address that asks for more than any waiting room does, before anything is spent on it.

    `deliveries` are paths to which vendors post for all patients at once; there they show who they are, and strangers are counted.
    """

    def __init__(self, app: Flask, limits: Limits, deliveries: frozenset[str]) -> None:
        self._deliveries = deliveries
        self._inside = app.wsgi_app
        self._limits = limits
        self._refusals = {kind: _refusal(app, kind) for kind in ("application/json", "text/html")}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let the request in, or answer it here."""
        home = household(environ.get("REMOTE_ADDR", ""))
        if self._is_delivery(environ) or not self._limits.take([(home, FLOOD)]):
            return self._inside(environ, start_response)
        kind = "text/html" if "text/html" in environ.get("HTTP_ACCEPT", "") else "application/json"
        return self._refusals[kind](environ, start_response)

    def _is_delivery(self, environ: WSGIEnvironment) -> bool:
        is_plain_post = environ["REQUEST_METHOD"] == "POST" and "HTTP_CONTENT_ENCODING" not in environ
        return is_plain_post and environ["PATH_INFO"] in self._deliveries


def _refusal(app: Flask, kind: str) -> Response:
    with app.test_request_context(headers={"Accept": kind}):
        return app.process_response(_explain(too_many(REST)))


def _wait_for_database(error: Exception) -> Response:
    """Nothing was stored: whoever sent it may repeat it soon."""
    log.warning("database_away", path=request.path, error=type(error).__name__)
    return _explain(ServiceUnavailable(retry_after=2))


def _explain(error: HTTPException) -> Response:
    """The error as one kind sentence, never a traceback: JSON for a fetch, a page for a person."""
    sentence = get_template_attribute("sentences.jinja", "sentence")(error.code)
    response = Response(status=error.code, headers=error.get_headers())  # keeps what belongs to it, such as Allow
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        response.data = render_template("error.html", sentence=sentence)
    else:
        response.data = jsonify(error=sentence).data
        response.mimetype = "application/json"
    return response
