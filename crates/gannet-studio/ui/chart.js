// Line charts as SVG: few lines, few numbers, the value under the pointer in the legend.

import { h, number, s } from "./dom.js";

function ticks(low, high, n) {
  const span = high - low || 1;
  const rough = span / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => m >= rough) ?? 10 * power;
  const marks = [];
  for (let mark = Math.ceil(low / step) * step; mark <= high + 1e-9 * span; mark += step) marks.push(mark);
  return marks;
}

/**
 * A chart that can be given new data. `series`: [{name, color, points: [[x, y], ...]}]. `range`: fixed [low, high] of y.
 * `goal`: a dashed line. `format`: of values.
 */
export function chart({ label, series, range, goal, height = 150, format = number, unit = "kimg" }) {
  const legend = h("div", { className: "legend" });
  const plot = s("svg", { class: "chart", height, role: "img" });
  const node = h("div", {}, legend, plot);
  let shown = series;
  let place = null;
  let width = 400;

  function draw() {
    const left = 38, right = 6, top = 8, bottom = 20;
    const all = shown.flatMap(({ points }) => points).filter(([, y]) => Number.isFinite(y));
    const xs = all.map(([x]) => x);
    const ys = all.map(([, y]) => y).sort((a, b) => a - b);
    let [x0, x1] = xs.length ? [Math.min(...xs), Math.max(...xs)] : [0, 1];
    if (x0 === x1) x1 = x0 + 1;
    // One wild value shall not flatten all others.
    let [y0, y1] = range ?? (ys.length ? [ys[Math.floor(ys.length * 0.01)], ys[Math.ceil(ys.length * 0.99) - 1]] : [0, 1]);
    if (!range) {
      const pad = (y1 - y0 || Math.abs(y1) || 1) * 0.12;
      [y0, y1] = [y0 - pad, y1 + pad];
    }
    const X = (x) => left + ((x - x0) / (x1 - x0)) * (width - left - right);
    const Y = (y) => height - bottom - ((Math.min(Math.max(y, y0), y1) - y0) / (y1 - y0)) * (height - top - bottom);
    plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const parts = [];
    for (const y of ticks(y0, y1, 3)) {
      parts.push(s("line", { class: "axis", x1: left, x2: width - right, y1: Y(y), y2: Y(y) }));
      parts.push(s("text", { x: left - 6, y: Y(y) + 3.5, "text-anchor": "end" }, format(y)));
    }
    const marks = ticks(x0, x1, 4);
    // The unit stands at the right end; a mark that it would cover gives way.
    const room = 8 * unit.length + 18;
    for (const x of marks.filter((x) => X(x) < width - room)) {
      parts.push(s("text", { x: X(x), y: height - 4, "text-anchor": "middle" }, number(x)));
    }
    parts.push(s("text", { x: width - right, y: height - 4, "text-anchor": "end" }, unit));
    if (goal !== undefined) {
      parts.push(s("line", { class: "goal", x1: left, x2: width - right, y1: Y(goal), y2: Y(goal) }));
    }
    for (const { points, color } of shown) {
      const path = points
        .filter(([, y]) => Number.isFinite(y))
        .map(([x, y], i) => `${i ? "L" : "M"}${X(x).toFixed(1)} ${Y(y).toFixed(1)}`)
        .join("");
      parts.push(s("path", { d: path || "M0 0", style: `stroke:${color}` }));
    }
    if (place !== null) {
      const at = x0 + ((place - left) / (width - left - right)) * (x1 - x0);
      parts.push(s("line", { class: "goal", x1: place, x2: place, y1: top, y2: height - bottom }));
      tell(at);
    } else tell(Infinity);
    plot.replaceChildren(...parts);
  }

  function tell(at) {
    const texts = [];
    legend.replaceChildren(
      ...shown.map(({ name, color, points }) => {
        const point = at === Infinity ? points.at(-1) : nearest(points, at);
        texts.push(`${name} ${point ? format(point[1]) : "none"}`);
        return h("span", {}, h("i", { style: `background:${color}` }), name, " ", h("b", {}, point ? format(point[1]) : "–"));
      }),
    );
    plot.setAttribute("aria-label", `${label}: ${texts.join(", ")}`);
  }

  function nearest(points, at) {
    return points.reduce((best, point) => (!best || Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best), null);
  }

  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    place = Math.min(Math.max(((event.clientX - box.left) / box.width) * width, 38), width - 6);
    draw();
  });
  plot.addEventListener("pointerleave", () => {
    place = null;
    draw();
  });
  // Text keeps its size however wide the chart is.
  new ResizeObserver(([{ contentRect }]) => {
    if (!contentRect.width || Math.round(contentRect.width) === width) return;
    width = Math.round(contentRect.width);
    draw();
  }).observe(plot);
  draw();
  return {
    node,
    update(series) {
      shown = series;
      draw();
    },
  };
}

/** A curve as small as a word. Values in [0, 1]; the middle is marked. */
export function sparkline(values, label) {
  const [w, t] = [112, 30];
  const x = (i) => (values.length < 2 ? w / 2 : (i / (values.length - 1)) * w);
  const y = (v) => t - 2 - Math.min(Math.max(v, 0), 1) * (t - 4);
  const d = values.map((v, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  return s("svg", { class: "spark", viewBox: `0 0 ${w} ${t}`, role: "img", "aria-label": label },
    s("line", { x1: 0, x2: w, y1: t / 2, y2: t / 2 }), s("path", { d: d || "M0 0" }));
}
