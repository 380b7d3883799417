"""The READMEs of the packages stand alone: they are read on a package index and in installed packages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
READMES = sorted([*ROOT.glob("packages/*/README.md"), *ROOT.glob("packages/*/js/README.md")])

_CODE_BLOCK = re.compile(r"^```.*?^```$|^    .*?$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_TARGETS = (
    re.compile(r"\]\(\s*<?([^)\s>]+)"),  # [text](target), ![picture](target)
    re.compile(r"^\s*\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE),  # [name]: target
    re.compile(r"\b(?:href|src)\s*=\s*[\"']([^\"']+)"),
)
_IN_REPOSITORY = re.compile(r"`((?:docs|packages|examples|web|bench)/[\w./-]+)`")


def link_targets(markdown: str) -> Iterator[str]:
    """Where the links and pictures of a text lead to; what is code is no link."""
    text = _CODE.sub("", _CODE_BLOCK.sub("", markdown))
    for pattern in _TARGETS:
        yield from pattern.findall(text)


def shipped_beside(readme: Path) -> set[str]:
    """The files that are found beside the README where the package is installed."""
    manifest = readme.parent / "package.json"
    if not manifest.is_file():
        return set()  # a wheel carries its README as metadata, and an index shows that alone
    patterns = json.loads(manifest.read_text())["files"]
    files = (path for pattern in patterns for path in readme.parent.glob(pattern))
    return {"package.json", "README.md", "LICENSE", *(str(path.relative_to(readme.parent)) for path in files)}


def is_dead(target: str, shipped: set[str]) -> bool:
    if re.match(r"[a-z][a-z0-9+.-]*:|#", target, re.IGNORECASE):
        return False
    return target.split("#")[0] not in shipped


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.parent.relative_to(ROOT / "packages")))
def test_no_link_leads_to_what_the_distribution_lacks(readme: Path):
    shipped = shipped_beside(readme)
    assert [target for target in link_targets(readme.read_text()) if is_dead(target, shipped)] == []


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.parent.relative_to(ROOT / "packages")))
def test_what_is_said_to_be_in_the_repository_is_there(readme: Path):
    named = _IN_REPOSITORY.findall(readme.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_package_has_one():
    assert len(READMES) == 13


def test_links_are_found_in_every_form():
    text = (
        '[a](one.md) ![b](<two.png> "title") [c][d] <img src="four.svg"> `[no](code.md)`\n\n'
        "[d]: three.md\n\n```js\nx[0](no.md)\n```\n\n    [no](indented.md)\n"
    )
    assert list(link_targets(text)) == ["one.md", "two.png", "three.md", "four.svg"]


def test_what_is_dead():
    shipped = {"README.md", "index.d.ts"}
    alive = ["https://example.org/", "mailto:a@example.org", "#options", "index.d.ts", "README.md#options"]
    assert [target for target in alive if is_dead(target, shipped)] == []
    dead = ["../docs/a.md", "js/README.md", "index.js", "./../README.md"]
    assert [target for target in dead if not is_dead(target, shipped)] == []
