// What a state looks like: pure functions from answers to elements.

import { bdi, element } from "./dom.js";
import { FACETS, ORDERS, PAGE, chosen, toggled, write } from "./state.js";

const WINDOW = 10000; // the API pages no deeper

/** Results: a list of hits with paging. `go` is called with the state a link leads to. */
export function results(answer, state, words) {
  const list = element("ol", { class: "hits", start: state.start + 1 },
    answer.groups ? answer.groups.map((group) => groupView(group, state, words)) : answer.hits.map((hit, n) => {
      // Neighbours of one article stand under one title, which is still there to be heard.
      const follows = n > 0 && answer.hits[n - 1].article.id === hit.article.id;
      return element("li", { class: follows ? "follows" : null }, hitView(hit, state, words, follows));
    }));
  return [...degraded(answer, words), read(answer, words), meant(answer, state, words), also(answer, state, words), order(state, words), facets(answer, state, words), element("h1", { class: "hidden", tabindex: -1 }, words.results), list, paging(answer, state, words)];
}

export function countLine(answer, state, words) {
  const found = (answer.groups ?? answer.hits).length;
  if (!found) return words.noneTitle;
  const { total } = answer;
  const count = (noun, { value, relation }) =>
    relation === "exact" ? words.count(noun, value) : words.atLeast(words.count(noun, value));
  const parts = total ? [count("passages", total)] : [words.nearest];
  if (total?.articles) parts.unshift(count("articles", total.articles));
  // The hits by meaning that follow are not counted.
  if (total && state.mode === "hybrid" && total.level !== "meaning") parts.push(state.sort === "relevance" ? words.byWords : words.onlyWords);
  if (state.start) parts.push(words.range(words.number(state.start + 1), words.number(state.start + found)));
  if (answer.took_ms.total !== undefined) parts.push(words.took(words.number(Math.max(1, Math.round(answer.took_ms.total)))));
  return parts.join(" · ");
}

/** An article with its best passages under one title. */
function groupView({ hits, passages, copies }, state, words) {
  return element("li", {},
    hits.map((hit, n) => element("div", { class: n ? "follows" : null }, hitView(hit, state, words, n > 0))),
    passages > hits.length ? element("p", { class: "more" }, words.inArticle(words.count("passages", passages))) : "",
    copiesView(copies, state, words));
}

/** The near copies that stand under a hit or an article, to be opened. */
function copiesView(copies, state, words) {
  if (!copies.length) return "";
  return element("details", { class: "copies" },
    element("summary", {}, words.andCopies(words.count("copies", copies.length))),
    element("ul", {}, copies.map(({ article, passage }) => element("li", { class: "facts" },
      element("a", { href: write({ ...state, article: article.id, passage: passage.id }), "data-go": true, dir: "auto" }, article.title || article.id),
      element("span", { class: "about" }, facts(article, state, words))))));
}

/** In which order; by meaning alone there is one only. */
function order(state, words) {
  if (state.mode === "semantic") return "";
  return element("label", { class: "order" }, `${words.order} `,
    element("select", { name: "sort" }, ORDERS.map((sort) => element("option", { value: sort, selected: sort === state.sort }, words.sorts[sort]))));
}

/** What the matching passages are of, each value a way to narrow to it, and whether articles are put together. */
function facets(answer, state, words) {
  const link = (next, text, current) => element("a", { href: write(next), "data-go": true, "aria-current": current ? "true" : null }, text);
  const inOrder = (field, values) => (field === "year" ? values.toSorted((a, b) => b.value.localeCompare(a.value)) : values);
  const rows = FACETS.map((field) => [field, inOrder(field, answer.facets?.[field] ?? [])])
    .filter(([field, values]) => values.length > 1 || values.some(({ value }) => chosen(state, field, value)))
    .map(([field, values]) => element("div", {},
      element("dt", {}, words.filters[field]),
      values.map(({ value, count }) => element("dd", {},
        link(toggled(state, field, value), [bdi(value), " ", element("span", { class: "amount" }, words.number(count))], chosen(state, field, value))))));
  // One stop of the keyboard, until it is opened.
  return element("details", { class: "facets", open: state.grouped || rows.length > 0 && state.filters.length > 0 },
    element("summary", {}, words.facets),
    element("p", {}, link({ ...state, start: 0, grouped: !state.grouped }, state.grouped ? words.ungrouped : words.grouped), " · ",
      link({ ...state, start: 0, apart: !state.apart }, state.apart ? words.together : words.apart), " · ",
      link({ ...state, start: 0, kwic: "relevance" }, words.kwic.title)),
    rows.length ? element("dl", {}, rows) : "");
}

