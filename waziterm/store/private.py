"""What is used of aiosqlite that it does not promise: its private names, each with the reason.
`tests/test_private_names.py` finds them here and asserts that the installed version has them."""

import sqlite3
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import aiosqlite

T = TypeVar("T")


def end_with_program(connection: aiosqlite.Connection) -> None:
    """A program that ends without leaving the context must not hang on this thread."""
    connection._thread.daemon = True


def opened(connection: aiosqlite.Connection) -> sqlite3.Connection | None:
    """What a job works on, and None while it is closed; the public way to ask raises."""
    return connection._connection


async def on_its_thread(
    connection: aiosqlite.Connection,
    job: Callable[[sqlite3.Connection], T],
    db: sqlite3.Connection,
) -> T:
    """The result of a whole job; in public there are single statements alone, a trip for each."""
    execute = cast(Callable[..., Awaitable[T]], connection._execute)
    return await execute(job, db)
