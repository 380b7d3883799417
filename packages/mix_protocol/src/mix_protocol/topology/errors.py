"""What can be wrong with a directory's answers.

A document that can't be decoded is `MalformedDocument`; one that decodes and still gives no working network is one of
the others. They tell a person which part of the network is missing, never a key or an address.
"""

from __future__ import annotations

from mix_protocol.errors import NetworkFailure, PeerIncompatible, PeerMisbehaved


class MalformedDocument(PeerMisbehaved):
    """A directory answer does not have the shape that its endpoint promises."""

    code = "topology.malformed_document"
    message = "the directory's answer is malformed; check that the directory URL is a Nym API"


class DocumentTooLarge(PeerMisbehaved):
    """A directory answer lists more than a client is willing to hold."""

    code = "topology.document_too_large"
    message = "the directory's answer is larger than any real network's; check the directory URL"


class InconsistentDocuments(PeerMisbehaved):
    """Two directory answers that belong together describe different epochs. Trying again usually helps."""

    code = "topology.inconsistent_documents"
    retryable = True
    message = "the directory's answers belong to different epochs; try again in a moment"


class UnsignedDirectory(PeerIncompatible):
    """Keys of directories are given, and the directory has nothing that they could have signed."""

    code = "topology.unsigned_directory"
    message = (
        "the directory signs nothing, so that nobody else vouches for the nodes that it lists; use one that does "
        "(mix-network directory), or trust this one alone and leave {directory_keys} out"
    )


class NoQuorum(PeerMisbehaved):
    """Too few of the directories whose keys are given vouch for what the directory lists.

    Fields `signed`, `quorum` and `trusted` count them.
    """

    code = "topology.no_quorum"
    retryable = True
    message = (
        "too few of the directories whose keys are given vouch for the nodes that this one lists: it lies, others do "
        "not answer it, or a key is wrong; check {directory_keys} and {directory_quorum}, or ask another of them"
    )


class SnapshotExpired(PeerMisbehaved):
    """A signed picture of the network is not of now. Fields `taken_at` and `valid_until` are seconds since 1970."""

    code = "topology.snapshot_expired"
    retryable = True
    message = (
        "the signed picture of the network is not of now: somebody repeats an old one, the directories draw no epochs "
        "any more, or this machine's clock is wrong; check the clock, or ask another of the directories"
    )


class EmptyLayer(NetworkFailure):
    """A mixing layer has no usable node, so that no route exists. Field `layer` is 1, 2 or 3."""

    code = "topology.empty_layer"
    retryable = True
    message = "a mixing layer has no usable node; the network is not complete at the moment, try again later"


class NoGateways(NetworkFailure):
    """No gateway of the directory is usable, so that no message can leave the mixnet."""

    code = "topology.no_gateways"
    retryable = True
    message = "the directory lists no usable gateway; the network is not complete at the moment, try again later"


class UnknownGateway(NetworkFailure):
    """A route was asked for to a gateway that the directory does not list as usable."""

    code = "topology.unknown_gateway"
    message = "this gateway is not among the usable ones of the directory; choose another one"


class NoDiverseRoute(NetworkFailure):
    """Every route has nodes of one operator, address or network (/24, or /48 of IPv6), who could see both its ends."""

    code = "topology.no_diverse_route"
    message = (
        "the directory lists no route whose nodes belong to different operators and networks, so that one of them "
        "could see who talks to whom; choose another directory or exit, or, in a network of your own, allow it with "
        "{allow_close_nodes=True}"
    )


class NoEntryGateway(NetworkFailure):
    """No gateway accepts clients under the given conditions. Fields count why the listed ones were passed over."""

    code = "topology.no_entry_gateway"
    message = "the directory lists no usable entry gateway; try again later or choose another directory"


class NoTlsGateway(NetworkFailure):
    """Entry gateways exist, but none is reachable over TLS."""

    code = "topology.no_tls_gateway"
    message = "no entry gateway offers a TLS WebSocket; allow plain ones with {force_tls=False}"


class NoExit(NetworkFailure):
    """No exit gateway runs an IP packet router."""

    code = "topology.no_exit"
    message = "the directory lists no usable exit gateway with an IP packet router; try again later"


class NoCompatibleExit(PeerIncompatible):
    """Exit gateways exist, but all run software older than IP packet router protocol 9."""

    code = "topology.no_compatible_exit"
    message = "all exit gateways run software that is too old for this client; choose one that runs 1.30.0 or newer"
