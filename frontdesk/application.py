"""What granian loads in the process that serves."""

from flask import Flask

from frontdesk import lifeline
from webhooks.app import create_app


def create() -> Flask:
    """The web application, in a process that ends with its parent."""
    lifeline.follow()
    return create_app()
