"""`frontdesk whatsapp templates`: what is to be submitted before WhatsApp lets us write first."""

import json

from bot import texts
from channels.twilio import templates
from core.scheduling.directory import Directory
from frontdesk.errors import CannotRun


def print_templates(clinic: Directory, language: str | None) -> None:
    """Every template of one language, or of all, a line of JSON each: what the Content API takes in one request."""
    known = texts.languages()
    if language is not None and language not in known:
        raise CannotRun(f"There are no texts in {language}; there are in {', '.join(known)}.")
    for code in known if language is None else [language]:
        for kind in templates.TEMPLATES:
            print(json.dumps(templates.content(kind, code, clinic), ensure_ascii=False))
