"""Every table, known to one MetaData: for migrations and for the test that compares the two."""

from core import clock, crypto
from core.compliance import audit, seals
from core.database import metadata
from core.messaging import attachments, conversations, handoffs, inbox, outbox, quotas, reminders, troubles
from core.people import consent, identities, organization, patients, personas, practitioners, staff
from core.scheduling import booking, policies, schedules, visit_types

__all__ = ["metadata"]

MODULES = (
    attachments, audit, booking, clock, consent, conversations, crypto, handoffs, identities, inbox, organization, outbox, patients, personas,
    policies, practitioners, quotas, reminders, schedules, seals, staff, troubles, visit_types,
)  # fmt: skip
