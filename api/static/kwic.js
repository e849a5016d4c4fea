// Words in context: a line for each occurrence, and where and when there are how many.

import * as api from "./api.js";
import { bdi, drawing, element, link } from "./dom.js";
import { chips } from "./narrowing.js";
import { degraded } from "./notices.js";
import { pager, placeOf, tools } from "./results.js";
import { LINES, SORTS, chosen, kwicParameters, toggled, write } from "./state.js";

const MOST_BARS = 60; // years drawn; of more, the newest

export async function kwicView(state, words, context, signal) {
  const answer = await api.kwic(kwicParameters(state), signal);
  const { year = [], source = [] } = answer.frequencies;
  const found = answer.lines.length > 0;
  return {
    count: countLine(answer, state, words),
    quiet: !found,
    nodes: [...degraded(answer, words), chips(state, words), tools(state, words),
      element("h1", { class: "hidden", tabindex: -1 }, words.kwic.title),
      ...(found ? [
        element("nav", { class: "sorts", "aria-label": words.kwic.order }, element("span", {}, words.order), SORTS.map((sort) =>
          link(write({ ...state, start: 0, kwic: sort }), words.kwic[sort], { "aria-current": sort === state.kwic ? "true" : null }))),
        element("ol", { class: "kwic", start: state.start + 1 }, answer.lines.map((line) => lineView(line, state, words))),
        pager(state, words, LINES, answer.occurrences.value > state.start + LINES, answer.occurrences.value),
        element("p", { class: "facts" }, words.files, ": ", element("a", { href: api.kwicFile(kwicParameters(state)), download: true }, words.formats.csv)),
      ] : [element("section", { class: "notice" }, element("p", {}, words.noneTitle),
        link(write({ ...state, start: 0, kwic: "", mode: "semantic", sort: "relevance" }), words.none.semantic))]),
      plot(year, words), frequencies("year", year, state, words), frequencies("source", source, state, words)],
  };
}

function countLine({ lines, occurrences, passages }, state, words) {
  if (!lines.length) return words.noneTitle;
  const found = words.count("occurrences", occurrences.value);
  const parts = [occurrences.relation === "exact" ? found : words.atLeast(found)];
  const all = words.count("passages", passages.total);
  parts.push(passages.read < passages.total ? words.kwic.read(words.number(passages.read), all) : all);
  if (state.start) parts.push(words.range(words.number(state.start + 1), words.number(state.start + lines.length)));
  return parts.join(" · ");
}

/** What is before a word stands where its language begins: on the right in Arabic. */
function lineView({ before, word, after, passage, place, article }, state, words) {
  const about = [article.source && element("span", {}, bdi(article.source)), article.published && element("time", { datetime: article.published }, words.day(article.published))].filter(Boolean);
  return element("li", {},
    element("p", { class: "line", dir: "auto", lang: article.language || null },
      element("span", { class: "before" }, before), element("mark", {}, word), element("span", { class: "after" }, after)),
    element("p", { class: "from" }, element("span", { class: "about" },
      link(write({ ...state, article: article.id, passage }), bdi(article.title || article.id)), placeOf(place, words), about)));
}

/** The passages of each year as columns, in the direction that the language is read; the table has the numbers. */
function plot(values, words) {
  if (values.length < 2) return "";
  const counts = new Map(values.map(({ value, passages }) => [Number(value), passages]));
  const last = Math.max(...counts.keys());
  const first = Math.max(Math.min(...counts.keys()), last - MOST_BARS + 1);
  const years = Array.from({ length: last - first + 1 }, (_, n) => first + n);
  const most = Math.max(...years.map((year) => counts.get(year) ?? 0));
  const peak = years.find((year) => counts.get(year) === most);
  const plain = (year) => words.year(year);
  const bars = years.map((year, n) => {
    const height = 100 * (counts.get(year) ?? 0) / most;
    const x = words.direction === "rtl" ? years.length - 1 - n : n;
    return drawing("rect", { x: x + 0.1, y: 100 - height, width: 0.8, height }, drawing("title", {}, `${plain(year)}: ${words.number(counts.get(year) ?? 0)}`));
  });
  return element("figure", { class: "plot" },
    element("figcaption", {}, words.kwic.by.year),
    drawing("svg", { viewBox: `0 0 ${years.length} 100`, preserveAspectRatio: "none", role: "img", "aria-label": words.kwic.plot(plain(first), plain(last), plain(peak), words.count("passages", most)) }, bars),
    element("p", { class: "ends", "aria-hidden": "true" }, element("span", {}, plain(first)), element("span", {}, plain(last))));
}

function frequencies(field, values, state, words) {
  if (!values.length) return "";
  const most = Math.max(...values.map(({ passages }) => passages));
  return element("table", { class: "frequencies" },
    element("caption", { class: field === "year" && values.length > 1 ? "hidden" : null }, words.kwic.by[field]),
    element("thead", {}, element("tr", {}, [words.filters[field], words.kwic.passages, words.kwic.occurrences].map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, values.map(({ value, passages, occurrences }) => element("tr", {},
      element("th", { scope: "row" }, link(write(toggled(state, field, value)), bdi(field === "year" ? words.year(value) : value), { "aria-current": chosen(state, field, value) ? "true" : null })),
      element("td", {}, element("meter", { max: most, value: passages, "aria-hidden": "true" }), " ", words.number(passages)),
      element("td", {}, words.number(occurrences))))));
}
