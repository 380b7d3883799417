"""Logged errors in the spelling of whoever reads the log."""

from __future__ import annotations

import io
import logging

from mix_protocol.errors import NetworkFailure
from mix_tunnel.rpc.naming import spell_option
from mix_tunnel.spelled_logs import SpelledErrors


def test_errors_are_spelled_and_all_else_stays():
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(SpelledErrors(spell_option))
    logger = logging.Logger("spelled")
    logger.addHandler(handler)
    logger.warning("%s, %d times", NetworkFailure("no gateway; set {force_tls=False}"), 3)
    logger.warning("%(name)s", {"name": "as it is"})
    logger.warning("nothing")
    assert written.getvalue().splitlines() == ["no gateway; set forceTls: false, 3 times", "as it is", "nothing"]
