"""Every JavaScript and TypeScript snippet of the READMEs and the book compiles against our installed tarballs.

Strictly, and without `allowJs` and `skipLibCheck`: declarations that are missing or wrong are found as users find them.
"""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.npm_project import PACKAGES, empty_project
from support.readme import ROOT

_BLOCK = re.compile(r"^( *)```(?:js|ts)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_MODULE = re.compile(r"^(?:import|export) ", re.MULTILINE)
TEXTS = sorted([ROOT / "README.md", *ROOT.glob("packages/*/js/README.md"), *ROOT.glob("docs/**/*.md")])
OPTIONS = {
    "strict": True,
    "noEmit": True,
    "target": "ES2022",
    "module": "ESNext",
    "moduleResolution": "Bundler",
    "lib": ["ES2022", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
    "types": [],
}
WITH_LIBRARIES = ROOT / "docs/guide/with-your-library.md"
LIBRARIES = ("axios", "ethers", "graphql-request", "ky", "reconnecting-websocket", "viem")


def snippets(texts: Sequence[Path]) -> dict[str, str]:
    """File name to code."""
    found = {}
    for path in texts:
        for number, (_, code) in enumerate(_BLOCK.findall(path.read_text()), 1):
            name = f"{path.relative_to(ROOT).with_suffix('')}-{number}".replace("/", "-").lower()
            found[f"{name}.ts"] = textwrap.dedent(code)
    return found


@pytest.fixture(scope="module")
def project(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_project(tmp_path_factory.mktemp("typescript"), dist)


def compile_all(project: Path, sources: dict[str, str], **more_options: bool) -> str:
    """What the compiler has to say about these files."""
    folder = project / "snippets"
    folder.mkdir(exist_ok=True)
    for name, code in sources.items():
        # What is no module yet becomes one, so that names of different snippets do not clash.
        (folder / name).write_text(code if _MODULE.search(code) else f"{code}\nexport {{}};\n")
    files = [f"snippets/{name}" for name in sources]
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": {**OPTIONS, **more_options}, "files": files}))
    compiler = ROOT / "node_modules/.bin/tsc"
    return subprocess.run([compiler, "-p", project], capture_output=True, text=True, check=False).stdout


def test_every_snippet_compiles(project: Path):
    sources = snippets([path for path in TEXTS if path != WITH_LIBRARIES])
    assert len(sources) > 10
    assert compile_all(project, sources) == ""


def test_every_snippet_with_a_library_compiles(project: Path):
    """Ours fit where the libraries want a `fetch` or a `WebSocket`; their own declarations are not ours to check."""
    for library in LIBRARIES:
        (project / "node_modules" / library).symlink_to(ROOT / "node_modules" / library)
    sources = snippets([WITH_LIBRARIES])
    assert len(sources) > len(LIBRARIES)
    assert compile_all(project, sources, skipLibCheck=True) == ""


def test_every_declaration_that_is_shipped_compiles(project: Path):
    """Also those that no snippet leads to."""
    declared = [
        path.relative_to(project).as_posix()
        for package in PACKAGES
        for path in sorted((project / "node_modules" / package).glob("*.d.ts"))
    ]
    assert "node_modules/mix-tunnel/mix_error.d.ts" in declared
    imports = "".join(f'import type {{}} from "../{path.removesuffix(".d.ts")}.js";\n' for path in declared)
    assert compile_all(project, {"all.ts": imports}) == ""


def test_a_wrong_snippet_does_not(project: Path):
    wrong = 'import { MixError } from "mix-fetch";\nconst code: number = new MixError().code;\n'
    assert "TS2322" in compile_all(project, {"wrong.ts": wrong})
