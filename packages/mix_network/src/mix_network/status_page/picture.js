/** Where nodes stand, how fast they are, and where a packet is at a moment. No drawing, no clock. */

/**
 * A node, as the network tells of it.
 * @typedef {object} NodeStatus
 * @property {string} name
 * @property {"entry-gateway" | "mix-node" | "exit-gateway"} role
 * @property {string} state
 * @property {number | null} [layer]
 * @property {number} received
 * @property {number} forwarded
 * @property {number} waiting
 * @property {Record<string, number>} dropped
 */

/**
 * A packet was seen at a node at that moment.
 * @typedef {{ number: number, at: number, packet: number, node: string, kind: string, last: boolean }} Step
 */

/** @typedef {{ x: number, y: number }} Point */

export const WIDTH = 1000;
const ROW = 76;
const TOP = 40;
export const BOX = { width: 128, height: 48 };
/** How long a packet is on its way from one node to the next; the rest of the time it is held by the earlier one. */
export const FLIGHT_S = 0.35;
/** For so long a packet is seen at its end. */
export const END_S = 0.3;
/** Without a word for so long a packet is lost, or held for long. */
const FORGOTTEN_S = 8;

export const COLUMNS = ["entry gateways", "layer 1", "layer 2", "layer 3", "exit gateways", "no layer"];

/**
 * @param {NodeStatus} node
 * @returns {number} the column that a node stands in
 */
export function columnOf({ role, layer }) {
  if (role === "entry-gateway") return 0;
  if (role === "exit-gateway") return 4;
  return layer ?? 5;
}

/**
 * The middle of each node's place, and the height of the whole.
 * @param {NodeStatus[]} nodes
 * @returns {{ places: Map<string, Point>, columns: { label: string, x: number }[], height: number }}
 */
export function placeNodes(nodes) {
  /** @type {NodeStatus[][]} */
  const byColumn = COLUMNS.map((_, column) => nodes.filter((node) => columnOf(node) === column));
  if (byColumn[5]?.length === 0) byColumn.pop();
  const rows = Math.max(1, ...byColumn.map((column) => column.length));
  const step = WIDTH / byColumn.length;
  const places = new Map();
  byColumn.forEach((column, index) => column.forEach((node, row) => {
    const above = (rows - column.length) / 2;
    places.set(node.name, { x: step * (index + 0.5), y: TOP + ROW * (above + row + 0.5) });
  }));
  const columns = byColumn.map((_, index) => ({ label: COLUMNS[index] ?? "", x: step * (index + 0.5) }));
  return { places, columns, height: TOP + ROW * rows };
}

/**
 * Packets a second of each node between two looks.
 * @param {NodeStatus[]} before
 * @param {NodeStatus[]} now
 * @param {number} seconds
 * @returns {Map<string, number>}
 */
export function ratesOf(before, now, seconds) {
  const earlier = new Map(before.map((node) => [node.name, node.received]));
  return new Map(now.map(({ name, received }) => [name, Math.max(0, received - (earlier.get(name) ?? received)) / seconds]));
}

/** Keeps the steps of the packets that are in the picture. */
export class Packets {
  /** @type {Map<number, Step[]>} */
  #steps = new Map();
  /** The newest step's number. */
  newest = 0;

  /** @param {Step[]} steps */
  add(steps) {
    for (const step of steps) {
      this.newest = Math.max(this.newest, step.number);
      const known = this.#steps.get(step.packet);
      if (known) known.push(step);
      else this.#steps.set(step.packet, [step]);
    }
  }

  /**
   * Where each packet is, and on which way; those that have ended are forgotten.
   * @param {number} now
   * @returns {{ packet: number, kind: string, route: string[], to: string, share: number }[]} the nodes that it has come
   *     to so far, the one that it goes to next, and how much of that way is behind it
   */
  at(now) {
    const shown = [];
    for (const [packet, steps] of this.#steps) {
      const last = steps[steps.length - 1];
      if (!last || now > last.at + (last.last ? END_S : FORGOTTEN_S)) {
        this.#steps.delete(packet);
        continue;
      }
      const reached = steps.filter((step) => step.at <= now);
      const here = reached[reached.length - 1];
      if (!here) continue;
      const next = steps[reached.length];
      const share = next ? Math.max(0, 1 - (next.at - now) / FLIGHT_S) : 0;
      shown.push({ packet, kind: here.kind, route: reached.map(({ node }) => node), to: next?.node ?? here.node, share });
    }
    return shown;
  }
}

/**
 * A moment's place on the way between two nodes.
 * @param {Point} from
 * @param {Point} to
 * @param {number} share
 * @returns {Point}
 */
export function between(from, to, share) {
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}
