// The page: reads its state from the address, shows it, and moves from one to the next.

import * as api from "./api.js";
import { addView, emptyView } from "./adding.js";
import { analysisView } from "./analysis.js";
import { articleView } from "./article.js";
import { copyFrom } from "./copying.js";
import { help } from "./help.js";
import { judgingView } from "./judging.js";
import { askForKey } from "./key.js";
import { arrows, isSlash } from "./keys.js";
import { kwicView } from "./kwic.js";
import { language } from "./language.js";
import { failure, skeleton, tips } from "./notices.js";
import { editNotes, notesView } from "./notes.js";
import { searchView, similarView } from "./results.js";
import { savedView } from "./saved.js";
import { dated, emptied, read, rememberLanguage, searching, write } from "./state.js";
import { statusView } from "./status.js";
import { suggestions } from "./suggestions.js";

const TYPING = 60; // ms without a key until what is typed is searched; 90 showed it as much later
const SKELETON_AFTER = 150; // ms; a quick answer should not flash
const RETRY_AFTER = 2; // seconds, while the server opens its index
const OTHER_VIEWS = { add: addView, saved: savedView, status: statusView, analysis: analysisView, judging: judgingView, notes: notesView };

const page = Object.fromEntries(["home", "language", "search", "q", "hint", "holdings", "main", "count", "view", "help", "keys", "said"]
  .map((id) => [id, document.getElementById(id)]));

let state = read(location.search);
let words = language(state.lang);
let holdings = null; // what the index holds, once known
let running = null; // AbortController of what is being loaded
let retry = 0; // timer of a server that is not ready
let pause = 0; // timer of what is being typed
let typing = false; // whether the newest entry of the history is what is being typed

/** What a view may do beside showing itself. */
const context = { go, say, count, reload: () => show({ scroll: window.scrollY }), learn: learnHoldings, holdings: () => holdings };

/** Return the view of the state: a function to { nodes, count, quiet, title }, at once or later. */
function viewOf() {
  if (state.article) return articleView;
  if (state.view) return OTHER_VIEWS[state.view];
  if (state.similar) return similarView;
  if (!state.q.trim()) return holdings?.passages === 0 ? emptyView : tips;
  return state.kwic ? kwicView : searchView;
}

/** Show the state. `focus` is whether the reader lands in it, `scroll` where. */
async function show({ focus = false, scroll = null } = {}) {
  running?.abort();
  clearTimeout(retry);
  const mine = new AbortController();
  running = mine;
  frame();
  page.main.setAttribute("aria-busy", "true");
  const waiting = setTimeout(() => {
    if (typing && page.view.querySelector(".hits")) return; // the last answer stays until the next
    put({ nodes: skeleton(state.article ? words.loadingArticle : words.loading), count: state.article ? words.loadingArticle : words.loading });
  }, SKELETON_AFTER);
  try {
    const shown = await viewOf()(state, words, context, mine.signal);
    if (mine.signal.aborted) return;
    put(shown);
    land(focus, scroll);
  } catch (problem) {
    if (problem.name === "AbortError" || mine.signal.aborted) return;
    const told = problem instanceof api.Problem ? problem : new api.Problem("page");
    put({ nodes: failure(told, state, words, () => show({ focus })) });
    if (told !== problem) throw problem; // a fault of ours: for the console too
    if (problem.name === "not-ready") retry = setTimeout(() => show({ focus }), 1000 * (problem.retryAfter ?? RETRY_AFTER));
  } finally {
    clearTimeout(waiting);
    if (running === mine) page.main.removeAttribute("aria-busy");
  }
}

/** Put a view in place, all of it at once: nothing moves afterwards. */
function put({ nodes, count: amount = "", quiet = false, title = "" }) {
  page.view.replaceChildren(...nodes.filter((node) => node !== "" && node !== false));
  count(amount);
  page.count.classList.toggle("hidden", quiet); // the view says it in full
  if (title) document.title = `${title} · ${words.name}`;
}

/** Everything around the view: language, direction, box, modes. */
function frame() {
  document.documentElement.lang = words.code;
  document.documentElement.dir = words.direction;
  document.title = state.q ? `${state.q} · ${words.name}` : words.name;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = words[node.dataset.text];
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", words[node.dataset.label]);
  for (const node of document.querySelectorAll("[data-place]")) {
    node.href = write({ ...emptied(state), view: node.dataset.place });
    if (state.view === node.dataset.place) node.setAttribute("aria-current", "page");
    else node.removeAttribute("aria-current");
  }
  page.q.placeholder = words.placeholder;
  page.search.elements.mode.value = state.mode;
  page.hint.textContent = words.modeHints[state.mode];
  page.home.href = write(emptied(state));
  page.language.href = write({ ...state, lang: words.other });
  page.language.lang = page.language.hreflang = words.other;
  page.language.textContent = words.otherName;
  tellHoldings();
}

function tellHoldings() {
  page.holdings.textContent = holdings?.articles
    ? words.holdings(words.count("articles", holdings.articles), words.count("passages", holdings.passages)) : "";
}

function land(focus, scroll) {
  const here = document.getElementById("here");
  if (scroll !== null) window.scrollTo(0, scroll);
  else if (state.article && here) here.scrollIntoView({ block: "center" });
  else if (focus) window.scrollTo(0, 0);
  if (focus) (here ?? page.view.querySelector("h1"))?.focus({ preventScroll: true });
}

