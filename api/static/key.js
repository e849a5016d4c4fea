// The dialog that asks for an API key.

import { button, element } from "./dom.js";

/** Ask for a key, saying why; gives "" where the reader gives none. */
export function askForKey(words, problem) {
  const input = element("input", { type: "password", name: "key", autocomplete: "off", required: true, autofocus: true });
  const dialog = element("dialog", { class: "key", "aria-labelledby": "key-title" },
    element("form", {
      onsubmit: (event) => {
        event.preventDefault();
        dialog.close(input.value.trim());
      },
    },
    element("h2", { id: "key-title" }, words.key.title),
    element("p", { class: "note" }, words.problems[problem.name]),
    element("label", {}, element("span", {}, words.key.label), input),
    element("p", { class: "close" }, element("button", { type: "submit" }, words.key.use), " ", button(words.key.cancel, () => dialog.close(), { class: "quiet" }))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}
