"""The databases that other tests stand on."""

from collections.abc import Callable

import psycopg


def test_databases_of_one_test_know_nothing_of_each_other(make_database: Callable[[], str]) -> None:
    with psycopg.connect(make_database()) as one, psycopg.connect(make_database()) as other:
        one.execute("CREATE TABLE mine (id int)")
        one.commit()
        assert other.execute("SELECT to_regclass('mine')").fetchone() == (None,)


def test_a_fresh_database_has_the_newest_schema(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
