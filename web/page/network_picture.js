import { draw, fillRows, find } from "./elements.js";
import { formatCount } from "./format.js";
import { log } from "./log.js";
import { readSettings } from "./settings.js";
import { findWays, placeStations, shapeOf } from "./network_layout.js";

/** @import { NetworkCounters, Station, Way } from "./network_layout.js" */

/** @typedef {{ x: number, y: number }} Point */
/**
 * Where stations stand in a picture of some width, in pixels.
 * @typedef {object} Layout
 * @property {number} height
 * @property {number} room for the words of one station
 * @property {(station: Station) => Point} place
 */

const INTERVAL_MS = 1000;
const ANSWER_MS = 5000;
/** So often in a row the network may leave the question for its counters unanswered: it may be busy. */
const PATIENCE = 3;
/** Narrower pictures stand upright. */
const UPRIGHT_PX = 560;
/** A column needs so much for what a station knows, and for the long form of its name. */
const CAPTION_PX = 142;
const LABEL_PX = 112;
const ROW_PX = 92;
const UPRIGHT_ROW_PX = 50;
const SIDESTEP_PX = 22;
const ARC_PX = 44;
/** The dots of a way stand so far apart. */
const DOT_GAP = 12;
/** A network that does not answer moves nothing. */
const NONE = "–";

/**
 * Make the picture of the local network and keep it moving; without such a network it stays hidden.
 *
 * @param {Promise<string>} settings of this network: another one's are others
 */
export async function startNetworkPicture(settings) {
  const first = await readCounters();
  if ("failure" in first) {
    return;
  }
  find("network").hidden = false;
  let picture = new Picture(first);
  let before = { counters: first, at: performance.now() };
  new ResizeObserver(() => picture.draw()).observe(find("network-picture"));
  let isLooking = false;
  let unanswered = 0;
  setInterval(async () => {
    if (document.visibilityState === "hidden" || isLooking) {
      return; // answers that overtake each other would set the counters back
    }
    isLooking = true;
    const counters = await readCounters();
    isLooking = false;
    const at = performance.now();
    if ("failure" in counters) {
      unanswered += 1;
      if (unanswered >= PATIENCE) {
        picture.silence();
        tell(counters.failure);
      }
      return;
    }
    if (unanswered >= PATIENCE) {
      tell(await readSettings() === await settings ? "" : RESTARTED);
    }
    unanswered = 0;
    if (shapeOf(counters) !== shapeOf(before.counters)) {
      picture = new Picture(counters);
    }
    picture.show(counters, before.counters, (at - before.at) / 1000);
    before = { counters, at };
  }, INTERVAL_MS);
}

const NO_NETWORK = "The local network does not answer. Unless this machine is very busy, it has ended: " +
  "start the playground again where you started it, then reload this page.";
const NO_SERVER = "This page's server does not answer: the playground has ended, and the local network with it. " +
  "Start it again with make playground, then reload this page.";
const RESTARTED = "The playground was started again, with other keys and certificates: reload this page to use it.";

/**
 * Say below the heading what has become of the network; once, not each second.
 *
 * @param {string} text
 */
function tell(text) {
  const note = find("network-note");
  if (note.textContent !== text) {
    note.textContent = text;
    note.hidden = text === "";
    log(text === "" ? "the local network answers again" : text, text === "" ? "" : "bad");
  }
}

/** @returns {Promise<NetworkCounters | { failure: string }>} */
async function readCounters() {
  try {
    const response = await fetch("network.json", { signal: AbortSignal.timeout(ANSWER_MS) });
    return response.ok ? await response.json() : { failure: NO_NETWORK };
  } catch (error) {
    const isLate = /** @type {Error} */ (error).name === "TimeoutError";
    return { failure: isLate ? NO_NETWORK : NO_SERVER };
  }
}

