// What is shown, as the address says it: the one place that reads and writes it.

export const PAGE = 10;
export const LINES = 50; // of words in context
export const MODES = ["hybrid", "keyword", "semantic"];
export const FILTERS = ["collection", "source", "author", "language", "tag", "label", "from", "to"];
export const FACETS = ["collection", "source", "author", "tag", "label", "year"];
export const ALSO = ["latin", "synonym"]; // kinds of what is searched besides
export const SORTS = ["relevance", "before", "after"];
const FACET_VALUES = 8; // shown of each
export const ORDERS = ["relevance", "newest", "oldest"];
export const VIEWS = ["add", "saved", "status", "analysis", "judging", "notes"];
const EDITION = /^[0-9a-f]{16}$/;
const REMEMBERED = "fihris.language";

/** Read an address's query. Filters are [name, value] pairs in order. */
export function read(address) {
  const parameters = new URLSearchParams(address);
  const mode = parameters.get("mode");
  const sort = parameters.get("sort");
  const start = Number(parameters.get("start"));
  return {
    q: parameters.get("q") ?? "",
    mode: MODES.includes(mode) ? mode : MODES[0],
    start: Number.isInteger(start) && start > 0 ? start : 0,
    filters: [...parameters].filter(([name, value]) => FILTERS.includes(name) && value !== ""),
    literal: parameters.has("literal"), // only the words as they were typed
    also: ALSO.filter((kind) => parameters.getAll("also").includes(kind)), // only these kinds besides; none: all
    grouped: parameters.get("group") === "article", // by article
    apart: parameters.has("apart"), // near copies too
    kwic: SORTS.find((sort) => sort === parameters.get("kwic")) ?? "", // words in context, in this order
    sort: ORDERS.includes(sort) ? sort : ORDERS[0],
    article: parameters.get("article") ?? "",
    passage: parameters.get("passage") ?? "",
    edition: EDITION.exec(parameters.get("edition") ?? "")?.[0] ?? "", // of the article, that a citation names
    similar: parameters.get("similar") ?? "", // a passage's id, or an article's where grouped
    view: VIEWS.find((view) => view === parameters.get("view")) ?? "",
    saved: parameters.get("saved") ?? "", // a saved search's id
    text: parameters.get("text") ?? "", // to be analysed, or looked for in notes
    lang: languageOf(parameters.get("lang")),
  };
}

/** Write a state as an address; what has its usual value is left out. */
export function write(state) {
  const parameters = new URLSearchParams();
  if (state.q) parameters.set("q", state.q);
  if (state.mode !== MODES[0]) parameters.set("mode", state.mode);
  if (state.start) parameters.set("start", state.start);
  for (const [name, value] of state.filters) parameters.append(name, value);
  if (state.literal) parameters.set("literal", "");
  for (const kind of state.also) parameters.append("also", kind);
  if (state.grouped) parameters.set("group", "article");
  if (state.apart) parameters.set("apart", "");
  if (state.kwic) parameters.set("kwic", state.kwic);
  if (state.sort !== ORDERS[0]) parameters.set("sort", state.sort);
  if (state.article) parameters.set("article", state.article);
  for (const name of ["passage", "edition"]) if (state.article && state[name]) parameters.set(name, state[name]);
  for (const name of ["similar", "view", "saved", "text"]) if (state[name]) parameters.set(name, state[name]);
  if (state.lang !== "ar") parameters.set("lang", state.lang);
  const query = parameters.toString();
  return query ? `/?${query}` : "/";
}

/** The state in which only the search is shown: no article and no other view. */
export function searching(state) {
  return { ...state, start: 0, article: "", passage: "", similar: "", view: "", saved: "", text: "" };
}

/** The state with nothing asked. */
export function emptied(state) {
  return searching({ ...state, q: "", filters: [], literal: false, also: [], kwic: "" });
}

/** The state with these first and last days, "" for none. */
export function dated(state, days) {
  const others = state.filters.filter(([name]) => !(name in days));
  return { ...state, start: 0, filters: [...others, ...Object.entries(days).filter(([, day]) => day)] };
}

/** The API's parameters for what is searched beside what was typed. */
export const besides = ({ literal, also }) => [["variants", !literal], ...also.map((kind) => ["also", kind])];

/** The API's parameters for a state's search. */
export function searchParameters({ q, mode, start, filters, literal, also, grouped, sort, apart }) {
  // By meaning alone nothing is counted, and nothing has an order by date.
  const facets = mode === "semantic" ? [] : FACETS.map((field) => ["facets", field]);
  return [["q", q], ["mode", mode], ["size", PAGE], ["start", start], ["facet_size", FACET_VALUES],
    ["group_by", grouped ? "article" : ""], ["collapse", apart ? "" : "duplicates"], ["sort", mode === "semantic" ? ORDERS[0] : sort], ...besides({ literal, also }), ...facets, ...filters];
}

/** The API's parameters for a state's words in context. */
export function kwicParameters({ q, start, filters, literal, also, kwic }) {
  return [["q", q], ["sort", kwic], ["size", LINES], ["start", start], ...besides({ literal, also }), ...filters];
}

/** Whether a state's filters choose a facet's value; a year is its first and last day. */
export function chosen({ filters }, field, value) {
  return filtersOf(field, value).every(([name, wanted]) => filters.some((one) => one[0] === name && one[1] === wanted));
}

/** The state with a facet's value chosen, or no more if it was. Several values of a field widen, but for years. */
export function toggled(state, field, value) {
  const own = filtersOf(field, value);
  const others = state.filters.filter(([name, given]) => !own.some((one) => one[0] === name && (field === "year" || one[1] === given)));
  return { ...state, start: 0, filters: chosen(state, field, value) ? others : [...others, ...own] };
}

function filtersOf(field, value) {
  return field === "year" ? [["from", `${value}-01-01`], ["to", `${value}-12-31`]] : [[field, value]];
}

export function rememberLanguage(code) {
  try {
    localStorage.setItem(REMEMBERED, code);
  } catch {
    // Storage may be forbidden; the address still says the language.
  }
}

function languageOf(given) {
  if (given === "en" || given === "ar") return given;
  try {
    return localStorage.getItem(REMEMBERED) === "en" ? "en" : "ar";
  } catch {
    return "ar";
  }
}
