"""What is forgotten after thirty days, and what is not."""

from core.compliance.retention import forget_words
from core.database import transaction
from tests.factories import Practice


def forget(practice: Practice) -> int:
    with transaction(practice.engine) as session:
        return forget_words(session)


def age(practice: Practice) -> None:
    practice.sql("UPDATE inbox SET received_at = received_at - interval '31 days', status = 'answered', seq = id")
    practice.sql("UPDATE outbox SET due_at = due_at - interval '31 days'")


def left(practice: Practice) -> tuple[int, int, int, int]:
    """Bodies, payloads, prompts, dialog states that are still there."""
    ((*counts,),) = practice.sql(
        """
        SELECT (SELECT count(body) FROM inbox) AS bodies, (SELECT count(payload) FROM outbox) AS payloads,
               (SELECT count(*) FROM prompts) AS prompts, (SELECT count(state) FROM conversations) AS states
        """
    )
    bodies, payloads, prompts, states = counts
    return bodies, payloads, prompts, states


def test_the_words_of_a_chat_are_forgotten_after_a_month(practice: Practice) -> None:
    amy = practice.person("amy")
    amy.write("hello")
    amy.offer(practice.slot("15:00"))
    practice.sql("UPDATE conversations SET state = 'a name'")
    assert forget(practice) == 0
    assert left(practice) == (1, 1, 1, 1)
    age(practice)
    assert forget(practice) == 2
    assert left(practice) == (0, 0, 0, 0)
    assert len(practice.sql("SELECT id FROM inbox UNION ALL SELECT id FROM outbox")) == 2


def test_whoever_wrote_again_is_remembered(practice: Practice) -> None:
    amy = practice.person("amy")
    amy.write("long ago")
    age(practice)
    amy.write("today")
    practice.sql("UPDATE conversations SET state = 'a name'")
    assert forget(practice) == 1
    assert left(practice)[3] == 1