/** The drawing: made anew for another width, changed in place for other numbers. */
class Picture {
  #stations;
  #ways;
  /** @type {Map<Station, { figures: SVGElement[], dot: SVGElement }>} */
  #texts = new Map();
  /** @type {Map<Way, Flow>} */
  #flows = new Map();
  #width = 0;
  #isSilent = false;
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
    const isUpright = width < UPRIGHT_PX;
    const layout = isUpright ? this.#layUpright(width) : this.#layAcross(width);
    const lines = this.#ways.map((way) => {
      const path = outline(way.kind, layout.place(way.from), layout.place(way.to), isUpright);
      const flow = new Flow(path, way.kind);
      this.#flows.set(way, flow);
      return draw("g", {}, draw("path", { d: path, class: "way" }), flow.element);
    });
    const marks = this.#stations.map((station) => {
      const { x, y } = layout.place(station);
      const dot = draw("circle", { cx: x, cy: y, r: isUpright ? 6 : 8, class: "station" });
      /**
       * @param {{ right: number, down: number }} shift
       * @param {string} className
       * @param {string} words
       */
      const text = ({ right, down }, className, words) => (
        draw("text", { x: x + right, y: y + down, class: className }, words));
      const figures = isUpright ? [text({ right: 14, down: 15 }, "rate", "")]
        : [text({ right: 0, down: 46 }, "rate", ""), text({ right: 0, down: 64 }, "total", "")];
      const name = text(isUpright ? { right: 14, down: 0 } : { right: 0, down: 28 }, "name",
        layout.room < LABEL_PX ? station.shortLabel : station.label);
      this.#texts.set(station, { figures, dot });
      return draw("g", {}, dot, name, ...figures);
    });
    // What a kind of station knows is written once, below the last of its column.
    const captions = isUpright || layout.room < CAPTION_PX ? []
      : this.#stations.filter((station) => this.#at(station.column).at(-1) === station);
    const knowledge = captions.map((station) => {
      const { x, y } = layout.place(station);
      return draw("text", { x, y: y + 80, class: "caption" }, station.caption);
    });
    const picture = draw("svg", {
      viewBox: `0 0 ${width} ${layout.height}`, width, height: layout.height, role: "img",
      class: isUpright ? "upright" : "",
      "aria-label": `The way of a request: ${this.#stations.map(({ label, caption }) => `${label} (${caption})`).join(
        ", ")}. Packets and rates are in the table below.`,
    }, ...lines, ...marks, ...knowledge);
    box.replaceChildren(picture);
    this.show(...this.#shown);
    if (this.#isSilent) {
      this.silence();
    }
  }

  /**
   * From left to right, names below.
   *
   * @param {number} width
   * @returns {Layout}
   */
  #layAcross(width) {
    const columns = this.#columns;
    const tallest = Math.max(...this.#stations.map(({ column }) => this.#at(column).length));
    const middle = ARC_PX + 12 + ((tallest - 1) * ROW_PX) / 2;
    return {
      height: tallest * ROW_PX + ARC_PX + 10,
      room: width / columns,
      place: (station) => {
        const same = this.#at(station.column);
        return {
          x: ((station.column + 0.5) / columns) * width,
          y: middle + (same.indexOf(station) - (same.length - 1) / 2) * ROW_PX,
        };
      },
    };
  }

  /**
   * From top to bottom, names to the right; stations of one kind step aside, so that none stands in another's way.
   *
   * @param {number} width
   * @returns {Layout}
   */
  #layUpright(width) {
    const widest = Math.max(...this.#stations.map(({ column }) => this.#at(column).length));
    const x = (/** @type {number} */ place) => ARC_PX + place * SIDESTEP_PX;
    return {
      height: this.#stations.length * UPRIGHT_ROW_PX,
      room: width - x(widest - 1),
      place: (station) => ({
        x: x(this.#at(station.column).indexOf(station)),
        y: this.#stations.indexOf(station) * UPRIGHT_ROW_PX + 14,
      }),
    };
  }

  get #columns() {
    return (this.#stations.at(-1)?.column ?? 0) + 1;
  }

  /** Show that nothing is known of the present. */
  silence() {
    this.#isSilent = true;
    find("network-picture").classList.add("silent");
    for (const [station, { figures, dot }] of this.#texts) {
      dot.classList.remove("busy");
      this.#write(figures, NONE, formatCount(station.packets(this.#shown[0])));
    }
    for (const flow of this.#flows.values()) {
      flow.rate = 0;
    }
    for (const cell of find("network-table").querySelectorAll("td:nth-of-type(2)")) {
      cell.textContent = NONE;
    }
  }

  /**
   * @param {SVGElement[]} figures
   * @param {string} rate
   * @param {string} total
   */
  #write(figures, rate, total) {
    const [first, second] = figures;
    if (first) {
      first.textContent = second ? rate : `${rate} · ${total}`;
    }
    if (second) {
      second.textContent = total;
    }
  }

  /**
   * @param {NetworkCounters} now
   * @param {NetworkCounters} before
   * @param {number} seconds between the two
   */
  show(now, before, seconds) {
    this.#shown = [now, before, seconds];
    this.#isSilent = false;
    find("network-picture").classList.remove("silent");
    const rateOf = (/** @type {Station | Way} */ each) => Math.max(0, each.packets(now) - each.packets(before)) / seconds;
    for (const [station, { figures, dot }] of this.#texts) {
      const perSecond = Math.round(rateOf(station));
      this.#write(figures, `${formatCount(perSecond)}/s`, formatCount(station.packets(now)));
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
 * @param {Point} from
 * @param {Point} to
 * @param {boolean} isUpright
 */
function outline(kind, from, to, isUpright) {
  if (kind === "arc" && isUpright) {
    const left = Math.min(from.x, to.x) - ARC_PX * 1.2;
    return `M${from.x},${from.y}C${left},${from.y} ${left},${to.y} ${to.x},${to.y}`;
  }
  if (kind === "arc") {
    const top = Math.min(from.y, to.y) - ARC_PX * 1.6;
    return `M${from.x},${from.y}C${from.x},${top} ${to.x},${top} ${to.x},${to.y}`;
  }
  const shift = kind === "back" ? 5 : 0;
  const [right, down] = isUpright ? [shift, 0] : [0, shift];
  return `M${from.x + right},${from.y + down}L${to.x + right},${to.y + down}`;
}