function hitView(hit, state, words, follows) {
  const { article, passage } = hit;
  const href = write({ ...state, article: article.id, passage: passage.id });
  const title = article.title ? marked(hit.title_segments) : [article.id];
  return element("article", { class: "hit" },
    element("h2", { class: follows ? "hidden" : "title", dir: "auto" }, follows ? title : element("a", { href, "data-go": true }, title)),
    element("p", { class: "passage", dir: "auto", lang: article.language || null }, hitText(hit)),
    element("footer", { class: "facts" },
      element("span", { class: "about" }, 
        element("a", { class: "place", href, "data-go": true }, words.paragraph(words.number(passage.position + 1))),
        follows ? "" : facts(article, state, words)),
      badges(hit, words)),
    copiesView(hit.copies, state, words));
}

/**
 * A hit's text with its matches marked. Where no word matched, the server marks
 * the sentence that answers by meaning instead: that one is marked more softly.
 */
export function hitText(hit) {
  const { best_sentence: best, segments } = hit;
  const matches = segments.filter((segment) => segment.match);
  if (best && matches.length === 1) {
    const before = segments.slice(0, segments.indexOf(matches[0])).map((s) => s.text).join("");
    const start = [...before].length; // offsets count code points
    if (start === best.start && start + [...matches[0].text].length === best.end) return marked(segments, "evidence");
  }
  if (best && !matches.length) return marked(split(hit.passage.text, best), "evidence");
  return marked(segments);
}

function split(text, { start, end }) {
  const points = [...text];
  return [
    { text: points.slice(0, start).join(""), match: false },
    { text: points.slice(start, end).join(""), match: true },
    { text: points.slice(end).join(""), match: false },
  ].filter((segment) => segment.text);
}

export function marked(segments, kind = null) {
  return segments.map((s) => (s.match ? element("mark", { class: kind }, s.text) : s.text));
}

function facts(article, state, words) {
  const parts = [];
  if (article.source) {
    const filters = [...state.filters.filter(([name]) => name !== "source"), ["source", article.source]];
    parts.push(element("a", { href: write({ ...state, start: 0, article: "", passage: "", filters }), "data-go": true, title: words.onlySource(article.source) }, bdi(article.source)));
  }
  if (article.author) parts.push(element("span", { class: "author" }, bdi(article.author)));
  if (article.published) parts.push(element("time", { datetime: article.published }, words.day(article.published)));
  return parts;
}

function badges({ keyword, semantic }, words) {
  const badge = (kind, component, label, why) => component
    && element("li", { class: `badge ${kind}`, title: why(words.number(component.rank), words.score(component.score)) }, label(words.number(component.rank)));
  return element("ul", { class: "badges", "aria-label": words.why },
    badge("keyword", keyword, words.rankKeyword, words.whyKeyword),
    badge("semantic", semantic, words.rankSemantic, words.whySemantic));
}

function paging(answer, state, words) {
  const total = state.grouped ? answer.total?.articles : answer.total;
  // Besides what is counted, hybrid has hits by meaning.
  const more = (state.mode === "keyword" || state.sort !== "relevance") && total?.relation === "exact" ? total.value - answer.collapsed > state.start + PAGE : (answer.groups ?? answer.hits).length === PAGE;
  return pager(state, words, PAGE, more);
}

