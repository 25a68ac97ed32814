"""The web process: checks its settings, then makes room for the server."""

import os
import sys

from core import logs
from core.config import Settings, as_environment
from frontdesk import lifeline
from frontdesk.ports import wait_for_port

_log = logs.get(__name__)


def main(settings: Settings) -> None:
    """Answer HTTP until told to stop."""
    wait_for_port(settings, patience=3)  # one that died before us may be on its way out
    if settings.public_url.startswith("https:") and not settings.trusted_proxies:
        _log.warning("no_proxy_trusted", reason="PUBLIC_URL is https and TRUSTED_PROXIES is 0")
    serve("frontdesk.application:create", settings)


def serve(factory: str, settings: Settings) -> None:
    """Become the server of the application that `module:function` makes, without what checking settings has loaded."""
    environment = {**os.environ, **lifeline.handed_on(), **as_environment(settings)}
    os.execve(sys.executable, [sys.executable, "-m", "frontdesk.serving", factory], environment)  # noqa: S606 - no shell
