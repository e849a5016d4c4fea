// Saved searches: the list of them, and what one of them matched.

import * as api from "./api.js";
import { bdi, button, element, link } from "./dom.js";
import { telling } from "./notices.js";
import { about, copyButtons } from "./results.js";
import { ALSO, FILTERS, emptied, write } from "./state.js";

export async function savedView(state, words, context, signal) {
  const { saved } = await api.saved(signal);
  const one = saved.find(({ id }) => id === state.saved);
  if (state.saved && !one) throw new api.Problem("not-found");
  return { title: words.savedSearches.title, nodes: one ? await matches(one, state, words, context, signal) : list(saved, state, words, context) };
}

function list(saved, state, words, context) {
  return [
    element("h1", { class: "view-title", tabindex: -1 }, words.savedSearches.title),
    saved.length ? "" : element("p", { class: "notice" }, words.savedSearches.none),
    element("ul", { class: "searches" }, saved.toReversed().map((one) => element("li", {},
      element("h2", { class: "title", dir: "auto" }, link(write({ ...emptied(state), view: "saved", saved: one.id }), one.name || one.q)),
      element("p", { class: "facts" }, element("span", { class: "about" },
        element("span", {}, one.kept ? words.count("matches", one.kept) : words.savedSearches.nothing),
        element("span", {}, words[one.mode]),
        filtersOf(one).map(([name, value]) => element("span", {}, `${words.filters[name]}: `, bdi(words.filter(name, value)))),
        element("time", { datetime: one.created }, words.savedSearches.since(words.day(one.created.slice(0, 10)))))),
      actions(one, state, words, context)))),
  ];
}

function actions(one, state, words, context) {
  const run = write({ ...emptied(state), q: one.q, mode: one.mode, literal: !one.variants, also: one.also.length < ALSO.length ? one.also : [], filters: filtersOf(one) });
  let sure = false;
  const remove = async (event) => {
    if (!sure) {
      sure = true;
      event.target.textContent = words.savedSearches.sure;
      return;
    }
    await api.forget(one.id).then(context.reload, telling(words, context));
  };
  return element("p", { class: "actions" },
    link(run, words.savedSearches.run),
    element("a", { href: `/v1/saved/${encodeURIComponent(one.id)}/feed.atom` }, words.savedSearches.feed),
    button(words.savedSearches.remove, remove));
}

const filtersOf = (one) => FILTERS.flatMap((name) => [one[name] ?? []].flat().map((value) => [name, value]));

async function matches(one, state, words, context, signal) {
  const found = element("ol", { class: "hits" });
  const more = element("p", {});
  const items = (page) => page.matches.map(({ found: when, by, passage, article }) => {
    const href = write({ ...emptied(state), q: by === "words" ? one.q : "", article: article.id, passage: passage.id });
    return element("li", {}, element("article", { class: "hit" },
      element("h2", { class: "title", dir: "auto" }, link(href, article.title || article.id, { class: "open" })),
      element("p", { class: "passage", dir: "auto", lang: article.language || null }, passage.text),
      element("footer", {},
        element("p", { class: "facts" }, about({ article }, emptied(state), words)),
        element("div", { class: "reasons" },
          element("span", { class: "facts" }, element("span", { class: `badge ${by === "words" ? "keyword" : "semantic"}` }, words.savedSearches.by[by]),
            element("time", { datetime: when }, words.savedSearches.foundOn(words.day(when.slice(0, 10))))),
          element("span", { class: "actions" }, copyButtons({ article, passage }, state, words))))));
  });
  const show = (page) => {
    found.append(...items(page));
    more.replaceChildren(page.cursor ? button(words.more, () => api.savedMatches(one.id, page.cursor).then(show, telling(words, context)), { class: "quiet" }) : "");
  };
  show(await api.savedMatches(one.id, "", signal));
  return [
    element("p", { class: "back" }, link(write({ ...emptied(state), view: "saved" }), words.savedSearches.back, { "data-go": "back" })),
    element("h1", { class: "view-title", dir: "auto", tabindex: -1 }, one.name || one.q),
    found.children.length ? found : element("p", { class: "notice" }, words.savedSearches.nothing, " ", words.savedSearches.what),
    more,
  ];
}
