"""What granian loads in the process that serves."""

from core import logs
from core.config import handed_over
from frontdesk import lifeline
from frontdesk.front import Front
from frontdesk.memory import give_back
from webhooks.app import THREADS, create_app


def create() -> Front:
    """The web application, in a process that ends with its parent."""
    lifeline.follow()
    settings = handed_over()
    logs.set_up("web", settings.log_level)
    front = Front(create_app(settings), THREADS, peers_are_people=not settings.trusted_proxies)
    give_back()
    return front
