// Labels and notes of the reader's own: on a hit, on an article, and all of them.

import * as api from "./api.js";
import { bdi, button, element, link } from "./dom.js";
import { chips } from "./narrowing.js";
import { telling } from "./notices.js";
import { emptied, toggled, write } from "./state.js";

const SIZE = 20; // on a page of the list
const MOST = 100; // of the articles shown
// dir=auto turns an empty field left to right; a placeholder tells the style that it is empty.
const LABELS = { maxlength: 1600, dir: "auto", placeholder: " " };
const NOTE = { maxlength: 4000, dir: "auto", placeholder: " ", rows: 3 };

/** The button that opens what a reader wrote on an article or a passage. */
export function noteButton({ article, passage }, words, label = words.notes.button) {
  return button(label, null, { class: "noter", "data-note": passage?.id ?? article.id, "data-article": article.id, "data-quote": passage?.text ?? article.title });
}

const placeOf = (one) => one.passage?.id ?? one.target;

/** What the reader wrote on articles; nothing where that may not be read. */
export async function notesOn(articles, signal) {
  const ids = [...new Set(articles.map(({ id }) => id))].slice(0, 50);
  try {
    return ids.length ? (await api.notesQuietly([["size", MOST], ...ids.map((id) => ["article", id])], signal)).annotations : [];
  } catch (problem) {
    if (problem instanceof api.Problem) return [];
    throw problem;
  }
}

/** Let the buttons in a list tell where something is written, once that is known: nothing moves. */
export async function tellNotes(list, articles, words, signal) {
  const found = Object.groupBy(await notesOn(articles, signal).catch(() => []), placeOf);
  for (const one of list.querySelectorAll(".noter")) {
    const amount = found[one.dataset.note]?.length ?? 0;
    one.toggleAttribute("data-written", amount > 0);
    if (amount) one.setAttribute("aria-label", `${one.textContent}: ${words.notes.label(words.number(amount))}`);
    else one.removeAttribute("aria-label");
  }
  return list;
}

/** Open what is written where a button says, to be added to, changed or removed. */
export async function editNotes({ note: target, article, quote }, words, context) {
  const said = words.notes;
  let all;
  let known;
  try {
    [all, known] = await Promise.all([api.notes([["article", article], ["size", MOST]]), api.notes([["size", 1]])]);
  } catch (problem) {
    return telling(words, context)(problem);
  }
  const failed = element("p", { role: "alert" });
  const done = async (request, text) => {
    try {
      await request();
    } catch (problem) {
      if (!(problem instanceof api.Problem)) throw problem;
      failed.textContent = problem.detail || words.problems[problem.name];
      return;
    }
    dialog.close();
    context.say(text);
    await context.reload();
    document.querySelector(`[data-note="${CSS.escape(target)}"]`)?.focus({ preventScroll: true });
  };
  const form = (one) => {
    const labels = element("input", { ...LABELS, list: "known-labels", autocomplete: "off", value: one ? one.labels.join(words.comma) : null, autofocus: !one });
    const note = element("textarea", NOTE, one?.note ?? "");
    const body = () => ({ labels: labels.value.split(/[,،;؛]/).filter((label) => label.trim()), note: note.value });
    return element("form", {
      onsubmit: (event) => {
        event.preventDefault();
        done(() => (one ? api.changeNote(one.id, body()) : api.annotate({ target, ...body() })), said.saved);
      },
    },
    one && one.quote && one.anchor !== "passage" ? element("p", { class: "note" }, said.anchors[one.anchor], " ", bdi(words.quoted(one.quote))) : "",
    element("label", {}, element("span", {}, said.labels), labels),
    element("label", {}, element("span", {}, said.note), note),
    element("p", { class: "actions" }, element("button", { type: "submit", class: "quiet" }, one ? said.save : said.add),
      one ? removing(words, () => done(() => api.removeNote(one.id), said.removed)) : ""));
  };
  const here = all.annotations.filter((one) => placeOf(one) === target);
  const gone = here.some((one) => one.anchor === "orphaned");
  const dialog = element("dialog", { class: "key", "aria-labelledby": "notes-title", onclose: () => dialog.remove() },
    element("h2", { id: "notes-title" }, said.title),
    quote ? element("p", { class: "note quote", dir: "auto" }, quote) : "",
    here.map(form), gone ? "" : form(null), failed,
    element("datalist", { id: "known-labels" }, known.labels.map(({ value }) => element("option", { value }))),
    element("p", { class: "close" }, button(words.help.close, () => dialog.close(), { class: "quiet" })));
  document.body.append(dialog);
  dialog.showModal();
}

