// Links and citations for the clipboard.

import { write } from "./state.js";

/** The address of a passage, for others: without what was searched. */
export function linkTo({ article, passage }, state) {
  return location.origin + write({ ...state, q: "", start: 0, filters: [], kwic: "", similar: "", view: "", saved: "", article: article.id, passage: passage?.id ?? "" });
}

/** A citation: what is said, by whom, in what, when and where. */
export function citation({ article, passage }, state, words) {
  const about = [article.author, article.title && words.quoted(article.title), article.source, article.published && words.day(article.published),
    passage?.place && `${words.places[passage.place.kind]} ${passage.place.value}`];
  const place = article.url || linkTo({ article, passage }, state);
  return [passage ? `${words.quoted(passage.text)}\n` : "", about.filter(Boolean).join(words.comma), words.stop, " ", place].join("");
}

/** Copy what a button holds, and say so. */
export async function copyFrom(node, words, say) {
  say(await copied(node.dataset.copy) ? words.copied : words.notCopied);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text); // over plain HTTP from another machine there is no clipboard
  }
}

function copiedByHand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
