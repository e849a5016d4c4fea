// What keys do, and what can be typed.

import { bdi, button, element } from "./dom.js";

export function help(dialog, words) {
  const rows = (pairs, key) => element("dl", {}, pairs.map(([shown, meaning]) => element("div", {},
    element("dt", {}, key ? shown.split(" ").map((one) => element("kbd", {}, one)) : bdi(shown)), element("dd", {}, meaning))));
  dialog.replaceChildren(
    element("h2", { id: "help-title", tabindex: -1, autofocus: true }, words.help.title),
    rows(words.help.keys, true),
    element("h2", {}, words.help.typed),
    rows(words.help.syntax, false),
    element("p", { class: "close" }, button(words.help.close, () => dialog.close(), { class: "quiet" })));
  dialog.showModal();
}
