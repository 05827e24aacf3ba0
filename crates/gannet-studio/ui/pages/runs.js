// All runs: a table to filter, sort and pick from.

import { getJson, pictureUrl } from "../api.js";
import { sparkline } from "../chart.js";
import { ago, empty, h, number } from "../dom.js";
import { state } from "../panels/facts.js";

const COLUMNS = [
  ["Run", (run) => run.id],
  ["Data", (run) => run.data, "data"],
  ["Progress", (run) => run.kimg, "n"],
  ["D accuracy", (run) => run.accuracy.at(-1) ?? -1],
  ["Best metric", (run) => run.best?.value ?? Infinity, "n"],
  ["Status", (run) => run.state],
  ["Changed", (run) => run.modified, "n when"],
];
const MOST_COMPARED = 6;

export async function render(root) {
  document.title = "Runs · gannet studio";
  let { runs } = await getJson("runs");
  let sort = { column: 0, down: true };
  const picked = new Set();
  const filter = h("input", { type: "search", placeholder: "Filter by name, method, data…", "aria-label": "Filter runs", oninput: fill });
  const compare = h("button", { disabled: true, onclick: () => (location.hash = `#/compare/${[...picked].map(encodeURIComponent).join(",")}`) }, "Compare");
  const count = h("p", { role: "status" });
  const heads = COLUMNS.map(([title, , kind], i) =>
    h("th", { className: kind ?? "", scope: "col" }, h("button", { onclick: () => order(i) }, title)));
  const body = h("tbody");
  const table = h("table", { className: "runs" }, h("caption", { className: "visually-hidden" }, "Runs"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { className: "visually-hidden" }, "Pick")), heads)), body);

  function order(column) {
    sort = { column, down: sort.column === column ? !sort.down : column !== 0 };
    fill();
  }

  function fill() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const value = COLUMNS[sort.column][1];
    const shown = runs.filter((run) => {
      const text = `${run.id} ${run.method} ${run.data} ${run.state} ${(run.findings ?? []).join(" ")}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    shown.sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) * (sort.down ? -1 : 1));
    heads.forEach((head, i) => head.setAttribute("aria-sort", i !== sort.column ? "none" : sort.down ? "descending" : "ascending"));
    count.textContent = shown.length === runs.length ? `${runs.length} runs` : `${shown.length} of ${runs.length} runs`;
    body.replaceChildren(...shown.map(line));
  }

  function line(run) {
    const pick = h("input", { type: "checkbox", checked: picked.has(run.id), "aria-label": `Compare ${run.id}`, onchange: () => {
      if (pick.checked && picked.size === MOST_COMPARED) pick.checked = false;
      if (pick.checked) picked.add(run.id);
      else picked.delete(run.id);
      compare.disabled = picked.size < 2;
      compare.textContent = picked.size < 2 ? "Compare" : `Compare ${picked.size}`;
    } });
    const face = run.picture
      ? h("img", { src: pictureUrl(run.id, run.picture, run.modified), alt: "", loading: "lazy",
          // Of a sheet of small pictures the first ones are shown, of a plot the whole.
          onload: ({ target }) => target.classList.toggle("sheet", target.naturalWidth < 480), onerror: (event) => (event.target.style.visibility = "hidden") })
      : h("div", { className: "blank" });
    const share = Math.min(1, run.kimg / (run.kimg_total || 1));
    const best = run.best && h("div", {}, number(run.best.value), h("div", { className: "muted small" }, run.best.protocol.split("-")[0]));
    return h("tr", {},
      h("td", { className: "pick" }, pick),
      h("td", { className: "title" }, h("a", { className: "name", href: `#/runs/${encodeURIComponent(run.id)}` }, face,
        h("div", {}, h("span", {}, run.id), h("div", { className: "muted small" }, run.method)))),
      h("td", { className: "data" }, run.data),
      h("td", { className: "n" }, `${number(run.kimg)} kimg`, run.state !== "done" && h("span", { className: "progress", role: "img", "aria-label": `${Math.round(share * 100)} % of ${number(run.kimg_total)} kimg` }, h("i", { style: `width:${share * 100}%` }))),
      h("td", { className: "curve" }, run.accuracy.length ? sparkline(run.accuracy, `D accuracy, now ${Math.round(100 * run.accuracy.at(-1))} %`) : ""),
      h("td", { className: "n" }, best ?? ""),
      h("td", {}, state(run)),
      h("td", { className: "n when muted" }, ago(run.modified)));
  }

  const head = h("div", { className: "page-head" }, h("div", {}, h("h1", {}, "Runs"), count), h("div", { className: "row tools" }, filter, compare));
  if (runs.length === 0) {
    root.append(head, empty("No runs yet", "Start one with ", h("code", {}, "gannet train"), ", or play in the ", h("a", { href: "#/playground" }, "playground"), "."));
  } else root.append(head, h("div", { className: "card table-card" }, table));
  fill();
  const timer = setInterval(async () => {
    if (document.hidden || root.contains(document.activeElement)) return;
    try {
      ({ runs } = await getJson("runs"));
      fill();
    } catch { /* The next look may succeed. */ }
  }, 4000);
  return () => clearInterval(timer);
}
