"""A node's answers as JSON: any of this package's dataclasses, and those of `topology.described` that nodes serve, too.

    /api/v1/roles                                       NodeRoles
    /api/v1/build-information                           described.BuildInformation
    /api/v1/host-information                            see `host_information`
    /api/v1/auxiliary-details                           described.AuxiliaryDetails
    /api/v2/auxiliary-details                           AuxiliaryDetailsV2
    /api/v1/description                                 OperatorDescription
    /api/v1/health                                      Health
    /api/v1/load                                        load.NodeLoad
    /api/v1/network/upgrade-mode-status                 UpgradeModeStatus
    /api/v1/gateway                                     Gateway
    /api/v1/gateway/client-interfaces                   ClientInterfaces
    /api/v1/gateway/client-interfaces/mixnet-websockets described.MixnetWebSockets
    /api/v1/gateway/client-interfaces/wireguard         described.Wireguard
    /api/v1/network-requester, /ip-packet-router        ServiceDetails
    /api/v1/network-requester/exit-policy               exit_policy.UsedExitPolicy
    /api/v1/metrics/…                                   metrics

Source: Nym spec, node HTTP API.
"""

from __future__ import annotations

from typing import TypeVar

from mix_protocol.codec.json import decode_json, encode_json
from mix_protocol.codec.reader import MalformedMessage

T = TypeVar("T")

MAX_ANSWER_LENGTH = 256 * 1024
"""Longest answer, in bytes, that is read; a node's longest is its exit policy, of some 100 kB."""


def decode_answer(data: bytes, kind: type[T], what: str) -> T:
    """Read a node's answer. Raises `MalformedMessage`; members that are not known are passed over.

    what -- its name, for the error
    """
    if len(data) > MAX_ANSWER_LENGTH:
        raise MalformedMessage(what, f"it is longer than {MAX_ANSWER_LENGTH} bytes")
    return decode_json(data, kind, what)


def encode_answer(answer: object) -> bytes:
    """The compact JSON of an answer."""
    return encode_json(answer)
