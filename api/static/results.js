// Hits: of a search, and of what is similar to a passage or an article.

import * as api from "./api.js";
import { citation, linkTo } from "./copying.js";
import { bdi, button, element, link } from "./dom.js";
import { chips, narrowing, narrowingButton } from "./narrowing.js";
import { explained } from "./explaining.js";
import { noteButton, tellNotes } from "./notes.js";
import { degraded, meant, none, readAs, searchedAlso } from "./notices.js";
import { ORDERS, PAGE, searchParameters, write } from "./state.js";

const WINDOW = 10000; // the API pages no deeper

export async function searchView(state, words, context, signal) {
  const answer = await api.search(searchParameters(state), signal);
  await learnOriginals(answer, signal);
  const found = (answer.groups ?? answer.hits).length;
  const said = [...degraded(answer, words), chips(state, words), readAs(answer, words), found > 0 && meant(answer, state, words), found > 0 && searchedAlso(answer, state, words)];
  if (!found) return { nodes: [...said, none(answer, state, words)], count: words.noneTitle, quiet: true };
  const list = explained(hitList(answer, state, words), state, words);
  tellNotes(list, articlesOf(answer), words, signal);
  return {
    count: countLine(answer, state, words),
    nodes: [element("div", { class: "columns" },
      element("div", {}, said, tools(state, words, narrowingButton(words)), heading(words.results), list, paging(answer, state, words)),
      narrowing(answer, state, words, context))],
  };
}

const articlesOf = ({ groups, hits }) => (groups ? groups.flatMap((group) => group.hits) : hits).map(({ article }) => article);
const learnOriginals = (answer, signal) => api.learnOriginals(articlesOf(answer), signal);

export async function similarView(state, words, context, signal) {
  const kind = state.grouped ? "articles" : "passages";
  const [answer, like] = await Promise.all([
    api.similar(kind, [["id", state.similar], ["size", PAGE]], signal),
    state.grouped ? api.article(state.similar, [], signal) : api.passage(state.similar, signal),
  ]);
  const of = state.grouped ? { article: like.article } : like;
  const name = of.article.title || of.article.id;
  // Alone in its paragraph it gives it its direction, which a bdi would not.
  const title = link(write({ ...state, similar: "", grouped: false, article: of.article.id, passage: of.passage?.id ?? "" }), of.passage ? bdi(name) : name);
  await learnOriginals(answer, signal);
  return {
    title: words.similar[kind],
    nodes: [
      element("p", { class: "back" }, link(write({ ...state, similar: "", grouped: false }), state.q ? words.back : words.start, { "data-go": "back" })),
      element("h1", { class: "view-title", tabindex: -1 }, words.similar[kind]),
      element("blockquote", { class: "like" },
        element("p", { dir: "auto", lang: of.article.language || null }, of.passage?.text ?? title),
        element("p", { class: "facts" }, about(of, { ...state, similar: "" }, words, of.passage ? [title] : []))),
      ...degraded(answer, words),
      (answer.groups ?? answer.hits).length ? hitList(answer, { ...state, q: "", similar: "", grouped: false }, words) : element("p", { class: "notice" }, words.similar.none),
    ],
  };
}

/** How many there are, which of them are shown, and how long it took. */
function countLine(answer, state, words) {
  const found = (answer.groups ?? answer.hits).length;
  // Where no passage has the words, all that is shown is near in meaning, and those are not counted.
  const total = answer.total?.value || !found ? answer.total : null;
  const count = (noun, { value, relation }) =>
    relation === "exact" ? words.count(noun, value) : words.atLeast(words.count(noun, value));
  const parts = total ? [count("passages", total)] : [words.nearest];
  if (total?.articles) parts.unshift(count("articles", total.articles));
  if (total && state.mode === "hybrid" && total.level !== "meaning") parts.push(state.sort === "relevance" && !answer.degraded.includes("semantic") ? words.byWords : words.onlyWords);
  if (state.start) parts.push(words.range(words.number(state.start + 1), words.number(state.start + found)));
  if (answer.took_ms.total !== undefined) parts.push(words.took(words.number(Math.max(1, Math.round(answer.took_ms.total)))));
  return parts.join(" · ");
}

const heading = (text) => element("h1", { class: "hidden", tabindex: -1 }, text);

/** In which form the answer is shown, and in which order; by meaning alone there is one order only. */
export function tools(state, words, ...more) {
  const shown = state.view || (state.kwic ? "kwic" : state.grouped ? "articles" : "passages");
  const plain = { view: "", grouped: false, kwic: "" };
  const forms = { passages: plain, articles: { ...plain, grouped: true }, kwic: { ...plain, kwic: "relevance" } };
  if ("judging" in document.documentElement.dataset) forms.judging = { ...plain, view: "judging" };
  return element("div", { class: "tools" },
    element("nav", { class: "tabs", "aria-label": words.forms.label }, Object.entries(forms).map(([form, change]) =>
      link(write({ ...state, start: 0, ...change }), words.forms[form], { "aria-current": form === shown ? "true" : null }))),
    state.mode === "semantic" || state.kwic || state.view ? "" : element("label", { class: "order" }, element("span", {}, words.order),
      element("select", { name: "sort" }, ORDERS.map((sort) => element("option", { value: sort, selected: sort === state.sort }, words.sorts[sort])))),
    more);
}

