/* A `searchClient` for InstantSearch (instantsearch.js, React and Vue) that asks Fihris.

     import { fihris } from "./instantsearch.js";
     instantsearch({ indexName: "fihris", searchClient: fihris("http://127.0.0.1:8000") });

   docs/CLIENTS.md says what it takes. What Fihris cannot be asked is an error, which InstantSearch
   emits: a filter that is left out would be worse. */

const FILTERS = ["collection", "source", "author", "language", "tag"];
const FACETS = [...FILTERS, "year", "month"];
const UNKNOWN = ["filters", "tagFilters", "aroundLatLng", "aroundLatLngViaIP", "insideBoundingBox", "insidePolygon"];
const DAY = 86_400;
const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

/** Return the client. `key` is an API key, which whoever sees the page can read: of the scope `search` only,
    or none where search is public. `search` is what else each search says: {mode: "keyword"}. */
export function fihris(url, { key = "", search = {} } = {}) {
  async function ask(searches) {
    const headers = { "Content-Type": "application/json" };
    if (key) headers.Authorization = `Bearer ${key}`;
    const answer = await fetch(`${url}/v1/multi-search`, {
      method: "POST",
      headers,
      body: JSON.stringify({ searches }),
    });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.detail);
    return found.answers.map((each) => {
      if (each.problem) throw new Error(each.problem.detail);
      return each;
    });
  }
  return {
    async search(requests) {
      const answers = await ask(requests.map((each) => ({ ...search, ...asked(each) })));
      return { results: answers.map((each, n) => result(each, requests[n])) };
    },
    async searchForFacetValues(requests) {
      const answers = await ask(
        requests.map(({ indexName, params }) => ({
          ...search,
          ...asked({ indexName, params: { ...params, facets: [params.facetName], hitsPerPage: 1 } }),
          facet_prefix: params.facetQuery ?? "",
          facet_size: params.maxFacetHits ?? 10,
        })),
      );
      return answers.map((each, n) => ({
        facetHits: each.facets[requests[n].params.facetName].map(({ value, count }) => ({
          value,
          highlighted: value,
          count,
        })),
        exhaustiveFacetsCount: true,
      }));
    },
  };
}

function asked({ indexName, params = {} }) {
  const size = Math.max(params.hitsPerPage ?? 20, 1);
  const facets = [params.facets ?? []].flat();
  const sort = /_(newest|oldest)$/.exec(indexName)?.[1];
  const unknown = UNKNOWN.find((name) => params[name]?.length || params[name] === true);
  if (unknown) throw new Error(`Fihris cannot be asked by ${unknown}`);
  return {
    q: params.query ?? "",
    size,
    start: (params.page ?? 0) * size,
    ...(facets.length && { facets: facets.includes("*") ? FACETS : facets, facet_size: Math.min(params.maxValuesPerFacet ?? 20, 100) }),
    ...(sort && { sort }),
    ...filters(params.facetFilters ?? [], params.numericFilters ?? []),
  };
}

/** Return the filters that are meant: each list is of alternatives, and all lists must be met. */
function filters(facetFilters, numericFilters) {
  const found = {};
  let [from, to] = ["", ""];
  const between = (first, last) => {
    if (first > from) from = first;
    if (last && (!to || last < to)) to = last;
  };
  for (const each of [facetFilters].flat()) {
    const alternatives = [each].flat().map((one) => [one.slice(0, one.indexOf(":")), one.slice(one.indexOf(":") + 1)]);
    const [name] = alternatives[0];
    const mixed = alternatives.some(([other, value]) => other !== name || value.startsWith("-"));
    const values = alternatives.map(([, value]) => value.replace(/^\\-/, "-"));
    if ((name === "year" || name === "month") && values.length === 1) {
      between(`${values[0]}-01-01`.slice(0, 10), last(values[0]));
    } else if (FILTERS.includes(name) && !mixed && !found[name]) {
      found[name] = values;
    } else throw new Error(`Fihris has no filter for ${JSON.stringify(each)}`);
  }
  for (const each of [numericFilters].flat(2)) {
    const [, name, how, text] = /^(\w+)\s*(<=|>=|<|>|=)\s*(-?\d+)$/.exec(each) ?? [];
    if (name !== "year" && name !== "published") throw new Error(`Fihris has no filter for ${each}`);
    const year = name === "year";
    // The first second of a day is what an article of that day is compared as.
    const bound = Number(text) + ((year ? { "<": -1, ">": 1 } : { "<": -1, ">": DAY, ">=": DAY - 1 })[how] ?? 0);
    const first = year ? `${String(bound).padStart(4, "0")}-01-01` : day(bound);
    const end = year ? `${String(bound).padStart(4, "0")}-12-31` : day(bound);
    between(how.startsWith("<") ? "" : first, how.startsWith(">") ? "" : end);
  }
  return { ...found, ...(from && { from }), ...(to && { to }) };
}

/** Return the last day of a year or a month. */
function last(text) {
  const [year, month = "12"] = text.split("-");
  return day(Date.UTC(Number(year), Number(month), 0) / 1000);
}

function result(answer, { indexName, params = {} }) {
  const hitsPerPage = params.hitsPerPage ?? 20;
  const page = params.page ?? 0;
  const shown = hitsPerPage ? answer.hits : [];
  const nbHits = Math.max(answer.total?.value ?? 0, page * hitsPerPage + shown.length);
  const counted = Object.entries(answer.facets ?? {}).map(([name, values]) => [
    name,
    Object.fromEntries(values.map(({ value, count }) => [value, count])),
  ]);
  return {
    index: indexName,
    query: params.query ?? "",
    params: "",
    hits: shown.map((hit) => made(hit, params)),
    nbHits,
    exhaustiveNbHits: answer.total?.relation === "exact",
    page,
    hitsPerPage,
    nbPages: hitsPerPage ? Math.ceil(Math.min(nbHits, 10_000) / hitsPerPage) : 0,
    processingTimeMS: Math.round(answer.took_ms.total),
    facets: Object.fromEntries(counted),
  };
}

function made({ passage, article, segments, title_segments: title }, params) {
  const [before, after] = [params.highlightPreTag ?? "<em>", params.highlightPostTag ?? "</em>"];
  const marked = (parts) => {
    const matchedWords = parts.filter((each) => each.match).map((each) => each.text);
    const value = parts.map(({ text, match }) => (match ? before + text + after : text)).join("");
    return { value, matchLevel: matchedWords.length ? "full" : "none", matchedWords };
  };
  return {
    ...article,
    objectID: passage.id,
    text: passage.text,
    place: passage.place,
    _highlightResult: { text: marked(segments), title: marked(title) },
  };
}
