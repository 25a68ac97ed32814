"""Puts the web process together."""

from typing import Any

from flask import Flask, Response, get_template_attribute, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable
from werkzeug.middleware.proxy_fix import ProxyFix

from channels.webchat import WebChat, connect
from core import logs
from core.config import Settings, load_settings
from core.database import UNAVAILABLE
from webhooks import health, webchat
from webhooks.security import protect

log = logs.get("webhooks")


class Web(Flask):
    """Flask, but for what it writes about failures."""

    def log_exception(self, exc_info: Any) -> None:
        """Flask would write the exception's message, which may quote a patient."""
        log.error("request_failed", method=request.method, path=request.path, exc_info=exc_info)


def create_app(settings: Settings | None = None, chat: WebChat | None = None) -> Flask:
    """The web process as a WSGI application; without arguments, from the environment."""
    settings = settings or load_settings()
    app = Web(__name__)
    app.config["PREFERRED_URL_SCHEME"] = "https" if settings.public_url.startswith("https:") else "http"
    if hops := settings.trusted_proxies:  # otherwise anybody could choose the address that the limits count by
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    protect(app, settings)
    webchat.mount(app, chat or connect(settings))
    app.register_blueprint(health.blueprint)
    app.register_error_handler(HTTPException, _explain)
    for error in UNAVAILABLE:
        app.register_error_handler(error, _wait_for_database)
    return app


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
