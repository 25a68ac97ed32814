"""Where settings come from: the environment and files, checked as a whole, with every problem in words."""

import base64
import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.config import (
    KEY_BYTES,
    Settings,
    SettingsError,
    parse_bot_tokens,
    parse_countries,
    parse_database_url,
    parse_keyring,
    parse_numbers,
    parse_origin,
    parse_origins,
    parse_sid,
    parse_webhook_secret,
)
from core.keyring import Keyring


def _must_be(what: str, *, secret: bool = False) -> Any:
    """A field whose wrong value is explained as "NAME is "…": it must be `what`"; secrets are never shown."""
    return Field(description=what, repr=not secret)


_KEYS = f"id:key pairs separated by commas, newest first, each key {KEY_BYTES} random bytes in base64"
Keys = Annotated[Keyring, NoDecode, PlainValidator(parse_keyring), _must_be(_KEYS, secret=True)]
DatabaseUrl = Annotated[
    str,
    AfterValidator(parse_database_url),
    _must_be("an address such as postgresql://user:password@host:5432/name", secret=True),
]
Origin = Annotated[
    str, AfterValidator(parse_origin), _must_be("an address without a path, such as https://chat.example.org")
]
Origins = Annotated[
    tuple[str, ...],
    NoDecode,
    PlainValidator(parse_origins),
    _must_be("addresses without a path, separated by commas, such as https://www.example.org"),
]
BotTokens = Annotated[
    tuple[str, ...],
    NoDecode,
    PlainValidator(parse_bot_tokens),
    _must_be("what BotFather gave you, such as 123456:AbC-dEf, of several bots separated by commas", secret=True),
]
WebhookSecret = Annotated[
    str,
    AfterValidator(parse_webhook_secret),
    _must_be("16 to 256 of the characters A-Z a-z 0-9 _ -", secret=True),
]
Numbers = Annotated[
    tuple[str, ...],
    NoDecode,
    PlainValidator(parse_numbers),
    _must_be("numbers in international form such as +12075550100, separated by commas"),
]
Countries = Annotated[
    tuple[str, ...],
    NoDecode,
    PlainValidator(parse_countries),
    _must_be("countries such as US,CA"),
]
AccountSid = Annotated[
    str,
    AfterValidator(partial(parse_sid, "AC")),
    _must_be("what Twilio's console shows, AC and 32 digits", secret=True),
]
ServiceSid = Annotated[
    str, AfterValidator(partial(parse_sid, "MG")), _must_be("what Twilio's console shows, MG and 32 digits")
]
MetricsToken = Annotated[
    str, Field(min_length=16, pattern="^[!-~]*$"), _must_be("16 or more letters and digits", secret=True)
]
Secret = Annotated[str, _must_be("what Twilio's console shows", secret=True)]
Amount = Annotated[Decimal, Field(ge=0, allow_inf_nan=False), _must_be("an amount of money such as 12.50")]
Count = Annotated[int, Field(ge=0), _must_be("a number, 0 or more")]
Port = Annotated[int, Field(ge=1, le=65535), _must_be("a number between 1 and 65535")]
Level = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(str.lower),
    _must_be("one of debug, info, warning, error"),
]


