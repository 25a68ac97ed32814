"""What came in and what is owed: inbox, conversations on a lease, outbox with its prompts, handoffs to staff, waking."""
