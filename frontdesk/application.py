"""What granian loads in the process that serves."""

from flask import Flask

from core import logs
from core.config import load_settings
from frontdesk import lifeline
from webhooks.app import create_app


def create() -> Flask:
    """The web application, in a process that ends with its parent."""
    lifeline.follow()
    settings = load_settings()
    logs.set_up("web", settings.log_level)
    return create_app(settings)
