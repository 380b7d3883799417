"""Imports all modules of ours in a worker. What they are is put in place of the constants below (`own_bytecode`); the
code runs in a namespace of its own, of which nothing stays.
"""

import dataclasses
import gc
import sys
from importlib import import_module
from importlib.machinery import SourcelessFileLoader
from importlib.util import spec_from_file_location

CODES = "CODES"  # name -> code, whether it is a package
GENERATED = "GENERATED"  # hash of a source that dataclasses write -> its code
FOLDER = "FOLDER"


class _Loader(SourcelessFileLoader):
    def get_code(self, fullname):
        return CODES[fullname][0]


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in CODES:
            return None
        place = f"{FOLDER}/{name.replace('.', '/')}"
        if CODES[name][1]:
            file = f"{place}/__init__.pyc"
            return spec_from_file_location(name, file, loader=_Loader(name, file), submodule_search_locations=[place])
        return spec_from_file_location(name, f"{place}.pyc", loader=_Loader(name, f"{place}.pyc"))


def _execute(source, global_names, names):
    # Two fifths of all importing would be the compiling of such sources. Their hash is the same everywhere, for its key
    # is in the memory that this runs in.
    key = hash(source)
    code = GENERATED.get(key)
    if code is None:
        code = GENERATED[key] = compile(source, "<string>", "exec", dont_inherit=True)
    exec(code, global_names, names)  # noqa: S102


gc.disable()
dataclasses.exec = _execute
sys.meta_path.insert(0, _Finder)
try:
    for name in CODES:
        import_module(name)
finally:
    sys.meta_path.remove(_Finder)
    del dataclasses.exec
    gc.enable()
for name in CODES:
    sys.modules[name].__spec__.loader.__class__ = SourcelessFileLoader
