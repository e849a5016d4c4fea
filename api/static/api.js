// The API as the page uses it. Every failure is a Problem.

export class Problem extends Error {
  constructor(name, { detail = "", requestId = "", retryAfter = null } = {}) {
    super(detail || name);
    this.name = name; // the last part of the problem's type, or "network"
    this.detail = detail;
    this.requestId = requestId;
    this.retryAfter = retryAfter; // seconds
  }
}

/** Get JSON. Throws Problem; an abort throws the signal's own AbortError. */
function get(path, parameters, signal) {
  const query = new URLSearchParams(parameters).toString();
  return ask(query ? `${path}?${query}` : path, { signal, headers: { Accept: "application/json" } });
}

async function ask(address, options) {
  let response;
  let content;
  try {
    response = await fetch(address, options);
    content = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("network");
  }
  if (response.ok) return content;
  throw new Problem(String(content.type ?? "internal").split("/").pop(), {
    detail: content.detail,
    requestId: content.request_id,
    retryAfter: Number(response.headers.get("Retry-After")) || null,
  });
}

export const search = (parameters, signal) => get("/v1/search", parameters, signal);
export const kwic = (parameters, signal) => get("/v1/kwic", parameters, signal);
export const article = (id, parameters, signal) => get(`/v1/articles/${encodeURIComponent(id)}`, parameters, signal);
export const status = (signal) => get("/v1/status", [], signal);

// With `fihris serve --judge` only.
export const judged = () => get("/v1/judgements", []);
export const toGrade = (q, signal) => get("/v1/judgements/hits", [["q", q]], signal);
export const grade = (q, article, value) => ask("/v1/judgements", {
  method: "PUT",
  headers: { Accept: "application/json", "Content-Type": "application/json" },
  body: JSON.stringify({ q, article, grade: value }),
});
