"""`mix dns`: a name's records through the mixnet, for the shell."""

from __future__ import annotations

import json
from dataclasses import replace

import click

from mix_dns.lookups import resolve
from mix_protocol.errors import MixError, UsageError
from mix_tunnel.api import (
    DnsAnswer,
    TunnelOptions,
    normal_type,
    question_name,
    reverse_name,
)
from mix_tunnel.cli.exit_codes import exit_code
from mix_tunnel.cli.output import Output
from mix_tunnel.cli.running import fail, open_tunnel, run, sentence_of, tunnel_options, usage

_SECONDS = click.FloatRange(0, min_open=True)


@click.command("dns")
@click.argument("name")
@click.argument("type", required=False)
@click.option("-x", "--reverse", is_flag=True, help="NAME is an IP address whose names are wanted.")
@click.option("--short", is_flag=True, help="Write the records' contents alone, one a line.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object, records with their parts by name.")
@click.option(
    "--server",
    "dns_servers",
    multiple=True,
    metavar="SERVER",
    help="Ask this DNS server; may be repeated. [8.8.8.8, then 1.1.1.1]",
)
@click.option("--timeout", type=_SECONDS, metavar="SECONDS", help="Give up after so long, set-up included.")
@tunnel_options
def dns_command(
    name: str,
    type: str | None,
    reverse: bool,
    short: bool,
    as_json: bool,
    dns_servers: tuple[str, ...],
    timeout: float | None,
    options: TunnelOptions,
) -> None:
    """Ask for NAME's records of TYPE (A by default) through the mixnet.

    The DNS server sees the exit gateway, not you; nothing is asked of this machine's own resolver.

    \b
    mix dns example.org
    mix dns example.org MX
    mix dns --short example.org TXT
    mix dns -x 192.0.2.1
    mix dns --server tls://9.9.9.9#dns.quad9.net --json example.org HTTPS

    \b
    Types: A AAAA CNAME MX TXT NS SOA SRV CAA PTR NAPTR HTTPS SVCB TLSA DS DNSKEY.
    Servers: 9.9.9.9, udp://IP, tcp://IP, tls://IP#NAME or https://NAME/dns-query#IP,
    each with :PORT behind IP or NAME where it isn't the usual one.

    \b
    Exit codes: 0 there are records, 2 usage, 6 no such name, no record of this type, or
    no server that could tell, 28 timed out, 35 and 60 TLS with the server, 97 no tunnel.
    """
    if short and as_json:
        raise click.UsageError("choose one of --short and --json")
    asked_name, asked_type = _question(name, type, reverse=reverse)
    try:
        options = replace(options, dns_servers=dns_servers)
    except MixError as error:
        raise usage(error) from error

    async def work() -> None:
        async with open_tunnel(options) as tunnel:
            answer = await resolve(asked_name, asked_type, tunnel=tunnel)
            write = _short if short else _as_json if as_json else _readable
            with Output() as sink:
                await sink.write(write(answer).encode() + b"\n")

    run(work(), timeout_s=timeout)


def _question(name: str, type: str | None, *, reverse: bool) -> tuple[str, str]:
    """Find mistakes before anything is set up: they are the caller's, not the network's."""
    try:
        if reverse:
            if type is not None and type.upper() != "PTR":
                raise click.UsageError("-x asks for PTR records; leave TYPE out")
            return reverse_name(name), "PTR"
        return question_name(name), normal_type(type if type is not None else "A")
    except UsageError as error:
        raise usage(error) from error
    except MixError as error:
        fail(exit_code(error), sentence_of(error))


def _short(answer: DnsAnswer) -> str:
    return "\n".join(record.text for record in answer.records)


def _readable(answer: DnsAnswer) -> str:
    """Records as in a zone file, and where they come from as its comments."""
    owner = f"{answer.canonical_name.rstrip('.')}."
    lines = [f"; {answer.name}. is an alias of {owner}"] if answer.canonical_name != answer.name else []
    lines += [f"{owner}\t{record.ttl_s}\tIN\t{record.type}\t{record.text}" for record in answer.records]
    lines.append(f"; from {answer.server} over {answer.transport.upper()} in {answer.elapsed_ms:.0f} ms")
    return "\n".join(lines)


def _as_json(answer: DnsAnswer) -> str:
    records = [
        {"type": record.type, "ttl": record.ttl_s, "text": record.text, "data": dict(record.data)}
        for record in answer.records
    ]
    value = {
        "name": answer.name,
        "type": answer.type,
        "canonical_name": answer.canonical_name,
        "server": answer.server,
        "transport": answer.transport,
        "elapsed_ms": round(answer.elapsed_ms, 3),
        "records": records,
    }
    return json.dumps(value, indent=2, ensure_ascii=False)