/** Links to the pages before and after; `more` tells whether there is one after. */
export function pager(state, words, size, more) {
  const end = state.start + size;
  const link = (start, label, rel) => element("a", { class: rel, rel, href: write({ ...state, start }), "data-go": "page" }, label);
  const previous = state.start > 0 && link(Math.max(0, state.start - size), words.previous, "prev");
  const next = more && end + size <= WINDOW && link(end, words.next, "next");
  if (!previous && !next) return "";
  return element("nav", { class: "paging", "aria-label": words.pages }, previous || element("span"), next || "");
}

export function degraded(answer, words) {
  const said = answer.degraded.map((what) => words.degraded[what] ?? what);
  if (answer.relaxed) said.push(words.relaxed);
  return said.map((text) => element("p", { class: "banner", role: "status" }, text));
}

/** How fields and nearness were read, and what only looks like nearness. */
function read(answer, words) {
  const parts = answer.understood.map(({ text, kind, occur, field, within }) => {
    const not = occur === "excluded" ? words.read.not : "";
    if (field) return [not, `${words.filters[field]}: `, bdi(text)];
    if (within) return [not, bdi(text), ` (${words.read[kind === "near" ? "near" : "ordered"](words.number(within))})`];
    return /^(NEAR\/|~)/.test(text) ? [bdi(text), ` (${words.read.plain})`] : [];
  }).filter((part) => part.length);
  return parts.length ? element("p", { class: "also" }, words.read.as, parts.flatMap((part, n) => (n ? [" · ", ...part] : part))) : "";
}

/** Words of the index that were searched besides, and a way to do without them. */
function also(answer, state, words) {
  const forms = [...new Set(answer.searched_also.flatMap((variant) => variant.forms))];
  if (!forms.length) return "";
  const listed = forms.flatMap((form, n) => (n ? [words.comma, bdi(form)] : [bdi(form)]));
  return element("p", { class: "also" }, words.also, listed, " · ",
    element("a", { href: write({ ...state, start: 0, literal: true }), "data-go": true }, words.literal));
}

/** What was perhaps meant by words that no passage has. */
function meant(answer, state, words) {
  const offered = answer.did_you_mean;
  return offered ? element("p", { class: "meant" }, words.meant(
    element("a", { href: write({ ...state, q: offered.text, start: 0 }), "data-go": true }, bdi(offered.text)))) : "";
}

/** No hits: what to try next, as links where a link can do it. */
export function none(answer, state, words) {
  const go = (change, text) => element("a", { href: write({ ...state, start: 0, ...change }), "data-go": true }, text);
  return [...degraded(answer, words), read(answer, words), element("section", { class: "notice" },
    element("h1", {}, words.noneTitle), meant(answer, state, words),
    element("ul", {},
      answer.understood.filter((part) => part.passages !== null).map((part) => element("li", {},
        part.passages ? go({ q: part.text }, words.none.alone(bdi(part.text), words.count("passages", part.passages)))
          : words.none.nowhere(bdi(part.text)))),
      state.mode !== "semantic" && !answer.degraded.length ? element("li", {}, go({ mode: "semantic" }, words.none.semantic)) : "",
      answer.relaxations.map(({ kind, text, passages }) => element("li", {},
        go({ q: text, ...(kind === "filter" && { filters: [] }) }, words.none[kind]),
        kind === "words" || kind === "operators" ? [" ", bdi(text)] : "", ": ", words.count("passages", passages)))))];
}

/** Nothing asked yet: how to ask. */
export function tips(state, words, holdings) {
  if (holdings && holdings.passages === 0) {
    return [element("section", { class: "notice" }, element("h1", {}, words.emptyIndex), element("pre", { dir: "ltr" }, "fihris index PATH"))];
  }
  return [element("section", { class: "tips" },
    element("h1", {}, words.tipsTitle),
    element("dl", {}, words.tips.map(([example, meaning]) => [
      element("dt", {}, element("a", { href: write({ ...state, q: plain(example), start: 0 }), "data-go": true }, bdi(example))),
      element("dd", {}, meaning),
    ])))];
}

const plain = (text) => text.replace(/\s+/g, " ");

