"""Fixtures and markers for tests of programs that use a mixnet."""

from pytest_mix.mixnet import Mixnet

__all__ = ["Mixnet"]
