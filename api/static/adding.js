// Adding articles: files that are dropped or chosen, a folder by command, HTTP, and the example.

import * as api from "./api.js";
import { bdi, button, element, link } from "./dom.js";
import { EXAMPLE, EXAMPLE_SOURCE } from "./example.js";
import { emptied, write } from "./state.js";

export function addView(state, words, context) {
  return { title: words.adding.title, nodes: [element("h1", { class: "view-title", tabindex: -1 }, words.adding.title), ...ways(state, words, context)] };
}

/** What a reader meets whose index is empty: how to fill it. */
export function emptyView(state, words, context) {
  return { nodes: [element("h1", { class: "view-title", tabindex: -1 }, words.adding.empty), element("p", { class: "lead" }, words.adding.first), ...ways(state, words, context)] };
}

function ways(state, words, context) {
  const said = words.adding;
  return [
    dropping(state, words, context),
    example(state, words, context),
    way(said.folder, said.folderWhat, "fihris index articles/\nfihris watch articles/"),
    way(said.http, said.httpWhat, `curl ${location.origin}/v1/articles -F file=@report.pdf\ncurl ${location.origin}/v1/articles:bulk -X POST \\\n  -H "Content-Type: application/x-ndjson" -T articles.jsonl`),
  ];
}

function way(title, what, command) {
  // To be reached by keys: a long line is scrolled.
  return element("section", { class: "way" }, element("h2", {}, title), element("p", {}, what), element("pre", { dir: "ltr", tabindex: 0, role: "group", "aria-label": title }, command));
}

function dropping(state, words, context) {
  const said = words.adding;
  const waiting = [];
  let busy = false;
  const files = element("ol", { class: "uploads", "aria-label": said.results });
  const end = element("p", { class: "upload-end", role: "status" });
  const picker = (label, attributes) => {
    const input = element("input", { type: "file", multiple: true, class: "hidden", tabindex: -1, "aria-hidden": "true", ...attributes, onchange: () => take([...input.files].map((file) => [file, file.webkitRelativePath || file.name])) });
    return [button(label, () => input.click(), { class: "quiet" }), input];
  };
  const zone = element("div", {
    class: "drop",
    ondragover: (event) => { event.preventDefault(); zone.classList.add("over"); },
    ondragleave: () => zone.classList.remove("over"),
    ondrop: async (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      take(await dropped(event.dataTransfer));
    },
  }, element("p", { class: "big" }, said.drop), element("p", { class: "actions" }, picker(said.choose, {}), picker(said.chooseFolder, { webkitdirectory: true })), element("p", { class: "note" }, said.kinds));

  /** Files are sent one after the other: what takes time is embedding, on the server. */
  function take(found) {
    waiting.push(...found.map(([file, name]) => ({ file, name, ...row(file, name, words) })));
    files.append(...waiting.filter(({ item }) => !item.isConnected).map(({ item }) => item));
    if (!busy) run();
  }

  async function run() {
    busy = true;
    const totals = { stored: 0, failed: 0 };
    while (waiting.length) {
      const one = waiting.shift();
      try {
        const answer = await api.upload(one.file, one.name, one.progress);
        totals.stored += answer.created + answer.updated + answer.unchanged;
        totals.failed += answer.failed;
        one.done(answer);
      } catch (problem) {
        if (!(problem instanceof api.Problem)) throw problem;
        totals.failed += 1;
        one.failed(problem, () => {
          waiting.push(one);
          if (!busy) run();
        });
      }
    }
    busy = false;
    end.replaceChildren(said.end(words.count("articles", totals.stored), words.number(totals.failed), totals.failed), " ",
      totals.stored ? link(write(emptied(state)), said.search) : "");
    context.learn();
  }

  return element("section", { class: "way" }, element("h2", {}, said.files), zone, files, end);
}

/** A file's line: how much of it is sent, then what became of it. */
function row(file, name, words) {
  const said = words.adding;
  const bar = element("progress", { max: 1, value: 0, "aria-label": said.sending(name) });
  const what = element("span", { class: "what" }, said.waiting);
  const item = element("li", {}, element("span", { class: "file" }, bdi(name), " ", element("span", { class: "amount" }, words.size(file.size))), bar, what);
  return {
    item,
    progress(share) {
      bar.value = share;
      what.textContent = share < 1 ? said.sent(words.percent(share)) : said.reading;
      if (share === 1) bar.removeAttribute("value"); // how long reading takes is not known
    },
    done(answer) {
      bar.remove();
      item.className = answer.failed ? "partly" : "stored";
      const bad = answer.articles.filter(({ status }) => status === "failed");
      what.replaceChildren(outcome(answer, words),
        bad.length ? element("ul", {}, bad.slice(0, 5).map(({ id, error, code }) => element("li", {}, id ? [bdi(id), ": "] : "", said.codes[code] ?? bdi(error)))) : "");
    },
    failed(problem, again) {
      bar.remove();
      item.className = "failed";
      const retry = () => {
        item.className = "";
        item.insertBefore(bar, what);
        bar.value = 0;
        what.textContent = said.waiting;
        again();
      };
      const code = problem.detail.split(":")[0];
      const told = problem.name === "unreadable-source" ? said.codes[code] ?? said.unreadable : words.problems[problem.name] ?? words.problems.internal;
      // In the server's own words where ours do not say it all.
      what.replaceChildren(told, problem.detail && (!said.codes[code] || code === "not-json") ? element("span", { class: "detail", lang: "en", dir: "ltr" }, problem.detail) : "",
        problem.name === "unreadable-source" ? "" : button(words.retry, retry, { class: "quiet" }));
    },
  };
}

function outcome(answer, words) {
  const parts = ["created", "updated", "unchanged", "failed"].filter((status) => answer[status]).map((status) => words.adding.outcomes[status](words.number(answer[status])));
  return `${words.count("articles", answer.articles.length < 1000 ? answer.articles.length : answer.created + answer.updated + answer.unchanged + answer.failed)}: ${parts.join(words.comma)}`;
}

/** The files of what is dropped, folders among it gone through. Gives [file, path] pairs. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => [file, file.name]);
  return (await Promise.all(entries.map(filesOf))).flat();
}

async function filesOf(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return [[await new Promise((resolve, reject) => { entry.file(resolve, reject); }), path]];
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a hundred at a time
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.filter(({ name }) => !name.startsWith(".")).map(filesOf))).flat();
}

/** A few short articles to try a search on, and how to take them out again. */
function example(state, words, context) {
  const said = words.adding;
  const what = element("p", { role: "status" });
  const act = (call, text) => async () => {
    what.textContent = said.reading;
    try {
      await call();
    } catch (problem) {
      if (!(problem instanceof api.Problem)) throw problem;
      what.replaceChildren(words.problems[problem.name] ?? problem.detail);
      return;
    }
    what.replaceChildren(...text());
    remove.hidden = false;
    await context.learn();
  };
  const remove = button(said.removeExample, act(() => api.removeArticles([["source", EXAMPLE_SOURCE]]), () => [said.exampleRemoved]), { class: "plain", hidden: context.holdings()?.articles === 0 });
  const tried = () => [said.exampleAdded, " ", link(write({ ...emptied(state), q: said.exampleQuery }), bdi(said.exampleQuery))];
  return element("section", { class: "way" }, element("h2", {}, said.example), element("p", {}, said.exampleWhat),
    element("p", { class: "actions" },
      button(said.addExample, act(() => api.store(EXAMPLE), tried), { class: "quiet" }),
      remove),
    what);
}
