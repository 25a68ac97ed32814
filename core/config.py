"""Settings: read once when a process starts, checked as a whole, and passed along as plain values."""

import base64
import binascii
import dataclasses
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.keyring import Keyring

if TYPE_CHECKING:
    from core.crypto import Vault

ENV_FILE = Path(".env")
VAR_DIR = Path("var")
KEY_BYTES = 32
NO_KEYS = Keyring("", MappingProxyType({}))


class SettingsError(Exception):
    """What is wrong with the settings, one problem a line."""


def parse_keyring(text: str) -> Keyring:
    """`id:base64[,id:base64…]`, newest first."""
    pairs = [pair.strip().partition(":") for pair in text.split(",")]
    keys = {name: _key(name, encoded) for name, _, encoded in pairs}
    if len(keys) != len(pairs):
        raise ValueError("each id must be another one")
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,32}", name) for name in keys):
        raise ValueError("an id has 1 to 32 letters, digits, - or _")
    return Keyring(next(iter(keys)), MappingProxyType(keys))


def format_keyring(keyring: Keyring) -> str:
    """What `parse_keyring` reads: for the environment of a child process."""
    newest_first = sorted(keyring.keys, key=lambda name: name != keyring.current)
    return ",".join(f"{name}:{base64.b64encode(keyring.keys[name]).decode()}" for name in newest_first)


def parse_database_url(text: str) -> str:
    """Any spelling of a PostgreSQL address as a plain one: hosters write postgres://, SQLAlchemy adds its driver."""
    scheme, separator, rest = text.partition("://")
    if scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not separator or not urlsplit(text).path[1:]:
        raise ValueError("not a PostgreSQL address")
    return f"postgresql://{rest}"


def parse_origin(text: str) -> str:
    """Scheme, host and port, and nothing else."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("not an origin")
    return f"{parts.scheme}://{parts.netloc}"


def parse_origins(text: str) -> tuple[str, ...]:
    """Origins separated by commas or spaces, each once. Browsers name an origin in small letters, without its usual port."""
    return tuple(dict.fromkeys(_as_browsers_say(part) for part in text.replace(",", " ").split()))


def _as_browsers_say(text: str) -> str:
    parts = urlsplit(parse_origin(text))
    if not re.fullmatch(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]", host := parts.netloc.lower().removesuffix(f":{parts.port}")):
        raise ValueError("not an origin")  # no stars, no names of users, nothing that could end a header's directive
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" if parts.port in (None, usual) else f"{parts.scheme}://{host}:{parts.port}"


def parse_bot_tokens(text: str) -> tuple[str, ...]:
    """Tokens of Telegram bots as BotFather gives them, separated by commas or spaces, each bot once."""
    tokens = tuple(text.replace(",", " ").split())
    if not all(re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]{8,128}", token) for token in tokens):
        raise ValueError("not a token")
    if len({token.partition(":")[0] for token in tokens}) != len(tokens):
        raise ValueError("each bot must be another one")
    return tokens


def parse_webhook_secret(text: str) -> str:
    """What Telegram takes as a secret, and nobody guesses."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", text):
        raise ValueError("not such a secret")
    return text


def parse_numbers(text: str) -> tuple[str, ...]:
    """Telephone numbers in international form, or short codes, separated by commas or spaces, each once."""
    numbers = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if not all(re.fullmatch(r"\+[1-9][0-9]{5,14}|[1-9][0-9]{4,5}", number) for number in numbers):
        raise ValueError("not in international form")
    return numbers


def parse_countries(text: str) -> tuple[str, ...]:
    """Countries by their ISO 3166 codes of two letters, separated by commas or spaces."""
    countries = tuple(dict.fromkeys(text.upper().replace(",", " ").split()))
    if not all(re.fullmatch(r"[A-Z]{2}", country) for country in countries):
        raise ValueError("not such codes")
    return countries


def parse_sid(kind: str, text: str) -> str:
    """What Twilio calls one of its things: two letters and 32 hexadecimal digits."""
    if not re.fullmatch(rf"{kind}[0-9a-f]{{32}}", text):
        raise ValueError("not such an id")
    return text


