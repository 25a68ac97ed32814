"""`python -m tests.fakes.web_process VISITOR ID TEXT`: one message reaches the web chat of a process of its own."""

import sys

from channels import webchat
from core.config import load_settings

if __name__ == "__main__":
    visitor, message_id, text = sys.argv[1:]
    webchat.connect(load_settings()).take(visitor, message_id, webchat.Written(text), seen=0, patience=0)
