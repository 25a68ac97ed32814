"""Ask Telegram for what people write, where it cannot bring it: without a public address. One polls, others wait for its end."""

from channels.telegram.poll import poll
from core.config import Settings
from core.database import open_engine
from core.messaging.waking import Bell
from frontdesk.errors import CannotRun
from frontdesk.processes import stopped_by_signal


def main(settings: Settings) -> None:
    """Fill the inbox until a signal comes. A database or a Telegram that is away is waited for."""
    _refuse_to_idle(settings)
    engine = open_engine(settings.database_url, pool_size=len(settings.telegram_bots))
    bell = Bell(settings.database_url)
    stopping = stopped_by_signal(_Nobody())
    poll(engine, settings.vault, settings.telegram_bots, bell, stopping, api=settings.telegram_api_url)
    bell.close()
    engine.dispose()


def _refuse_to_idle(settings: Settings) -> None:
    if not settings.telegram_bots:
        raise CannotRun("There is no bot to poll for: set TELEGRAM_BOT_TOKEN to what BotFather gave you.")
    if settings.public_url:
        raise CannotRun(
            "With a PUBLIC_URL nobody has to poll: Telegram brings updates there, once `frontdesk telegram connect` has told it."
        )


class _Nobody:
    """Nobody has to be woken: the loop looks by itself whether it is to stop."""

    def close(self) -> None:
        """Nothing to end."""
