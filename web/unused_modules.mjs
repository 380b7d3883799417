// Takes modules of Python that nobody can import, and the libraries that they alone use, out of Pyodide's core: sqlite3,
// compression, codecs of East Asia, CPython's own tests are two fifths of its code.
//
// What was linked has no names for most of this, so it is found by what linkers do: they keep the order of files, so that the
// functions of a file are neighbours, and so are its entries in the table of functions, and its data. A function is taken out
// if nothing that stays calls it and only the modules' own entries of the table have it; it traps then, and has the same
// number as before. Data are zero from one reference to the next if only such functions refer to them, but for strings that
// anything else may share. Whatever can't be told apart stays.
import { readData, writeData } from "./wasm_data.mjs";
import { readProgram, withTraps } from "./wasm_code.mjs";

/** @import { Program } from "./wasm_code.mjs" */
/** First and last of something, and what is behind the last. @typedef {[start: number, end: number]} Span */

const [WORD_BYTES, INITTAB_ENTRY_BYTES] = [4, 8];
const INIT = "PyInit_";
const FIRST_ADDRESS = 1024;
/** So many entries that are not a module's own may lie between its own in the table; and as many of all are to be its own. */
const [LARGEST_GAP, OWN_SHARE, FEWEST_ENTRIES, FEWEST_AT_END] = [12, 0.8, 8, 3];
/** Shorter stretches of data are left alone. */
const SHORTEST_STRETCH_BYTES = 1024;
/** What is behind a signature that Argument Clinic wrote is for people. */
const SIGNATURE_END = ")\n--\n\n";
const NOT_AS_EXPECTED = "Pyodide's core is not as expected";

/**
 * @param {Uint8Array} core
 * @param {object} unused
 * @param {string[]} unused.modules names of built-in modules
 * @param {RegExp} unused.libraries what names of functions begin with that only these modules call
 * @param {string} unused.behind the first function behind these libraries
 * @param {RegExp} unused.functions names of functions that nobody calls, though modules that stay have them
 * @param {(name: string) => boolean} isKept whether somebody else uses an export
 * @returns {Uint8Array} the core without them
 */
export function withoutModules(core, { modules, libraries, behind, functions }, isKept) {
  const program = readProgram(core);
  const data = readData(core);
  /** @type {Map<number, string[]>} */
  const namesOf = new Map();
  program.functions.forEach((number, name) => namesOf.set(number, [...namesOf.get(number) ?? [], name]));
  const { left, inits } = removeFromInittab(program, data, modules);
  const spans = findSpans(program, namesOf, left, libraries, behind);
  const isTheirs = (number) => spans.some(([start, end]) => start <= number && number < end);
  const entries = new Set([...inits, ...findEntries(program.table, isTheirs)]);
  const never = [...namesOf].filter(([, names]) => names.every((name) => functions.test(name))).map(([number]) => number);
  const stays = findReachable(program, entries, new Set(never), isKept);
  const isGone = (number) => !stays.has(program.imported + number);
  const stretches = findStretches(program, data.length, isGone, isKept);
  clearStretches(data, stretches);
  clearDescriptions(data, program);
  const smaller = withTraps(core, isGone);
  writeData(smaller, data);
  return smaller;
}

/**
 * Make Python not know modules; tells which are left, and which entries of the table make those that are not.
 *
 * @param {Program} program
 * @param {Buffer} data changed in its place
 * @param {string[]} names
 */
function removeFromInittab({ addresses }, data, names) {
  const start = data.readUInt32LE(addresses.get("PyImport_Inittab"));
  const [left, inits, missing] = [new Set(), new Set(), new Set(names)];
  let target = start;
  let at = start;
  for (; data.readUInt32LE(at) !== 0; at += INITTAB_ENTRY_BYTES) {
    const name = stringAt(data, data.readUInt32LE(at)).toString();
    if (missing.delete(name)) {
      inits.add(data.readUInt32LE(at + WORD_BYTES));
    } else {
      left.add(name);
      data.copyWithin(target, at, at + INITTAB_ENTRY_BYTES);
      target += INITTAB_ENTRY_BYTES;
    }
  }
  data.fill(0, target, at);
  if (missing.size > 0) {
    throw new Error(`${NOT_AS_EXPECTED}: it has no ${[...missing].join(", ")}`);
  }
  return { left, inits };
}

/**
 * The functions of the modules' files, which begin with the one that makes the module, or go on from it; and those of libraries.
 *
 * @param {Program} program
 * @param {Map<number, string[]>} namesOf functions, of which one may have many
 * @param {Set<string>} left names of the modules that stay
 * @param {RegExp} libraries
 * @param {string} behind
 * @returns {Span[]}
 */
function findSpans({ imported, code, functions }, namesOf, left, libraries, behind) {
  const isUnused = (name) => name.startsWith(INIT) && !left.has(name.slice(INIT.length));
  const inits = [...functions].filter(([name]) => name.startsWith(INIT)).sort(([, one], [, other]) => one - other);
  /** @type {Span[]} */
  const spans = [];
  inits.forEach(([name, start], index) => {
    if (isUnused(name)) {
      const [next, end] = inits[index + 1] ?? ["", start];
      // The file of the next module may begin before the function that makes it: with some that others call.
      spans.push([start, isUnused(next) ? end : firstOfOthers(start, end)]);
    }
  });
  const all = [...namesOf].filter(([, names]) => names.every((name) => libraries.test(name))).map(([number]) => number);
  const [first, end] = [Math.min(...all), functions.get(behind)];
  if (!(Math.max(...all) < end)) {
    throw new Error(`${NOT_AS_EXPECTED}: ${behind} is not behind the libraries`);
  }
  return [...spans, [first, end]];

  /** @param {number} start @param {number} end */
  function firstOfOthers(start, end) {
    const called = new Set();
    code.forEach(({ calls }, index) => {
      if (index + imported < start || index + imported >= end) {
        calls.forEach((number) => called.add(number));
      }
    });
    let at = start + 1;
    while (at < end && !called.has(at) && !namesOf.has(at)) {
      at += 1;
    }
    return at;
  }
}

