// Takes out of a WebAssembly module the data that a snapshot of its memory brings as well.
import { encodeNumber, Reader, readSections } from "./wasm_reader.mjs";

const DATA = 11;
const I32_CONST = 0x41;
const END = 0x0b;

/**
 * The active data segments of a data section.
 *
 * @param {Uint8Array} module
 * @param {{ at: number }} section
 * @returns {Generator<{ address: number, content: Uint8Array, encoded: Uint8Array }>}
 */
function* readSegments(module, { at }) {
  const reader = new Reader(module, at);
  for (let count = reader.number(); count > 0; count -= 1) {
    const start = reader.at;
    if (reader.number() !== 0 || reader.take(1)[0] !== I32_CONST) {
      throw new Error("a data segment is not at a fixed address");
    }
    const address = reader.number(true);
    if (reader.take(1)[0] !== END) {
      throw new Error("a data segment's address is an expression");
    }
    const content = reader.take(reader.number());
    yield { address, content, encoded: module.subarray(start, reader.at) };
  }
}

/**
 * What a module's memory holds at first.
 *
 * @param {Uint8Array} module
 */
export function readData(module) {
  const segments = [...readSections(module)].filter(({ kind }) => kind === DATA).flatMap((section) => [...readSegments(module, section)]);
  const memory = Buffer.alloc(Math.max(0, ...segments.map(({ address, content }) => address + content.length)));
  segments.forEach(({ address, content }) => memory.set(content, address));
  return memory;
}

/**
 * Make what a module's memory holds at first what it is in `memory`, as far as segments have it.
 *
 * @param {Uint8Array} module changed in its place
 * @param {Uint8Array} memory
 */
export function writeData(module, memory) {
  for (const section of [...readSections(module)].filter(({ kind }) => kind === DATA)) {
    for (const { address, content } of readSegments(module, section)) {
      content.set(memory.subarray(address, address + content.length));
    }
  }
}

/**
 * A module with only those data segments that differ in the memory, emptied of the others, with their number unchanged.
 *
 * @param {Uint8Array} module
 * @param {Uint8Array} memory
 * @returns {{ module: Uint8Array, left: [start: number, end: number][] }} left -- where the memory has what was left out
 */
export function withoutData(module, memory) {
  const parts = [module.subarray(0, 8)];
  /** @type {[number, number][]} */
  const left = [];
  for (const section of readSections(module)) {
    if (section.kind !== DATA) {
      parts.push(module.subarray(section.start, section.end));
      continue;
    }
    const segments = [...readSegments(module, section)];
    const kept = segments.map(({ address, content, encoded }) => {
      const end = address + content.length;
      if (Buffer.compare(content, memory.subarray(address, end)) !== 0) {
        return encoded;
      }
      const last = left.at(-1);
      if (last !== undefined && last[1] <= address && memory.subarray(last[1], address).every((byte) => byte === 0)) {
        last[1] = end;
      } else {
        left.push([address, end]);
      }
      return Uint8Array.of(0, I32_CONST, 0, END, 0);
    });
    const body = Buffer.concat([encodeNumber(segments.length), ...kept]);
    parts.push(Uint8Array.of(DATA), encodeNumber(body.length), body);
  }
  return { module: Buffer.concat(parts), left };
}