/** A button that removes when it is pressed a second time. */
function removing(words, remove) {
  let sure = false;
  return button(words.notes.remove, (event) => {
    if (sure) return remove();
    sure = true;
    event.target.textContent = words.notes.sure;
  });
}

/** What the reader wrote on one article, under its text. */
export function notesOfArticle(notes, state, words) {
  if (!notes.length) return "";
  return element("section", { class: "notes" }, element("h2", {}, words.notes.ofArticle), element("ul", { class: "searches" }, notes.map((one) => item(one, { ...emptied(state), view: "notes" }, words, false))));
}

/** All labels and notes, or those with some words or labels. */
export async function notesView(state, words, context, signal) {
  const said = words.notes;
  const inside = state.filters.filter(([name]) => name === "label");
  const own = { ...emptied(state), view: "notes", text: state.text, filters: inside };
  const ask = (cursor) => api.notes([["size", SIZE], ["q", state.text], ["cursor", cursor], ...inside], signal);
  const first = await ask("");
  const input = element("input", { name: "text", dir: "auto", maxlength: 1000, value: state.text, autocomplete: "off", "aria-label": said.search, placeholder: said.search });
  const list = element("ul", { class: "searches" });
  const more = element("p", {});
  const show = (page) => {
    list.append(...page.annotations.map((one) => item(one, own, words)));
    more.replaceChildren(page.cursor ? button(words.more, () => ask(page.cursor).then(show, telling(words, context)), { class: "quiet" }) : "");
  };
  show(first);
  const csv = api.notesFile([["size", MOST], ["q", state.text], ...inside]);
  return {
    title: said.title,
    nodes: [
      element("h1", { class: "view-title", tabindex: -1 }, said.title),
      element("p", { class: "note" }, said.what),
      element("form", { class: "ask", onsubmit: (event) => { event.preventDefault(); context.go({ ...own, text: input.value.trim() }); } },
        element("div", { class: "box" }, input, element("button", { type: "submit" }, words.search))),
      chips(own, words),
      first.labels.length ? element("p", { class: "labels" }, first.labels.map(({ value, count }) => [labelLink(value, own, element("span", { class: "amount" }, words.number(count))), " "])) : "",
      first.total ? "" : element("p", { class: "notice" }, state.text || inside.length ? words.noneTitle : said.none),
      list, more,
      first.total ? element("p", { class: "actions" }, element("a", { href: csv, download: true, onclick: api.download }, words.formats.csv)) : "",
    ],
  };
}

const labelLink = (label, own, amount = "") => link(write(toggled(own, "label", label)), [bdi(label), amount && " ", amount], { class: "label" });

function item(one, own, words, titled = true) {
  const said = words.notes;
  const { article, passage } = one;
  const open = write({ ...emptied(own), article: one.target, passage: passage?.id ?? "" });
  const text = passage?.text ?? one.quote;
  return element("li", {},
    titled ? element("h2", { class: "title", dir: "auto" }, article ? link(open, article.title || article.id) : one.target) : "",
    one.anchor in said.anchors ? element("p", { class: "note" }, said.anchors[one.anchor]) : "",
    text ? element("p", { class: "note quote", dir: "auto" }, text) : "",
    one.note ? element("p", { class: "written", dir: "auto" }, one.note) : "",
    element("p", { class: "labels" }, one.labels.map((label) => [labelLink(label, own), " "])),
    element("p", { class: "actions" },
      element("time", { datetime: one.changed }, words.day(one.changed.slice(0, 10))),
      noteButton({ article: article ?? { id: one.target, title: one.target }, passage }, words, said.edit)));
}
