"""How every subcommand runs: a tunnel around its work, one sentence when it fails, and a clean end on Ctrl-C."""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NoReturn, TypeVar

import click

from mix_protocol.errors import MixError
from mix_tunnel.cli.exit_codes import ExitCode, exit_code
from mix_tunnel.cli.terminal import PlainFormatter, say
from mix_tunnel.options import TunnelOptions
from mix_tunnel.spelled_logs import SpelledErrors
from mix_tunnel.state import Step, TunnelState
from mix_tunnel.tunnel import Tunnel

F = TypeVar("F", bound=Callable[..., Any])


class Failure(Exception):
    """Ends the command with an exit code, and a sentence for the person (none when it is empty)."""

    def __init__(self, code: ExitCode, sentence: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def spell_flag(name: str, value: str | None) -> str:
    """An option as the running command's user writes it: `--no-force-tls` for a `force_tls` that is to be False."""
    context = click.get_current_context(silent=True)
    wanted = f"no_{name}" if value == "False" else name
    for param in context.command.params if context is not None else ():
        if param.name == wanted:
            return max(param.opts, key=len)
    return name if value is None else f"{name}={value}"


def sentence_of(error: MixError) -> str:
    """An error as the person reads it: what was wrong, what to do, and the stable code to look up."""
    return f"{error.sentence(spell_flag)} [{error.code}]"


def usage(error: MixError) -> click.UsageError:
    """A mistake of whoever wrote the command line (exit code 2)."""
    return click.UsageError(error.sentence(spell_flag))


def fail(code: ExitCode, sentence: str) -> NoReturn:
    """Say what was wrong and end the process."""
    if sentence:
        say(f"mix: {sentence}")
    sys.exit(code)


def run(work: Coroutine[Any, Any, None], *, timeout_s: float | None = None) -> None:
    """Run a command's work to its end; every failure becomes a sentence and an exit code, never a traceback."""
    terminated = False

    async def supervised() -> None:
        nonlocal terminated
        task = asyncio.current_task()
        assert task is not None

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        if sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        async with asyncio.timeout(timeout_s):
            await work

    try:
        asyncio.run(supervised())
    except Failure as failure:
        fail(failure.code, failure.sentence)
    except MixError as error:
        fail(exit_code(error), sentence_of(error))
    except TimeoutError:
        fail(ExitCode.TIMED_OUT, f"it took longer than the {timeout_s:g} seconds that were allowed")
    except KeyboardInterrupt:
        fail(ExitCode.INTERRUPTED, "")
    except asyncio.CancelledError:
        fail(ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED, "")


@asynccontextmanager
async def open_tunnel(options: TunnelOptions) -> AsyncIterator[Tunnel]:
    """A tunnel for the block; a terminal shows the steps while it comes up. Failing to set it up ends with 97."""
    with _steps_on_terminal() as show:
        try:
            tunnel = await Tunnel.connect(options, on_state=show)
        except MixError as error:
            raise Failure(ExitCode.NO_TUNNEL, f"the tunnel can't be set up: {sentence_of(error)}") from error
    async with tunnel:
        yield tunnel


@contextmanager
def _steps_on_terminal() -> Iterator[Callable[[TunnelState], None]]:
    """Gives a function that shows the current step on standard error, if a person sits there."""
    if not sys.stderr.isatty():
        yield lambda state: None
        return
    from rich.console import Console

    with Console(stderr=True).status("connecting to the mixnet") as status:
        yield lambda state: status.update(
            f"{state.phase}: {state.step} ({state.elapsed_ms / 1000:.1f} s){_vouched(state)}"
        )


def _vouched(state: TunnelState) -> str:
    """Who says which nodes there are, as soon as somebody has."""
    if state.directory_signatures:
        return f"; {state.directory_signatures} directories vouch for the nodes"
    is_known = any(taken.step is Step.FETCHING_DIRECTORY and taken.error is None for taken in state.steps)
    return "; nodes of one unsigned directory" if is_known else ""


def tunnel_options(command: F) -> F:
    """Add the options that every subcommand with a tunnel has; they arrive as the argument `options`."""
    decorators = [
        click.option("--directory", "directory_url", metavar="URL", help="Base URL of the directory. [Nym's mainnet]"),
        click.option(
            "--directory-key",
            "directory_keys",
            multiple=True,
            metavar="KEY",
            help="Accept only what more than half of the directories with these keys have signed; give each.",
        ),
        click.option(
            "--directory-quorum", type=click.IntRange(1, 64), metavar="N", help="So many of them, instead of half."
        ),
        click.option(
            "--cacert",
            "ca_certificates",
            type=click.Path(exists=True, dir_okay=False),
            metavar="FILE",
            help="Trust the CA certificates in this PEM file too.",
        ),
        click.option("--no-force-tls", is_flag=True, help="Allow entry gateways without TLS (ws://)."),
        click.option(
            "--allow-close-nodes", is_flag=True, help="Allow routes through nodes of one operator or network."
        ),
        click.option("--preferred-gateway", metavar="IDENTITY", help="Use this entry gateway and no other."),
        click.option("--preferred-ipr", metavar="ADDRESS", help="Use this exit's IP packet router and no other."),
        click.option(
            "--no-cover", is_flag=True, help="Send neither cover packets nor at random times: faster, and less hidden."
        ),
        click.option(
            "--no-balanced-replies",
            is_flag=True,
            help="Let answers come as they can: downloads are faster, and show on your line.",
        ),
        click.option(
            "--setup-timeout",
            "connect_timeout_ms",
            type=click.FloatRange(0.001, 3600),
            metavar="SECONDS",
            help="Time to set the tunnel up. [60]",
        ),
        click.option("--https-only", is_flag=True, help="Refuse plain http, which the exit can read and change."),
        click.option("--debug", is_flag=True, help="Log on standard error what the tunnel does."),
    ]

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> Any:
        arguments["options"] = read_tunnel_options(
            directory_url=arguments.pop("directory_url"),
            directory_keys=arguments.pop("directory_keys"),
            directory_quorum=arguments.pop("directory_quorum"),
            cacert=arguments.pop("ca_certificates"),
            force_tls=not arguments.pop("no_force_tls"),
            allow_close_nodes=arguments.pop("allow_close_nodes"),
            preferred_gateway=arguments.pop("preferred_gateway"),
            preferred_ipr=arguments.pop("preferred_ipr"),
            no_cover=arguments.pop("no_cover"),
            no_balanced_replies=arguments.pop("no_balanced_replies"),
            setup_timeout_s=arguments.pop("connect_timeout_ms"),
            https_only=arguments.pop("https_only"),
            debug=arguments.pop("debug"),
        )
        return command(**arguments)

    result: Any = wrapped
    for decorate in reversed(decorators):
        result = decorate(result)
    return result  # type: ignore[no-any-return]


def read_tunnel_options(
    *,
    directory_url: str | None,
    directory_keys: tuple[str, ...],
    directory_quorum: int | None,
    cacert: str | None,
    force_tls: bool,
    allow_close_nodes: bool,
    preferred_gateway: str | None,
    preferred_ipr: str | None,
    no_cover: bool,
    no_balanced_replies: bool,
    setup_timeout_s: float | None,
    https_only: bool,
    debug: bool,
) -> TunnelOptions:
    """The options given on the command line as `TunnelOptions`; raises `click.UsageError` (exit code 2)."""
    from mix_tunnel.runtime.tls import TlsSettings

    if debug:
        _log_to_person("%(asctime)s %(name)s %(message)s")
        logging.getLogger("mix_tunnel").setLevel(logging.DEBUG)
    elif sys.stderr.isatty():
        _log_to_person("mix: warning: %(message)s")
    else:  # scripts take what is on standard error for a failure
        logging.getLogger("mix_tunnel").addHandler(logging.NullHandler())
    given: dict[str, Any] = {
        "force_tls": force_tls,
        "allow_close_nodes": allow_close_nodes,
        "https_only": https_only,
        "debug": debug,
    }
    if setup_timeout_s is not None:
        given["connect_timeout_ms"] = round(setup_timeout_s * 1000)
    if directory_url is not None:
        given["directory_url"] = directory_url
    given |= {"directory_keys": directory_keys, "directory_quorum": directory_quorum}
    given |= {"preferred_gateway": preferred_gateway, "preferred_ipr": preferred_ipr}
    given |= {"disable_cover_traffic": no_cover, "disable_poisson_traffic": no_cover}
    given["balanced_replies"] = not no_balanced_replies
    try:
        if cacert is not None:
            with open(cacert, encoding="ascii", errors="replace") as file:
                given["ca_certificates"] = (file.read(),)
            TlsSettings(given["ca_certificates"]).context()
        return TunnelOptions(**given)
    except MixError as error:
        raise usage(error) from error
    except OSError as error:
        raise click.UsageError(str(error)) from error


def _log_to_person(format: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(SpelledErrors(spell_flag))
    handler.setFormatter(PlainFormatter(format))
    logging.basicConfig(handlers=[handler])
