"""Whether this process can serve: asked by load balancers and by `make run`."""

from flask import Blueprint

from webhooks.webchat import web_chat

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> tuple[str, int, dict[str, str]]:
    """200 while the database answers, else 503."""
    ready = web_chat().ready()
    return ("ok" if ready else "database unavailable", 200 if ready else 503, {"Content-Type": "text/plain"})
