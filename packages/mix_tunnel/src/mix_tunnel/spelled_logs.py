"""Errors in a log that is read in another language than Python: their options are named as its readers write them."""

from __future__ import annotations

import logging

from mix_protocol.errors import MixError, Spelling


class SpelledErrors(logging.Filter):
    """A handler's filter that lets every record through, with the sentences of logged errors in another spelling."""

    def __init__(self, spelling: Spelling) -> None:
        super().__init__()
        self._spelling = spelling

    def filter(self, record: logging.LogRecord) -> bool:
        """Spell the errors among a record's arguments."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                argument.sentence(self._spelling) if isinstance(argument, MixError) else argument
                for argument in record.args
            )
        return True
