// What the functions of a WebAssembly module refer to.
import { encodeNumber, Reader, readSections } from "./wasm_reader.mjs";

const [IMPORT, GLOBAL, EXPORT, ELEMENT, CODE] = [2, 6, 7, 9, 10];
const [FUNCTION, TABLE, MEMORY, IS_GLOBAL, TAG] = [0, 1, 2, 3, 4];
const [I32_CONST, END] = [0x41, 0x0b];
/** The body of a function that was never to be called: no locals, `unreachable`. */
const TRAP = Uint8Array.of(3, 0, 0x00, END);

/** How many numbers in LEB128 follow an instruction; those that are not here have none. */
const NUMBERS = new Map([
  ...[0x02, 0x03, 0x04, 0x06, 0x07, 0x08, 0x09, 0x0c, 0x0d, 0x18, 0x42, 0xd0].map((code) => [code, 1]), // blocks, branches
  ...[0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x3f, 0x40].map((code) => [code, 1]), // variables, tables, memory's size
  ...[0x11, 0x13].map((code) => [code, 2]), // indirect calls
]);
/** The same for those that begin with 0xfc. */
const LONG_NUMBERS = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];
const [CALL, RETURN_CALL, REF_FUNC] = [0x10, 0x12, 0xd2];

/** @typedef {{ calls: Set<number>, constants: Set<number>, size: number }} Code constants -- offsets of loads and stores, too */
/**
 * @typedef {object} Program
 * @property {number} imported how many functions are imported, whose numbers come first
 * @property {Code[]} code of all others
 * @property {number[]} table function by index
 * @property {Map<string, number>} functions exported, by name
 * @property {Map<string, number>} addresses exported, by name
 */

/**
 * @param {Uint8Array} module
 * @returns {Program}
 */
export function readProgram(module) {
  const program = { imported: 0, code: [], table: [], functions: new Map(), addresses: new Map() };
  let importedGlobals = 0;
  const globals = [];
  for (const { kind, at, end } of readSections(module)) {
    const reader = new Reader(module, at);
    if (kind === IMPORT) {
      for (let count = reader.number(); count > 0; count -= 1) {
        const what = readImport(reader);
        program.imported += Number(what === FUNCTION);
        importedGlobals += Number(what === IS_GLOBAL);
      }
    } else if (kind === GLOBAL) {
      for (let count = reader.number(); count > 0; count -= 1) {
        reader.take(2);
        globals.push(readConstant(reader));
      }
    } else if (kind === EXPORT) {
      for (let count = reader.number(); count > 0; count -= 1) {
        const [name, [what], number] = [reader.text(), reader.take(1), reader.number()];
        if (what === FUNCTION) {
          program.functions.set(name, number);
        } else if (what === IS_GLOBAL) {
          program.addresses.set(name, globals[number - importedGlobals]);
        }
      }
    } else if (kind === ELEMENT) {
      for (let count = reader.number(); count > 0; count -= 1) {
        if (reader.number() !== 0) {
          throw new Error("an element segment is not of functions at a fixed place");
        }
        const first = readConstant(reader);
        const size = reader.number();
        for (let index = 0; index < size; index += 1) {
          program.table[first + index] = reader.number();
        }
      }
    } else if (kind === CODE) {
      for (let count = reader.number(); count > 0; count -= 1) {
        const size = reader.number();
        program.code.push(readCode(module, reader.at, reader.at + size));
        reader.at += size;
      }
    }
    if (reader.at !== end && [IMPORT, GLOBAL, EXPORT, ELEMENT, CODE].includes(kind)) {
      throw new Error(`section ${kind} of a WebAssembly module is not understood`);
    }
  }
  return program;
}

/**
 * The same module, with a trap in place of what some functions do.
 *
 * @param {Uint8Array} module
 * @param {(number: number) => boolean} isGone of a function, those that are imported not counted
 */
export function withTraps(module, isGone) {
  const parts = [module.subarray(0, 8)];
  for (const { kind, start, at, end } of readSections(module)) {
    if (kind !== CODE) {
      parts.push(module.subarray(start, end));
      continue;
    }
    const reader = new Reader(module, at);
    const count = reader.number();
    const bodies = Array.from({ length: count }, (_, number) => {
      const first = reader.at;
      reader.take(reader.number());
      return isGone(number) ? TRAP : module.subarray(first, reader.at);
    });
    const content = Buffer.concat([encodeNumber(count), ...bodies]);
    parts.push(Uint8Array.of(CODE), encodeNumber(content.length), content);
  }
  return Buffer.concat(parts);
}

/** @param {Reader} reader */
function readImport(reader) {
  reader.text();
  reader.text();
  const [what] = reader.take(1);
  if (what === FUNCTION) {
    reader.pass();
  } else if (what === TABLE || what === MEMORY) {
    reader.take(Number(what === TABLE));
    reader.pass(reader.number() & 1 ? 2 : 1);
  } else if (what === IS_GLOBAL || what === TAG) {
    reader.pass(2);
  }
  return what;
}

/**
 * The value of an expression: a constant of 32 bits; NaN for any other.
 * @param {Reader} reader
 */
function readConstant(reader) {
  const [code] = reader.take(1);
  let value = NaN;
  if (code === I32_CONST) {
    value = reader.number(true);
  } else if (code === 0x43 || code === 0x44) {
    reader.take(code === 0x43 ? 4 : 8);
  } else {
    reader.pass();
  }
  if (reader.take(1)[0] !== END) {
    throw new Error("a WebAssembly module's constant is an expression");
  }
  return value;
}

/**
 * @param {Uint8Array} module
 * @param {number} at
 * @param {number} end
 * @returns {Code}
 */
function readCode(module, at, end) {
  const [calls, constants] = [new Set(), new Set()];
  const reader = new Reader(module, at);
  for (let count = reader.number(); count > 0; count -= 1) {
    reader.pass(2); // locals
  }
  while (reader.at < end) {
    const code = module[reader.at++];
    if (code === CALL || code === RETURN_CALL || code === REF_FUNC) {
      calls.add(reader.number());
    } else if (code === I32_CONST) {
      constants.add(reader.number(true));
    } else if (code >= 0x28 && code <= 0x3e) { // loads and stores: alignment, offset
      reader.pass();
      constants.add(reader.number());
    } else if (code === 0x0e) { // br_table
      reader.pass(reader.number() + 1);
    } else if (code === 0x1c) { // select with types
      reader.pass(reader.number());
    } else if (code === 0x43 || code === 0x44) { // constants of floating point
      reader.take(code === 0x43 ? 4 : 8);
    } else if (code === 0xfc) {
      const count = LONG_NUMBERS[reader.number()];
      if (count === undefined) {
        throw new Error("an instruction of a WebAssembly module is not known");
      }
      reader.pass(count);
    } else if (NUMBERS.has(code)) {
      reader.pass(NUMBERS.get(code));
    } else if (code > 0xc4 && code !== 0xd1) {
      throw new Error(`instruction ${code} of a WebAssembly module is not known`);
    }
  }
  return { calls, constants, size: end - at };
}
