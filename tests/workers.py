"""Workers for tests that need several of them: threads, each with an engine of its own."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from channels import CHANNELS, Channel
from core.database import open_engine
from frontdesk.worker import Worker
from tests.factories import Practice, wait_for


@contextmanager
def workers(practice: Practice, count: int, channels: Mapping[str, Channel] = CHANNELS) -> Iterator[None]:
    """So many workers answer meanwhile. What one of them dies of is raised at the end."""
    stop = Event()
    with ThreadPoolExecutor(count) as pool:
        working = [pool.submit(_work, practice, channels, stop) for _ in range(count)]
        try:
            yield
        finally:
            stop.set()
        for work in working:
            work.result()


def wait_until_all_is_answered(practice: Practice) -> None:
    """No message waits any more."""
    wait_for(lambda: not practice.sql("SELECT 1 FROM inbox WHERE status = 'new' LIMIT 1"), seconds=60)


def _work(practice: Practice, channels: Mapping[str, Channel], stop: Event) -> None:
    engine = open_engine(practice.engine.url.render_as_string(hide_password=False), pool_size=1)
    worker = Worker(engine, practice.vault, channels=channels)
    while not stop.is_set():
        if not (worker.answer_waiting() or worker.retry_failed()):
            stop.wait(0.005)
    engine.dispose()
