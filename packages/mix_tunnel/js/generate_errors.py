#!/usr/bin/env python3
"""Write errors.generated.js and errors.generated.d.ts: a JavaScript class for every error in Python's registry.

generate_errors.py            write them
generate_errors.py --check    exit 1 if they are not what the registry says
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections import Counter
from pathlib import Path

from mix_protocol.errors import KINDS, MixError, registered

HERE = Path(__file__).resolve().parent
PACKAGES = ("mix_protocol", "mix_tunnel")
NOT_HERE = ("mix_tunnel.platform.browser", "mix_tunnel.worker.event_loop", "mix_tunnel.cli")
"""Modules that need a browser or a terminal, and define no errors."""
HEAD = "// Written by generate_errors.py from the Python registry: do not edit.\n"


def import_all() -> None:
    """Import every module, so that every error class registers itself."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.startswith(NOT_HERE):
                importlib.import_module(module.name)


def first_sentence(cls: type[MixError]) -> str:
    """The first line of a class's docstring."""
    return (cls.__doc__ or "").strip().splitlines()[0].replace("*/", "")


def sort_classes() -> list[type[MixError]]:
    """The kinds, then every other class after those it derives from."""
    ours = [cls for cls in registered().values() if cls.__module__.startswith(PACKAGES)]
    return sorted(
        (cls for cls in ours if cls is not MixError),
        key=lambda cls: (KINDS.index(cls) if cls in KINDS else len(KINDS), len(cls.__mro__), cls.code),
    )


def name_classes(classes: list[type[MixError]]) -> dict[type[MixError], str]:
    """JavaScript's names: Python's, with the layer in front where two layers use the same."""
    often = Counter(cls.__name__ for cls in classes)
    names = {cls: cls.__name__ for cls in classes}
    for cls in classes:
        if often[cls.__name__] > 1:
            layer = cls.code.partition(".")[0].title().replace("_", "")
            names[cls] = layer + cls.__name__
    return names


def parent_of(cls: type[MixError], names: dict[type[MixError], str]) -> str:
    """The class that the JavaScript class extends: the nearest one with a code of its own."""
    return next((names[base] for base in cls.__mro__[1:] if base in names), "MixError")


def render() -> dict[str, str]:
    """The two files' texts."""
    classes = sort_classes()
    names = name_classes(classes)
    if len(set(names.values())) != len(names):
        sys.exit("generate_errors: two error classes of one layer have the same name: rename one")
    imports = 'import { MixError } from "./mix_error.js";\n'
    code, types = [HEAD, imports], [HEAD, imports]
    for cls, name in names.items():
        sentence, parent = f"\n/** {first_sentence(cls)} */\n", parent_of(cls, names)
        code.append(f'{sentence}export class {name} extends {parent} {{\n  static code = "{cls.code}";\n}}\n')
        types.append(f"{sentence}export declare class {name} extends {parent} {{\n  static code: string;\n}}\n")
    entries = "".join(f'  ["{cls.code}", {name}],\n' for cls, name in names.items())
    code.append(
        "\n/** Code to class.\n * @type {ReadonlyMap<string, typeof MixError>} */\n"
        f"export const ERROR_CLASSES = new Map(/** @type {{[string, typeof MixError][]}} */ ([\n{entries}]));\n"
    )
    types.append("\n/** Code to class. */\nexport declare const ERROR_CLASSES: ReadonlyMap<string, typeof MixError>;\n")
    return {"errors.generated.js": "".join(code), "errors.generated.d.ts": "".join(types)}


def main() -> None:
    import_all()
    check = "--check" in sys.argv[1:]
    for name, text in render().items():
        path = HERE / name
        if path.is_file() and path.read_text() == text:
            continue
        if check:
            sys.exit(f"{path.name} is not up to date: run {Path(__file__).name}")
        path.write_text(text)
        print(f"{name} written")


if __name__ == "__main__":
    main()
