"""The port of the web process: whether it is free, and whether somebody answers there."""

import errno
import http.client
import socket
import time

from core.config import Settings
from frontdesk.errors import CannotRun


def wait_for_port(settings: Settings, *, patience: float) -> None:
    """Return when the web process can listen; CannotRun when it still cannot after `patience` seconds.

    Granian shares its port with whoever else is willing to share, so it would not notice.
    """
    deadline = time.monotonic() + patience
    while error := _binding_error(settings):
        if error.errno != errno.EADDRINUSE:
            raise CannotRun(
                f"{settings.http_host}:{settings.http_port} cannot be listened on ({error.strerror}): "
                "change HTTP_HOST or HTTP_PORT."
            )
        if time.monotonic() > deadline:
            raise CannotRun(
                f"Port {settings.http_port} is in use by another program: stop that, or choose another port, "
                f"for example HTTP_PORT={settings.http_port % 65535 + 1}."
            )
        time.sleep(0.2)


def is_healthy(host: str, port: int) -> bool:
    """Whether a web process answers there, with its database."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _binding_error(settings: Settings) -> OSError | None:
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    try:
        socket.create_server((settings.http_host, settings.http_port), family=family).close()
    except OSError as error:
        return error
    return None
