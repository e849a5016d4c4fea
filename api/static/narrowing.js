// What narrows an answer and what else can be done with it: beside it, or a sheet on small screens.

import * as api from "./api.js";
import { bdi, button, element, link } from "./dom.js";
import { FACETS, chosen, searchParameters, toggled, write } from "./state.js";

export function narrowingButton(words) {
  return element("button", { type: "button", class: "quiet sheet-button", popovertarget: "narrowing" }, words.narrow);
}

export function narrowing(answer, state, words, context) {
  return element("aside", { id: "narrowing", class: "narrowing", popover: "auto", "aria-label": words.narrow },
    element("p", { class: "close" }, element("span", { "aria-hidden": "true" }, words.narrow), element("button", { type: "button", class: "quiet", popovertarget: "narrowing", popovertargetaction: "hide" }, words.help.close)),
    dates(state, words),
    facets(answer, state, words),
    element("section", {},
      element("h2", {}, words.copiesTitle),
      element("p", {}, link(write({ ...state, start: 0, apart: !state.apart }), state.apart ? words.together : words.apart))),
    saving(state, words, context),
    element("section", {},
      element("h2", {}, words.files),
      element("p", { class: "files" }, ["csv", "bibtex", "ris"].map((format) =>
        element("a", { href: api.searchFile(searchParameters(state).filter(([name]) => !["group_by", "collapse", "facets", "facet_size"].includes(name)), format), download: true, onclick: api.download }, words.formats[format])))));
}

function dates(state, words) {
  const of = (wanted) => state.filters.find(([name]) => name === wanted)?.[1] ?? "";
  return element("form", { class: "dates" },
    element("h2", {}, words.dates),
    ["from", "to"].map((name) => element("label", {}, element("span", {}, words.filters[name]),
      element("input", { type: "date", name, value: of(name), max: name === "from" ? of("to") : null, min: name === "to" ? of("from") : null }))));
}

/** What the matching passages are of, each value a way to narrow to it. */
function facets(answer, state, words) {
  const inOrder = (field, values) => (field === "year" ? values.toSorted((a, b) => b.value.localeCompare(a.value)) : values);
  return FACETS.map((field) => [field, inOrder(field, answer.facets?.[field] ?? [])])
    .filter(([field, values]) => values.length > (field === "label" ? 0 : 1) || values.some(({ value }) => chosen(state, field, value)))
    .map(([field, values]) => element("section", { class: "facet" },
      element("h2", {}, words.filters[field]),
      element("ul", {}, values.map(({ value, count }) => element("li", {},
        link(write(toggled(state, field, value)), [bdi(field === "year" ? words.year(value) : value), " ", element("span", { class: "amount" }, words.number(count))],
          { "aria-current": chosen(state, field, value) ? "true" : null }))))));
}

/** A search is saved as it stands, under its own words. */
function saving(state, words, context) {
  if (state.filters.some(([name]) => name === "label")) return ""; // what is added later has none
  const list = write({ ...state, view: "saved" });
  const save = async () => {
    const filters = Object.groupBy(state.filters, ([name]) => name);
    const body = { q: state.q, mode: state.mode, variants: !state.literal, ...(state.also.length && { also: state.also }) };
    for (const [name, pairs] of Object.entries(filters)) body[name] = ["from", "to"].includes(name) ? pairs[0][1] : pairs.map(([, value]) => value);
    try {
      await api.save(body);
    } catch (problem) {
      if (!(problem instanceof api.Problem)) throw problem;
      section.replaceChildren(title, element("p", { role: "alert" }, words.problems[problem.name] ?? problem.detail),
        element("p", {}, button(words.retry, save, { class: "quiet" })));
      return;
    }
    context.say(words.savedSearches.done);
    section.replaceChildren(title, element("p", {}, words.savedSearches.done, " ", link(list, words.savedSearches.title)));
  };
  const title = element("h2", {}, words.savedSearches.follow);
  const section = element("section", { class: "saving" }, title,
    element("p", {}, button(words.savedSearches.save, save, { class: "quiet" })),
    element("p", { class: "note" }, words.savedSearches.what));
  return section;
}

/** The filters in force, each with a way to take it off. */
export function chips(state, words) {
  if (!state.filters.length) return "";
  return element("ul", { class: "chips" }, state.filters.map(([name, value], n) => {
    const label = `${words.filters[name]}: ${words.filter(name, value)}`;
    const filters = state.filters.filter((_, other) => other !== n);
    return element("li", {}, link(write({ ...state, filters, start: 0 }),
      [`${words.filters[name]}: `, bdi(words.filter(name, value)), element("span", { class: "cross", "aria-hidden": "true" }, "×")],
      { class: "chip", "aria-label": words.remove(label) }));
  }));
}
