"""The three fates of a failure.

    Exception
    ├── Invalid       this record can never be worked with → dead letter, the stream goes on
    ├── Unavailable   something we lean on is away → pause, back off, try again for as long as it takes
    └── anything else a programmer's error → the process ends and is started again

A refusal ("no stock", "not allowed") is none of these: it is a value that a decision returns.
"""

from __future__ import annotations


class Invalid(Exception):
    """The record cannot be understood, now or later. `code` is shown and counted; it holds no personal data."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unavailable(Exception):
    """A server we lean on does not answer. The work is kept and tried again."""


class StartRefused(Exception):
    """The service must not start like this. The message says what is wrong and how to mend it."""

    remedy = ""
    """At a terminal it is said like every error that brings one."""


class TooManyInvalid(Exception):
    """Nearly every record is invalid: more likely our fault than theirs, so the consumer stops instead of
    draining a topic into the dead letters. Check the newest deploy and the schema lock, then start again.
    """
