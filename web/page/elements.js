const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/**
 * The page's element with an id.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function find(id) {
  const element = document.getElementById(id);
  if (!element) {
    throw new Error(`the page has no element "${id}"`);
  }
  return /** @type {T} */ (element);
}

/**
 * The form field with an id.
 *
 * @param {string} id
 * @returns {HTMLInputElement}
 */
export function field(id) {
  return /** @type {HTMLInputElement} */ (find(id));
}

/**
 * A new element with a class and children.
 *
 * @param {string} tag
 * @param {string} className
 * @param {(Node | string)[]} children
 */
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/**
 * A new SVG element.
 *
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {(Node | string)[]} children
 */
export function draw(tag, attributes, ...children) {
  const element = document.createElementNS(SVG_NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, String(value));
  }
  element.append(...children);
  return /** @type {SVGElement} */ (element);
}

/**
 * Replace the rows of a table's body.
 *
 * @param {HTMLElement} body
 * @param {(Node | string | number)[][]} rows the first cell of each is its heading
 */
export function fillRows(body, rows) {
  body.replaceChildren(...rows.map(([heading = "", ...cells]) => {
    const head = make("th", "", typeof heading === "number" ? String(heading) : heading);
    head.setAttribute("scope", "row");
    const others = cells.map((cell) => make("td", "", typeof cell === "number" ? cell.toLocaleString("en") : cell));
    return make("tr", "", head, ...others);
  }));
}

/**
 * A row of buttons, each of which offers something to try.
 *
 * @template {{ label: string }} T
 * @param {HTMLElement} box
 * @param {readonly T[]} offers
 * @param {(offer: T) => void} onChoice
 */
export function offer(box, offers, onChoice) {
  box.hidden = offers.length === 0;
  for (const each of offers) {
    const button = make("button", "", each.label);
    button.setAttribute("type", "button");
    button.addEventListener("click", () => onChoice(each));
    box.append(button);
  }
}

/**
 * Say how something stands, in a line that screen readers read out.
 *
 * @param {HTMLElement} line
 * @param {string} text
 * @param {"good" | "busy" | "bad" | ""} [kind]
 */
export function showStatus(line, text, kind = "") {
  line.textContent = text;
  line.dataset["kind"] = kind;
}
