"""Puts the web process together."""

import time
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Response, get_template_attribute, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable
from werkzeug.middleware.proxy_fix import ProxyFix

from channels.webchat import WebChat, connect
from core import logs
from core.config import Settings
from core.database import UNAVAILABLE
from webhooks import health, webchat
from webhooks.limits import Clock, Limits, Rate, household, too_many
from webhooks.security import protect

FLOOD = Rate(1000, 20)  # requests of any kind from one address: some two hundred open pages and their files
REST = 5  # seconds for which we ask a flood to stay away

log = logs.get("webhooks")


class Web(Flask):
    """Flask, but for what it writes about failures."""

    def log_exception(self, exc_info: Any) -> None:
        """Flask would write the exception's message, which may quote a patient."""
        log.error("request_failed", method=request.method, path=request.path, exc_info=exc_info)


def create_app(settings: Settings, chat: WebChat | None = None, clock: Clock = time.monotonic) -> Flask:
    """The web process as a WSGI application. Limits count by `clock`."""
    app = Web(__name__)
    limits = Limits(clock)
    app.config["PREFERRED_URL_SCHEME"] = "https" if settings.public_url.startswith("https:") else "http"
    protect(app, settings)
    webchat.mount(app, chat or connect(settings), limits, settings.embed_origins)
    app.register_blueprint(health.blueprint)
    app.register_error_handler(HTTPException, _explain)
    for error in UNAVAILABLE:
        app.register_error_handler(error, _wait_for_database)
    app.wsgi_app = Door(app, limits)  # type: ignore[method-assign]
    if hops := settings.trusted_proxies:  # otherwise anybody could choose the address that the limits count by
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


class Door:
    """Turns away an address that asks for more than any waiting room does, before anything is spent on it."""

    def __init__(self, app: Flask, limits: Limits) -> None:
        self._inside = app.wsgi_app
        self._limits = limits
        self._refusals = {kind: _refusal(app, kind) for kind in ("application/json", "text/html")}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let the request in, or answer it here."""
        if not self._limits.take([(household(environ.get("REMOTE_ADDR", "")), FLOOD)]):
            return self._inside(environ, start_response)
        kind = "text/html" if "text/html" in environ.get("HTTP_ACCEPT", "") else "application/json"
        return self._refusals[kind](environ, start_response)


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
