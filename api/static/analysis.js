// How words are analysed: what is compared, and what is asked beside them.

import * as api from "./api.js";
import { bdi, element, link } from "./dom.js";
import { emptied, write } from "./state.js";

const LAYERS = ["letters", "folded", "stem", "vowelled", "grams"];
const BESIDES = ["spellings", "family", "homographs", "names"];
const MOST = 200; // letters of what is analysed

export async function analysisView(state, words, context, signal) {
  const said = words.analysis;
  const text = state.text.slice(0, MOST);
  const input = element("input", { name: "text", dir: "auto", maxlength: MOST, value: text, required: true, autocomplete: "off", autocapitalize: "off", spellcheck: "false", "aria-label": said.label, placeholder: said.label });
  const form = element("form", {
    class: "ask",
    onsubmit: (event) => {
      event.preventDefault();
      context.go({ ...state, text: input.value.trim() });
    },
  }, element("div", { class: "box" }, input, element("button", { type: "submit" }, said.analyse)));
  return {
    title: words.wordAnalysis,
    nodes: [element("h1", { class: "view-title", tabindex: -1 }, words.wordAnalysis), element("p", { class: "note" }, said.what), form,
      ...(text.trim() ? await analysed(text, state, words, signal) : [])],
  };
}

async function analysed(text, state, words, signal) {
  const { tokens } = await api.analyze(text, signal);
  if (!tokens.length) return [element("p", { class: "notice" }, words.analysis.none)];
  // As plain words: what else stands in the text may be an operator.
  const q = tokens.map((token) => token.text).join(" ");
  const found = await api.search([["q", q], ["mode", "keyword"], ["size", 1], ["explain", true], ["fields", "explanation"]], signal);
  const known = found.hits[0]?.explanation.query_words ?? [];
  return tokens.map((token) => wordView(token, known.find((word) => word.text === token.letters), state, words));
}

function wordView(token, known, state, words) {
  const said = words.analysis;
  const other = (text) => link(write({ ...emptied(state), view: "analysis", text }), bdi(text));
  const list = (items) => items.flatMap((item, n) => (n ? [words.comma, item] : [item]));
  const rows = [
    ...LAYERS.map((layer) => [said.layers[layer], list([token[layer]].flat().filter(Boolean).map((each) => bdi(each)))]),
    ...BESIDES.map((kind) => [said.besides[kind], list(token.besides[kind].map(other))]),
    [said.also, list((known?.searched_also ?? []).map(other))],
    [said.passages, known?.passages ? link(write({ ...emptied(state), q: token.text }), words.number(known.passages)) : ""],
  ].filter(([, value]) => value.length || value instanceof Node);
  return element("section", { class: "word" },
    element("h2", {}, bdi(token.text)),
    token.stop ? element("p", { class: "note" }, said.stop) : "",
    element("dl", { class: "status" }, rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))));
}
