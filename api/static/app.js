// The page: reads its state from the address, shows it, and moves from one to the next.

import * as api from "./api.js";
import { language } from "./language.js";
import { concordance, countLine } from "./kwic.js";
import { kwicParameters, read, rememberLanguage, searchParameters, write } from "./state.js";
import * as views from "./views.js";

const SKELETON_AFTER = 150; // ms; a quick answer should not flash
const RETRY_AFTER = 2; // seconds, while the server opens its index

const page = Object.fromEntries(["home", "language", "search", "q", "holdings", "chips", "main", "count", "view"]
  .map((id) => [id, document.getElementById(id)]));

let state = read(location.search);
let words = language(state.lang);
let holdings = null; // what the index holds, once known
let running = null; // AbortController of what is being loaded
let retry = 0; // timer

/** Show the state. `focus` is where the reader should land: "results", "article" or nowhere. */
async function show({ focus = null, scroll = null } = {}) {
  running?.abort();
  clearTimeout(retry);
  const mine = new AbortController();
  running = mine;
  frame();
  page.count.classList.remove("hidden");
  if (!state.q.trim() && !state.article) {
    put(views.tips(state, words, holdings));
    page.count.textContent = "";
    return;
  }
  page.main.setAttribute("aria-busy", "true");
  const waiting = setTimeout(() => {
    put(views.skeleton(state.article ? words.loadingArticle : words.loading));
    page.count.textContent = state.article ? words.loadingArticle : words.loading;
  }, SKELETON_AFTER);
  try {
    if (state.article) await showArticle(mine.signal);
    else if (state.kwic) await showKwic(mine.signal);
    else await showResults(mine.signal);
    if (mine.signal.aborted) return;
    land(focus, scroll);
  } catch (problem) {
    if (problem.name === "AbortError" || mine.signal.aborted) return;
    if (!(problem instanceof api.Problem)) throw problem;
    page.count.textContent = "";
    put(views.failure(problem, state, words, () => show({ focus })));
    if (problem.name === "not-ready") retry = setTimeout(() => show({ focus }), 1000 * (problem.retryAfter ?? RETRY_AFTER));
  } finally {
    clearTimeout(waiting);
    if (running === mine) page.main.removeAttribute("aria-busy");
  }
}

async function showResults(signal) {
  const answer = await api.search(searchParameters(state), signal);
  page.count.textContent = views.countLine(answer, state, words);
  const found = (answer.groups ?? answer.hits).length;
  page.count.classList.toggle("hidden", !found); // the view says it in full
  put(found ? views.results(answer, state, words) : views.none(answer, state, words));
}

async function showKwic(signal) {
  const answer = await api.kwic(kwicParameters(state), signal);
  page.count.textContent = countLine(answer, state, words);
  put(concordance(answer, state, words));
}

async function showArticle(signal) {
  const stored = await api.article(state.article, [["q", state.mode === "semantic" ? "" : state.q], ["variants", !state.literal]], signal);
  page.count.textContent = "";
  put(views.wholeArticle(stored, state, words));
  document.title = `${stored.article.title || stored.article.id} · ${words.name}`;
}

/** Everything around the view: language, direction, box, modes, chips. */
function frame() {
  document.documentElement.lang = words.code;
  document.documentElement.dir = words.direction;
  document.title = state.q ? `${state.q} · ${words.name}` : words.name;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = words[node.dataset.text];
  page.q.placeholder = words.placeholder;
  page.q.value = state.q;
  page.search.elements.mode.value = state.mode;
  page.home.href = write({ ...state, q: "", start: 0, filters: [], literal: false, kwic: "", article: "", passage: "" });
  page.language.href = write({ ...state, lang: words.other });
  page.language.lang = page.language.hreflang = words.other;
  page.language.textContent = words.otherName;
  page.chips.replaceChildren(...views.chips(state, words));
  page.chips.hidden = !state.filters.length;
  page.holdings.textContent = holdings
    ? words.holdings(words.count("articles", holdings.articles), words.count("passages", holdings.passages)) : "";
}

function put(nodes) {
  page.view.replaceChildren(...nodes.filter((node) => node !== ""));
}

function land(focus, scroll) {
  const here = document.getElementById("here");
  if (scroll !== null) window.scrollTo(0, scroll);
  else if (state.article && here) here.scrollIntoView({ block: "center" });
  else if (focus) window.scrollTo(0, 0);
  if (focus) (here ?? page.view.querySelector("h1"))?.focus({ preventScroll: true });
}

/** Go to another state, as a link or a search does. */
function go(next, focus) {
  history.replaceState({ ...history.state, scroll: window.scrollY }, "");
  if (next.lang !== state.lang) history.replaceState(history.state, "", write(next));
  else if (write(next) !== write(state)) history.pushState({ inside: true }, "", write(next));
  enter(next);
  return show({ focus });
}

function enter(next) {
  state = next;
  if (words.code !== state.lang) words = language(state.lang);
}

async function learnHoldings() {
  try {
    holdings = await api.status();
  } catch (problem) {
    if (!(problem instanceof api.Problem)) throw problem;
    if (problem.name === "not-ready") setTimeout(learnHoldings, 1000 * (problem.retryAfter ?? RETRY_AFTER));
    return;
  }
  frame();
  page.count.classList.remove("hidden");
  if (!state.q.trim() && !state.article) put(views.tips(state, words, holdings));
}

page.search.addEventListener("submit", (event) => {
  event.preventDefault();
  go({ ...state, q: page.q.value.trim(), start: 0, literal: false, article: "", passage: "" });
});

page.search.addEventListener("change", (event) => {
  if (event.target.name !== "mode") return;
  go({ ...state, q: page.q.value.trim(), mode: event.target.value, start: 0, article: "", passage: "" });
});

page.view.addEventListener("change", (event) => {
  if (event.target.name === "sort") go({ ...state, sort: event.target.value, start: 0 }, "results");
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-go], #home, #language");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain) return;
  event.preventDefault();
  if (link.dataset.go === "back" && history.state?.inside) {
    history.back();
    return;
  }
  const next = read(new URL(link.href).search);
  if (link === page.language) {
    next.lang = words.other;
    rememberLanguage(next.lang);
  }
  go(next, link === page.home || link === page.language ? null : next.article ? "article" : "results");
});

document.addEventListener("keydown", (event) => {
  // By its place too: on an Arabic keyboard the slash's key writes ظ.
  const slash = event.key === "/" || (event.code === "Slash" && !event.shiftKey);
  const typing = event.target.closest("input:not([type=radio]), textarea, select, [contenteditable]");
  if (!slash || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  page.q.focus();
  page.q.select();
});

window.addEventListener("popstate", (event) => {
  enter(read(location.search));
  show({ scroll: event.state?.scroll ?? 0 });
});

history.scrollRestoration = "manual";
if (!state.q && !state.article) page.q.focus();
show();
learnHoldings();
