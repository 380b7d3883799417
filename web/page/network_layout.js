/** Where the stations of the network stand, and which ways packets take between them. No drawing, no clock. */

/**
 * A node's counters, as the network tells them.
 * @typedef {object} NodeCounters
 * @property {string} name
 * @property {"entry-gateway" | "exit-gateway" | "mix-node"} role
 * @property {number | null} [layer] of a mix node, in this epoch
 * @property {number} received
 * @property {number} forwarded
 * @property {number} from_clients
 * @property {number} pushed
 * @property {number} waiting
 * @property {number} connections
 * @property {Record<string, number>} dropped
 */

/**
 * What an exit exchanges with sites.
 * @typedef {{ packets_from_clients: number, packets_to_clients: number }} ExitCounters
 */

/**
 * What the network tells of itself.
 * @typedef {object} NetworkCounters
 * @property {NodeCounters[]} nodes
 * @property {Record<string, ExitCounters>} exits by the names of their gateways
 */

/**
 * A station of the picture. `packets` counts what it has handled.
 * @typedef {object} Station
 * @property {string} id
 * @property {number} column
 * @property {string} label
 * @property {string} shortLabel
 * @property {string} caption what it knows
 * @property {(counters: NetworkCounters) => number} packets
 * @property {NodeCounters | null} node
 */

/**
 * A way from one station to another. `kind` says how it is drawn.
 * @typedef {object} Way
 * @property {Station} from
 * @property {Station} to
 * @property {"out" | "back" | "arc"} kind
 * @property {(counters: NetworkCounters) => number} packets
 */

const WORDS = {
  "entry-gateway": { label: "Entry gateway", shortLabel: "entry", caption: "knows you, not the site" },
  "mix-node": { label: "Mix node", shortLabel: "mix", caption: "delays and shuffles" },
  "exit-gateway": { label: "Exit gateway", shortLabel: "exit", caption: "knows the site, not you" },
};

/**
 * What tells two networks' pictures apart: which nodes there are, and in which layers they serve.
 *
 * @param {NetworkCounters} counters
 */
export function shapeOf({ nodes }) {
  return nodes.map(({ name, layer }) => `${name} ${layer ?? ""}`).join();
}

/**
 * The stations from left to right: the page, entry gateways, layers of mix nodes, exit gateways, the site.
 *
 * @param {NetworkCounters} counters
 * @returns {Station[]}
 */
export function placeStations({ nodes }) {
  const layers = [...new Set(nodes.filter(isMix).map(layerOf))].sort((one, other) => one - other);
  const columnOf = (/** @type {NodeCounters} */ node) => (
    isMix(node) ? 2 + layers.indexOf(layerOf(node)) : node.role === "entry-gateway" ? 1 : 2 + layers.length);
  const find = (/** @type {NetworkCounters} */ counters, /** @type {string} */ name) => (
    counters.nodes.find((each) => each.name === name));
  const stations = nodes.map((node) => {
    const { label, shortLabel, caption } = WORDS[node.role];
    const number = isMix(node) || nodes.filter(({ role }) => role === node.role).length > 1 ? numberOf(node) : "";
    return {
      id: node.name,
      column: columnOf(node),
      label: `${label} ${number}`.trim(),
      shortLabel: `${shortLabel} ${number}`.trim(),
      caption,
      packets: (/** @type {NetworkCounters} */ counters) => {
        const now = find(counters, node.name);
        return (now?.received ?? 0) + (now?.from_clients ?? 0);
      },
      node,
    };
  });
  const page = {
    id: "page", column: 0, label: "This page", shortLabel: "you", caption: "HTTP and TLS end here", node: null,
    packets: (/** @type {NetworkCounters} */ counters) => (
      // What an exit gateway pushes goes to the exit itself, which is its client.
      counters.nodes.reduce((sum, node) => (
        sum + node.from_clients + (node.role === "entry-gateway" ? node.pushed : 0)), 0)),
  };
  const site = {
    id: "site", column: 3 + layers.length, label: "Web site", shortLabel: "site", caption: "sees the exit's address",
    node: null,
    packets: (/** @type {NetworkCounters} */ { exits }) => (
      Object.values(exits).reduce((sum, each) => sum + each.packets_from_clients + each.packets_to_clients, 0)),
  };
  return [page, ...stations, site].sort((one, other) => one.column - other.column);
}

/**
 * The ways that packets take. Where a station sends to several, each is taken to get its share.
 *
 * @param {readonly Station[]} stations
 * @returns {Way[]}
 */
export function findWays(stations) {
  const last = stations.at(-1)?.column ?? 0;
  const at = (/** @type {number} */ column) => stations.filter((station) => station.column === column);
  /** @type {Way[]} */
  const ways = [];
  /**
   * @param {readonly Station[]} from
   * @param {readonly Station[]} to
   * @param {Way["kind"]} kind
   * @param {(counters: NetworkCounters, from: Station, to: Station) => number} packets
   */
  const join = (from, to, kind, packets) => {
    for (const one of from) {
      for (const other of to) {
        ways.push({ from: one, to: other, kind, packets: (counters) => packets(counters, one, other) });
      }
    }
  };
  /**
   * A node's counter, as a share where several stations have a part in it.
   * @param {"received" | "forwarded" | "from_clients" | "pushed"} counter
   * @param {"from" | "to"} end whose counter it is
   * @param {number} shares
   */
  const share = (counter, end, shares) => (
    /** @type {NetworkCounters} */ { nodes }, /** @type {Station} */ from, /** @type {Station} */ to,
  ) => (nodes.find(({ name }) => name === (end === "from" ? from : to).id)?.[counter] ?? 0) / shares;

  const [page, entries, exits, site] = [at(0), at(1), at(last - 1), at(last)];
  const [firstMixes, lastMixes] = [at(2), at(last - 2)];
  join(page, entries, "out", share("from_clients", "to", 1));
  join(entries, page, "back", share("pushed", "from", 1));
  join(entries, firstMixes, "out", share("forwarded", "from", firstMixes.length));
  for (let column = 2; column < last - 2; column += 1) {
    join(at(column), at(column + 1), "out", share("forwarded", "from", at(column + 1).length));
  }
  join(lastMixes, exits, "out", share("received", "to", lastMixes.length));
  join(exits, firstMixes, "arc", share("forwarded", "from", firstMixes.length));
  join(lastMixes, entries, "arc", share("received", "to", lastMixes.length));
  join(exits, site, "out", ({ exits: counters }, { id }) => counters[id]?.packets_from_clients ?? 0);
  join(site, exits, "back", ({ exits: counters }, _, { id }) => counters[id]?.packets_to_clients ?? 0);
  return ways;
}

/** @param {NodeCounters} node */
function isMix({ role }) {
  return role === "mix-node";
}

/**
 * The layer that a mix node serves in; 0 for one that has none in this epoch.
 * @param {NodeCounters} node
 */
function layerOf({ layer }) {
  return layer ?? 0;
}

/**
 * The first of several gateways has no number in its name.
 * @param {NodeCounters} node
 */
function numberOf({ name }) {
  return name.match(/\d+/g)?.join(".") ?? "1";
}
