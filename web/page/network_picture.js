import { draw, fillRows, find } from "./elements.js";
import { formatCount } from "./format.js";
import { findWays, placeStations } from "./network_layout.js";

/** @import { NetworkCounters, Station, Way } from "./network_layout.js" */

const INTERVAL_MS = 1000;
const NARROW_PX = 620;
const ROW_PX = 92;
const ARC_PX = 44;
/** The dots of a way stand so far apart. */
const DOT_GAP = 12;

/** Make the picture of the local network and keep it moving; without such a network it stays hidden. */
export async function startNetworkPicture() {
  const first = await readCounters();
  if (first === null) {
    return;
  }
  find("network").hidden = false;
  let picture = new Picture(first);
  let before = { counters: first, at: performance.now() };
  new ResizeObserver(() => picture.draw()).observe(find("network-picture"));
  let isLooking = false;
  setInterval(async () => {
    if (document.visibilityState === "hidden" || isLooking) {
      return; // answers that overtake each other would set the counters back
    }
    isLooking = true;
    const counters = await readCounters();
    isLooking = false;
    const at = performance.now();
    if (counters === null) {
      return; // the network has stopped, or is busy: the last picture stays
    }
    if (counters.nodes.length !== before.counters.nodes.length) {
      picture = new Picture(counters);
    }
    picture.show(counters, before.counters, (at - before.at) / 1000);
    before = { counters, at };
  }, INTERVAL_MS);
}

/** @returns {Promise<NetworkCounters | null>} */
async function readCounters() {
  try {
    const response = await fetch("network.json");
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** The drawing: made anew for another width, changed in place for other numbers. */
class Picture {
  #stations;
  #ways;
  /** @type {Map<Station, { rate: SVGElement, total: SVGElement, dot: SVGElement }>} */
  #texts = new Map();
  /** @type {Map<Way, Flow>} */
  #flows = new Map();
  #width = 0;
  /** @type {[now: NetworkCounters, before: NetworkCounters, seconds: number]} */
  #shown;

  /** @param {NetworkCounters} counters */
  constructor(counters) {
    this.#stations = placeStations(counters);
    this.#ways = findWays(this.#stations);
    this.#shown = [counters, counters, 1];
    this.draw();
  }

  draw() {
    const box = find("network-picture");
    const width = Math.round(box.clientWidth);
    if (width === 0 || width === this.#width) {
      return;
    }
    this.#width = width;
    const isNarrow = width < NARROW_PX;
    const columns = (this.#stations.at(-1)?.column ?? 0) + 1;
    const tallest = Math.max(...this.#stations.map(({ column }) => this.#at(column).length));
    const height = tallest * ROW_PX + ARC_PX + (isNarrow ? -16 : 10);
    const place = (/** @type {Station} */ station) => {
      const same = this.#at(station.column);
      const middle = ARC_PX + 12 + ((tallest - 1) * ROW_PX) / 2;
      return {
        x: ((station.column + 0.5) / columns) * width,
        y: middle + (same.indexOf(station) - (same.length - 1) / 2) * ROW_PX,
      };
    };
    const lines = this.#ways.map((way) => {
      const path = outline(way.kind, place(way.from), place(way.to));
      const flow = new Flow(path, way.kind);
      this.#flows.set(way, flow);
      return draw("g", {}, draw("path", { d: path, class: "way" }), flow.element);
    });
    const marks = this.#stations.map((station) => {
      const { x, y } = place(station);
      const dot = draw("circle", { cx: x, cy: y, r: isNarrow ? 6 : 8, class: "station" });
      /**
       * @param {number} down
       * @param {string} className
       * @param {string} words
       */
      const text = (down, className, words) => draw("text", { x, y: y + down, class: className }, words);
      const rate = text(isNarrow ? 38 : 46, "rate", "");
      const total = text(isNarrow ? 54 : 64, "total", "");
      this.#texts.set(station, { rate, total, dot });
      const name = text(isNarrow ? 22 : 28, "name", isNarrow ? station.shortLabel : station.label);
      return draw("g", {}, dot, name, rate, total);
    });
    // What a kind of station knows is written once, below the last of its column.
    const captions = isNarrow ? [] : this.#stations.filter((station) => this.#at(station.column).at(-1) === station);
    const knowledge = captions.map((station) => (
      draw("text", { x: place(station).x, y: place(station).y + 80, class: "caption" }, station.caption)));
    const picture = draw("svg", {
      viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: isNarrow ? "narrow" : "",
      "aria-label": `The way of a request: ${this.#stations.map(({ label, caption }) => `${label} (${caption})`).join(
        ", ")}. Packets and rates are in the table below.`,
    }, ...lines, ...marks, ...knowledge);
    box.replaceChildren(picture);
    this.show(...this.#shown);
  }

  /**
   * @param {NetworkCounters} now
   * @param {NetworkCounters} before
   * @param {number} seconds between the two
   */
  show(now, before, seconds) {
    this.#shown = [now, before, seconds];
    const rateOf = (/** @type {Station | Way} */ each) => Math.max(0, each.packets(now) - each.packets(before)) / seconds;
    for (const [station, { rate, total, dot }] of this.#texts) {
      const perSecond = Math.round(rateOf(station));
      rate.textContent = `${formatCount(perSecond)}/s`;
      total.textContent = formatCount(station.packets(now));
      dot.classList.toggle("busy", perSecond > 0);
    }
    for (const [way, flow] of this.#flows) {
      flow.rate = rateOf(way);
    }
    fillRows(find("network-table"), this.#stations.map((station) => {
      const node = now.nodes.find(({ name }) => name === station.id);
      const dropped = node && Object.values(node.dropped).reduce((sum, each) => sum + each, 0);
      return [station.label, station.packets(now), Math.round(rateOf(station)), node?.waiting ?? "–", dropped ?? "–"];
    }));
  }

  /** @param {number} column */
  #at(column) {
    return this.#stations.filter((station) => station.column === column);
  }
}

/** Dots that move along a way, faster when more packets take it. */
class Flow {
  element;
  /** @type {Animation | null} */
  #animation = null;

  /**
   * @param {string} path
   * @param {Way["kind"]} kind
   */
  constructor(path, kind) {
    this.element = draw("path", { d: path, class: `flow ${kind === "out" ? "out" : "back"}` });
    this.element.classList.add("idle");
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#animation = this.element.animate(
        [{ strokeDashoffset: DOT_GAP }, { strokeDashoffset: 0 }], { duration: 1000, iterations: Infinity });
      this.#animation.pause();
    }
  }

  /** @param {number} perSecond packets */
  set rate(perSecond) {
    const isIdle = perSecond < 0.5;
    this.element.classList.toggle("idle", isIdle);
    if (isIdle) {
      this.#animation?.pause();
    } else if (this.#animation) {
      this.#animation.playbackRate = Math.min(5, 0.6 + Math.log2(1 + perSecond) / 2);
      this.#animation.play();
    }
  }
}

/**
 * @param {Way["kind"]} kind
 * @param {{ x: number, y: number }} from
 * @param {{ x: number, y: number }} to
 */
function outline(kind, from, to) {
  if (kind === "arc") {
    const top = Math.min(from.y, to.y) - ARC_PX * 1.6;
    return `M${from.x},${from.y}C${from.x},${top} ${to.x},${top} ${to.x},${to.y}`;
  }
  const shift = kind === "back" ? 5 : 0;
  return `M${from.x},${from.y + shift}L${to.x},${to.y + shift}`;
}
