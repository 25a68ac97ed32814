"""The methods of the Bot API: what each does, and what it refuses."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.telegram import markup, updates
from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.refusals import NOT_MODIFIED, QUERY_TOO_OLD, Refusal, bad_request, too_many
from tests.fakes.telegram.state import ALL_KINDS, BotAccount, Hook, Room, Stored, World
from tests.fakes.telegram.updates import Json, given, utf16

Method = Callable[[World, BotAccount, Parameters], Any]

DELETABLE_FOR = 48 * 3600
DEFAULT_CONNECTIONS = 40
COMMAND = re.compile(r"[a-z0-9_]{1,32}")
SECRET = re.compile(r"[A-Za-z0-9_-]*")
ACTIONS = {
    *("typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document"),
    *("choose_sticker", "find_location", "record_video_note", "upload_video_note"),
}
KNOWN_KINDS = {
    *ALL_KINDS,
    *("channel_post", "edited_channel_post", "inline_query", "chosen_inline_result", "shipping_query"),
    *("pre_checkout_query", "poll", "poll_answer", "chat_member", "chat_join_request", "message_reaction"),
    *("message_reaction_count", "chat_boost", "removed_chat_boost", "business_connection", "business_message"),
    *("edited_business_message", "deleted_business_messages", "purchased_paid_media"),
}


def get_me(_world: World, bot: BotAccount, _parameters: Parameters) -> Json:
    abilities = {"can_join_groups": True, "can_read_all_group_messages": bot.reads_all}
    none = {"supports_inline_queries": False, "can_connect_to_business": False, "has_main_web_app": False}
    return {**bot.user, **abilities, **none}


def send_message(world: World, bot: BotAccount, parameters: Parameters) -> Json:
    room = _open_room(world, bot, parameters)
    text, entities = markup.formatted(parameters, "text", markup.LONGEST_TEXT)
    return _send(world, bot, room, parameters, {"text": text, **given(entities=entities or None)})


def send_document(world: World, bot: BotAccount, parameters: Parameters) -> Json:
    """A new file, or one that Telegram has already."""
    room = _open_room(world, bot, parameters)
    caption, entities = markup.formatted(parameters, "caption", markup.LONGEST_CAPTION, empty_is_fine=True)
    words = given(caption=caption or None, caption_entities=entities or None)
    upload = parameters.upload("document")
    if upload is None:
        said = _known_file(world, parameters.text("document"))
        return _send(world, bot, room, parameters, {**updates.document(said), **words})
    if len(upload.content) > world.largest_upload:
        raise Refusal(413, "Request Entity Too Large")
    if not upload.content:
        raise bad_request("file must be non-empty")
    said = world.keep_file(upload.content, "documents", upload.file_name)
    return _send(world, bot, room, parameters, {**updates.document(said, upload.file_name, upload.mime_type), **words})


def _known_file(world: World, file_id: str) -> Json:
    if not file_id:
        raise bad_request("there is no document in the request")
    known = world.files.get(file_id)
    if known is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    return updates.file(file_id, known.unique_id, len(known.content))


def _open_room(world: World, bot: BotAccount, parameters: Parameters) -> Room:
    if not parameters.text("chat_id"):
        raise bad_request("chat_id is empty")
    return world.open_room(bot, parameters.chat_id)


def _send(world: World, bot: BotAccount, room: Room, parameters: Parameters, content: Json) -> Json:
    keyboard = markup.reply_markup(parameters, private=room.private)
    replied = _replied(room, parameters)
    world.limits.count((bot.id, room.id), world.clock.now(), world.violations.append)
    stored = world.store(room, bot.user, content, reply_to=replied)
    _show(room, stored, keyboard)
    return stored.json


def _replied(room: Room, parameters: Parameters) -> Stored | None:
    asked = parameters.nested("reply_parameters", "reply parameters") or {}
    number = int(asked.get("message_id") or parameters.integer("reply_to_message_id", 0))
    replied = room.messages.get(number)
    if number and (replied is None or replied.deleted):
        if asked.get("allow_sending_without_reply") or parameters.flag("allow_sending_without_reply"):
            return None
        raise bad_request("message to be replied not found")
    return replied


def _show(room: Room, stored: Stored, keyboard: Json | None) -> None:
    """Inline keyboards belong to a message, the others to the chat."""
    if keyboard is None:
        return
    if "inline_keyboard" in keyboard:
        stored.json["reply_markup"] = keyboard
        stored.keyboards.append(keyboard["inline_keyboard"])
        return
    stored.fixed = True
    if "keyboard" in keyboard:
        room.keyboard = keyboard
    elif keyboard.get("remove_keyboard"):
        room.keyboard = None


def edit_message_text(world: World, bot: BotAccount, parameters: Parameters) -> Json:
    room, stored = _editable(world, bot, parameters)
    if "text" not in stored.json:
        raise bad_request("there is no text in the message to edit")
    text, entities = markup.formatted(parameters, "text", markup.LONGEST_TEXT)
    return _edit(world, room, stored, parameters, {"text": text, **given(entities=entities or None)})


def edit_message_reply_markup(world: World, bot: BotAccount, parameters: Parameters) -> Json:
    room, stored = _editable(world, bot, parameters)
    kept: Json = {key: stored.json[key] for key in ("text", "entities") if key in stored.json}
    return _edit(world, room, stored, parameters, kept)


def _editable(world: World, bot: BotAccount, parameters: Parameters) -> tuple[Room, Stored]:
    if not parameters.has("message_id"):
        raise bad_request("message identifier is not specified")
    room = _open_room(world, bot, parameters)
    stored = room.messages.get(parameters.integer("message_id", 0))
    if stored is None or stored.deleted:
        raise bad_request("message to edit not found")
    if stored.json["from"]["id"] != bot.id or stored.fixed:
        raise bad_request("message can't be edited")
    return room, stored


def _edit(world: World, room: Room, stored: Stored, parameters: Parameters, content: Json) -> Json:
    """A keyboard that is not given again is gone [D]."""
    keyboard = markup.reply_markup(parameters, private=room.private, inline_only=True)
    changed = {**content, **given(reply_markup=keyboard)}
    if changed == {key: stored.json[key] for key in ("text", "entities", "reply_markup") if key in stored.json}:
        raise bad_request(NOT_MODIFIED)
    kept = {key: value for key, value in stored.json.items() if key not in {"text", "entities", "reply_markup"}}
    stored.json = {**kept, "edit_date": int(world.clock.now()), **content}
    _show(room, stored, keyboard)
    return stored.json


def delete_message(world: World, bot: BotAccount, parameters: Parameters) -> bool:
    room = _open_room(world, bot, parameters)
    stored = room.messages.get(parameters.integer("message_id", 0))
    if stored is None or stored.deleted:
        raise bad_request("message to delete not found")
    if world.clock.now() - stored.json["date"] > DELETABLE_FOR:
        raise bad_request("message can't be deleted for everyone")  # [R]
    if stored.json["from"]["id"] != bot.id and not room.private:
        raise bad_request("message can't be deleted")
    stored.deleted = True
    return True


def answer_callback_query(world: World, bot: BotAccount, parameters: Parameters) -> bool:
    tap = world.taps.get(parameters.text("callback_query_id"))
    text = parameters.text("text")
    if utf16(text) > 200:
        raise bad_request("MESSAGE_TOO_LONG")  # [R]
    if tap is None or tap.bot is not bot or world.clock.now() - tap.at > world.query_life:
        raise bad_request(QUERY_TOO_OLD)
    if tap.answer is None:
        tap.answer = {"text": text, "show_alert": parameters.flag("show_alert"), "at": world.clock.now()}
    return True


def send_chat_action(world: World, bot: BotAccount, parameters: Parameters) -> bool:
    if parameters.text("action").lower() not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    _open_room(world, bot, parameters)
    return True


def leave_chat(world: World, bot: BotAccount, parameters: Parameters) -> bool:
    room = _open_room(world, bot, parameters)
    if room.private:
        raise bad_request("chat member status can't be changed in private chats")  # [S]
    world.change_standing(room, bot, bot.user, "left")
    return True


def get_file(world: World, _bot: BotAccount, parameters: Parameters) -> Json:
    file_id = parameters.text("file_id")
    if not file_id:
        raise bad_request("file_id not specified")
    stored = world.files.get(file_id)
    if stored is None:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    if len(stored.content) > world.largest_download:
        raise bad_request("file is too big")
    return {**updates.file(file_id, stored.unique_id, len(stored.content)), "file_path": stored.path}


def _scope(parameters: Parameters) -> tuple[str, str]:
    scope = parameters.nested("scope", "BotCommandScope") or {"type": "default"}
    parts = [scope.get(key) for key in ("type", "chat_id", "user_id")]
    return ":".join(str(part) for part in parts if part is not None), parameters.text("language_code")


def set_my_commands(_world: World, bot: BotAccount, parameters: Parameters) -> bool:
    commands = parameters.nested("commands", "commands") or []
    if len(commands) > 100:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")  # [R]
    for command in commands:
        if not COMMAND.fullmatch(command.get("command", "")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(command.get("description", "")) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    bot.commands[_scope(parameters)] = commands
    return True


def get_my_commands(_world: World, bot: BotAccount, parameters: Parameters) -> list[Json]:
    return bot.commands.get(_scope(parameters), [])


def _set_described(kind: str, longest: int) -> Method:
    def set_described(_world: World, bot: BotAccount, parameters: Parameters) -> bool:
        text = parameters.text(kind)
        if utf16(text) > longest:
            raise bad_request(f"{kind.replace('_', ' ')} is too long")  # [R]
        bot.descriptions[kind, parameters.text("language_code")] = text
        return True

    return set_described


def _get_described(kind: str) -> Method:
    def get_described(_world: World, bot: BotAccount, parameters: Parameters) -> Json:
        texts = bot.descriptions
        return {kind: texts.get((kind, parameters.text("language_code"))) or texts.get((kind, ""), "")}

    return get_described


def hear_only(bot: BotAccount, parameters: Parameters) -> None:
    """Takes allowed_updates over, if given; what is not given stays as it was [S]."""
    kinds = parameters.nested("allowed_updates", "allowed updates")
    if not isinstance(kinds, list):
        return
    known = [kind for kind in kinds if kind in KNOWN_KINDS]
    bot.asked_for = known or None
    bot.allowed = frozenset(known) or ALL_KINDS


def set_webhook(world: World, bot: BotAccount, parameters: Parameters) -> bool:
    url = parameters.text("url")
    if not url:
        return delete_webhook(world, bot, parameters)
    _not_again_at_once(world, bot)
    _check_hook(world, url, parameters.text("secret_token"))
    if parameters.flag("drop_pending_updates"):
        bot.mail.waiting.clear()
    most = parameters.integer("max_connections", DEFAULT_CONNECTIONS, 1, 100)
    bot.hook = Hook(url, parameters.text("secret_token"), most)
    bot.mail.forget_attempts()
    hear_only(bot, parameters)
    return True


def _not_again_at_once(world: World, bot: BotAccount) -> None:
    now = world.clock.now()
    if world.limits.on and now < bot.hook_set_at + 1:
        raise too_many(1)  # [S]
    bot.hook_set_at = now


def _check_hook(world: World, url: str, secret: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise bad_request("invalid webhook URL specified")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if not SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    # A local Bot API server takes http [D]; the fake takes it for this machine only.
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if world.hook_ports is not None and port not in world.hook_ports:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


def delete_webhook(_world: World, bot: BotAccount, parameters: Parameters) -> bool:
    bot.hook = None
    if parameters.flag("drop_pending_updates"):
        bot.mail.waiting.clear()
    return True


def get_webhook_info(world: World, bot: BotAccount, _parameters: Parameters) -> Json:
    bot.mail.drop_expired(world.clock.now())
    waiting = {"has_custom_certificate": False, "pending_update_count": len(bot.mail.waiting)}
    hook = bot.hook
    if hook is None:
        return {"url": "", **waiting, **given(allowed_updates=bot.asked_for)}
    told = given(
        last_error_date=hook.last_error_at and int(hook.last_error_at),
        last_error_message=hook.last_error or None,
        max_connections=hook.most_at_once,
        allowed_updates=bot.asked_for,
    )
    return {"url": hook.url, **waiting, **told}


METHODS: dict[str, Method] = {
    "getme": get_me,
    "sendmessage": send_message,
    "senddocument": send_document,
    "editmessagetext": edit_message_text,
    "editmessagereplymarkup": edit_message_reply_markup,
    "deletemessage": delete_message,
    "answercallbackquery": answer_callback_query,
    "sendchataction": send_chat_action,
    "leavechat": leave_chat,
    "getfile": get_file,
    "setmycommands": set_my_commands,
    "getmycommands": get_my_commands,
    "setmydescription": _set_described("description", 512),
    "getmydescription": _get_described("description"),
    "setmyshortdescription": _set_described("short_description", 120),
    "getmyshortdescription": _get_described("short_description"),
    "setwebhook": set_webhook,
    "deletewebhook": delete_webhook,
    "getwebhookinfo": get_webhook_info,
}