def _key(name: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"the key of {name!r} is not {KEY_BYTES} bytes in base64")
    return key


@dataclass(frozen=True)
class Settings:
    """What differs between one place where Frontdesk runs and another. `.env.example` explains each name."""

    database_url: str = field(default="", repr=False)  # empty: the embedded server under var_dir
    master_keys: Keyring = field(default=NO_KEYS, repr=False)
    lookup_keys: Keyring = field(default=NO_KEYS, repr=False)
    var_dir: Path = VAR_DIR
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    workers: int = 1
    log_level: str = "info"
    demo: bool = False
    public_url: str = ""
    embed_origins: tuple[str, ...] = ()
    trusted_proxies: int = 0
    metrics_token: str = field(default="", repr=False)
    telegram_bot_token: tuple[str, ...] = field(default=(), repr=False)
    telegram_webhook_secret: str = field(default="", repr=False)
    telegram_api_url: str = "https://api.telegram.org"
    twilio_account_sid: str = ""
    twilio_auth_token: str = field(default="", repr=False)
    twilio_number: tuple[str, ...] = ()
    twilio_whatsapp_number: tuple[str, ...] = ()
    twilio_messaging_service_sid: str = ""
    twilio_webhook_key: str = field(default="", repr=False)
    twilio_countries: tuple[str, ...] = ()
    twilio_segment_price: Decimal = Decimal("0.0125")
    twilio_daily_budget: Decimal = Decimal(50)
    twilio_daily_conversations: int = 250
    twilio_reconcile: bool = True
    twilio_api_url: str = ""

    @property
    def telegram_bots(self) -> dict[str, str]:
        """The token of each of our bots by its account: the number that Telegram gave it, which stays when a token is renewed."""
        return {token.partition(":")[0]: token for token in self.telegram_bot_token}

    @property
    def polls_telegram(self) -> bool:
        """Whether updates are fetched: without a public address Telegram cannot bring them."""
        return bool(self.telegram_bot_token) and not self.public_url

    def sms_countries(self, region: str) -> tuple[str, ...]:
        """The countries to which texts of a clinic in `region` may go."""
        return self.twilio_countries or (region,)

    def texts_to(self, region: str) -> tuple[str, ...]:
        """Those to which they do go: none where there is no number to write from."""
        return self.sms_countries(region) if self.twilio_number else ()

    @property
    def vault(self) -> "Vault":
        """The clinic's keys, ready for use."""
        from core.crypto import Vault

        return Vault(self.master_keys, self.lookup_keys)


def load_settings(env_file: Path = ENV_FILE) -> Settings:
    """The settings of this process, or SettingsError with everything that is wrong with them."""
    from core.given import read  # what checks them takes 9 MB, which the web process does without

    return read(env_file)


def as_environment(settings: Settings) -> dict[str, str]:
    """What a child process needs in its environment to come to the same settings."""
    values = {name.upper(): getattr(settings, name) for name in (known.name for known in dataclasses.fields(Settings))}
    return {name: _as_text(value) for name, value in values.items()}


def _as_text(value: object) -> str:
    if isinstance(value, Keyring):
        return format_keyring(value)
    return ",".join(value) if isinstance(value, tuple) else str(value)


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "master_keys": parse_keyring,
    "lookup_keys": parse_keyring,
    "var_dir": Path,
    "http_port": int,
    "workers": int,
    "demo": lambda text: text == "True",
    "embed_origins": parse_origins,
    "trusted_proxies": int,
    "telegram_bot_token": parse_bot_tokens,
    "twilio_number": parse_numbers,
    "twilio_whatsapp_number": parse_numbers,
    "twilio_countries": parse_countries,
    "twilio_segment_price": Decimal,
    "twilio_daily_budget": Decimal,
    "twilio_daily_conversations": int,
    "twilio_reconcile": lambda text: text == "True",
}


def handed_over() -> Settings:
    """What the process that started this one has checked and put `as_environment`."""
    values = {known.name: os.environ[known.name.upper()] for known in dataclasses.fields(Settings)}
    return Settings(**{name: _FROM_TEXT.get(name, str)(text) for name, text in values.items()})
