"""Units for systemd: a node or a directory as a service that may do little else."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")

_UNIT = """\
# Written by `{written_by}`. As /etc/systemd/system/{name}.service:
#   systemctl daemon-reload && systemctl enable --now {name}
# Its home is /var/lib/{name}, of a user that exists while it runs. `systemctl reload {name}` is SIGHUP.
[Unit]
Description={description}
Documentation=man:systemd.exec(5)
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart={command}
ExecReload=kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
LimitNOFILE=65536

DynamicUser=yes
StateDirectory={name}
StateDirectoryMode=0700
UMask=0077

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit(name: str, description: str, arguments: Sequence[str]) -> str:
    """The text of a unit.

    name -- of the service, and of its folder in /var/lib
    arguments -- of `mix-network`, but for the home

    Raises `click.UsageError` for a name that no service should have.
    """
    if _NAME.fullmatch(name) is None:
        raise click.UsageError("a service's name has letters, digits, - and _")
    program = Path(sys.argv[0]).absolute()
    is_script = os.access(program, os.X_OK) and program.name == "mix-network"
    command = [str(program)] if is_script else [sys.executable, "-m", "mix_network"]
    # `%` begins a specifier, and `$` a variable.
    words = [shlex.quote(word).replace("%", "%%").replace("$", "$$") for word in [*command, *arguments]]
    return _UNIT.format(
        name=name,
        description=description,
        written_by=f"mix-network {arguments[0]} systemd",
        command=" ".join([*words, "--home", f"%S/{name}"]),
    )
