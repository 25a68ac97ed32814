"""Settings: read once when a process starts, checked as a whole, and passed along."""

import base64
import binascii
import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.keyring import Keyring

if TYPE_CHECKING:
    from core.crypto import Vault

ENV_FILE = Path(".env")
VAR_DIR = Path("var")
KEY_BYTES = 32


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


def _key(name: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"the key of {name!r} is not {KEY_BYTES} bytes in base64")
    return key


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
    var_dir: Path = VAR_DIR


class Settings(_Sources):
    """What differs between one place where Frontdesk runs and another. `.env.example` explains each name."""

    database_url: DatabaseUrl = ""  # empty: the embedded server under var_dir
    master_keys: Keys
    lookup_keys: Keys
    var_dir: Path = VAR_DIR
    http_host: str = "127.0.0.1"
    http_port: Port = 8080
    workers: Annotated[int, Field(ge=1, le=64), _must_be("a number between 1 and 64")] = 1
    log_level: Level = "info"
    public_url: Origin = ""
    trusted_proxies: Annotated[int, Field(ge=0, le=10), _must_be("a number between 0 and 10")] = 0

    @property
    def vault(self) -> "Vault":
        """The clinic's keys, ready for use."""
        from core.crypto import Vault

        return Vault(self.master_keys, self.lookup_keys)


def load_settings(env_file: Path = ENV_FILE) -> Settings:
    """The settings of this process, or SettingsError with everything that is wrong with them."""
    try:
        place = _Place(_env_file=env_file)
        files, problems = _key_files(place)
        settings = Settings(_env_file=[*files, env_file])
    except ValidationError as invalid:
        # Without a DATABASE_URL keys are missing only where they could not be made, and that has been said.
        problems += [_in_words(error) for error in invalid.errors() if place.database_url or error["type"] != "missing"]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{getattr(error, 'filename', env_file)} cannot be read as text in UTF-8.") from None
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def as_environment(settings: Settings) -> dict[str, str]:
    """What a child process needs in its environment to come to the same settings."""
    values = {name.upper(): getattr(settings, name) for name in Settings.model_fields}
    return {name: format_keyring(value) if isinstance(value, Keyring) else str(value) for name, value in values.items()}


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
    about = Settings.model_fields[field]
    name, wanted = field.upper(), about.description or "something else"
    if error["type"] == "missing":
        return f"{name} is missing: with a DATABASE_URL it must be {wanted}"
    if not about.repr:
        reason = error.get("ctx", {}).get("error", "not understood")
        return f"{name} cannot be used ({reason}): it must be {wanted}"
    return f'{name} is "{error["input"]}": it must be {wanted}'
