// Elements, made one way: text is always a text node, so no text can become markup.

/**
 * Make an element. Attributes that are null, undefined or false are left out;
 * children are nodes or strings, and empty ones are left out.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "onclick") made.addEventListener("click", value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Text of unknown direction inside a line of another: isolated from it. */
export function bdi(...children) {
  return element("bdi", {}, ...children);
}
