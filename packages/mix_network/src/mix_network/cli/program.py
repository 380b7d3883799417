"""What the commands that run one program for long have in common: logs, signals, and words for errors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

import click

from mix_network.node.service_manager import ServiceManager
from mix_protocol.errors import MixError

STOP_S = 10.0
"""How long a program may take to end; what hangs then is cut by the end of the process."""


class JsonLines(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `logger`, `message`, and `error` with a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logs(log_format: str, level: str) -> None:
    """Log to standard error, as text or JSON. Libraries are heard from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")
    handler.setFormatter(JsonLines() if log_format == "json" else text)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in ("mix_network", "mix_protocol"):
        logging.getLogger(name).setLevel(level.upper())


def fail(error: MixError | OSError) -> NoReturn:
    """End the command with what a person can act on."""
    if isinstance(error, OSError):
        raise click.ClickException(str(error)) from None
    details = ", ".join(f"{name} {value}" for name, value in error.fields.items() if value not in ("", 0))
    raise click.ClickException(f"{error}" + (f" ({details})" if details else "")) from None


@contextlib.contextmanager
def stop_signals(
    manager: ServiceManager, reload: Callable[[], None] | None = None, rotate: Callable[[], None] | None = None
) -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set. SIGHUP calls `reload`, SIGUSR1 `rotate`; the others ignore them."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop() -> None:
        manager.stopping()
        stopped.set()

    def hang_up() -> None:
        if reload is not None:
            manager.reloading()
            reload()
            manager.ready("works")

    def change_keys() -> None:
        if rotate is not None:
            rotate()

    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGHUP: hang_up, signal.SIGUSR1: change_keys}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield stopped
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
