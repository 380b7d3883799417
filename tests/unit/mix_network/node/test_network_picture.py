"""What a node makes of a directory's answers."""

import json

from mix_network.node.directory_client import NetworkPicture
from mix_protocol.addressing import NodeAddress
from mix_protocol.codec import base58
from mix_protocol.topology.documents import (
    EpochDuration,
    KeyRotationInfo,
    KeyRotationState,
    RewardedSet,
    RotationProgress,
    SkimmedMetadata,
    SkimmedNodes,
    encode_key_rotation_info,
    encode_rewarded_set,
    encode_skimmed,
)

KEY = b"\x01" * 32
METADATA = SkimmedMetadata(absolute_epoch_id=50, rotation_id=2)
ROTATION = KeyRotationInfo(
    key_rotation_state=KeyRotationState(validity_epochs=24, initial_epoch_id=0),
    current_absolute_epoch_id=50,
    current_epoch_start="2026-11-21T08:00:00Z",
    epoch_duration=EpochDuration(secs=3600),
    progress=RotationProgress(
        current_key_rotation_id=2, current_rotation_starting_epoch=48, current_rotation_ending_epoch=71
    ),
)


def row(number: int, addresses: list[str], key: object) -> dict[str, object]:
    basic = {
        "node_id": number,
        "ed25519_identity_pubkey": base58.encode(bytes([number]) * 32),
        "ip_addresses": addresses,
        "mix_port": 1789,
        "x25519_sphinx_pubkey": base58.encode(KEY),
        "role": "Inactive",
        "entry": None,
        "performance": "1",
    }
    noise = {"supported_version": 1, "x25519_pubkey": key} if key is not None else None
    return {"basic": basic, "x25519_noise_versioned_key": noise}


def picture(*rows: dict[str, object]) -> NetworkPicture:
    skimmed = encode_skimmed(SkimmedNodes.of(METADATA, []))
    everybody = {**json.loads(skimmed), "nodes": {"pagination": {"total": 3, "page": 0, "size": 3}, "data": rows}}
    rewarded = RewardedSet(epoch_id=50, entry_gateways=[], exit_gateways=[], layer1=[], layer2=[], layer3=[])
    return NetworkPicture.decode(
        {
            "rotation": encode_key_rotation_info(ROTATION),
            "rewarded": encode_rewarded_set(rewarded),
            "mix_nodes": skimmed,
            "gateways": skimmed,
            "everybody": json.dumps(everybody).encode(),
        }
    )


def test_whom_a_node_sends_to_and_which_links_are_encrypted():
    found = picture(
        row(1, ["192.0.2.1", "2001:db8::1"], base58.encode(KEY)),
        row(2, ["192.0.2.2"], None),
        row(3, ["192.0.2.3", "somewhere"], "no key"),
    )
    first, also_first, second, third = (
        NodeAddress.from_text(text, 1789) for text in ("192.0.2.1", "2001:db8::1", "192.0.2.2", "192.0.2.3")
    )
    assert found.addresses == [first, also_first, second, third]
    assert found.noise_keys == {first: KEY, also_first: KEY}
