// The API as the page uses it. Every failure is a Problem.

let writeToken = ""; // the server's FIHRIS_WRITE_TOKEN, as long as this page is open

export class Problem extends Error {
  constructor(name, { detail = "", requestId = "", retryAfter = null } = {}) {
    super(detail || name);
    this.name = name; // the last part of the problem's type, or "network"
    this.detail = detail;
    this.requestId = requestId;
    this.retryAfter = retryAfter; // seconds
  }
}

export function useToken(token) {
  writeToken = token;
}

function headers(more = {}) {
  return { Accept: "application/json", ...(writeToken && { Authorization: `Bearer ${writeToken}` }), ...more };
}

function address(path, parameters = []) {
  const query = new URLSearchParams(parameters).toString();
  return query ? `${path}?${query}` : path;
}

/** Get JSON. Throws Problem; an abort throws the signal's own AbortError. */
function get(path, parameters, signal) {
  return ask(address(path, parameters), { signal, headers: headers() });
}

function send(method, path, body, type = "application/json") {
  return ask(path, { method, headers: headers({ "Content-Type": type }), body: type === "application/json" ? JSON.stringify(body) : body });
}

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
export const suggest = (q, signal) => get("/v1/suggest", [["q", q], ["size", 6]], signal);
export const similar = (kind, parameters, signal) => get(`/v1/${kind}:similar`, parameters, signal);
export const analyze = (text, signal) => get("/v1/analyze", [["text", text]], signal);
export const kwic = (parameters, signal) => get("/v1/kwic", parameters, signal);
export const article = (id, parameters, signal) => get(`/v1/articles/${encodeURIComponent(id)}`, parameters, signal);
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
export const save = (body) => send("POST", "/v1/saved", body);
export const forget = (id) => ask(`/v1/saved/${encodeURIComponent(id)}`, { method: "DELETE", headers: headers() });

/** Store articles, one a line; gives what became of each. */
export async function store(articles) {
  const lines = articles.map((one) => JSON.stringify(one)).join("\n");
  const answer = await send("POST", "/v1/articles:bulk", lines, "application/x-ndjson");
  return typeof answer === "string" ? answer.trim().split("\n").map((line) => JSON.parse(line)) : [answer];
}

export const removeArticles = (parameters) => ask(address("/v1/articles", parameters), { method: "DELETE", headers: headers() });

/** Send a file; `progress` is told how much of it has been sent, 0 to 1. */
export function upload(file, name, progress) {
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

// With `fihris serve --judge` only.
export const judged = (signal) => get("/v1/judgements", [], signal);
export const toGrade = (q, signal) => get("/v1/judgements/hits", [["q", q]], signal);
export const grade = (q, article, value) => send("PUT", "/v1/judgements", { q, article, grade: value });
