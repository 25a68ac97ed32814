"""`python -m tests.fakes.web_process VISITOR ID TEXT`: one message reaches the web chat of a process of its own."""

import sys

from channels.webchat import Written
from core.config import load_settings
from webhooks.app import connect

if __name__ == "__main__":
    visitor, message_id, text = sys.argv[1:]
    connect(load_settings())[0].take(visitor, message_id, Written(text), seen=0, patience=0)
