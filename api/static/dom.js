// Elements, made one way: text is always a text node, so no text can become markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. Attributes that are null, undefined or false are left out, `on...` are
 * listeners; children are nodes or strings, and empty ones are left out.
 */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Make an element of a drawing. */
export function drawing(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** Text of unknown direction inside a line of another: isolated from it. */
export function bdi(...children) {
  return element("bdi", {}, ...children);
}

/** A link to a state of the page, followed without loading it anew. */
export function link(href, content, attributes = {}) {
  return element("a", { href, "data-go": true, ...attributes }, content);
}

export function button(label, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, label);
}

function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== "" && child !== false));
  return made;
}
