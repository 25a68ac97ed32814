"""What is forgotten by itself: the words of a chat after thirty days. That something was said, and what came of it, is kept."""

from datetime import timedelta

from sqlalchemy.orm import Session

from core.database import run

WORDS = timedelta(days=30)
_AT_ONCE = 1000  # rows of one statement, so that nobody waits for it

_INBOX = """
UPDATE inbox SET body = NULL WHERE id = ANY (ARRAY(
  SELECT id FROM inbox WHERE body IS NOT NULL AND status <> 'new' AND received_at < clock_timestamp() - %(age)s LIMIT %(most)s))
"""
_OUTBOX = """
UPDATE outbox SET payload = NULL WHERE id = ANY (ARRAY(
  SELECT id FROM outbox WHERE payload IS NOT NULL AND status <> 'sending' AND due_at < clock_timestamp() - %(age)s LIMIT %(most)s))
"""
_PROMPTS = "DELETE FROM prompts USING outbox WHERE outbox.id = outbox_id AND payload IS NULL"


def forget_words(session: Session) -> int:
    """Let go of message texts, replies and prompts whose time is over; returns how many messages that were."""
    forgotten = sum(run(session, statement, age=WORDS, most=_AT_ONCE).rowcount for statement in (_INBOX, _OUTBOX))
    run(session, _PROMPTS)
    return forgotten
