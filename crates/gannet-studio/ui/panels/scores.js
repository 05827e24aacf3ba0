// How D scores reals and fakes, as two histograms over one range, at any snapshot.

import { h, number, s } from "../dom.js";

const [WIDTH, HEIGHT, FOOT] = [400, 130, 20];

/** `lines` of scores.jsonl: low, high, counts of real and fake. */
export function scores() {
  const plot = s("svg", { class: "chart scores", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const time = h("input", { type: "range", min: 0, value: 0, step: 1, "aria-label": "Snapshot", oninput: draw });
  const moment = h("output");
  const node = h("section", { className: "card chart-card metric", hidden: true }, h("h2", {}, "Scores of reals and fakes"),
    h("div", { className: "legend" }, h("span", {}, h("i", { style: "background:var(--real)" }), "reals"), h("span", {}, h("i", { style: "background:var(--fake)" }), "fakes")),
    plot, h("div", { className: "time-row" }, time, moment));
  let lines = [];

  function draw() {
    const line = lines[time.value];
    if (!line) return;
    const most = Math.max(...line.real, ...line.fake, 1);
    const bar = WIDTH / line.real.length;
    const bars = (counts, kind) => s("g", { class: kind }, counts.map((count, i) => {
      const height = (count / most) * (HEIGHT - FOOT - 6);
      return count ? s("rect", { x: i * bar, width: Math.max(bar - 1, 1), y: HEIGHT - FOOT - height, height }) : null;
    }));
    plot.replaceChildren(bars(line.real, "real"), bars(line.fake, "fake"),
      s("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT - FOOT, y2: HEIGHT - FOOT }),
      s("text", { x: 0, y: HEIGHT - 5 }, number(line.low)), s("text", { x: WIDTH, y: HEIGHT - 5, "text-anchor": "end" }, number(line.high)));
    moment.textContent = `${number(line.kimg)} kimg`;
    time.setAttribute("aria-valuetext", moment.textContent);
    // How much of the two lies under both: 100 % where D cannot tell them apart.
    const share = (counts) => counts.map((count) => count / Math.max(1, counts.reduce((a, b) => a + b, 0)));
    const [real, fake] = [share(line.real), share(line.fake)];
    const overlap = real.reduce((sum, p, i) => sum + Math.min(p, fake[i]), 0);
    plot.setAttribute("aria-label", `Scores of D from ${number(line.low)} to ${number(line.high)}; reals and fakes overlap by ${Math.round(100 * overlap)} %`);
  }

  return {
    node,
    update(next) {
      const stood = Number(time.value) >= lines.length - 1;
      lines = next;
      node.hidden = !lines.length;
      time.max = Math.max(0, lines.length - 1);
      if (stood) time.value = time.max;
      draw();
    },
  };
}
