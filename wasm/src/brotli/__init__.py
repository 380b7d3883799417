"""Brotli's decoder, with the names that PyPI's brotli has for it. There is no encoder here."""

from _brotli import Decompressor, __version__, decompress, error

version = __version__

__all__ = ["Decompressor", "__version__", "decompress", "error", "version"]
