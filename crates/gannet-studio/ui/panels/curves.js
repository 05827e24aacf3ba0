// The course of a training, chart by chart.

import { chart } from "../chart.js";
import { h, number } from "../dom.js";

const percent = (value) => `${Math.round(100 * value)} %`;
const REAL = "var(--real)", FAKE = "var(--fake)";

/** Figures that belong together: [title, [[figure, name, colour], ...], options]. */
const CHARTS = [
  ["Loss", [["loss_critic", "D", REAL], ["loss_generator", "G", FAKE]]],
  ["D accuracy", [["accuracy_real", "reals", REAL], ["accuracy_fake", "fakes", FAKE]], { range: [0, 1], goal: 0.5, format: percent }],
  ["Scores", [["score_real", "reals", REAL], ["score_fake", "fakes", FAKE]]],
  ["Gradient norms", [["gradient_norm_critic", "D", REAL], ["gradient_norm_generator", "G", FAKE]]],
  ["Penalty", [["penalty", "penalty", REAL]]],
  ["Augmentation strength", [["augment", "strength", REAL]], { range: [0, 1], format: percent }],
  ["Learning rates", [["learning_rate_critic", "D", REAL], ["learning_rate_generator", "G", FAKE]]],
  ["Images a second", [["speed", "images/s", REAL]]],
];

export function curves() {
  const node = h("div", { className: "charts" });
  const shown = new Map();

  /** `lines` of figures and, at moments of their own, learning `rates`. */
  function update(lines, rates = []) {
    const rows = [...lines.map((line) => ({ ...line, speed: line.sec_per_kimg ? 1000 / line.sec_per_kimg : undefined })), ...rates];
    for (const [i, [title, figures, options]] of CHARTS.entries()) {
      const series = figures
        .map(([figure, name, color]) => ({ name, color, points: rows.filter((row) => Number.isFinite(row[figure])).map((row) => [row.kimg, row[figure]]) }))
        .filter(({ points }) => points.length);
      if (!series.length) continue;
      if (shown.has(title)) shown.get(title).update(series);
      else {
        const made = chart({ label: title, series, ...options });
        made.card = h("section", { className: "card chart-card" }, h("h2", {}, title), made.node);
        shown.set(title, made);
        const next = CHARTS.slice(i + 1).map(([later]) => shown.get(later)?.card).find(Boolean);
        node.insertBefore(made.card, next ?? node.querySelector(".metric"));
      }
    }
  }
  return { node, update };
}

const HEADLINES = ["distance", "mean", "overall", "n_covered"];

/** One chart for each protocol; `lines` of a metric hold images_seen and figures. */
export function metricCharts(metrics) {
  return metrics.flatMap(({ protocol, lines }) => {
    const figure = HEADLINES.find((name) => lines.some((line) => Number.isFinite(line[name])));
    if (!figure) return [];
    const points = lines.filter((line) => Number.isFinite(line[figure])).map((line) => [line.images_seen / 1000, line[figure]]);
    if (points.length < 2) {
      return [h("section", { className: "card chart-card metric" }, h("h2", {}, protocol), h("p", {}, `${figure} `, h("b", {}, number(points[0][1], 4)), ` at ${number(points[0][0])} kimg`))];
    }
    const made = chart({ label: protocol, series: [{ name: figure, color: REAL, points }] });
    return [h("section", { className: "card chart-card metric" }, h("h2", {}, protocol), made.node)];
  });
}
