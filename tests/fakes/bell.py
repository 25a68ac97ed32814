"""A bell that wakes nobody."""

from core.messaging.waking import Bell, Topic


class SilentBell(Bell):
    """Notes the rings."""

    def __init__(self) -> None:
        self.rings: list[Topic] = []

    def ring(self, topic: Topic) -> None:
        self.rings.append(topic)
