"""All modules of ours as one piece of bytecode, which imports them (`import_own`); made inside Pyodide."""

from __future__ import annotations

import marshal
import types
from collections.abc import Mapping

from compact_code import compact, without_positions


def importer(
    source: bytes,
    codes: Mapping[str, tuple[types.CodeType, bool]],
    first: int,
    generated: Mapping[int, types.CodeType],
    folder: str,
) -> types.CodeType:
    """The code of `import_own` with the modules in it.

    source -- of `import_own`
    codes -- of each module: its code, and whether it is a package; in the order in which they are to be imported
    first -- how many of them at once
    generated -- by the hash of its source, what running them compiles
    folder -- where tracebacks and `__file__` have the modules
    """
    values = {
        "CODES": {name: (marshal.dumps(code), is_package) for name, (code, is_package) in codes.items()},
        "FIRST": first,
        "GENERATED": {key: without_positions(code) for key, code in generated.items()},
        "FOLDER": folder,
    }
    code = compact(source, "import_own.py")
    places = [each for each in code.co_consts if isinstance(each, str) and each in values]
    if sorted(places) != sorted(values):
        raise ValueError(f"import_own has places for {', '.join(places)}")
    constants = (values.get(each, each) if isinstance(each, str) else each for each in code.co_consts)
    return code.replace(co_consts=tuple(constants))


def packed(code: types.CodeType) -> bytes:
    """As `PyMarshal_ReadObjectFromString` reads it."""
    return marshal.dumps(code)
