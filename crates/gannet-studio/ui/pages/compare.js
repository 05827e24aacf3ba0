// Two to six runs side by side.

import { getJson, ofRun, pictureUrl } from "../api.js";
import { chart } from "../chart.js";
import { h } from "../dom.js";
import { flat, plain, settingName, state } from "../panels/facts.js";

const COLORS = ["var(--real)", "var(--fake)", "var(--good)", "var(--warn)", "var(--muted)", "var(--ink)"];
const percent = (value) => `${Math.round(100 * value)} %`;

export async function render(root, [list]) {
  document.title = "Compare · gannet studio";
  const ids = list.split(",").map(decodeURIComponent).slice(0, COLORS.length);
  const details = await Promise.all(ids.map((id) => getJson(ofRun(id))));
  const stats = await Promise.all(ids.map(async (id) => (await getJson(ofRun(id, "/stats"))).lines));
  const course = (figure) => ids.map((id, i) => ({
    name: id.split("-")[0], color: COLORS[i],
    points: stats[i].map((line) => [line.kimg, figure(line)]).filter(([, value]) => Number.isFinite(value)),
  }));
  const card = (title, figure, options) => h("section", { className: "card chart-card" }, h("h2", {}, title),
    chart({ label: title, series: course(figure), height: 200, ...options }).node);

  const settings = details.map(({ config }) => new Map(flat(config)));
  const names = [...new Set(settings.flatMap((map) => [...map.keys()]))].filter((name) => new Set(settings.map((map) => map.get(name))).size > 1);
  root.className = "compare";
  root.append(
    h("div", { className: "page-head" }, h("div", {}, h("h1", {}, "Compare"), h("p", {}, `${ids.length} runs`)), h("a", { className: "button", href: "#/runs" }, "All runs")),
    h("div", { className: "compare-strip" }, details.map(({ run }, i) => h("figure", {},
      run.picture ? h("img", { src: pictureUrl(run.id, run.picture), alt: `Samples of ${run.id}` }) : null,
      h("figcaption", {}, h("i", { style: `display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:8px;background:${COLORS[i]}` }),
        h("a", { href: `#/runs/${encodeURIComponent(run.id)}` }, run.id), state(run))))),
    h("div", { className: "charts" },
      card("D accuracy", (line) => 0.5 * (line.accuracy_real + line.accuracy_fake), { range: [0, 1], goal: 0.5, format: percent }),
      card("G loss", (line) => line.loss_generator),
      card("D loss", (line) => line.loss_critic)),
    h("section", { className: "card", style: "margin-top:20px;overflow-x:auto" }, h("h2", {}, "Settings that differ"),
      names.length ? h("table", { className: "plain" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Setting"), ids.map((id) => h("th", { scope: "col" }, id)))),
        h("tbody", {}, names.map((name) => h("tr", {}, h("td", {}, settingName(name)), settings.map((map) => h("td", {}, plain(map.get(name))))))))
        : h("p", { className: "muted" }, "None.")));
}