/**
 * The entries of the table that these functions' files have taken for them. An entry far from the others, or at their end behind
 * one that is not theirs, and a second one of the same function, is another file's, of a function that the optimizer has found to
 * be the same.
 *
 * @param {number[]} table
 * @param {(number: number) => boolean} isTheirs
 */
function* findEntries(table, isTheirs) {
  /** @type {number[][][]} groups of runs of indices */
  const groups = [];
  table.forEach((number, index) => {
    if (isTheirs(number)) {
      const run = groups.at(-1)?.at(-1);
      const last = run?.at(-1) ?? -Infinity;
      if (index === last + 1) {
        run.push(index);
      } else if (index - last <= LARGEST_GAP) {
        groups.at(-1).push([index]);
      } else {
        groups.push([[index]]);
      }
    }
  });
  for (const runs of groups) {
    while (runs.at(-1)?.length < FEWEST_AT_END) {
      runs.pop();
    }
    while (runs[0]?.length < FEWEST_AT_END) {
      runs.shift();
    }
    const group = runs.flat();
    if (group.length >= FEWEST_ENTRIES && group.length >= OWN_SHARE * (group.at(-1) - group[0] + 1)) {
      const own = new Set(group);
      const others = new Set(table.filter((_, index) => !own.has(index)));
      yield* group.filter((index) => !others.has(table[index]));
    }
  }
}

/**
 * The functions that can be called.
 *
 * @param {Program} program
 * @param {Set<number>} entries of the table that nobody uses
 * @param {Set<number>} never functions that are never called
 * @param {(name: string) => boolean} isKept
 */
function findReachable({ imported, code, table, functions }, entries, never, isKept) {
  const found = new Set();
  const waiting = [...functions].filter(([name]) => isKept(name)).map(([, number]) => number);
  table.forEach((number, index) => entries.has(index) || waiting.push(number));
  while (waiting.length > 0) {
    const number = waiting.pop();
    if (!found.has(number) && !never.has(number)) {
      found.add(number);
      waiting.push(...code[number - imported]?.calls ?? []);
    }
  }
  return found;
}

/**
 * Where data begin that only functions refer to that are gone, up to the last of such, which may end anywhere.
 *
 * @param {Program} program
 * @param {number} size of the data
 * @param {(number: number) => boolean} isGone
 * @param {(name: string) => boolean} isKept
 */
function findStretches({ code, addresses }, size, isGone, isKept) {
  /** @type {Map<number, boolean>} address -> whether it is used */
  const uses = new Map();
  const isAddress = (value) => value >= FIRST_ADDRESS && value < size;
  code.forEach(({ constants }, number) => {
    for (const value of constants) {
      if (isAddress(value)) {
        uses.set(value, uses.get(value) || !isGone(number));
      }
    }
  });
  addresses.forEach((value, name) => isAddress(value) && isKept(name) && uses.set(value, true));
  /** @type {Span[]} */
  const stretches = [];
  let isOpen = false;
  for (const [address, isUsed] of [...uses].sort(([one], [other]) => one - other)) {
    if (isUsed) {
      isOpen = false;
    } else if (isOpen) {
      stretches.at(-1)[1] = address;
    } else {
      isOpen = true;
      stretches.push([address, address]);
    }
  }
  return stretches.filter(([start, end]) => end - start >= SHORTEST_STRETCH_BYTES);
}

/**
 * @param {Buffer} data
 * @param {Span[]} stretches
 */
function clearStretches(data, stretches) {
  const gone = new Uint8Array(data.length);
  stretches.forEach(([start, end]) => gone.fill(1, start, end));
  for (let at = FIRST_ADDRESS; at + WORD_BYTES <= data.length; at += WORD_BYTES) {
    const address = gone[at] ? 0 : data.readUInt32LE(at);
    // Linkers let equal strings be one.
    if (address < data.length && gone[address] && isText(stringAt(data, address))) {
      gone.fill(0, address, address + stringAt(data, address).length);
    }
  }
  gone.forEach((isGone, at) => isGone && (data[at] = 0));
}

/**
 * Leave of the descriptions of built-in functions what `inspect` reads.
 *
 * @param {Buffer} data
 * @param {Program} program
 */
function clearDescriptions(data, { code }) {
  const referred = new Set(code.flatMap(({ constants }) => [...constants]));
  for (let at = data.indexOf(SIGNATURE_END); at >= 0; at = data.indexOf(SIGNATURE_END, at + 1)) {
    const start = at + SIGNATURE_END.length;
    const end = start + stringAt(data, start).length;
    let free = start;
    while (free < end && !referred.has(free)) {
      free += 1;
    }
    if (free === end) {
      data.fill(0, start, end);
    }
  }
}

/**
 * @param {Buffer} data
 * @param {number} address
 */
function stringAt(data, address) {
  return data.subarray(address, data.indexOf(0, address));
}

/** @param {Buffer} bytes */
function isText(bytes) {
  return bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a);
}
