"""Python's memory, which the browser keeps after a first visit: later ones start from it, unless it is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from .conftest import READY_MS, watch
from .waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

    from .conftest import Playground, Watched

FOLDER = "const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('mix-tunnel');"
# A file may be seen while it is being written.
LIST = """async () => {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle("mix-tunnel").catch(() => null);
  if (folder === null) return [];
  const isWhole = async (file) => {
    const [length] = new Uint32Array(await file.slice(-4).arrayBuffer());
    const { head, runs } = JSON.parse(await file.slice(-4 - length, -4).text());
    return file.size === 4 + length + runs.reduce((sum, [, count]) => sum + count, head);
  };
  const names = [];
  for await (const [name, handle] of folder.entries()) {
    if (await isWhole(await handle.getFile()).catch(() => false)) names.push(name);
  }
  return names;
}"""
ADD = f"""async (name) => {{
  {FOLDER}
  const writable = await (await folder.getFileHandle(name, {{ create: true }})).createWritable();
  await writable.write("an older version");
  await writable.close();
}}"""
# What a change does: `cut` ends the file early, elsewhere a byte is another one.
SPOIL = f"""async ([name, how]) => {{
  {FOLDER}
  const handle = await folder.getFileHandle(name);
  const file = await handle.getFile();
  const [length] = new Uint32Array(await file.slice(-4).arrayBuffer());
  const position = file.size - (how === "content" ? 4 + length + 9 : 1);
  let writable;
  while (!writable) {{ // the worker that has written it may still hold it
    try {{
      writable = await handle.createWritable({{ keepExistingData: true }});
    }} catch (error) {{
      if (error.name !== "NoModificationAllowedError") throw error;
      await new Promise(resolve => setTimeout(resolve, 50));
    }}
  }}
  if (how === "cut") await writable.truncate(position);
  else await writable.write({{ type: "write", position, data: Uint8Array.of(255) }});
  await writable.close();
}}"""
# What a page does by itself once it has been quiet for five seconds.
KEEP = """() => new Promise((resolve) => {
  const worker = new Worker("/mix-tunnel/memory_keeper.js", { type: "module" });
  worker.onmessage = () => {
    worker.terminate();
    resolve();
  };
})"""
SNAPSHOT = {"base.bin", "own.bin"}


def kept(page: Page) -> list[str]:
    """The names of what is kept."""
    names: list[str] = page.evaluate(LIST)
    return names


def keep(page: Page) -> str:
    """Let the browser keep the memory at once, and give its name."""
    page.evaluate(KEEP)
    (name,) = kept(page)
    return name


def loaded_by(watched: Watched) -> list[str]:
    """The files of the snapshot that are loaded from now on. They are asked for in any case, and left if not needed."""
    found: list[str] = []

    def note(request: Request) -> None:
        found.extend(name for name in SNAPSHOT if request.url.endswith(f"/{name}"))

    watched.page.context.on("requestfinished", note)
    return found


def test_a_later_visit_loads_no_memory(browser: Browser, playground: Playground):
    with watch(browser, playground, keeps_memory=True) as watched:
        watched.connect()
        wait_until(lambda: len(kept(watched.page)) == 1, watched.page)
        kept_then = kept(watched.page)
        loaded = loaded_by(watched)
        watched.reload()
        watched.connect()
        assert "base.bin" not in loaded  # the other one may have come before it was left
        assert kept(watched.page) == kept_then


def test_an_update_takes_the_place_of_what_was_kept(watched: Watched):
    watched.connect()
    name = keep(watched.page)
    watched.page.evaluate(
        "async () => (await navigator.storage.getDirectory()).removeEntry('mix-tunnel', { recursive: true })"
    )
    watched.page.evaluate(
        "async () => (await navigator.storage.getDirectory()).getDirectoryHandle('mix-tunnel', { create: true })"
    )
    watched.page.evaluate(ADD, "memory-of-before")
    loaded = loaded_by(watched)
    watched.reload()
    watched.connect()
    assert set(loaded) == SNAPSHOT
    assert keep(watched.page) == name


def test_what_is_not_whole_is_loaded_again(watched: Watched):
    watched.connect()
    name = keep(watched.page)
    loaded = loaded_by(watched)
    for how in ("cut", "tail"):
        watched.page.evaluate(SPOIL, [name, how])
        loaded.clear()
        watched.reload()
        watched.connect()
        assert set(loaded) == SNAPSHOT
        assert keep(watched.page) == name


def test_what_was_changed_is_noticed_and_kept_no_longer(watched: Watched):
    watched.connect()
    name = keep(watched.page)
    watched.page.evaluate(SPOIL, [name, "content"])
    watched.reload()
    watched.page.get_by_test_id("connect").click()
    expect(watched.page.get_by_test_id("tunnel-error")).to_contain_text("worker.failed", timeout=READY_MS)
    expect(watched.page.get_by_test_id("tunnel-error")).to_contain_text("will load it again")
    assert kept(watched.page) == []
    watched.connect()
    watched.complaints.clear()  # the worker says it in the console as well
