"""The command `mix` itself: what it offers, and the options that all subcommands share."""

from __future__ import annotations

import asyncio

import click
import pytest
from click.testing import CliRunner
from support.tls_server import authority, pem_of

from mix_protocol.errors import NetworkFailure
from mix_tunnel.cli import main
from mix_tunnel.cli.running import Failure, run, tunnel_options
from mix_tunnel.options import TunnelOptions


@click.command()
@tunnel_options
def probe(options: TunnelOptions) -> None:
    """Show the options."""
    click.echo(repr(options))


def options_of(*arguments: str) -> str:
    result = CliRunner().invoke(probe, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_installed_commands_are_offered():
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert "fetch" in result.output
    assert CliRunner().invoke(main, ["fetch", "--help"]).exit_code == 0


def test_an_unknown_command():
    result = CliRunner().invoke(main, ["juggle"])
    assert result.exit_code == 2
    assert "No such command" in result.output


def test_defaults():
    assert options_of().strip() == repr(TunnelOptions())


def test_every_option(tmp_path):
    pem = tmp_path / "ca.pem"
    pem.write_text(pem_of(authority()))
    shown = options_of(
        *("--directory", "http://127.0.0.1:1/api", "--cacert", str(pem), "--no-force-tls", "--no-cover"),
        *("--preferred-gateway", "2BuMSfMW3zpeAjKXyKLhmY4QW1DXurrtSPEJ6CjX3SEh"),
    )
    for part in (
        "directory_url='http://127.0.0.1:1/api'",
        "force_tls=False",
        "disable_poisson_traffic=True",
        "disable_cover_traffic=True",
        "preferred_gateway='2BuMSf",
        "BEGIN CERTIFICATE",
    ):
        assert part in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ("--directory", "nowhere"),
        ("--cacert", "/no/such/file"),
        ("--preferred-gateway", "no key"),
        ("--preferred-ipr", "no address"),
        ("--surprise",),
    ],
)
def test_wrong_options_are_usage(arguments):
    result = CliRunner().invoke(probe, arguments)
    assert result.exit_code == 2
    assert "Error:" in result.output


@pytest.mark.parametrize("content", ["", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_without_certificates_is_usage(tmp_path, content):
    path = tmp_path / "ca.pem"
    path.write_text(content)
    result = CliRunner().invoke(probe, ["--cacert", str(path)])
    assert result.exit_code == 2
    assert "CA certificate" in result.output


def ending(work, **keywords) -> int:
    with pytest.raises(SystemExit) as caught:
        run(work, **keywords)
    return caught.value.code


async def failing(error: BaseException) -> None:
    raise error


def test_errors_become_one_sentence(capsys):
    assert ending(failing(NetworkFailure("the line is dead"))) == 56
    assert capsys.readouterr().err == "mix: the line is dead [mix.network_failure]\n"
    assert ending(failing(Failure(97, "no tunnel"))) == 97
    assert capsys.readouterr().err == "mix: no tunnel\n"
    assert ending(failing(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""


def test_a_deadline(capsys):
    assert ending(asyncio.sleep(60), timeout_s=0.01) == 28
    assert "0.01 seconds" in capsys.readouterr().err


def test_success_returns_after_the_work_is_done():
    done: list[bool] = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append(True)

    run(work())
    assert done == [True]
