"""Bytecode for the worker, made inside Pyodide: no sources, and of each module only what running it needs.

What a worker never shows is left out: docstrings, annotations of functions, code under `if TYPE_CHECKING`, and the
columns of positions. Tracebacks have files, lines and names of functions; they lack the text of the lines and the marks
under it. `assert` stays, for libraries use it to check what a peer sent.
"""

from __future__ import annotations

import ast
import dis
import importlib.util
import io
import marshal
import types
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping

_NO_COLUMNS, _NO_LINE = 13, 15
"""Codes of the location table, Objects/locations.md in CPython's source."""
_LONGEST_ENTRY = 8
_UNCHECKED = 1
"""The flag of a .pyc that is never compared with its source (PEP 552)."""


class _Compactor(ast.NodeTransformer):
    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            # Something has to stay: for a class without one, dataclasses would write one from its signature.
            node.body[0] = ast.copy_location(ast.Expr(ast.copy_location(ast.Constant("-"), node.body[0])), node.body[0])
        self.generic_visit(node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._visit_function(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            return node.orelse or [ast.copy_location(ast.Pass(), node)]
        return node

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        # functools.singledispatch reads the annotation of what is registered.
        if not any("register" in ast.unparse(decorator) for decorator in node.decorator_list):
            node.returns = None
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            for argument in every:
                if argument is not None:
                    argument.annotation = None
        return self._without_docstring(node)

    def _without_docstring(self, node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
            if not node.body and not isinstance(node, ast.Module):
                node.body.append(ast.Pass(lineno=node.lineno, col_offset=node.col_offset))
        self.generic_visit(node)
        return ast.fix_missing_locations(node)


def _signed_varint(value: int) -> bytes:
    """Six bits a byte, the least significant first, the sign lowest."""
    rest = (-value << 1) | 1 if value < 0 else value << 1
    out = bytearray()
    while rest >= 64:
        out.append(64 | (rest & 63))
        rest >>= 6
    out.append(rest)
    return bytes(out)


def lines_alone(code: types.CodeType) -> bytes:
    """The location table of a code object without its columns."""
    table, last = bytearray(), code.co_firstlineno
    for start, end, line in code.co_lines():
        units = (end - start) // 2
        while units > 0:
            length = min(units, _LONGEST_ENTRY)
            units -= length
            table.append(0x80 | ((_NO_LINE if line is None else _NO_COLUMNS) << 3) | (length - 1))
            if line is not None:
                table += _signed_varint(line - last)
                last = line
    return bytes(table)


def _without_columns(code: types.CodeType) -> types.CodeType:
    constants = tuple(_without_columns(each) if isinstance(each, types.CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=constants, co_linetable=lines_alone(code))


def without_positions(code: types.CodeType) -> types.CodeType:
    """Code that says of none of its instructions where it was written, as suits what nobody wrote."""
    constants = tuple(without_positions(each) if isinstance(each, types.CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=constants, co_linetable=b"")


def compact(source: bytes, name: str) -> types.CodeType:
    """A module's code.

    name -- what tracebacks call its file
    """
    tree = _Compactor().visit(ast.parse(source))
    return _without_columns(compile(tree, name, "exec", dont_inherit=True, optimize=0))


def as_pyc(code: types.CodeType) -> bytes:
    """The content of a .pyc file."""
    return importlib.util.MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + bytes(8) + marshal.dumps(code)


def module_name(file: str) -> str:
    """a/b/__init__.py -> a.b"""
    return file.rpartition(".")[0].removesuffix("/__init__").replace("/", ".")


def imports_of(code: types.CodeType, package: str) -> Iterator[str]:
    """What a module's code may import, at its start or inside a function; of `from a import b` both a and a.b.

    package -- what relative imports are relative to
    """
    loads: list[object] = [0, None]  # what was put on the stack last: how many levels up, and the names
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            level, names = loads[-2:]
            base = instruction.argval
            if isinstance(level, int) and level:
                above = package.split(".")[: package.count(".") + 2 - level]
                base = ".".join(filter(None, [*above, base]))
            yield base
            yield from (f"{base}.{name}" for name in (names if isinstance(names, tuple) else ()))
        elif instruction.opname.startswith("LOAD_"):
            loads.append(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from imports_of(constant, package)


def reachable(
    roots: Iterable[str], codes: Mapping[str, tuple[types.CodeType, bool]], left_out: Collection[str] = ()
) -> set[str]:
    """The modules that can be imported from these on, by the import statements anywhere in their code.

    codes -- of each module there is: its code, and whether it is a package
    left_out -- modules, with what is in them, that are not looked at
    """
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or name not in codes or any(f"{name}.".startswith(f"{each}.") for each in left_out):
            continue
        found.add(name)
        code, is_package = codes[name]
        parents = name.split(".")
        waiting += [".".join(parents[:length]) for length in range(1, len(parents))]
        waiting += imports_of(code, name if is_package else name.rpartition(".")[0])
    return found


def stored_zip(files: Mapping[str, bytes]) -> bytes:
    """An archive whose files are not compressed, for it is compressed as a whole on its way; always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()
