"""NLnet Labs' unbound, as Debian ships it: a real DNS server on loopback with a zone of every record type.

It answers over UDP and TCP, over TLS (RFC 7858) and over HTTPS (RFC 8484, HTTP/2 alone), each on a port of its own.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.tls_server import certificate

PROGRAM = shutil.which("unbound") or "/usr/sbin/unbound"
HOST = "127.0.0.1"
NAME = "dns.test"
READY_SECONDS = 60
ATTEMPTS = 10

LONG_TXT = tuple(f"part {number:02d} " + "x" * 200 for number in range(12))
"""One record of character strings; more than fits into a datagram."""

ZONE = (
    "zone.test. 900 IN SOA ns.zone.test. admin.zone.test. 7 3600 600 86400 120",
    "zone.test. 3600 IN NS ns.zone.test.",
    "zone.test. 300 IN MX 10 mail.zone.test.",
    "zone.test. 300 IN MX 20 mail2.zone.test.",
    'zone.test. 300 IN CAA 0 issue "ca.zone.test"',
    "ns.zone.test. 300 IN A 192.0.2.53",
    "www.zone.test. 60 IN A 192.0.2.1",
    "www.zone.test. 60 IN A 192.0.2.2",
    "www.zone.test. 60 IN AAAA 2001:db8::1",
    "alias.zone.test. 120 IN CNAME www.zone.test.",
    'txt.zone.test. 300 IN TXT "v=spf1 -all" "second string"',
    "long.zone.test. 300 IN TXT " + " ".join(f'"{part}"' for part in LONG_TXT),
    "_sip._tcp.zone.test. 300 IN SRV 1 2 5060 www.zone.test.",
    'naptr.zone.test. 300 IN NAPTR 1 2 "S" "SIP+D2U" "" _sip._udp.zone.test.',
    'svc.zone.test. 300 IN HTTPS 1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1',
    "svc.zone.test. 300 IN SVCB 0 www.zone.test.",
    "_443._tcp.zone.test. 300 IN TLSA 3 1 1 " + "ab" * 32,
    "signed.zone.test. 300 IN DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
    "signed.zone.test. 300 IN DNSKEY 256 3 5 AQPSKmynfzW4kyBv015MUG2DeIQ3",
    "xn--bcher-kva.zone.test. 300 IN A 192.0.2.7",
    "1.2.0.192.in-addr.arpa. 300 IN PTR www.zone.test.",
)


RECORDS: list[tuple[str, str, int, list[dict[str, object]]]] = [
    ("www.zone.test", "A", 60, [{"address": "192.0.2.1"}, {"address": "192.0.2.2"}]),
    ("www.zone.test", "AAAA", 60, [{"address": "2001:db8::1"}]),
    ("alias.zone.test", "CNAME", 120, [{"target": "www.zone.test"}]),
    (
        "zone.test",
        "MX",
        300,
        [{"preference": 10, "exchange": "mail.zone.test"}, {"preference": 20, "exchange": "mail2.zone.test"}],
    ),
    (
        "txt.zone.test",
        "TXT",
        300,
        [{"strings": ["v=spf1 -all", "second string"], "text": "v=spf1 -allsecond string"}],
    ),
    ("zone.test", "NS", 3600, [{"target": "ns.zone.test"}]),
    (
        "zone.test",
        "SOA",
        900,
        [
            {
                "mname": "ns.zone.test",
                "rname": "admin.zone.test",
                "serial": 7,
                "refresh": 3600,
                "retry": 600,
                "expire": 86400,
                "minimum": 120,
            }
        ],
    ),
    ("_sip._tcp.zone.test", "SRV", 300, [{"priority": 1, "weight": 2, "port": 5060, "target": "www.zone.test"}]),
    ("zone.test", "CAA", 300, [{"flags": 0, "critical": False, "tag": "issue", "value": "ca.zone.test"}]),
    ("1.2.0.192.in-addr.arpa", "PTR", 300, [{"target": "www.zone.test"}]),
    (
        "naptr.zone.test",
        "NAPTR",
        300,
        [
            {
                "order": 1,
                "preference": 2,
                "flags": "S",
                "service": "SIP+D2U",
                "regexp": "",
                "replacement": "_sip._udp.zone.test",
            }
        ],
    ),
    (
        "svc.zone.test",
        "HTTPS",
        300,
        [
            {
                "priority": 1,
                "target": ".",
                "params": {"alpn": ["h2", "h3"], "port": 8443, "ipv4hint": ["192.0.2.1"]},
            }
        ],
    ),
    ("svc.zone.test", "SVCB", 300, [{"priority": 0, "target": "www.zone.test", "params": {}}]),
    (
        "_443._tcp.zone.test",
        "TLSA",
        300,
        [{"usage": 3, "selector": 1, "matching_type": 1, "certificate": "ab" * 32}],
    ),
    (
        "signed.zone.test",
        "DS",
        300,
        [{"key_tag": 60485, "algorithm": 5, "digest_type": 1, "digest": "2bb183af5f22588179a53b0a98631fad1a292118"}],
    ),
    (
        "signed.zone.test",
        "DNSKEY",
        300,
        [{"flags": 256, "protocol": 3, "algorithm": 5, "key": "AQPSKmynfzW4kyBv015MUG2DeIQ3", "key_tag": 55497}],
    ),
]
"""Name, type, TTL and parts of what the zone has, one entry for every type that can be asked for."""


@dataclass(frozen=True)
class Unbound:
    """A running server; each of its faces as `dnsServers` writes it."""

    port: int
    tls_port: int
    https_port: int

    @property
    def udp(self) -> str:
        return f"udp://{HOST}:{self.port}"

    @property
    def tcp(self) -> str:
        return f"tcp://{HOST}:{self.port}"

    @property
    def tls(self) -> str:
        return f"tls://{HOST}:{self.tls_port}#{NAME}"

    @property
    def https(self) -> str:
        return f"https://{NAME}:{self.https_port}/dns-query#{HOST}"


@contextlib.contextmanager
def run_unbound(zone: tuple[str, ...] = ZONE) -> Iterator[Unbound]:
    """A server for the block, whose certificate is for `NAME` and 127.0.0.1 from the tests' own authority."""
    for attempt in range(ATTEMPTS):
        server = Unbound(*_free_ports(3))
        with _process(server, zone) as (is_ready, said):
            # It can't be handed sockets, so somebody else may be quicker to take one of its ports.
            if not is_ready and "Address already in use" in "".join(said) and attempt < ATTEMPTS - 1:
                continue
            assert is_ready, "".join(said)
            yield server
            return


