// Links and citations for the clipboard.

import * as api from "./api.js";
import { write } from "./state.js";

/** The address of a passage, for others: without what was searched. */
export function linkTo({ article, passage }, state, edition = "") {
  return location.origin + write({ ...state, q: "", start: 0, filters: [], kwic: "", similar: "", view: "", saved: "", article: article.id, passage: passage?.id ?? "", edition });
}

/** A citation: what is said, by whom, in what, when and where. A hit's edition is asked for when it is copied. */
export function citation({ article, passage, edition }, state, words) {
  const about = [article.author, article.title && words.quoted(article.title), article.source, article.published && words.day(article.published),
    passage?.place && `${words.places[passage.place.kind]} ${passage.place.value}`];
  const place = [article.url, linkTo({ article, passage }, state, edition)].filter(Boolean).join(" ");
  return [passage ? `${words.quoted(passage.text)}\n` : "", about.filter(Boolean).join(words.comma), words.stop, " ", place].join("");
}

/** Copy what a button holds, and say so. */
export async function copyFrom(node, words, say) {
  const { copy, edition } = node.dataset;
  say(await copied(edition ? await withEdition(copy, edition) : copy) ? words.copied : words.notCopied);
}

/** The citation, which ends with the article's address, with the edition that is there now. */
async function withEdition(citation, article) {
  const edition = await api.edition(article).catch(() => "");
  return edition ? `${citation}&edition=${edition}` : citation;
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
