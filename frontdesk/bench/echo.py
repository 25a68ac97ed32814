"""The least that the web server can do with a message: give it back. What `frontdesk bench` calls the echo."""

from flask import Flask, request

from core.config import load_settings
from frontdesk import lifeline
from frontdesk.front import Front
from frontdesk.web import serve
from webhooks.app import THREADS


def create() -> Front:
    """One route, in the server that serves the chat."""
    lifeline.follow()
    app = Flask(__name__)

    @app.post("/echo")
    def echo() -> bytes:
        return request.get_data()

    return Front(app, THREADS, peers_are_people=False)


if __name__ == "__main__":
    lifeline.follow()
    serve("frontdesk.bench.echo:create", load_settings())