@contextlib.contextmanager
def _process(server: Unbound, zone: tuple[str, ...]) -> Iterator[tuple[bool, list[str]]]:
    """A server's process for the block: whether it serves, and what it has said."""
    with tempfile.TemporaryDirectory() as folder:
        config = _write_config(Path(folder), server, zone)
        process = subprocess.Popen([PROGRAM, "-d", "-p", "-c", config], stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        said: list[str] = []
        told = threading.Event()

        def listen() -> None:
            for line in process.stderr:
                said.append(line)
                if "start of service" in line:
                    told.set()
            told.set()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            told.wait(READY_SECONDS)
            yield any("start of service" in line for line in said), said
        finally:
            process.terminate()
            process.wait()
            thread.join()
            process.stderr.close()


def _write_config(folder: Path, server: Unbound, zone: tuple[str, ...]) -> Path:
    leaf = certificate(NAME, HOST)
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    chain = folder / "chain.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    lines = [
        "server:",
        f'  directory: "{folder}"',
        '  chroot: ""',
        f'  username: "{pwd.getpwuid(os.getuid()).pw_name if os.getuid() else ""}"',
        '  pidfile: ""',
        '  logfile: ""',
        "  use-syslog: no",
        "  verbosity: 1",
        "  num-threads: 1",
        "  do-ip6: no",
        "  do-daemonize: no",
        '  module-config: "iterator"',
        "  edns-buffer-size: 1232",
        "  max-udp-size: 1232",
        "  so-reuseport: no",  # or two of them could share a port, each with half of the questions
        "  tcp-idle-timeout: 120000",
        f"  interface: {HOST}@{server.port}",
        f"  interface: {HOST}@{server.tls_port}",
        f"  interface: {HOST}@{server.https_port}",
        f"  tls-port: {server.tls_port}",
        f"  https-port: {server.https_port}",
        '  http-endpoint: "/dns-query"',
        f'  tls-service-key: "{folder / "key.pem"}"',
        f'  tls-service-pem: "{chain}"',
        "  access-control: 127.0.0.0/8 allow",
        "  local-zone: zone.test. static",
        "  local-zone: 2.0.192.in-addr.arpa. static",
        "  local-zone: refused.test. refuse",
        "  local-zone: elsewhere.test. static",
        "  local-zone: silent.test. always_deny",
        *(f"  local-data: '{record}'" for record in zone),
        "remote-control:",
        "  control-enable: no",
        "forward-zone:",  # whatever is not local fails, without a word to anybody outside
        '  name: "."',
        f"  forward-addr: {HOST}@9",
    ]
    config = folder / "unbound.conf"
    config.write_text("\n".join(lines) + "\n")
    return config


def _free_ports(count: int) -> list[int]:
    """Ports that are free for UDP and TCP at the moment."""
    with contextlib.ExitStack() as stack:
        ports = []
        while len(ports) < count:
            tcp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            tcp.bind((HOST, 0))
            port = tcp.getsockname()[1]
            udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):
                udp.bind((HOST, port))
                ports.append(port)
        return ports
