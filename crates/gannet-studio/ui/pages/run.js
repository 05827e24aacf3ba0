// One run, live.

import { getJson, getText, ofRun } from "../api.js";
import { h, notice, number } from "../dom.js";
import { control } from "../panels/control.js";
import { curves, metricCharts } from "../panels/curves.js";
import { command, facts, findings, flat, plain, settingName, state } from "../panels/facts.js";
import { gallery } from "../panels/gallery.js";
import { scores } from "../panels/scores.js";

export async function render(root, [id]) {
  document.title = `${id} · gannet studio`;
  let detail = await getJson(ofRun(id));
  const { run } = detail;
  const page = { samples: ["explore", "Explore the generator"], translates: ["translate", "Translate a picture"], enlarges: ["translate", "Enlarge a picture"], fills: ["inpaint", "Fill holes"] }[run.deed];
  let lines = [];
  const samples = gallery(id);
  const charts = curves();
  const told = scores();
  const steer = control(id, () => setTimeout(renew, 1000));
  const glance = h("section", { className: "card", "aria-label": "At a glance" });
  const pills = h("div");
  const doctor = h("section", { className: "card" });
  const log = h("pre", { className: "box", tabIndex: 0, role: "region", "aria-label": "Log" });
  const diff = h("div");
  const commands = h("section", { className: "card" }, h("h2", {}, "Go on from here"), Object.values(detail.commands).map(command));

  function refresh() {
    glance.replaceChildren(facts({ ...detail.run, kimg: lines.at(-1)?.kimg ?? detail.run.kimg }, lines.at(-1)));
    pills.replaceChildren(state(detail.run));
    charts.update(lines, detail.learning_rates);
    steer.update(detail);
    told.update(detail.scores);
    const found = findings(id, detail.findings);
    doctor.hidden = !found && detail.run.findings === null;
    doctor.replaceChildren(h("h2", {}, "Doctor"), found ?? h("p", { className: "muted" }, "Nothing found so far."));
  }

  async function renew() {
    detail = await getJson(ofRun(id)).catch(() => detail);
    refresh();
  }

  async function compareWith(other) {
    diff.replaceChildren();
    if (!other) return;
    const theirs = new Map(flat((await getJson(ofRun(other))).config));
    const ours = new Map(flat(detail.config));
    const names = [...new Set([...ours.keys(), ...theirs.keys()])].filter((name) => ours.get(name) !== theirs.get(name));
    diff.append(names.length
      ? h("table", { className: "plain" }, h("thead", {}, h("tr", {}, ["Setting", "Here", "There"].map((title) => h("th", { scope: "col" }, title)))),
          h("tbody", {}, names.map((name) => h("tr", {}, h("td", {}, settingName(name)), h("td", {}, plain(ours.get(name))), h("td", {}, plain(theirs.get(name)))))))
      : h("p", { className: "muted" }, "The settings are the same."));
  }

  const others = h("select", { "aria-label": "Compare the settings with another run", onchange: () => compareWith(others.value).catch((error) => notice(error.message)) },
    h("option", { value: "" }, "Compare with…"));
  const settings = h("details", { className: "card" }, h("summary", {}, "Settings"), h("div", { className: "row", style: "margin-bottom:14px" }, others), diff,
    h("pre", { className: "box", tabIndex: 0, role: "region", "aria-label": "config.toml" }, detail.config_text));
  settings.addEventListener("toggle", async () => {
    if (!settings.open || others.length > 1) return;
    const { runs } = await getJson("runs");
    others.append(...runs.filter((other) => other.id !== id).map((other) => h("option", { value: other.id }, other.id)));
  });
  const logBox = h("details", { className: "card" }, h("summary", {}, "Log"), log);
  const readLog = async () => {
    log.textContent = (await getText(ofRun(id, "/log?lines=300"))) || "This run kept no log.";
    log.scrollTop = log.scrollHeight;
  };
  logBox.addEventListener("toggle", () => logBox.open && readLog());

  root.append(
    h("div", { className: "page-head" },
      h("div", {}, h("h1", {}, id), h("p", {}, `${run.method} on ${run.data}, ${number(run.kimg_total)} kimg planned`)),
      h("div", { className: "row" }, pills, steer.node, run.has_generator && page ? h("a", { className: "button", href: `#/${page[0]}/${encodeURIComponent(id)}` }, page[1]) : null)),
    h("div", { className: "run-grid" },
      h("div", { className: "stack" }, samples.node, glance, doctor),
      h("div", { className: "stack" }, charts.node, settings, logBox, commands)));
  charts.node.append(...metricCharts(detail.metrics), told.node);
  samples.update(detail.pictures);
  refresh();

  const source = new EventSource(`api/${ofRun(id, "/events")}`);
  source.onmessage = async (event) => {
    const news = JSON.parse(event.data);
    lines = news.replace ? news.lines : lines.concat(news.lines);
    if (news.pictures) samples.update(news.pictures);
    refresh();
    if (!news.replace) {
      await renew();
      if (logBox.open) readLog().catch(() => {});
    }
  };
  return () => source.close();
}
