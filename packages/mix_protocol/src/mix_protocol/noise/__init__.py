"""Encrypted links between nodes: Noise_XKpsk3_25519_AESGCM_SHA256 over a byte stream, both sides."""
