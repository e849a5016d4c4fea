// The API as the page uses it. Every failure is a Problem.

let key = ""; // an API key, as long as this page is open
let askForKey = async () => ""; // how the page asks for one
let asking = null; // that it is being asked for: every request that is refused waits for it

export class Problem extends Error {
  constructor(name, { detail = "", requestId = "", retryAfter = null } = {}) {
    super(detail || name);
    this.name = name; // the last part of the problem's type, or "network"
    this.detail = detail;
    this.requestId = requestId;
    this.retryAfter = retryAfter; // seconds
  }
}

export function onKeyNeeded(how) {
  askForKey = how;
}

/** Make an attempt; where it takes another key, ask for one and make it again. */
async function withKey(attempt) {
  for (;;) {
    const used = key;
    try {
      return await attempt();
    } catch (problem) {
      if (!["unauthorized", "scope-needed"].includes(problem.name)) throw problem;
      if (used !== key) continue; // another one was given meanwhile
      asking ??= askForKey(problem).finally(() => { asking = null; });
      const given = await asking;
      if (!given) throw problem;
      key = given;
    }
  }
}

function headers(more = {}) {
  return { Accept: "application/json", ...(key && { Authorization: `Bearer ${key}` }), ...more };
}

function address(path, parameters = []) {
  const query = new URLSearchParams(parameters).toString();
  return query ? `${path}?${query}` : path;
}

/** Get JSON. Throws Problem; an abort throws the signal's own AbortError. */
function get(path, parameters, signal) {
  return withKey(() => ask(address(path, parameters), { signal, headers: headers() }));
}

function send(method, path, body, type = "application/json") {
  const content = type === "application/json" ? JSON.stringify(body) : body;
  return withKey(() => ask(path, { method, headers: headers({ "Content-Type": type }), body: content }));
}

const remove = (path) => withKey(() => ask(path, { method: "DELETE", headers: headers() }));

async function ask(path, options) {
  let response;
  let text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("network");
  }
  return answered(response.ok, text, Number(response.headers.get("Retry-After")));
}

function answered(ok, text, retryAfter) {
  let content;
  try {
    content = text ? JSON.parse(text) : null;
  } catch {
    if (ok) return text; // lines of JSON
    throw new Problem("network"); // of something between here and the server
  }
  if (ok) return content;
  throw new Problem(String(content?.type ?? "internal").split("/").pop(), {
    detail: content?.detail, requestId: content?.request_id, retryAfter: retryAfter || null,
  });
}

export const search = (parameters, signal) => get("/v1/search", parameters, signal);
export const searchFile = (parameters, format) => address("/v1/search", [...parameters, ["format", format]]);
// Never asks for a key: it is for who is typing.
export const kwicFile = (parameters) => address("/v1/kwic", [...parameters, ["format", "csv"]]);
export const suggest = (q, signal) => ask(address("/v1/suggest", [["q", q], ["size", 6]]), { signal, headers: headers() });
export const similar = (kind, parameters, signal) => get(`/v1/${kind}:similar`, parameters, signal);
export const analyze = (text, signal) => get("/v1/analyze", [["text", text]], signal);
export const kwic = (parameters, signal) => get("/v1/kwic", parameters, signal);
export const article = (id, parameters, signal) => get(`/v1/articles/${encodeURIComponent(id)}`, parameters, signal);
export const edition = async (id) => (await get("/v1/articles", [["article", id], ["fields", "edition"]])).articles[0]?.edition ?? "";
export const original = (id) => `/v1/originals/${encodeURIComponent(id)}`;
export const passage = (id, signal) => get(`/v1/passages/${encodeURIComponent(id)}`, [], signal);

let opens = true; // whether the server opens original files, as far as is known

/** Put what is known of their original files into articles. */
export async function learnOriginals(articles, signal) {
  const ids = [...new Set(articles.map(({ id }) => id))].slice(0, 50);
  if (!opens || !ids.length) return;
  let originals;
  try {
    ({ open: opens, originals } = await get("/v1/originals", ids.map((id) => ["id", id]), signal));
  } catch (problem) {
    if (problem instanceof Problem) return; // the answer stands without them
    throw problem;
  }
  const known = new Map(originals.map((one) => [one.article, one]));
  for (const article of articles) article.original = known.get(article.id);
}

export const status = (signal) => get("/v1/status", [], signal);
export const ready = (signal) => get("/ready", [], signal);

export const saved = (signal) => get("/v1/saved", [], signal);
export const savedMatches = (id, cursor, signal) => get(`/v1/saved/${encodeURIComponent(id)}/matches`, [["size", 10], ["cursor", cursor]], signal);
const NOTES = "/v1/annotations";
export const notes = (parameters, signal) => get(NOTES, parameters, signal);
// Never asks for a key: a list is there without what is written on it.
export const notesQuietly = (parameters, signal) => ask(address(NOTES, parameters), { signal, headers: headers() });
export const notesFile = (parameters) => address(NOTES, [...parameters, ["format", "csv"]]);
export const annotate = (body) => send("POST", NOTES, body);
export const changeNote = (id, body) => send("PUT", `${NOTES}/${encodeURIComponent(id)}`, body);
export const removeNote = (id) => remove(`${NOTES}/${encodeURIComponent(id)}`);

export const save = (body) => send("POST", "/v1/saved", body);
export const forget = (id) => remove(`/v1/saved/${encodeURIComponent(id)}`);

/** Store articles, one a line; gives what became of each. */
export async function store(articles) {
  const lines = articles.map((one) => JSON.stringify(one)).join("\n");
  const answer = await send("POST", "/v1/articles:bulk", lines, "application/x-ndjson");
  return typeof answer === "string" ? answer.trim().split("\n").map((line) => JSON.parse(line)) : [answer];
}

export const removeArticles = (parameters) => remove(address("/v1/articles", parameters));

/** Send a file; `progress` is told how much of it has been sent, 0 to 1. */
export const upload = (file, name, progress) => withKey(() => sent(file, name, progress));

function sent(file, name, progress) {
  // Not fetch: it does not tell how much has been sent.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address("/v1/articles", [["name", name]]));
    for (const [key, value] of Object.entries(headers())) request.setRequestHeader(key, value);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener("error", () => reject(new Problem("network")));
    request.addEventListener("load", () => {
      try {
        resolve(answered(request.status < 400, request.responseText, Number(request.getResponseHeader("Retry-After"))));
      } catch (problem) {
        reject(problem);
      }
    });
    const form = new FormData();
    form.append("file", file);
    request.send(form);
  });
}

/** Save what a link leads to: the browser, which follows it, sends no key. */
export async function download(event) {
  if (!key) return;
  event.preventDefault();
  const response = await fetch(event.currentTarget.href, { headers: headers() });
  const name = response.headers.get("Content-Disposition")?.match(/filename\*?="?(?:UTF-8'')?([^"]+)/)?.[1] ?? "";
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await response.blob()), download: decodeURIComponent(name) });
  link.click();
  URL.revokeObjectURL(link.href);
}

// With `fihris serve --judge` only.
export const judged = (signal) => get("/v1/judgements", [], signal);
export const toGrade = (q, signal) => get("/v1/judgements/hits", [["q", q]], signal);
export const grade = (q, article, value) => send("PUT", "/v1/judgements", { q, article, grade: value });
