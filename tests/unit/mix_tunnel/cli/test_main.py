"""The command `mix` itself: what it offers, and the options that all subcommands share."""

from __future__ import annotations

import asyncio
from importlib.metadata import entry_points

import click
import pytest
from click.testing import CliRunner
from support.tls_server import authority, pem_of

from mix_protocol.errors import NetworkFailure
from mix_protocol.topology.errors import NoTlsGateway, UnknownGateway
from mix_tunnel.cli import COMMAND_GROUP, PACKAGES, main
from mix_tunnel.cli.running import Failure, run, tunnel_options
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime.tunnel_errors import SetupTimedOut


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


@pytest.mark.parametrize(("command", "package"), list(PACKAGES.items()))
def test_a_command_whose_package_is_missing_says_how_to_get_it(monkeypatch, command, package):
    monkeypatch.setattr("mix_tunnel.cli._installed", dict)
    result = CliRunner().invoke(main, [command, "example.org"])
    assert result.exit_code == 2
    assert f"mix {command} comes with the package {package}, which is not installed" in result.output
    assert "pip install" not in result.output, "no index is asked for it"


def test_the_packages_of_commands_are_those_that_bring_them():
    assert {point.name: point.value.partition(".")[0] for point in entry_points(group=COMMAND_GROUP)} == PACKAGES


def test_defaults():
    assert options_of().strip() == repr(TunnelOptions())


def test_every_option(tmp_path):
    pem = tmp_path / "ca.pem"
    pem.write_text(pem_of(authority()))
    shown = options_of(
        *("--directory", "http://127.0.0.1:1/api", "--cacert", str(pem), "--no-force-tls", "--no-cover"),
        *("--setup-timeout", "2.5", "--https-only"),
        *("--preferred-gateway", "2BuMSfMW3zpeAjKXyKLhmY4QW1DXurrtSPEJ6CjX3SEh"),
    )
    for part in (
        "directory_url='http://127.0.0.1:1/api'",
        "force_tls=False",
        "disable_poisson_traffic=True",
        "disable_cover_traffic=True",
        "connect_timeout_ms=2500",
        "https_only=True",
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--preferred-gateway", "no key"), "--preferred-gateway must be a gateway's base58 identity key"),
        (("--directory", "nowhere"), "--directory must be an http:// or https:// URL"),
    ],
)
def test_options_bear_the_command_lines_names(arguments, said):
    assert said in " ".join(CliRunner().invoke(probe, arguments).output.split())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SetupTimedOut(), "allow more time with --setup-timeout ["),
        (NoTlsGateway(), "allow plain ones with --no-force-tls ["),
        (UnknownGateway("{preferred_gateway} is gone"), "--preferred-gateway is gone ["),
        (NetworkFailure("no flag for {tcp_buffer_size}"), "no flag for tcp_buffer_size ["),
    ],
)
def test_advice_bears_the_command_lines_names(error, said):
    @click.command()
    @tunnel_options
    def failing(options: TunnelOptions) -> None:
        async def work() -> None:
            raise error

        run(work())

    result = CliRunner().invoke(failing, [])
    assert result.exit_code != 0
    assert said in result.output


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
