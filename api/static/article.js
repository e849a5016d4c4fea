// A whole article; the passage asked for and the words of the query are marked.

import * as api from "./api.js";
import { button, element, link } from "./dom.js";
import { noteButton, notesOfArticle, notesOn } from "./notes.js";
import { about, copyButtons, marked, originalLink } from "./results.js";
import { besides, write } from "./state.js";

export async function articleView(state, words, context, signal) {
  const stored = await api.article(state.article, [["q", state.mode === "semantic" ? "" : state.q], ["edition", state.edition], ...besides(state)], signal);
  const { article } = stored;
  const [notes] = await Promise.all([notesOn([article], signal), api.learnOriginals([article], signal)]);
  const passage = stored.passages.find(({ id }) => id === state.passage);
  const original = safeLink(article.url);
  const back = { ...state, article: "", passage: "" };
  return {
    title: article.title || article.id,
    nodes: [element("article", { class: "whole" },
      element("p", { class: "back" }, link(write(back), state.q ? words.back : words.start, { "data-go": "back" })),
      element("h1", { dir: "auto", tabindex: -1 }, article.title || article.id),
      element("p", { class: "facts" }, about(stored, back, words)),
      stored.is_current === false ? element("p", { class: "notice" }, words.newerEdition) : "",
      element("p", { class: "actions" },
        original ? element("a", { href: original, rel: "noopener noreferrer external" }, words.original) : "",
        originalLink({ article, passage }, words),
        copyButtons(stored, state, words),
        link(write({ ...back, start: 0, similar: article.id, grouped: true }), words.similar.toArticle),
        noteButton({ article }, words, words.notes.onArticle),
        passage ? noteButton({ article, passage }, words, words.notes.onPassage) : ""),
      steps(stored, words),
      element("div", { class: "text", lang: article.language || null }, paragraphs(stored, state)),
      notesOfArticle(notes, state, words))],
  };
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
  return element("div", { class: "steps" }, place,
    button(words.previous, step(-1), { class: "quiet" }), button(words.next, step(1), { class: "quiet" }));
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
