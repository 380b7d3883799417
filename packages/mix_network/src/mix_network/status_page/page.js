/** Draws the network's status, which it asks for twice a second. */

import { BOX, Packets, WIDTH, between, columnOf, placeNodes, ratesOf } from "./picture.js";

/** @typedef {import("./picture.js").NodeStatus} NodeStatus */
/** @typedef {import("./picture.js").Step} Step */

/**
 * What `data.json` tells.
 * @typedef {object} Status
 * @property {number} now
 * @property {number} counted_at
 * @property {string} link
 * @property {{ id: number, rotation: number, length_s: number, ends_in_s: number, drawn: boolean, seed: string | null }} epoch
 * @property {NodeStatus[]} nodes
 * @property {{ clients: number, flow_count: number, packets_from_clients: number, packets_to_clients: number }} [exit]
 * @property {unknown} [workers]
 * @property {boolean} [processes]
 * @property {Step[]} steps
 */

const ASK_MS = 500;
/** The picture shows what was so long ago, so that a packet's next step is known when it sets out. */
const BEHIND_S = 1.2;
const ANSWER_MS = 5000;
const SVG = "http://www.w3.org/2000/svg";

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const picture = /** @type {SVGSVGElement & HTMLElement} */ (byId("picture"));
const packets = new Packets();
const trails = make("g", {}), dots = make("g", {});
/** @type {Map<number, { dot: SVGElement, trail: SVGElement }>} */
const drawnDots = new Map();
/** @type {Map<string, import("./picture.js").Point>} */
let places = new Map();
/** @type {Map<string, { group: SVGElement, speed: SVGElement }>} */
const drawnNodes = new Map();
let shape = "";
/** @type {Status | null} */
let before = null;
/** @type {Map<string, number>} */
let rates = new Map();
/** The network's clock is so much ahead of ours. */
let ahead = 0;

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
function make(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/** @param {Status} status */
function drawPicture({ nodes }) {
  const { places: placed, columns, height } = placeNodes(nodes);
  places = placed;
  drawnNodes.clear();
  picture.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
  const ways = make("g", {});
  for (const from of nodes) {
    for (const to of nodes) {
      if (columnOf(from) > 3 || columnOf(to) !== columnOf(from) + 1) continue;
      const one = places.get(from.name), other = places.get(to.name);
      if (one && other) ways.append(make("line", { class: "way", x1: one.x, y1: one.y, x2: other.x, y2: other.y }));
    }
  }
  const boxes = nodes.map((node) => {
    const { x, y } = places.get(node.name) ?? { x: 0, y: 0 };
    const group = make("g", {});
    const speed = make("text", { class: "speed", x, y: y + 16 });
    group.append(
      make("rect", { x: x - BOX.width / 2, y: y - BOX.height / 2, width: BOX.width, height: BOX.height, rx: 10 }),
      make("text", { x, y: y - 2 }, node.name),
      speed,
    );
    drawnNodes.set(node.name, { group, speed });
    return group;
  });
  const labels = columns.map(({ label, x }) => make("text", { class: "column", x, y: 20 }, label));
  picture.replaceChildren(ways, trails, ...labels, ...boxes, dots);
}

/**
 * @param {NodeStatus[]} nodes
 * @param {Map<string, number>} rates
 */
function fillTable(nodes, rates) {
  byId("nodes").replaceChildren(...nodes.map((node) => {
    const drops = Object.entries(node.dropped).map(([reason, count]) => `${count} ${reason}`).join(", ");
    const layer = node.role === "mix-node" ? String(node.layer ?? "none") : "";
    const row = document.createElement("tr");
    row.dataset.node = node.name;
    const cells = [node.name, layer, node.state, whole(rates.get(node.name)), node.received, node.forwarded, node.waiting, drops];
    row.append(...cells.map((text, index) => {
      const cell = document.createElement("td");
      cell.textContent = String(text);
      if (index === 2) cell.className = node.state;
      if (index > 2 && index < 7) cell.className = "number";
      return cell;
    }));
    return row;
  }));
}

/** @param {number | undefined} rate */
const whole = (rate) => (rate === undefined ? "" : rate < 10 ? rate.toFixed(1) : rate.toFixed(0));

/**
 * @param {number} number
 * @param {string} noun
 */
const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** @param {Status} status */
function show(status) {
  const { nodes, epoch, exit } = status;
  if (before && status.counted_at > before.counted_at) {
    rates = ratesOf(before.nodes, nodes, status.counted_at - before.counted_at);
  }
  if (!before || status.counted_at > before.counted_at) before = status;
  const newShape = nodes.map((node) => `${node.name} ${columnOf(node)}`).join();
  if (newShape !== shape) drawPicture(status);
  shape = newShape;
  for (const node of nodes) {
    const drawn = drawnNodes.get(node.name);
    drawn?.group.setAttribute("class", `node ${node.state}`);
    if (drawn) drawn.speed.textContent = node.state === "running" ? `${whole(rates.get(node.name))} /s` : node.state;
  }
  fillTable(nodes, rates);
  byId("epoch").textContent = String(epoch.id);
  byId("progress").setAttribute("value", String(1 - Math.max(0, epoch.ends_in_s) / epoch.length_s));
  byId("left").textContent = `${Math.max(0, Math.round(epoch.ends_in_s))} s left`;
  byId("layers").textContent = epoch.drawn ? "drawn anew each epoch" : "fixed";
  byId("layers").title = epoch.seed ? `drawn from the public seed ${epoch.seed}` : "";
  byId("rotation").textContent = String(epoch.rotation);
  byId("link").textContent = status.link === "none" ? "as this machine is" : status.link;
  byId("rate").textContent = rates.size ? whole([...rates.values()].reduce((sum, rate) => sum + rate, 0)) : "–";
  byId("exits").textContent = exit ? `${count(exit.clients, "client")}, ${count(exit.flow_count, "flow")}` : "–";
  byId("note").textContent = status.workers || status.processes
    ? "Through several processes packets can't be followed." : "";
  byId("why").hidden = byId("note").textContent !== "";
}

/**
 * @param {number} packet
 * @param {string} kind
 */
function drawDot(packet, kind) {
  const drawn = {
    dot: make("circle", { class: `dot ${kind}`, r: kind === "packet" ? 6 : 4 }),
    trail: make("polyline", { class: `trail ${kind}` }),
  };
  drawnDots.set(packet, drawn);
  dots.append(drawn.dot);
  trails.append(drawn.trail);
  return drawn;
}

function moveDots() {
  const now = performance.now() / 1000 + ahead - BEHIND_S;
  const gone = new Set(drawnDots.keys());
  for (const { packet, kind, route, to, share } of packets.at(now)) {
    const points = route.map((name) => places.get(name) ?? { x: 0, y: 0 });
    const start = points[points.length - 1], end = places.get(to);
    if (!start || !end) continue;
    gone.delete(packet);
    const { dot, trail } = drawnDots.get(packet) ?? drawDot(packet, kind);
    const here = between(start, end, share);
    trail.setAttribute("points", [...points, here].map(({ x, y }) => `${x},${y}`).join(" "));
    trail.setAttribute("data-nodes", String(route.length));
    dot.setAttribute("cx", String(here.x));
    // A packet that is held waits at the lower edge of its node, where it hides no name.
    dot.setAttribute("cy", String(here.y + (share === 0 ? BOX.height / 2 : 0)));
  }
  for (const packet of gone) {
    const drawn = drawnDots.get(packet);
    drawn?.dot.remove();
    drawn?.trail.remove();
    drawnDots.delete(packet);
  }
}

function animate() {
  moveDots();
  requestAnimationFrame(animate);
}

async function ask() {
  try {
    const answer = await fetch(`data.json?after=${packets.newest}`, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (!answer.ok) throw new Error(String(answer.status));
    const status = /** @type {Status} */ (await answer.json());
    ahead = status.now - performance.now() / 1000;
    packets.add(status.steps);
    show(status);
    const away = status.nodes.filter((node) => node.state !== "running");
    byId("state").textContent = away.length
      ? away.map((node) => `${node.name} is ${node.state}`).join(", ") : `${status.nodes.length} nodes run`;
    byId("state").className = "";
  } catch {
    byId("state").textContent = "the network does not answer; it has ended, or is very busy";
    byId("state").className = "bad";
  }
  setTimeout(ask, document.hidden ? 4 * ASK_MS : ASK_MS);
}

if (matchMedia("(prefers-reduced-motion: reduce)").matches) setInterval(moveDots, ASK_MS);
else animate();
ask();
