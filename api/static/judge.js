// The judging page: a query's hits of all modes, a grade for each, kept at once.

import * as api from "./api.js";
import { bdi, element } from "./dom.js";
import { language } from "./language.js";
import { read, rememberLanguage } from "./state.js";
import { failure } from "./notices.js";
import { hitText, marked } from "./results.js";

const page = Object.fromEntries(["language", "title", "label", "q", "show", "count", "view"]
  .map((id) => [id, document.getElementById(id)]));
const state = read(location.search);
const words = language(state.lang);
const said = words.judging;

function address(q, lang) {
  const parameters = new URLSearchParams({ ...(q && { q }), ...(lang !== "ar" && { lang }) }).toString();
  return parameters ? `/judge?${parameters}` : "/judge";
}

function frame() {
  document.documentElement.lang = words.code;
  document.documentElement.dir = words.direction;
  document.title = `${said.title} · ${words.name}`;
  page.title.textContent = said.title;
  page.label.textContent = said.label;
  page.show.textContent = said.show;
  page.q.placeholder = said.placeholder;
  page.q.value = state.q;
  page.language.href = address(state.q, words.other);
  page.language.lang = page.language.hreflang = words.other;
  page.language.textContent = words.otherName;
  page.language.addEventListener("click", () => rememberLanguage(words.other));
}

async function show() {
  try {
    if (state.q.trim()) await showHits();
    else await showQueries();
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
    const off = problem.name === "not-found";
    page.view.replaceChildren(...(off
      ? [element("p", { class: "notice" }, said.off), element("pre", { dir: "ltr" }, "fihris serve --judge judged/")]
      : failure(problem, state, words, show)));
  }
}

async function showQueries() {
  const { queries } = await api.judged();
  page.q.focus();
  if (!queries.length) return;
  page.view.replaceChildren(element("h2", { class: "title" }, said.queries), element("ul", { class: "judged" },
    queries.map(({ text, graded }) => element("li", {},
      element("a", { href: address(text, words.code) }, bdi(text)), ` (${words.number(graded)})`))));
}

async function showHits() {
  const { hits } = await api.toGrade(state.q);
  const list = element("ol", { class: "hits" }, hits.map(hitView));
  page.view.replaceChildren(element("p", { class: "also" }, hits.length ? said.keys : said.none), list);
  progress();
  next(list, null);
}

function hitView(hit) {
  const { article, passage } = hit;
  const buttons = said.grades.map((label, value) => element("button", {
    type: "button", "data-grade": value, "aria-pressed": String(hit.grade === value),
    onclick: () => keep(item, value),
  }, `${words.number(value)} ${label}`));
  const item = element("li", { tabindex: -1, "data-article": article.id, "aria-label": article.title || article.id },
    element("article", { class: "hit" },
      element("h2", { class: "title", dir: "auto" }, article.title ? marked(hit.title_segments) : article.id),
      element("p", { class: "passage", dir: "auto", lang: article.language || null }, hitText(hit)),
      element("footer", { class: "facts" },
        element("span", {}, [article.source && bdi(article.source), words.paragraph(words.number(passage.position + 1))].filter(Boolean).flatMap((part, n) => (n ? [" · ", part] : [part]))),
        element("span", { class: "grades", role: "group", "aria-label": said.title }, buttons))));
  return item;
}

async function keep(item, value) {
  const pressed = item.querySelectorAll("[data-grade]");
  try {
    await api.grade(state.q, item.dataset.article, value);
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
    page.count.textContent = `${said.lost} ${problem.detail}`;
    return;
  }
  for (const button of pressed) button.setAttribute("aria-pressed", String(Number(button.dataset.grade) === value));
  progress();
  next(item.parentElement, item);
}

/** Go to the first hit without a grade after another one, to the next one where all have one. */
function next(list, after) {
  const items = [...list.children];
  const rest = items.slice(items.indexOf(after) + 1);
  const target = rest.find((item) => !item.querySelector("[aria-pressed=true]")) ?? (after ? rest[0] : null);
  target?.focus({ preventScroll: after === null });
}

function progress() {
  const items = [...page.view.querySelectorAll("li")];
  const done = items.filter((item) => item.querySelector("[aria-pressed=true]"));
  page.count.textContent = items.length ? said.progress(words.number(done.length), words.number(items.length)) : "";
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const item = document.activeElement?.closest("#view li");
  const place = ["0", "1", "2", "3", "٠", "١", "٢", "٣"].indexOf(event.key);
  if (!item || place < 0) return;
  event.preventDefault();
  keep(item, place % 4);
});

frame();
show();
