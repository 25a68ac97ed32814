"""What is forgotten by itself: the words of a chat after thirty days. That something was said, and what came of it, is kept."""

from datetime import timedelta

from core.database import Session, run

WORDS = timedelta(days=30)
_AT_ONCE = 1000  # rows of one statement, so that nobody waits for it

_INBOX = """
UPDATE inbox SET body = NULL WHERE id = ANY (ARRAY(
  SELECT id FROM inbox WHERE body IS NOT NULL AND status <> 'new' AND received_at < clock_timestamp() - %(age)s LIMIT %(most)s))
RETURNING conversation_id
"""
# A dialog remembers names and birth dates too; nobody comes back to a question after thirty days.
_STATES = """
UPDATE conversations SET state = NULL WHERE id = ANY (%(ids)s)
  AND NOT EXISTS (SELECT 1 FROM inbox WHERE conversation_id = conversations.id AND (body IS NOT NULL OR status = 'new'))
"""
_OUTBOX = """
UPDATE outbox SET payload = NULL WHERE id = ANY (ARRAY(
  SELECT id FROM outbox WHERE payload IS NOT NULL AND status <> 'sending' AND due_at < clock_timestamp() - %(age)s LIMIT %(most)s))
"""
_ATTACHMENTS = """
UPDATE attachments SET status = 'forgotten', content = NULL, reference = NULL WHERE id = ANY (ARRAY(
  SELECT id FROM attachments WHERE status <> 'forgotten' AND noted_at < clock_timestamp() - %(age)s LIMIT %(most)s))
"""
_PROMPTS = "DELETE FROM prompts USING outbox WHERE outbox.id = outbox_id AND payload IS NULL"


def forget_words(session: Session) -> int:
    """Let go of texts, files, replies, prompts and dialogs whose time is over; returns how many messages and files that were."""
    forgotten = [id for (id,) in run(session, _INBOX, age=WORDS, most=_AT_ONCE)]
    run(session, _STATES, ids=forgotten)
    replies = run(session, _OUTBOX, age=WORDS, most=_AT_ONCE).rowcount
    run(session, _PROMPTS)
    files = run(session, _ATTACHMENTS, age=WORDS, most=_AT_ONCE).rowcount
    return len(forgotten) + replies + files
