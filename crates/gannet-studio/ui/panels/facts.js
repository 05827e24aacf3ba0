// What a run is, at a glance.

import { pictureUrl } from "../api.js";
import { copy, h, number } from "../dom.js";

/** The run's state as a pill; findings of its doctor go before. */
export function state(run) {
  const pills = [];
  if (run.state === "training") pills.push(h("span", { className: "pill live" }, "training"));
  for (const finding of run.findings ?? []) pills.push(h("span", { className: "pill bad" }, finding.replaceAll("-", " ")));
  if (run.findings?.length === 0) pills.push(h("span", { className: "pill good" }, "healthy"));
  if (run.state === "stopped") pills.push(h("span", { className: "pill warn" }, "stopped"));
  if (run.state === "done" && !pills.length) pills.push(h("span", { className: "pill" }, "done"));
  return h("div", { className: "row", style: "gap:6px" }, pills);
}

export function facts(run, last) {
  const accuracy = last && last.accuracy_real !== undefined ? Math.round(50 * (last.accuracy_real + last.accuracy_fake)) : null;
  const speed = last?.sec_per_kimg ? 1000 / last.sec_per_kimg : null;
  const items = [
    ["Images seen", [number(run.kimg), h("small", {}, run.state === "done" ? " kimg" : ` of ${number(run.kimg_total)} kimg`)]],
    ["Images a second", speed ? number(speed) : "–"],
    ["D accuracy", accuracy === null ? "–" : `${accuracy} %`],
  ];
  if (run.best) items.push([`Best ${run.best.protocol.split("-")[0]}`, number(run.best.value)]);
  return h("dl", { className: "facts", style: "margin:0" }, items.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

export function command(text) {
  return h("div", { className: "command" }, h("code", { tabIndex: 0 }, text), h("button", { onclick: () => copy(text), "aria-label": `Copy ${text}` }, "Copy"));
}

/** What the doctor of the run `id` found, the newest first. */
export function findings(id, events) {
  const told = events.filter((event) => event.kind);
  if (!told.length) return null;
  const evidence = (event) => (event.conditions ?? []).map((c) => `${c.figure} ${number(c.value)}, ${c.is} ${number(c.threshold)}`).join("; ");
  return h("ul", { className: "findings" }, told.toReversed().map((event) =>
    h("li", {}, h("time", {}, `${number(event.kimg)} kimg`),
      h("div", {},
        h("span", { className: `pill ${event.state === "raised" ? "bad" : "good"}` }, `${event.kind.replaceAll("-", " ")}${event.state === "cleared" ? " cleared" : ""}`),
        h("p", { className: "muted small" }, evidence(event)),
        event.advice ? h("p", {}, `${event.advice[0].toUpperCase()}${event.advice.slice(1)}.`) : null,
        event.change?.length && event.state === "raised" ? h("p", { className: "small" }, event.change.map((change) => h("code", {}, `--set ${change} `))) : null,
        event.picture ? h("a", { className: "evidence", href: pictureUrl(id, event.picture), target: "_blank", title: "What was seen" },
          h("img", { src: pictureUrl(id, event.picture), alt: `Samples at ${number(event.kimg)} kimg`, loading: "lazy" })) : null))));
}

/** A setting's value without quotes. */
export const plain = (value) => (value === undefined ? "–" : value.replace(/^"(.*)"$/, "$1"));

/** A setting's name, which may break after its dots and underscores. */
export const settingName = (name) => h("code", {}, name.split(/(?<=[._])/).flatMap((part) => [part, h("wbr")]));

/** The settings as a flat list of names and values. */
export function flat(config, prefix = "") {
  return Object.entries(config ?? {}).flatMap(([name, value]) =>
    value && typeof value === "object" && !Array.isArray(value) ? flat(value, `${prefix}${name}.`) : [[`${prefix}${name}`, JSON.stringify(value)]]);
}