/** Say how many there are, or how far one is. */
function count(text) {
  page.count.textContent = text;
}

/** Say something in passing: at the foot of the page, and to who listens. */
function say(text) {
  page.said.textContent = text;
  page.said.classList.remove("shown");
  void page.said.offsetWidth; // begins again
  page.said.classList.add("shown");
}

/** Go to another state, as a link or a search does. */
function go(next, { focus = true, replace = false } = {}) {
  history.replaceState({ ...history.state, scroll: window.scrollY }, "");
  if (replace || next.lang !== state.lang) history.replaceState(history.state, "", write(next));
  else if (write(next) !== write(state)) history.pushState({ inside: true }, "", write(next));
  typing = replace;
  enter(next);
  return show({ focus });
}

function enter(next) {
  state = next;
  if (!typing) {
    clearTimeout(pause);
    if (page.q.value.trim() !== state.q) page.q.value = state.q;
  }
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
  tellHoldings();
  if (viewOf() === emptyView) show();
}

/** Search what stands in the box. A search that is typed is one entry of the history, however many letters it has. */
function searchTyped(whole) {
  clearTimeout(pause);
  const q = page.q.value.trim();
  const next = { ...searching(state), q, literal: false, also: [], view: state.view === "judging" ? state.view : "" };
  if (write(next) === write(state)) {
    if (whole && state.view) land(true, null);
    typing &&= !whole;
    return;
  }
  if (typing || whole) go(next, { focus: false, replace: typing });
  else {
    history.pushState({ inside: true }, "", write(next));
    go(next, { focus: false, replace: true });
  }
  if (whole) typing = false;
}

function typed() {
  clearTimeout(pause);
  pause = setTimeout(() => {
    searchTyped(false);
    box.suggest();
  }, TYPING);
}

const box = suggestions(page.q, document.getElementById("suggestions"), () => words, (text) => {
  page.q.value = text;
  searchTyped(true);
});

// An input method's letters are not yet words; but keyboards of phones compose every word, of the letters that are meant.
page.q.addEventListener("input", (event) => {
  if (!event.isComposing || matchMedia("(pointer: coarse)").matches) typed();
});
page.q.addEventListener("compositionend", typed);
page.q.addEventListener("blur", () => { typing = false; });

page.search.addEventListener("submit", (event) => {
  event.preventDefault();
  box.close();
  searchTyped(true);
  if (matchMedia("(pointer: coarse)").matches) page.q.blur(); // the keyboard makes room
});

page.search.addEventListener("change", (event) => {
  if (event.target.name !== "mode") return;
  go({ ...searching(state), q: page.q.value.trim(), mode: event.target.value }, { focus: false });
});

page.view.addEventListener("change", (event) => {
  const { name, value, form } = event.target;
  if (name === "sort") go({ ...state, sort: value, start: 0 });
  if (form?.matches(".dates")) go(dated(state, { from: form.elements.from.value, to: form.elements.to.value }));
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-go], a[data-place], #home, #language");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (event.target.closest("[data-copy]")) copyFrom(event.target.closest("[data-copy]"), words, say);
  if (event.target.closest("[data-note]")) editNotes(event.target.closest("[data-note]").dataset, words, context);
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
  go(next, { focus: link !== page.home && link !== page.language });
});

page.keys.addEventListener("click", () => help(page.help, words));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector(":popover-open, dialog[open]")) return;
  const inBox = event.target === page.q;
  if (event.target.closest("input:not([type=radio]), textarea, select, [contenteditable]") && !inBox) return;
  if (inBox && (event.defaultPrevented || event.isComposing)) return; // the suggestions took it
  if (!inBox && isSlash(event)) {
    page.q.focus();
    page.q.select();
  } else if (!inBox && (event.key === "?" || event.key === "؟")) help(page.help, words);
  else if (event.key === "Escape" && state.article) page.view.querySelector(".back a")?.click();
  else if (event.key === "Escape" && inBox && page.q.value) {
    page.q.value = "";
    typed();
  } else if (event.key === "Escape" && !inBox) page.q.focus();
  else if (!arrows(event, page.q, page.view)) return;
  event.preventDefault();
});

window.addEventListener("popstate", async (event) => {
  const next = read(location.search);
  const left = write(state);
  if (write(next) === left) return; // only the fragment is another: the link to the content moved the focus there
  typing = false;
  document.querySelector("dialog[open]")?.close(); // it is of what is left
  enter(next);
  await show({ scroll: event.state?.scroll ?? (next.passage ? null : 0) });
  // Who comes back from an article goes on from its link.
  [...page.view.querySelectorAll("a")].find((link) => link.getAttribute("href") === left)?.focus({ preventScroll: true });
});

api.onKeyNeeded((problem) => askForKey(words, problem));
history.scrollRestoration = "manual";
document.addEventListener("scrollend", () => history.replaceState({ ...history.state, scroll: window.scrollY }, ""));
page.q.value = state.q;
if (write(state) === write(emptied(state)) && !matchMedia("(pointer: coarse)").matches) page.q.focus();
show({ scroll: history.state?.scroll ?? null });
learnHoldings();