class _Sources(BaseSettings):
    """Where settings come from: the environment, then files; an empty value is none, unknown names are ignored."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True, validate_default=False
    )


class _Place(_Sources):
    """What must be known before the keys can be found, unchecked."""

    database_url: str = ""
    var_dir: Path = Settings.var_dir


class _Given(_Sources):
    """Settings as they may be written."""

    database_url: DatabaseUrl = Settings.database_url
    master_keys: Keys
    lookup_keys: Keys
    var_dir: Path = Settings.var_dir
    http_host: str = Settings.http_host
    http_port: Port = Settings.http_port
    workers: Annotated[int, Field(ge=1, le=64), _must_be("a number between 1 and 64")] = Settings.workers
    log_level: Level = "info"
    demo: Annotated[bool, _must_be("true or false")] = False
    public_url: Origin = Settings.public_url
    embed_origins: Origins = Settings.embed_origins
    trusted_proxies: Annotated[int, Field(ge=0, le=10), _must_be("a number between 0 and 10")] = (
        Settings.trusted_proxies
    )
    metrics_token: MetricsToken = Settings.metrics_token
    telegram_bot_token: BotTokens = Settings.telegram_bot_token
    telegram_webhook_secret: WebhookSecret = Settings.telegram_webhook_secret
    telegram_api_url: Origin = Settings.telegram_api_url
    twilio_account_sid: AccountSid = Settings.twilio_account_sid
    twilio_auth_token: Secret = Settings.twilio_auth_token
    twilio_number: Numbers = Settings.twilio_number
    twilio_whatsapp_number: Numbers = Settings.twilio_whatsapp_number
    twilio_messaging_service_sid: ServiceSid = Settings.twilio_messaging_service_sid
    twilio_webhook_key: Secret = Settings.twilio_webhook_key
    twilio_countries: Countries = Settings.twilio_countries
    twilio_segment_price: Amount = Settings.twilio_segment_price
    twilio_daily_budget: Amount = Settings.twilio_daily_budget
    twilio_daily_conversations: Count = Settings.twilio_daily_conversations
    twilio_reconcile: Annotated[bool, _must_be("true or false")] = Settings.twilio_reconcile
    twilio_api_url: Origin = Settings.twilio_api_url


def read(env_file: Path) -> Settings:
    """The settings of this process, or SettingsError with everything that is wrong with them."""
    try:
        place = _Place(_env_file=env_file)
        files, problems = _key_files(place)
        given = _Given(_env_file=[*files, env_file])
        problems += _at_odds(given)
    except ValidationError as invalid:
        # Without a DATABASE_URL keys are missing only where they could not be made, and that has been said.
        problems += [_in_words(error) for error in invalid.errors() if place.database_url or error["type"] != "missing"]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{getattr(error, 'filename', env_file)} cannot be read as text in UTF-8.") from None
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**{name: getattr(given, name) for name in _Given.model_fields})


def _at_odds(given: _Given) -> Iterator[str]:
    """What is right by itself and wrong together."""
    if given.public_url and given.telegram_bot_token and not given.telegram_webhook_secret:
        yield "TELEGRAM_WEBHOOK_SECRET is missing: with a PUBLIC_URL Telegram delivers there, and only it may"
    yield from _at_odds_about_twilio(given)


def _at_odds_about_twilio(given: _Given) -> Iterator[str]:
    """Twilio brings messages to a public address alone, and answers need all of it."""
    needed = {
        "PUBLIC_URL": given.public_url,
        "TWILIO_AUTH_TOKEN": given.twilio_auth_token,
        "TWILIO_NUMBER or TWILIO_WHATSAPP_NUMBER": given.twilio_number or given.twilio_whatsapp_number,
    }
    if given.twilio_account_sid:
        yield from (f"{name} is missing: TWILIO_ACCOUNT_SID asks for it" for name, value in needed.items() if not value)
    elif given.twilio_number or given.twilio_whatsapp_number:
        yield "TWILIO_ACCOUNT_SID is missing: a number of Twilio's asks for it"


def _key_files(place: _Place) -> tuple[list[Path], list[str]]:
    """The laptop's file of keys, where it is the one that counts; or what is wrong with its folder."""
    if place.database_url:
        return [], []
    try:
        return [_keys_file(place.var_dir)], []
    except OSError as error:
        return [], [f'VAR_DIR is "{place.var_dir}": it must be a folder that can be written ({error.strerror})']


def _keys_file(var_dir: Path) -> Path:
    """The keys of a laptop, made once. With a database elsewhere they must be given: a new machine's would not open it."""
    path = var_dir / "keys.env"
    if not path.exists():
        var_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=var_dir) as draft:  # readable by its owner only
            draft.write("# Without these keys nobody can read the database: back them up with it.\n")
            draft.writelines(f"{name}=k1:{_new_key()}\n" for name in ("MASTER_KEYS", "LOOKUP_KEYS"))
            draft.flush()
            os.fsync(draft.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first: its keys count
                path.hardlink_to(draft.name)
    return path


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _in_words(error: Mapping[str, Any]) -> str:
    field = str(error["loc"][0])
    about = _Given.model_fields[field]
    name, wanted = field.upper(), about.description or "something else"
    if error["type"] == "missing":
        return f"{name} is missing: with a DATABASE_URL it must be {wanted}"
    if not about.repr:
        reason = error.get("ctx", {}).get("error", "not understood")
        return f"{name} cannot be used ({reason}): it must be {wanted}"
    return f'{name} is "{error["input"]}": it must be {wanted}'
