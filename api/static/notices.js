// What is said when nothing is asked, nothing is found, something failed or was read otherwise.

import { Problem } from "./api.js";
import { bdi, button, element, link } from "./dom.js";
import { ALSO, searching, write } from "./state.js";

export function degraded(answer, words) {
  const said = answer.degraded.map((what) => words.degraded[what] ?? what);
  if (answer.relaxed) said.push(words.relaxed);
  return said.map((text) => element("p", { class: "banner", role: "status" }, text));
}

/** How fields and nearness were read, and what only looks like nearness. */
export function readAs(answer, words) {
  const parts = answer.understood.map(({ text, kind, occur, field, within }) => {
    const not = occur === "excluded" ? words.read.not : "";
    if (field) return [not, `${words.filters[field]}: `, bdi(text)];
    if (within) return [not, bdi(text), ` (${words.read[kind === "near" ? "near" : "ordered"](words.number(within))})`];
    return /^(NEAR\/|~)/.test(text) ? [bdi(text), ` (${words.read.plain})`] : [];
  }).filter((part) => part.length);
  return parts.length ? element("p", { class: "also" }, words.read.as, parts.flatMap((part, n) => (n ? [" · ", ...part] : part))) : "";
}

/** What was searched besides, a line for each word, and a way to do without it: all of it, or one kind. */
export function searchedAlso(answer, state, words) {
  const found = answer.searched_also;
  if (!found.length) return "";
  const kinds = ALSO.filter((kind) => found.some((variant) => variant.kind === kind));
  const without = (kind) => link(write({ ...state, start: 0, also: kinds.filter((other) => other !== kind) }), words.without[kind]);
  return element("div", { class: "also" }, words.also,
    element("ul", {}, found.map(({ word, forms, kind }) => element("li", {}, bdi(asTyped(word, state)), ": ",
      forms.flatMap((form, n) => (n ? [words.comma, bdi(form)] : [bdi(form)])),
      kinds.length > 1 && kinds.includes(kind) ? [" · ", without(kind)] : ""))),
    link(write({ ...state, start: 0, literal: true }), words.literal));
}

/** A word as it stands in the query: the answer has it in small letters. */
function asTyped(word, { q }) {
  const at = q.toLowerCase().indexOf(word);
  return at < 0 ? word : q.slice(at, at + word.length);
}

/** What was perhaps meant by words that no passage has. */
export function meant(answer, state, words) {
  const offered = answer.did_you_mean;
  return offered ? element("p", { class: "meant" }, words.meant(link(write({ ...state, q: offered.text, start: 0 }), bdi(offered.text)))) : "";
}

/** No hits: what to try next, as links where a link can do it. */
export function none(answer, state, words) {
  const go = (change, text) => link(write({ ...state, start: 0, ...change }), text);
  return element("section", { class: "notice" },
    element("h1", { tabindex: -1 }, words.noneTitle), meant(answer, state, words),
    element("ul", {},
      answer.relaxations.map(({ kind, text, passages }) => element("li", {},
        go({ q: text, ...(kind === "filter" && { filters: [] }) }, words.none[kind] ?? kind),
        kind === "words" || kind === "operators" ? [": ", bdi(text)] : "", " ", element("span", { class: "amount" }, `(${words.count("passages", passages)})`))),
      answer.understood.filter((part) => part.passages !== null).map((part) => element("li", {},
        part.passages ? go({ q: part.text }, words.none.alone(bdi(part.text), words.count("passages", part.passages)))
          : words.none.nowhere(bdi(part.text)))),
      state.mode !== "semantic" && !answer.degraded.length ? element("li", {}, go({ mode: "semantic", sort: "relevance" }, words.none.semantic)) : ""));
}

/** Nothing asked yet: how to ask. */
export function tips(state, words) {
  return {
    nodes: [element("section", { class: "tips" },
      element("h1", { tabindex: -1 }, words.tipsTitle),
      element("dl", {}, words.tips.map(([example, meaning]) => [
        element("dt", {}, link(write({ ...searching(state), q: example }), bdi(example))),
        element("dd", {}, meaning),
      ])))],
  };
}

export function skeleton(label) {
  const bar = (width) => element("span", { class: `bar ${width}` });
  return [element("h1", { class: "hidden", tabindex: -1 }, label), element("div", { class: "skeleton", role: "img", "aria-label": label },
    [0, 1, 2].map(() => element("div", { class: "hit" }, bar("short"), bar("long"), bar("long"), bar("middle"))))];
}

/** Return what tells in passing what failed; a fault of the page itself goes on. */
export const telling = (words, context) => (problem) => {
  if (!(problem instanceof Problem)) throw problem;
  context.say(words.problems[problem.name] ?? problem.detail);
};

/** What went wrong, what to do about it, and what the server said in its own words. */
export function failure(problem, state, words, retry) {
  const opening = problem.name === "not-ready"; // no fault: it passes by itself
  return [element("section", { class: "notice failure", role: "alert" },
    element("h1", { tabindex: -1 }, opening ? words.opening : state.article ? words.problemArticle : state.view ? words.problemView : words.problem),
    element("p", {}, words.problems[problem.name] ?? words.problems.internal),
    problem.detail && !opening ? element("p", { class: "detail", lang: "en", dir: "ltr" }, problem.detail) : "",
    problem.requestId && !opening ? element("p", { class: "detail" }, `${words.request} `, element("code", { dir: "ltr" }, problem.requestId)) : "",
    problem.name === "page-too-deep" ? link(write({ ...state, start: 0 }), words.page(words.number(1)))
      : problem.name === "not-found" ? link(write({ ...state, article: "", passage: "", similar: "", saved: "" }), state.q ? words.back : words.start)
      : button(words.retry, retry))];
}
