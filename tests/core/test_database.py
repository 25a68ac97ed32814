"""Connections: what a frozen client may and may not do to the others."""

import pytest

from core.database import UNAVAILABLE, run, transaction
from tests.factories import Practice, wait_for


def test_a_client_that_freezes_loses_its_locks(practice: Practice) -> None:
    def frozen() -> None:
        with transaction(practice.engine) as session:
            run(session, "SET LOCAL idle_in_transaction_session_timeout = '100ms'")
            run(session, "SELECT pg_advisory_xact_lock(17)")
            wait_for(lambda: practice.sql("SELECT pg_try_advisory_xact_lock(17)") == [(True,)])
            run(session, "SELECT 1")

    with pytest.raises(UNAVAILABLE):
        frozen()
