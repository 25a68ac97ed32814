"""The web process: granian serves the Flask application."""

import os

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from core import logs
from core.config import Settings, as_environment
from frontdesk import lifeline
from frontdesk.ports import wait_for_port

_log = logs.get(__name__)

THREADS = 8  # a web-chat POST keeps one for up to 250 ms while it waits for its reply


def main(settings: Settings) -> None:
    """Answer HTTP until told to stop."""
    wait_for_port(settings, patience=3)  # one that died before us may be on its way out
    if settings.public_url.startswith("https:") and not settings.trusted_proxies:
        _log.warning("no_proxy_trusted", reason="PUBLIC_URL is https and TRUSTED_PROXIES is 0")
    # Granian serves from a child, which must not outlive us and reads its settings itself.
    os.environ.update({**lifeline.environment(), **as_environment(settings)})
    Granian(
        "frontdesk.application:create",
        factory=True,
        interface=Interfaces.WSGI,
        address=settings.http_host,
        port=settings.http_port,
        workers=1,
        blocking_threads=THREADS,
        workers_kill_timeout=8,
        log_access=False,
        log_level=LogLevels.error,
    ).serve()
