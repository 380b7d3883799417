import { draw, make } from "./elements.js";
import { roundUp } from "./statistics.js";

const WIDTH = 300;
const HEIGHT = 56;
const TOPS = [1, 1.5, 2, 3, 4, 5, 6, 8];

/**
 * What is drawn: a name and a class for its colour.
 * @typedef {{ name: string, className: string }} Series
 */

/**
 * A chart of the last so many values, newest on the right. Several series are areas that lie on each other, a single
 * one has a line, with gaps where nothing is known. The picture has a text that says the same.
 */
export class TimeChart {
  /** @type {(readonly (number | null)[])[]} */
  #points = [];
  #series;
  #format;
  #span;
  #isLine;
  #title;
  #shapes;
  #now = make("strong", "chart-now");
  #top = make("span", "chart-top");
  #picture;

  /**
   * @param {HTMLElement} figure filled in here
   * @param {object} options
   * @param {string} options.title
   * @param {string} options.period that the whole width is, in words
   * @param {readonly Series[]} options.series from the bottom up
   * @param {(value: number) => string} options.format
   * @param {number} [options.span] how many values are seen at once
   */
  constructor(figure, { title, period, series, format, span = 60 }) {
    this.#title = title;
    this.#series = series;
    this.#format = format;
    this.#span = span;
    this.#isLine = series.length === 1;
    this.#shapes = series.map(({ className }) => draw("path", { class: `chart-shape ${className}` }));
    this.#picture = draw(
      "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", class: "chart" },
      draw("path", { class: "chart-grid", d: `M0,0.5H${WIDTH}M0,${HEIGHT / 2}H${WIDTH}M0,${HEIGHT - 0.5}H${WIDTH}` }),
      ...[...this.#shapes].reverse());
    const legend = this.#isLine ? [] : series.map(({ name, className }) => make("span", `key ${className}`, name));
    figure.classList.add("chart-figure");
    figure.replaceChildren(
      make("figcaption", "", make("span", "chart-title", title), make("span", "chart-period", period), this.#now),
      make("div", "chart-frame", make("p", "chart-scale", this.#top, make("span", "", "0")), this.#picture),
      ...(legend.length > 0 ? [make("p", "legend", ...legend)] : []));
    this.#update();
  }

  /**
   * Add one value of each series; null where there is none.
   * @param {readonly (number | null)[]} values
   */
  push(values) {
    this.#points.push(values);
    if (this.#points.length > this.#span) {
      this.#points.shift();
    }
    this.#update();
  }

  clear() {
    this.#points = [];
    this.#update();
  }

  #update() {
    const sums = this.#points.map((values) => values.reduce((/** @type {number} */ sum, each) => sum + (each ?? 0), 0));
    const highest = sums.reduce((one, other) => Math.max(one, other), 0);
    const top = roundUp(Math.max(highest, 1e-3), TOPS);
    /** @type {number[]} */
    const floors = this.#points.map(() => 0);
    for (const [index, shape] of this.#shapes.entries()) {
      if (this.#isLine) {
        shape.setAttribute("d", this.#outline(this.#points.map((values) => values[0] ?? null), top));
        break;
      }
      const ceilings = this.#points.map((values, at) => (floors[at] ?? 0) + (values[index] ?? 0));
      shape.setAttribute("d", this.#area(floors, ceilings, top));
      floors.splice(0, floors.length, ...ceilings);
    }
    const newest = this.#points.at(-1);
    const parts = this.#series.map(({ name }, index) => ({ name, value: newest?.[index] ?? null }));
    const known = parts.flatMap(({ name, value }) => (
      value === null ? [] : [this.#isLine ? this.#format(value) : `${this.#format(value)} ${name}`]));
    this.#now.textContent = newest && known.length > 0 ? this.#format(sums.at(-1) ?? 0) : "–";
    this.#top.textContent = highest > 0 ? this.#format(top) : "";
    const text = known.length > 0 ? `now ${known.join(", ")}; highest ${this.#format(highest)}` : "nothing yet";
    this.#picture.setAttribute("aria-label", `${this.#title}: ${text}`);
  }

  /** @param {number} index */
  #x(index) {
    return ((this.#span - this.#points.length + index) / (this.#span - 1)) * WIDTH;
  }

  /**
   * @param {readonly (number | null)[]} values
   * @param {number} top
   */
  #outline(values, top) {
    return values.map((value, at) => {
      if (value === null) {
        return "";
      }
      const place = `${this.#x(at).toFixed(1)},${(HEIGHT * (1 - value / top)).toFixed(1)}`;
      return `${(values[at - 1] ?? null) === null ? "M" : "L"}${place}`;
    }).join("");
  }

  /**
   * @param {readonly number[]} floors
   * @param {readonly number[]} ceilings
   * @param {number} top
   */
  #area(floors, ceilings, top) {
    if (ceilings.length < 2) {
      return "";
    }
    const under = [...floors].reverse().map((value, at) => (
      `L${this.#x(floors.length - 1 - at).toFixed(1)},${(HEIGHT * (1 - value / top)).toFixed(1)}`));
    return `${this.#outline(ceilings, top)}${under.join("")}Z`;
  }
}
