// Why a hit has its score, in sentences: asked of the server when a reader opens one.

import * as api from "./api.js";
import { element, link } from "./dom.js";
import { emptied, searchParameters, write } from "./state.js";

/** Let the hits of a list explain themselves as they are opened; each opens with all that it says. */
export function explained(list, state, words) {
  let told = null;
  list.addEventListener("click", async (event) => {
    const why = event.target.closest(".why summary")?.parentElement;
    if (!why || "told" in why.dataset) return;
    event.preventDefault();
    try {
      const lines = (await (told ??= explanations(state))).get(why.dataset.passage);
      if (lines) why.querySelector("ul").replaceChildren(...linesOf(lines, state, words));
      why.dataset.told = "";
    } catch (problem) {
      if (!(problem instanceof api.Problem)) throw problem;
      told = null; // what is known without the server is shown
    }
    why.open = !why.open;
  });
  return list;
}

async function explanations(state) {
  const left = ["facets", "facet_size"];
  const asked = searchParameters(state).filter(([name]) => !left.includes(name));
  const { hits, groups } = await api.search([...asked, ["explain", true], ["fields", "passage"], ["fields", "explanation"]]);
  const all = groups ? groups.flatMap((group) => group.hits) : hits;
  return new Map(all.map(({ passage, explanation }) => [passage.id, explanation]));
}

/** The first sentences are of the query's words, in their order. */
function linesOf({ reads, query_words: of }, state, words) {
  return reads[words.code].map((line, n) => element("li", {}, line,
    of[n]?.kind === "word" ? [" · ", link(write({ ...emptied(state), view: "analysis", text: of[n].text }), words.analysis.link)] : ""));
}
