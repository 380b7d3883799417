/**
 * Python's memory as the worker starts from it, kept by the browser in the origin's private file system, so that later
 * visits neither load nor unpack it. It holds what was built and nothing else: no key, no randomness, nothing of a visit.
 *
 * A file is a content (the snapshot's head, then all runs), JSON that describes it, and how many bytes of JSON these are
 * (32 bits, little-endian). The last of it is written last: a file that was not finished is none.
 */

/** @import { Parts, Run } from "./snapshot.js" */
/** @typedef {{ head: number, size: number, runs: [start: number, length: number][], digests: string[] }} Description */
/**
 * A file that only its opener may write; dedicated workers have such.
 * @typedef {object} OpenFile
 * @property {(bytes: Uint8Array<ArrayBuffer>, options: { at: number }) => number} write
 * @property {() => number} getSize
 * @property {(size: number) => void} truncate
 * @property {() => void} flush
 * @property {() => void} close
 */

const FOLDER = "mix-tunnel";
const COUNT_BYTES = 4;
/** What is hashed and written at a time. */
const SLICE_BYTES = 2 ** 20;

/**
 * Whether this origin can keep anything; browsers let no page do so that is not secure.
 *
 * @returns {Promise<Memories | null>}
 */
export async function openMemories() {
  try {
    const root = await globalThis.navigator?.storage?.getDirectory?.();
    if (root === undefined || crypto.subtle === undefined) {
      return null;
    }
    return new Memories(root, await root.getDirectoryHandle(FOLDER).catch(() => null));
  } catch {
    return null;
  }
}

/** What this origin keeps. */
class Memories {
  #root;
  #folder;

  /**
   * @param {FileSystemDirectoryHandle} root
   * @param {FileSystemDirectoryHandle | null} folder
   */
  constructor(root, folder) {
    this.#root = root;
    this.#folder = folder;
  }

  /** Whether something was kept before. */
  get isUsed() {
    return this.#folder !== null;
  }

  /**
   * The memory that is kept under a name, if there is one.
   *
   * @param {string} key
   * @returns {Promise<{ parts: Parts, checked: Promise<void> } | null>} checked -- rejects if these are not the bytes that
   *   were kept, which they are no longer then
   */
  async read(key) {
    const folder = this.#folder;
    const name = nameOf(key);
    if (folder === null) {
      return null;
    }
    try {
      const file = await (await folder.getFileHandle(name)).getFile();
      const parts = parse(new Uint8Array(await file.arrayBuffer()));
      const checked = isWhole(parts).then(async (isSo) => {
        if (!isSo) {
          await forget(folder, name);
          throw new Error("the browser has not kept Python's memory as it was, and will load it again");
        }
      });
      checked.catch(() => {}); // told to who waits for it
      return { parts, checked };
    } catch {
      return null; // it isn't kept, or can't be read
    }
  }

  /**
   * Keep what a memory holds, instead of what was kept before. Throws when that can't be: there is no room, or another tab
   * does the same.
   *
   * @param {string} key
   * @param {Omit<Parts, "content">} parts whose runs are of the memory
   * @param {ArrayBuffer} memory which nobody changes meanwhile
   */
  async keep(key, { head, size, runs }, memory) {
    const name = nameOf(key);
    const folder = await this.#root.getDirectoryHandle(FOLDER, { create: true });
    for await (const other of folder.keys()) {
      if (other !== name) {
        await forget(folder, other);
      }
    }
    /** @type {any} */
    const handle = await folder.getFileHandle(name, { create: true });
    /** @type {OpenFile} */
    const file = await handle.createSyncAccessHandle();
    try {
      file.truncate(0);
      const digests = [];
      for (const slice of slices([head, ...runs.map(([start, length]) => new Uint8Array(memory, start, length))])) {
        digests.push(await digestOf(slice));
        write(file, slice);
      }
      const places = runs.map(([start, length]) => [start, length]);
      const text = new TextEncoder().encode(JSON.stringify({ head: head.length, size, runs: places, digests }));
      write(file, text);
      write(file, new Uint8Array(Uint32Array.of(text.length).buffer));
      file.flush();
    } finally {
      file.close();
    }
  }
}

/**
 * Write at the end. Throws when there is no room.
 *
 * @param {OpenFile} file
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
function write(file, bytes) {
  if (file.write(bytes, { at: file.getSize() }) !== bytes.length) {
    throw new Error("there is no room");
  }
}

/**
 * Read a file's parts. Throws for what is none.
 *
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Parts & { digests: string[] }}
 */
function parse(bytes) {
  const end = bytes.length - COUNT_BYTES;
  const count = new DataView(bytes.buffer).getUint32(end, true);
  /** @type {Description} */
  const description = JSON.parse(new TextDecoder().decode(bytes.subarray(end - count, end)));
  const content = bytes.subarray(0, end - count);
  let at = description.head;
  let last = 0;
  const runs = description.runs.map(([start, length]) => {
    if (!(start >= last && length > 0)) {
      throw new Error("what is kept is no memory");
    }
    const run = /** @type {Run} */ ([start, length, at]);
    at += length;
    last = start + length;
    return run;
  });
  if (at !== content.length || last > description.size) {
    throw new Error("what is kept is not complete");
  }
  const { head, size, digests } = description;
  return { head: content.subarray(0, head), size, runs, content, digests };
}

/** @param {{ content: Uint8Array<ArrayBuffer>, digests: string[] }} parts */
async function isWhole({ content, digests }) {
  const found = await Promise.all(Array.from(slices([content]), digestOf));
  return found.length === digests.length && found.every((digest, index) => digest === digests[index]);
}

/**
 * All parts one after the other, cut into slices. One that spans several parts is overwritten by the next.
 *
 * @param {Uint8Array<ArrayBuffer>[]} parts
 * @returns {Generator<Uint8Array<ArrayBuffer>>}
 */
function* slices(parts) {
  const slice = new Uint8Array(SLICE_BYTES);
  let filled = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const piece = part.subarray(at, at + SLICE_BYTES - filled);
      at += piece.length;
      if (piece.length === SLICE_BYTES) {
        yield piece;
        continue;
      }
      slice.set(piece, filled);
      filled += piece.length;
      if (filled === SLICE_BYTES) {
        yield slice;
        filled = 0;
      }
    }
  }
  if (filled > 0) {
    yield slice.subarray(0, filled);
  }
}

/**
 * @param {FileSystemDirectoryHandle} folder
 * @param {string} name
 */
async function forget(folder, name) {
  await folder.removeEntry(name).catch(() => {});
}

/** @param {string} key */
function nameOf(key) {
  return `memory-${key.replace(/[^A-Za-z0-9]/g, "-")}`;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function digestOf(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))));
}
