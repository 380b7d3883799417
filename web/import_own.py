"""Imports the modules of ours in a worker: when this runs, those that a page waits for; when it runs again in the same
namespace, all others. Until then each is imported when something needs it, or `import_next` says so. What they are is
put in place of the constants below (`own_bytecode`).
"""

import dataclasses
import gc
import marshal
import sys
from importlib import import_module
from importlib.machinery import SourcelessFileLoader
from importlib.util import spec_from_file_location

CODES = "CODES"  # name -> marshalled code, whether it is a package; each after those that it imports
FIRST = "FIRST"  # how many of them a page waits for
GENERATED = "GENERATED"  # hash of a source that dataclasses write -> its code
FOLDER = "FOLDER"


class _Loader(SourcelessFileLoader):
    def get_code(self, fullname):
        return marshal.loads(CODES[fullname][0])  # noqa: S302 -- which came together with this

    def exec_module(self, module):
        is_collecting = gc.isenabled()
        gc.disable()  # what a module makes, it keeps
        try:
            super().exec_module(module)
        finally:
            if is_collecting:
                gc.enable()
        CODES.pop(module.__name__)
        self.__class__ = SourcelessFileLoader
        if not CODES:
            sys.meta_path.remove(modules)
            del dataclasses.exec


class Modules:
    """What is not imported yet, in `sys.meta_path`."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in CODES:
            return None
        place = f"{FOLDER}/{name.replace('.', '/')}"
        if CODES[name][1]:
            file = f"{place}/__init__.pyc"
            return spec_from_file_location(name, file, loader=_Loader(name, file), submodule_search_locations=[place])
        return spec_from_file_location(name, f"{place}.pyc", loader=_Loader(name, f"{place}.pyc"))

    @staticmethod
    def import_next():
        """Import one module, if there is any left."""
        for name in CODES:
            import_module(name)
            return True
        return False


def _execute(source, global_names, names):
    # Two fifths of all importing would be the compiling of such sources. Their hash is the same everywhere, for its key
    # is in the memory that this runs in.
    key = hash(source)
    code = GENERATED.get(key)
    if code is None:
        code = GENERATED[key] = compile(source, "<string>", "exec", dont_inherit=True)
    exec(code, global_names, names)  # noqa: S102


left = 0
if "modules" not in globals():
    left = len(CODES) - FIRST
    modules = Modules
    dataclasses.exec = _execute
    sys.meta_path.insert(0, modules)
while len(CODES) > left:
    modules.import_next()
gc.freeze()  # nothing of all this will ever be garbage: so nobody need look for it