export function skeleton(label) {
  const bar = (width) => element("span", { class: `bar ${width}` });
  return [element("div", { class: "skeleton", role: "img", "aria-label": label },
    [0, 1, 2].map(() => element("div", { class: "hit" }, bar("short"), bar("long"), bar("long"), bar("middle"))))];
}

export function failure(problem, state, words, retry) {
  return [element("section", { class: "notice failure", role: "alert" },
    element("h1", {}, state.article ? words.problemArticle : words.problem),
    element("p", {}, words.problems[problem.name] ?? words.problems.internal),
    problem.detail ? element("p", { class: "detail", lang: "en" }, bdi(problem.detail)) : "",
    problem.requestId ? element("p", { class: "detail" }, `${words.request} `, element("code", { dir: "ltr" }, problem.requestId)) : "",
    problem.name === "not-found"
      ? element("a", { href: write({ ...state, article: "", passage: "" }), "data-go": true }, state.q ? words.back : words.start)
      : element("button", { type: "button", onclick: retry }, words.retry))];
}

/** A whole article; the passage asked for is marked. */
export function wholeArticle(stored, state, words) {
  const { article } = stored;
  const back = { ...state, article: "", passage: "" };
  const link = safeLink(article.url);
  return [element("article", { class: "whole" },
    element("p", { class: "back" }, element("a", { href: write(back), "data-go": "back" }, state.q ? words.back : words.start)),
    element("h1", { dir: "auto", tabindex: -1 }, article.title || article.id),
    element("p", { class: "facts" }, element("span", { class: "about" }, facts(article, state, words),
      link ? element("a", { href: link, rel: "noopener noreferrer external" }, words.original) : "")),
    steps(stored, words),
    element("div", { class: "text", lang: article.language || null }, paragraphs(stored, state)))];
}

/** How many words are marked, and buttons that lead from one to the next. */
function steps({ passages }, words) {
  const amount = passages.flatMap((passage) => passage.segments ?? []).filter((segment) => segment.match).length;
  if (!amount) return "";
  let at = -1;
  const step = (by) => () => {
    const marks = document.querySelectorAll(".text mark");
    at = at < 0 ? (by > 0 ? 0 : marks.length - 1) : (at + by + marks.length) % marks.length;
    for (const [n, mark] of marks.entries()) mark.classList.toggle("current", n === at);
    marks[at].scrollIntoView({ block: "center" });
    place.textContent = words.ofAll(words.number(at + 1), words.number(marks.length));
  };
  const place = element("span", { role: "status" }, words.marked(words.number(amount)));
  return element("p", { class: "steps" }, place,
    element("button", { type: "button", onclick: step(-1) }, words.previous),
    element("button", { type: "button", onclick: step(1) }, words.next));
}

/** Passages that no line break parts are one paragraph, cut only for the model's sake. */
function paragraphs({ text, passages }, state) {
  const points = [...text];
  const made = [];
  let before = 0;
  for (const passage of passages) {
    const gap = points.slice(before, passage.start).join("");
    if (!made.length || /[\n\r\u2028\u2029]/.test(gap)) made.push(element("p", { dir: "auto" }));
    else made.at(-1).append(gap);
    const here = passage.id === state.passage;
    made.at(-1).append(element("span", { class: here ? "here" : null, id: here ? "here" : null, tabindex: here ? -1 : null, "aria-current": here ? "true" : null }, passage.segments ? marked(passage.segments) : passage.text));
    before = passage.end;
  }
  return made;
}

function safeLink(url) {
  try {
    return ["http:", "https:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}

/** The filters in force, each with a way to take it off. */
export function chips(state, words) {
  return state.filters.map(([name, value], n) => {
    const label = `${words.filters[name]}: ${value}`;
    const filters = state.filters.filter((_, other) => other !== n);
    return element("li", {}, element("a", { class: "chip", href: write({ ...state, filters, start: 0 }), "data-go": true, "aria-label": words.remove(label) },
      `${words.filters[name]}: `, bdi(value), element("span", { class: "cross", "aria-hidden": true }, "×")));
  });
}
