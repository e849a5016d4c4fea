// The box completes what is typed: an ARIA combobox over a line of suggestions.

import { suggest } from "./api.js";
import { bdi, element } from "./dom.js";

/**
 * Make `box` a combobox over `list`. `words` gives the language, `choose` is told the query that is
 * chosen. Returns what asks for suggestions and what closes them.
 */
export function suggestions(box, list, words, choose) {
  let running = null;
  let current = -1;

  function close() {
    running?.abort();
    list.hidden = true;
    list.replaceChildren();
    box.setAttribute("aria-expanded", "false");
    mark(-1);
  }

  function mark(index) {
    current = index;
    for (const [n, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(n === index));
    const option = list.children[index];
    if (!option) {
      box.removeAttribute("aria-activedescendant");
      return;
    }
    box.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  async function ask() {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    const q = box.value.trim();
    if (!q || document.activeElement !== box) return close();
    let found;
    try {
      ({ suggestions: found } = await suggest(q, signal));
    } catch {
      return signal.aborted || close(); // what cannot be suggested is typed
    }
    if (signal.aborted) return;
    const offered = found.filter(({ text }) => text !== q);
    list.replaceChildren(...offered.map((one, n) => option(one, n, words())));
    list.hidden = !offered.length;
    list.scrollTo(0, 0);
    box.setAttribute("aria-expanded", String(offered.length > 0));
    mark(-1);
  }

  box.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    const amount = list.children.length;
    if (event.key === "ArrowDown") mark((current + 1) % amount);
    else if (event.key === "ArrowUp") mark(current < 0 ? amount - 1 : current - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" && current >= 0) take(list.children[current]);
    else return;
    event.preventDefault();
  });

  function take(option) {
    const { query } = option.dataset;
    close();
    choose(query);
  }

  list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("click", (event) => event.target.closest("[role=option]") && take(event.target.closest("[role=option]")));
  box.addEventListener("blur", close);
  return { suggest: ask, close };
}

/** A name is searched as the field that it is the value of; quotation marks inside would end it. */
function option({ text, kind }, n, words) {
  const field = words.fields[kind];
  return element("li", { role: "option", id: `suggestion-${n}`, "aria-selected": "false", "data-query": field ? `${field}:"${text.replaceAll('"', " ")}"` : text },
    bdi(text), kind === "word" ? "" : element("span", { class: "kind" }, words.kinds[kind]));
}
