// What the index holds, what made it, and whether all of it works.

import * as api from "./api.js";
import { element, link } from "./dom.js";
import { emptied, write } from "./state.js";

export async function statusView(state, words, context, signal) {
  const [status, ready] = await Promise.all([api.status(signal), api.ready(signal)]);
  const said = words.statusOf;
  const rows = [
    [said.state, ready.degraded.length ? ready.degraded.map((what) => words.degraded[what] ?? said.degraded[what] ?? what).join(" ") : said.well],
    [said.articles, words.number(status.articles)],
    [said.passages, words.number(status.passages)],
    [said.sentences, words.number(status.sentences)],
    status.unembedded > 0 && [said.unembedded, [words.number(status.unembedded), " · ", said.embed, " ", element("code", { dir: "ltr" }, "fihris embed")]],
    [said.engine, element("code", { dir: "ltr" }, status.engine)],
    [said.model, [element("code", { dir: "ltr" }, status.model), " · ", said.dimensions(words.number(status.dimensions))]],
    [said.analyser, words.number(Number(status.analyser))],
  ].filter(Boolean);
  return {
    title: said.title,
    nodes: [element("h1", { class: "view-title", tabindex: -1 }, said.title),
      element("dl", { class: "status" }, rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))),
      element("p", { class: "actions" }, link(write({ ...emptied(state), view: "add" }), words.adding.title))],
  };
}
