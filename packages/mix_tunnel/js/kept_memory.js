/**
 * Python's memory as the worker starts from it, kept by the browser in the origin's private file system, so that later
 * visits neither load nor unpack it. It holds what was built and nothing else: no key, no randomness, nothing of a visit.
 *
 * A file is a number (32 bits, little-endian), as many bytes of JSON, and what that describes: the head, then all runs.
 */

/** @import { Parts, Run } from "./snapshot.js" */
/** @typedef {{ head: number, size: number, runs: [start: number, length: number][], digest: string }} Description */

const FOLDER = "mix-tunnel";
const COUNT_BYTES = 4;

/**
 * What this origin keeps.
 *
 * @returns {Promise<Memories | null>} null where browsers keep nothing, such as for pages that are not secure
 */
export async function openMemories() {
  try {
    const root = await globalThis.navigator?.storage?.getDirectory?.();
    if (root === undefined || crypto.subtle === undefined) {
      return null;
    }
    const folder = await root.getDirectoryHandle(FOLDER).catch(() => null);
    return new Memories(folder ?? await root.getDirectoryHandle(FOLDER, { create: true }), folder !== null);
  } catch {
    return null;
  }
}

class Memories {
  #folder;
  isUsed;

  /**
   * @param {FileSystemDirectoryHandle} folder
   * @param {boolean} isUsed whether something was kept before
   */
  constructor(folder, isUsed) {
    this.#folder = folder;
    this.isUsed = isUsed;
  }

  /**
   * The memory that is kept under a name, if there is one.
   *
   * @param {string} key
   * @returns {Promise<{ parts: Parts, checked: Promise<boolean> } | null>} checked -- whether these are the bytes that were
   *   kept; if not, they are so no longer
   */
  async read(key) {
    const name = nameOf(key);
    try {
      const file = await (await this.#folder.getFileHandle(name)).getFile();
      const parts = parse(new Uint8Array(await file.arrayBuffer()));
      return { parts, checked: digestOf(parts.content).then((digest) => digest === parts.digest || this.#forget(name)) };
    } catch {
      return null; // it isn't kept, or can't be read
    }
  }

  /**
   * Keep a memory, instead of what was kept before, and let go of it. That it can't be kept is no failure: it will be loaded
   * again.
   *
   * @param {string} key
   * @param {Parts} parts
   */
  async keep(key, { head, size, runs, content }) {
    const name = nameOf(key);
    try {
      for await (const other of this.#folder.keys()) {
        if (other !== name) {
          await this.#forget(other);
        }
      }
      const packed = pack([head, ...runs.map(([, length, at]) => content.subarray(at, at + length))]);
      const digest = await digestOf(packed);
      const places = runs.map(([start, length]) => [start, length]);
      const text = new TextEncoder().encode(JSON.stringify({ head: head.length, size, runs: places, digest }));
      const writable = await (await this.#folder.getFileHandle(name, { create: true })).createWritable();
      await writable.write(pack([new Uint8Array(Uint32Array.of(text.length).buffer), text]));
      await writable.write(packed);
      await writable.close(); // until then the file has nothing of this
      release(packed.buffer);
    } catch {
      // There is no room, or another tab does the same.
    }
    release(content.buffer);
  }

  /** @param {string} name */
  async #forget(name) {
    await this.#folder.removeEntry(name).catch(() => {});
    return false;
  }
}

/**
 * Read a file's parts. Throws for what is none.
 *
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Parts & { digest: string }}
 */
function parse(bytes) {
  const [count = 0] = new Uint32Array(bytes.buffer, 0, 1);
  const text = new TextDecoder().decode(bytes.subarray(COUNT_BYTES, COUNT_BYTES + count));
  /** @type {Description} */
  const description = JSON.parse(text);
  const content = bytes.subarray(COUNT_BYTES + count);
  let at = description.head;
  let end = 0;
  const runs = description.runs.map(([start, length]) => {
    if (!(start >= end && length > 0)) {
      throw new Error("what is kept is no memory");
    }
    const run = /** @type {Run} */ ([start, length, at]);
    at += length;
    end = start + length;
    return run;
  });
  if (at !== content.length || end > description.size) {
    throw new Error("what is kept is not complete");
  }
  return { head: content.subarray(0, description.head), size: description.size, runs, content, digest: description.digest };
}

/**
 * @param {Uint8Array[]} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
function pack(parts) {
  const packed = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    packed.set(part, at);
    at += part.length;
  }
  return packed;
}

/**
 * Give memory back at once, where the browser can: nobody would look for so much garbage in an idle worker.
 * @param {ArrayBuffer} buffer
 */
function release(buffer) {
  /** @type {any} */ (buffer).transfer?.(0);
}

/** @param {string} key */
function nameOf(key) {
  return `memory-${key.replace(/[^A-Za-z0-9]/g, "-")}`;
}

/** @param {ArrayBuffer | Uint8Array<ArrayBuffer>} content */
async function digestOf(content) {
  return String(new Uint8Array(await crypto.subtle.digest("SHA-256", content)));
}
