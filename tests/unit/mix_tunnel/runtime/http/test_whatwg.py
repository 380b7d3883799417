"""The library that reads URLs natively, beside the platform that does it in the worker."""

from __future__ import annotations

import json
import subprocess

from support.urls import BASE, LOCATIONS, NORMAL_FORMS


def test_node_reads_what_we_read():
    """The platform's own parser, which is what our worker has in the place of the library."""
    cases = [(text, None) for text, _ in NORMAL_FORMS] + [(text, BASE) for text, _ in LOCATIONS]
    script = """const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
      console.log(JSON.stringify(cases.map(([text, base]) => new URL(text, base ?? undefined).href.split("#")[0])));"""
    done = subprocess.run(["node", "-e", script], input=json.dumps(cases), capture_output=True, text=True, check=True)
    expected = [normal.partition("#")[0] for _, normal in NORMAL_FORMS] + [target for _, target in LOCATIONS]
    assert json.loads(done.stdout) == expected
