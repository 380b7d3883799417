"""SQLite files of programs: migrated, private, and refused when they are somebody else's."""

import os
import sqlite3
import stat

import pytest

from mix_network.errors import StateTooNew, StateUnusable
from mix_network.storage.database import Database

FIRST = ("CREATE TABLE things (name TEXT) STRICT", "INSERT INTO things VALUES ('old')")
SECOND = ("ALTER TABLE things ADD COLUMN size INTEGER", "UPDATE things SET size = 1")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.sqlite"


def test_it_is_migrated_from_any_version_on_and_only_once(path):
    first = Database(path, 7, [FIRST])
    first.write("INSERT INTO things VALUES (?)", "mine")
    first.close()
    for _ in range(2):
        second = Database(path, 7, [FIRST, SECOND])
        assert second.read("SELECT name, size FROM things") == [("old", 1), ("mine", 1)]
        second.close()


def test_a_migration_that_fails_changes_nothing(path):
    Database(path, 7, [FIRST]).close()
    with pytest.raises(StateUnusable):
        Database(path, 7, [FIRST, ("UPDATE things SET name = 'new'", "NONSENSE")])
    again = Database(path, 7, [FIRST])
    assert again.read("SELECT name FROM things") == [("old",)]
    again.close()


def test_newer_and_foreign_files_are_left_alone(path):
    Database(path, 7, [FIRST, SECOND]).close()
    with pytest.raises(StateTooNew) as caught:
        Database(path, 7, [FIRST])
    assert caught.value.fields == {"version": 2, "known": 1}
    with pytest.raises(StateUnusable, match="no state of this program"):
        Database(path, 8, [FIRST, SECOND])
    foreign = path.with_name("foreign.sqlite")
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE precious (x)")
    connection.close()
    with pytest.raises(StateUnusable):
        Database(foreign, 7, [FIRST])
    path.with_name("noise").write_bytes(os.urandom(5000))
    with pytest.raises(StateUnusable):
        Database(path.with_name("noise"), 7, [FIRST])


def test_files_are_the_users_alone(path):
    old = os.umask(0)
    try:
        database = Database(path, 7, [FIRST])
        database.write("INSERT INTO things VALUES ('x')")
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
        database.close()
    finally:
        os.umask(old)


def test_a_transaction_is_all_or_nothing(path):
    database = Database(path, 7, [FIRST])

    def fail():
        with database.transaction():
            database.write("INSERT INTO things VALUES ('half')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert database.read("SELECT name FROM things") == [("old",)]
    with database.durably():
        database.write("INSERT INTO things VALUES ('whole')")
    assert len(database.read("SELECT name FROM things")) == 2
    database.close()


def test_what_was_deleted_is_in_no_file(path):
    database = Database(path, 7, [FIRST])
    secret = "0123456789secret" * 4
    database.write("INSERT INTO things VALUES (?)", secret)
    database.write("DELETE FROM things WHERE name = ?", secret)
    database.scrub()
    assert all(secret.encode() not in file.read_bytes() for file in path.parent.iterdir())
    database.close()
