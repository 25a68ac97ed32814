"""Settings: what is understood, and what is said about what is not."""

import base64
import stat
from dataclasses import fields
from pathlib import Path

import pytest

from core.config import (
    Settings,
    SettingsError,
    as_environment,
    format_keyring,
    handed_over,
    load_settings,
    parse_bot_tokens,
    parse_database_url,
    parse_keyring,
    parse_origin,
    parse_origins,
    parse_webhook_secret,
)

OLD, NEW = bytes(32), bytes(range(32))
OLD_TEXT, NEW_TEXT = (base64.b64encode(key).decode() for key in (OLD, NEW))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in, with no settings in the environment."""
    for field in fields(Settings):
        monkeypatch.delenv(field.name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complaints() -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load_settings()
    return str(raised.value).splitlines()


def test_the_first_key_is_the_current_one_and_older_ones_stay_known() -> None:
    keyring = parse_keyring(f"2027:{NEW_TEXT}, 2026:{OLD_TEXT}")
    assert keyring.current == "2027"
    assert keyring.keys == {"2027": NEW, "2026": OLD}


def test_a_keyring_survives_the_environment_of_a_child() -> None:
    text = f"b:{NEW_TEXT},a:{OLD_TEXT}"
    assert format_keyring(parse_keyring(text)) == text


@pytest.mark.parametrize(
    "text", ["", "a", "a:", ":" + OLD_TEXT, "a:c2hvcnQ=", "a:***", f"a b:{OLD_TEXT}", f"a:{OLD_TEXT},a:{NEW_TEXT}"]
)
def test_a_keyring_that_is_no_keyring_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"id|key"):
        parse_keyring(text)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_a_database_address_becomes_the_plain_one(scheme: str) -> None:
    assert parse_database_url(f"{scheme}://u:p@host:5/name?sslmode=require") == (
        "postgresql://u:p@host:5/name?sslmode=require"
    )


@pytest.mark.parametrize("text", ["mysql://u@host/name", "host/name", "postgresql://host", "postgresql:/host/name"])
def test_other_databases_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="PostgreSQL"):
        parse_database_url(text)


def test_a_public_address_is_scheme_host_and_port() -> None:
    assert parse_origin("https://chat.example.org:8443/") == "https://chat.example.org:8443"


@pytest.mark.parametrize(
    "text", ["chat.example.org", "ftp://a.org", "https://", "https://a.org/chat", "https://a.org?x"]
)
def test_anything_else_is_no_public_address(text: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        parse_origin(text)


def test_websites_are_origins_as_browsers_say_them_each_once() -> None:
    text = (
        "https://WWW.Example.org/, https://example.org:443 http://127.0.0.1:8000,https://example.org https://[::1]:444"
    )
    assert parse_origins(text) == (
        "https://www.example.org",
        "https://example.org",
        "http://127.0.0.1:8000",
        "https://[::1]:444",
    )
    assert parse_origins("") == ()


@pytest.mark.parametrize(
    "text",
    ["*", "https://*.example.org", "example.org", "https://a.org;script-src", "https://u@a.org", "https://a.org/x"],
)
def test_what_is_no_website_cannot_get_into_a_policy(text: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        parse_origins(f"https://good.example, {text}")


def test_settings_survive_the_environment_of_a_child(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBED_ORIGINS", "https://www.example.org, https://example.org")
    settings = load_settings()
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert settings.embed_origins == ("https://www.example.org", "https://example.org")
    assert load_settings() == handed_over() == settings


def test_nothing_has_to_be_set_on_a_laptop(place: Path) -> None:
    settings = load_settings()
    assert (settings.database_url, settings.http_port, settings.var_dir) == ("", 8080, Path("var"))
    assert load_settings() == settings  # the same keys, not new ones
    assert stat.S_IMODE((place / "var" / "keys.env").stat().st_mode) == 0o600


def test_the_environment_comes_before_the_file_and_empty_is_unset(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / ".env").write_text("HTTP_PORT=1\nWORKERS=3\nLOG_LEVEL=\nSOMETHING_ELSE=x\n")
    monkeypatch.setenv("HTTP_PORT", "2")
    settings = load_settings()
    assert (settings.http_port, settings.workers, settings.log_level) == (2, 3, "info")


def test_keys_are_required_where_the_database_is_elsewhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@host/name")
    assert [line.split(":")[0] for line in complaints()] == ["MASTER_KEYS is missing", "LOOKUP_KEYS is missing"]
    assert not (place / "var").exists()
    monkeypatch.setenv("MASTER_KEYS", f"a:{OLD_TEXT}")
    monkeypatch.setenv("LOOKUP_KEYS", f"b:{NEW_TEXT}")
    assert load_settings().lookup_keys.keys == {"b": NEW}


def test_all_problems_are_reported_together_and_secrets_are_not_shown(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "DATABASE_URL": "mysql://u:hush@host/name",
        "MASTER_KEYS": "a:hush",
        "LOOKUP_KEYS": f"b:{NEW_TEXT}",
        "HTTP_PORT": "abc",
        "WORKERS": "0",
        "LOG_LEVEL": "loud",
        "PUBLIC_URL": "chat.example.org",
        "EMBED_ORIGINS": "https://*.example.org",
        "TRUSTED_PROXIES": "-1",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    lines = complaints()
    assert [line.split()[0] for line in lines] == [name for name in given if name != "LOOKUP_KEYS"]
    assert 'HTTP_PORT is "abc": it must be a number between 1 and 65535' in lines
    assert "hush" not in "".join(lines)


def test_no_secret_appears_in_the_repr(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:hush@host/name")
    monkeypatch.setenv("MASTER_KEYS", f"a:{NEW_TEXT}")
    monkeypatch.setenv("LOOKUP_KEYS", f"b:{NEW_TEXT}")
    shown = f"{load_settings()!r} {load_settings()}"
    assert "hush" not in shown
    assert NEW_TEXT not in shown
    assert repr(NEW) not in shown


def test_a_folder_that_cannot_be_made_is_a_problem_in_words(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "file").touch()
    monkeypatch.setenv("VAR_DIR", "file/var")
    assert complaints() == ['VAR_DIR is "file/var": it must be a folder that can be written (Not a directory)']


# --- Telegram --------------------------------------------------------------------------------------------------------

TOKEN, OTHER_TOKEN = "123456:AAH-hush_hush-hush", "654321:AAH-hush_hush-hush"
SECRET = "hush-hush_hush-hush"


def set_all(monkeypatch: pytest.MonkeyPatch, **given: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("text", [f"{TOKEN},{OTHER_TOKEN}", f" {TOKEN} {OTHER_TOKEN} ", f"{TOKEN}, {OTHER_TOKEN},"])
def test_a_clinic_may_have_several_bots(text: str) -> None:
    assert parse_bot_tokens(text) == (TOKEN, OTHER_TOKEN)


@pytest.mark.parametrize(
    "text",
    [
        "123456",
        ":AAH-hush_hush-hush",
        "123456:",
        "123456:short",
        "@clinic_bot",
        f"bot{TOKEN}",
        f"{TOKEN}/",
        "١٢٣:AAH-hush_hush",
    ],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        parse_bot_tokens(f"{OTHER_TOKEN} {text}")


def test_two_tokens_of_one_bot_are_refused() -> None:
    with pytest.raises(ValueError, match="another"):
        parse_bot_tokens(f"{TOKEN},123456:BBH-hush_hush-hush")


@pytest.mark.parametrize(
    "text", ["too-short", "x" * 257, "with a space in it", "dotted.secret.secret", "schlüssel-schlüssel"]
)
def test_what_telegram_takes_for_no_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        parse_webhook_secret(text)


def test_bots_are_known_by_their_numbers_and_nothing_of_theirs_is_shown(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, TELEGRAM_BOT_TOKEN=f"{TOKEN},{OTHER_TOKEN}", TELEGRAM_WEBHOOK_SECRET=SECRET)
    monkeypatch.setenv("PUBLIC_URL", "https://chat.example.org")
    settings = load_settings()
    assert settings.telegram_bots == {"123456": TOKEN, "654321": OTHER_TOKEN}
    assert settings.telegram_webhook_secret == SECRET
    assert "hush" not in f"{settings!r} {settings}"
    set_all(monkeypatch, **as_environment(settings))
    assert handed_over() == settings


@pytest.mark.parametrize(
    ("public_url", "polls"), [("", True), ("https://chat.example.org", False), ("http://127.0.0.1:8080", False)]
)
def test_updates_are_fetched_where_they_cannot_be_brought(
    place: Path, monkeypatch: pytest.MonkeyPatch, public_url: str, polls: bool
) -> None:
    set_all(monkeypatch, PUBLIC_URL=public_url, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_WEBHOOK_SECRET=SECRET)
    assert load_settings().polls_telegram is polls


def test_a_bot_with_a_public_address_needs_a_secret(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, PUBLIC_URL="https://chat.example.org", TELEGRAM_BOT_TOKEN=TOKEN)
    assert complaints() == [
        "TELEGRAM_WEBHOOK_SECRET is missing: with a PUBLIC_URL Telegram delivers there, and only it may"
    ]
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "")
    assert load_settings().telegram_bots == {}


@pytest.mark.parametrize("token", ["hush", f"{TOKEN} hush", f"{TOKEN} 123456:BBH-hush_hush-hush"])
def test_a_wrong_token_or_secret_is_explained_and_not_shown(
    place: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    set_all(monkeypatch, TELEGRAM_BOT_TOKEN=token, TELEGRAM_WEBHOOK_SECRET="hush", TELEGRAM_API_URL="api.telegram.org")
    lines = complaints()
    assert [line.split()[0] for line in lines] == [
        "TELEGRAM_BOT_TOKEN", "TELEGRAM_WEBHOOK_SECRET", "TELEGRAM_API_URL"
    ]  # fmt: skip
    assert "BotFather" in lines[0]
    assert "16 to 256" in lines[1]
    assert "hush" not in "".join(lines)


ACCOUNT_SID, NUMBER = f"AC{'0123456789abcdef' * 2}", "+12065550100"
WITH_TWILIO = {
    "PUBLIC_URL": "https://chat.example.org",
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": "hush-hush",
    "TWILIO_NUMBER": NUMBER,
    "TWILIO_WEBHOOK_KEY": "hush-key",
}


def test_nothing_of_twilios_is_shown_and_all_survives_the_environment_of_a_child(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, **WITH_TWILIO, TWILIO_WHATSAPP_NUMBER=f"{NUMBER}, +12065550101", TWILIO_COUNTRIES="us CA")
    settings = load_settings()
    assert (settings.twilio_auth_token, settings.twilio_webhook_key) == ("hush-hush", "hush-key")
    assert settings.twilio_whatsapp_number == (NUMBER, "+12065550101")
    assert settings.twilio_countries == settings.texts_to("GB") == ("US", "CA")
    assert "hush" not in f"{settings!r} {settings}"
    set_all(monkeypatch, **as_environment(settings))
    assert handed_over() == settings


def test_texts_go_to_the_clinics_own_country_and_nowhere_without_a_number_of_ours() -> None:
    assert Settings(twilio_number=(NUMBER,)).texts_to("GB") == ("GB",)
    assert Settings(twilio_number=(NUMBER,), twilio_countries=("US", "CA")).texts_to("GB") == ("US", "CA")
    assert Settings(twilio_countries=("US",), twilio_whatsapp_number=(NUMBER,)).texts_to("GB") == ()


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("PUBLIC_URL", "PUBLIC_URL is missing: TWILIO_ACCOUNT_SID asks for it"),
        ("TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN is missing: TWILIO_ACCOUNT_SID asks for it"),
        ("TWILIO_NUMBER", "TWILIO_NUMBER or TWILIO_WHATSAPP_NUMBER is missing: TWILIO_ACCOUNT_SID asks for it"),
        ("TWILIO_ACCOUNT_SID", "TWILIO_ACCOUNT_SID is missing: a number of Twilio's asks for it"),
    ],
)
def test_a_number_of_twilios_needs_all_that_belongs_to_it(
    place: Path, monkeypatch: pytest.MonkeyPatch, without: str, said: str
) -> None:
    set_all(monkeypatch, **(WITH_TWILIO | {without: ""}))
    assert complaints() == [said]


def test_a_number_of_whatsapp_alone_will_do(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, **(WITH_TWILIO | {"TWILIO_NUMBER": "", "TWILIO_WHATSAPP_NUMBER": NUMBER}))
    assert load_settings().twilio_whatsapp_number == (NUMBER,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TWILIO_ACCOUNT_SID", "hush-hush"),
        ("TWILIO_ACCOUNT_SID", f"SK{'0' * 32}"),
        ("TWILIO_ACCOUNT_SID", f"{ACCOUNT_SID}0"),
        ("TWILIO_NUMBER", "555-0100"),
        ("TWILIO_WHATSAPP_NUMBER", f"whatsapp:{NUMBER}"),
        ("TWILIO_MESSAGING_SERVICE_SID", ACCOUNT_SID),
        ("TWILIO_COUNTRIES", "America"),
        ("TWILIO_RECONCILE", "perhaps"),
        ("TWILIO_API_URL", "api.twilio.com"),
    ],
)
def test_a_wrong_setting_of_twilios_is_explained_and_its_secrets_are_not(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    set_all(monkeypatch, **(WITH_TWILIO | {name: value}))
    (line,) = complaints()
    assert line.startswith((f'{name} is "{value}": it must be ', f"{name} cannot be used ("))
    assert "hush" not in line.partition("it must be")[0] or not name.endswith("SID")
