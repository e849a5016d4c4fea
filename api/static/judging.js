// Judging: each article's best hit of all modes, a grade for each, kept at once.

import * as api from "./api.js";
import { bdi, element, link } from "./dom.js";
import { about, hitText, marked, placeOf, tools } from "./results.js";
import { emptied, write } from "./state.js";

const KEYS = ["0", "1", "2", "3", "٠", "١", "٢", "٣"];

export async function judgingView(state, words, context, signal) {
  const said = words.judging;
  const heading = [element("h1", { class: "view-title", tabindex: -1 }, said.title)];
  const made = { title: said.title, nodes: heading };
  if (!("judging" in document.documentElement.dataset)) heading.push(element("p", { class: "notice" }, said.off), element("pre", { dir: "ltr" }, "fihris serve --judge judged/"));
  else if (!state.q.trim()) heading.push(element("p", {}, said.what, " ", said.start), ...await queries(state, words, signal));
  else {
    const { hits } = await api.toGrade(state.q, signal);
    const list = element("ol", { class: "hits" }, hits.map((hit) => hitView(hit, state, words)));
    const first = ungraded([...list.children]);
    if (first) first.id = "here"; // where a reader lands
    list.addEventListener("click", (event) => {
      const chosen = event.target.closest("[data-grade]");
      if (chosen) keep(chosen.closest("li"), Number(chosen.dataset.grade), state, words, context);
    });
    list.addEventListener("keydown", (event) => {
      const place = KEYS.indexOf(event.key);
      if (place < 0 || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
      event.preventDefault();
      keep(event.target.closest("li"), place % 4, state, words, context);
    });
    made.nodes = [tools(state, words), element("h1", { class: "hidden", tabindex: -1 }, said.title), element("p", { class: "also" }, hits.length ? said.keys : said.none), list];
    made.count = progress([...list.children], words);
  }
  return made;
}

async function queries(state, words, signal) {
  const { queries: judged } = await api.judged(signal);
  if (!judged.length) return [];
  return [element("h2", { class: "title" }, words.judging.queries), element("ul", { class: "judged" },
    judged.map(({ text, graded }) => element("li", {}, link(write({ ...emptied(state), view: "judging", q: text }), bdi(text)), ` (${words.number(graded)})`)))];
}

/** A hit without its rank and reasons, which would sway who grades it. */
function hitView(hit, state, words) {
  const { article, passage } = hit;
  const buttons = words.judging.grades.map((label, value) =>
    element("button", { type: "button", "data-grade": value, "aria-pressed": String(hit.grade === value) }, `${words.number(value)} ${label}`));
  return element("li", { tabindex: -1, "data-article": article.id, "aria-label": article.title || article.id },
    element("article", { class: "hit" },
      element("h2", { class: "title", dir: "auto" }, link(write({ ...state, article: article.id, passage: passage.id }), article.title ? marked(hit.title_segments) : article.id, { class: "open" })),
      element("p", { class: "passage", dir: "auto", lang: article.language || null }, hitText(hit)),
      element("footer", {},
        element("p", { class: "facts" }, about({ article }, { ...state, view: "" }, words, [element("span", {}, words.paragraph(words.number(passage.position + 1))), placeOf(passage.place, words)])),
        element("div", { class: "grades", role: "group", "aria-label": words.judging.title }, buttons))));
}

async function keep(item, value, state, words, context) {
  item.querySelector(".lost")?.remove();
  try {
    await api.grade(state.q, item.dataset.article, value);
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
    item.append(element("div", { class: "lost", role: "alert" }, words.judging.lost, " ", words.problems[problem.name] ?? problem.detail));
    return;
  }
  for (const button of item.querySelectorAll("[data-grade]")) button.setAttribute("aria-pressed", String(Number(button.dataset.grade) === value));
  const items = [...item.parentElement.children];
  context.count(progress(items, words));
  const rest = items.slice(items.indexOf(item) + 1);
  (ungraded(rest) ?? rest[0])?.focus();
}

const isGraded = (item) => item.querySelector("[aria-pressed=true]") !== null;
const ungraded = (items) => items.find((item) => !isGraded(item));

function progress(items, words) {
  return items.length ? words.judging.progress(words.number(items.filter(isGraded).length), words.number(items.length)) : "";
}
