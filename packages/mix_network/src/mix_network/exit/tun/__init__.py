"""The exit's other way out: a TUN device, behind which the kernel forwards and masquerades."""
