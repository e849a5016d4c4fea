// Words in context: a line for each occurrence, and where and when there are how many.

import { bdi, element } from "./dom.js";
import { LINES, SORTS, chosen, toggled, write } from "./state.js";
import { degraded, pager } from "./views.js";

export function countLine({ lines, occurrences, passages }, state, words) {
  if (!lines.length) return words.noneTitle;
  const found = words.count("occurrences", occurrences.value);
  const parts = [occurrences.relation === "exact" ? found : words.atLeast(found)];
  const all = words.count("passages", passages.total);
  parts.push(passages.read < passages.total ? words.kwic.read(words.number(passages.read), all) : all);
  if (state.start) parts.push(words.range(words.number(state.start + 1), words.number(state.start + lines.length)));
  return parts.join(" · ");
}

export function concordance(answer, state, words) {
  const link = (change, text, current) => element("a", { href: write({ ...state, start: 0, ...change }), "data-go": true, "aria-current": current ? "true" : null }, text);
  const more = answer.occurrences.value > state.start + LINES;
  return [...degraded(answer, words),
    element("h1", { class: "hidden", tabindex: -1 }, words.kwic.title),
    element("nav", { class: "sorts", "aria-label": words.kwic.order },
      link({ kwic: "" }, words.back),
      SORTS.map((sort) => link({ kwic: sort }, words.kwic[sort], sort === state.kwic))),
    answer.lines.length
      ? element("ol", { class: "kwic", start: state.start + 1 }, answer.lines.map((line) => lineView(line, state, words)))
      : element("p", { class: "notice" }, words.noneTitle),
    pager(state, words, LINES, more),
    ["source", "year"].map((field) => frequencies(field, answer.frequencies[field] ?? [], state, words))].flat();
}

/** What is before a word stands where its language begins: on the right in Arabic. */
function lineView({ before, word, after, passage, article }, state, words) {
  const about = [article.source, article.published && words.day(article.published)].filter(Boolean);
  return element("li", {},
    element("p", { class: "line", dir: "auto", lang: article.language || null },
      element("span", { class: "before" }, before), element("mark", {}, word), element("span", { class: "after" }, after)),
    element("p", { class: "from" },
      element("a", { href: write({ ...state, article: article.id, passage }), "data-go": true }, bdi(article.title || article.id)),
      about.map((part) => [" · ", bdi(part)])));
}

function frequencies(field, values, state, words) {
  if (!values.length) return "";
  const most = Math.max(...values.map(({ passages }) => passages));
  return element("table", { class: "frequencies" },
    element("caption", {}, words.kwic.by[field]),
    element("thead", {}, element("tr", {}, [words.filters[field], words.kwic.passages, words.kwic.occurrences].map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, values.map(({ value, passages, occurrences }) => element("tr", {},
      element("th", { scope: "row" }, element("a", { href: write(toggled(state, field, value)), "data-go": true, "aria-current": chosen(state, field, value) ? "true" : null }, bdi(value))),
      element("td", {}, element("meter", { max: most, value: passages, "aria-hidden": "true" }), " ", words.number(passages)),
      element("td", {}, words.number(occurrences))))));
}