function hitList(answer, state, words) {
  return element("ol", { class: "hits", start: state.start + 1 },
    answer.groups ? answer.groups.map((group) => groupView(group, state, words)) : answer.hits.map((hit, n) => {
      // Neighbours of one article stand under one title, which is still there to be heard.
      const follows = n > 0 && answer.hits[n - 1].article.id === hit.article.id;
      return element("li", { class: follows ? "follows" : null }, hitView(hit, state, words, follows));
    }));
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
      about({ article }, state, words, [link(write({ ...state, article: article.id, passage: passage.id }), bdi(article.title || article.id))])))));
}

/** Where in the original it stands: a page, a slide, a row, a time. */
export function placeOf(place, words) {
  return place ? element("span", { class: "where" }, `${words.places[place.kind]} `, bdi(place.value)) : "";
}

function hitView(hit, state, words, follows) {
  const { article, passage } = hit;
  const href = write({ ...state, article: article.id, passage: passage.id });
  const title = article.title ? marked(hit.title_segments) : [article.id];
  const place = link(href, words.paragraph(words.number(passage.position + 1)), { class: follows ? "place open" : "place" });
  return element("article", { class: "hit" },
    element("h2", { class: follows ? "hidden" : "title", dir: "auto" }, follows ? title : link(href, title, { class: "open" })),
    element("p", { class: "passage", dir: "auto", lang: article.language || null }, hitText(hit)),
    element("footer", {},
      element("p", { class: "facts" }, about({ article }, state, words, [place, placeOf(passage.place, words)], follows)),
      element("div", { class: "reasons" }, why(hit, words), element("span", { class: "actions" },
        originalLink(hit, words), copyButtons(hit, state, words),
        link(write({ ...state, start: 0, similar: passage.id, grouped: false }), words.similar.link), noteButton(hit, words)))),
    copiesView(hit.copies, state, words));
}

/** The file that an article was read from, at the page of a PDF; nothing where none may be opened. */
export function originalLink({ article: { id, original }, passage }, words) {
  if (!original) return "";
  const { name, state } = original;
  if (state === "gone") return element("span", { title: name }, words.file.gone);
  const page = /^(page|scan)$/.test(passage?.place?.kind ?? "") && /\.pdf$/i.test(name) ? `#page=${parseInt(passage.place.value, 10)}` : "";
  return element("a", { href: `${api.original(id)}${state === "changed" ? "?changed=true" : ""}${page}`, title: name, target: "_blank", rel: "noopener", onclick: api.download }, words.file[state]);
}

export function copyButtons(of, state, words) {
  return [button(words.copyLink, null, { "data-copy": linkTo(of, state) }), button(words.copyCitation, null, { "data-copy": citation(of, state, words), "data-edition": of.edition ? null : of.article.id })];
}

export function about({ article }, state, words, first = [], only = false) {
  return element("span", { class: "about" }, first, only ? "" : facts(article, state, words));
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

export function facts(article, state, words) {
  const parts = [];
  if (article.source) {
    const filters = [...state.filters.filter(([name]) => name !== "source"), ["source", article.source]];
    parts.push(link(write({ ...state, start: 0, article: "", passage: "", filters }), bdi(article.source), { title: words.onlySource(article.source) }));
  }
  if (article.author) parts.push(element("span", { class: "author" }, bdi(article.author)));
  if (article.published) parts.push(element("time", { datetime: article.published }, words.day(article.published)));
  return parts;
}

/** Why a hit is here: how its words are met and how near it is in meaning; each word, when it is opened. */
function why({ passage, keyword, semantic, match }, words) {
  const badges = [
    match.level !== "meaning" && element("span", { class: "badge keyword" }, words.levels[match.level]),
    semantic && element("span", { class: "badge semantic" }, words.rankSemantic(words.number(semantic.rank))),
  ].filter(Boolean);
  const rank = (component, text) => component && element("li", {}, text(words.number(component.rank), words.score(component.score)));
  return element("details", { class: "why", "data-passage": passage.id },
    element("summary", {}, element("span", { class: "hidden" }, words.why, " "), badges.length ? badges : words.why),
    element("ul", {},
      match.words.map(({ word, level }) => element("li", {}, bdi(word), ": ", level ? words.levels[level] : words.levels.none)),
      rank(keyword, words.whyKeyword), rank(semantic, words.whySemantic)));
}

function paging(answer, state, words) {
  const total = state.grouped ? answer.total?.articles : answer.total;
  // Besides what is counted, hybrid has hits by meaning.
  const counted = (state.mode === "keyword" || state.sort !== "relevance") && total?.relation === "exact";
  const all = counted ? total.value - answer.collapsed : null;
  const more = counted ? all > state.start + PAGE : (answer.groups ?? answer.hits).length === PAGE;
  return pager(state, words, PAGE, more, all);
}

/** Links to the pages around; `more` tells whether there is one after, `all` how many items there are, where that is known. */
export function pager(state, words, size, more, all = null) {
  const here = Math.floor(state.start / size);
  const last = all === null ? here + (more ? 1 : 0) : Math.ceil(Math.min(all, WINDOW) / size) - 1;
  if (!here && !more) return "";
  const page = (number, label, attributes) => link(write({ ...state, start: number * size }), label, attributes);
  const from = Math.max(0, Math.min(here - 2, last - 4));
  const numbers = Array.from({ length: Math.min(last, from + 4) - from + 1 }, (_, n) => from + n);
  return element("nav", { class: "paging", "aria-label": words.pages },
    here ? page(here - 1, words.previous, { class: "prev", rel: "prev" }) : element("span"),
    element("span", { class: "numbers" }, numbers.map((number) => page(number, words.number(number + 1),
      { "aria-label": words.page(words.number(number + 1)), "aria-current": number === here ? "page" : null }))),
    more && (here + 1) * size + size <= WINDOW ? page(here + 1, words.next, { class: "next", rel: "next" }) : element("span"));
}
