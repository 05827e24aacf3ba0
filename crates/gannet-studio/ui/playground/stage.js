// The plane: D's field, the 50 % line, G's net, arrows and points.

import { h } from "../dom.js";

const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const LIGHT_COLORS = { real: [139, 178, 240], middle: [214, 204, 219], fake: [242, 155, 146], realDot: "#16479b", fakeDot: "#b3261e", net: "60 40 80", arrow: "rgb(90 20 15 / 75%)", rim: "rgb(255 255 255 / 85%)" };
const DARK_COLORS = { real: [34, 74, 142], middle: [58, 46, 62], fake: [138, 44, 40], realDot: "#9cc4ff", fakeDot: "#ffa199", net: "235 225 245", arrow: "rgb(255 214 208 / 75%)", rim: "rgb(10 12 16 / 70%)" };

export function stage(onpoint) {
  const canvas = h("canvas", { tabIndex: 0 });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "The plane with real points and fakes");
  const key = h("div", { className: "key", ariaHidden: "true" },
    h("span", {}, h("i", { style: "background:var(--real)" }), "real"),
    h("span", {}, h("i", { style: "background:var(--fake)" }), "fake"),
    h("span", {}, h("i", { className: "line" }), "D = 50 %"));
  const node = h("div", { className: "stage" }, canvas, key);
  const small = document.createElement("canvas");
  let last = null;

  function fit() {
    const side = Math.round(canvas.clientWidth * Math.min(window.devicePixelRatio || 1, 2)) || 600;
    if (canvas.width !== side) canvas.width = canvas.height = side;
  }

  function draw(snapshot) {
    last = snapshot;
    fit();
    const colors = DARK.matches ? DARK_COLORS : LIGHT_COLORS;
    const context = canvas.getContext("2d");
    const size = canvas.width, unit = size / 640;
    const at = (value, sign) => ((sign * value) / snapshot.limit + 1) * 0.5 * size;
    context.clearRect(0, 0, size, size);
    if (snapshot.field.length) {
      paint(snapshot, colors);
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(small, 0, 0, size, size);
      contour(context, snapshot, size, unit);
    }
    if (snapshot.manifold.length) net(context, snapshot, at, unit, colors);
    dots(context, snapshot.reals, at, 2.7 * unit, colors.realDot, colors.rim);
    if (snapshot.arrows.length) arrows(context, snapshot, at, unit, colors);
    dots(context, snapshot.fakes, at, 2.9 * unit, colors.fakeDot, colors.rim);
  }

  function paint({ field, field_side: side }, { real, middle, fake }) {
    small.width = small.height = side;
    const context = small.getContext("2d");
    const image = context.createImageData(side, side);
    field.forEach((p, i) => {
      const [from, to, share] = p > 0.5 ? [middle, real, 2 * p - 1] : [middle, fake, 1 - 2 * p];
      for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = from[c] + (to[c] - from[c]) * share;
      image.data[4 * i + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  }

  // Marching squares over the centres of the cells.
  function contour(context, { field, field_side: side }, size, unit) {
    const cell = size / side;
    const value = (x, y) => field[y * side + x] - 0.5;
    context.beginPath();
    for (let y = 0; y + 1 < side; y += 1) {
      for (let x = 0; x + 1 < side; x += 1) {
        const corners = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]];
        const cuts = [];
        for (let i = 0; i < 4; i += 1) {
          const [a, b] = [corners[i], corners[(i + 1) % 4]];
          const [va, vb] = [value(...a), value(...b)];
          if (va > 0 === vb > 0) continue;
          const share = va / (va - vb);
          cuts.push([(a[0] + share * (b[0] - a[0]) + 0.5) * cell, (a[1] + share * (b[1] - a[1]) + 0.5) * cell]);
        }
        for (let i = 0; i + 1 < cuts.length; i += 2) {
          context.moveTo(...cuts[i]);
          context.lineTo(...cuts[i + 1]);
        }
      }
    }
    context.lineCap = "round";
    context.strokeStyle = "rgb(30 20 40 / 22%)";
    context.lineWidth = 5 * unit;
    context.stroke();
    context.strokeStyle = "#fff";
    context.lineWidth = 2.6 * unit;
    context.stroke();
  }

  function net(context, { manifold, manifold_side: side }, at, unit, colors) {
    const n = manifold.length / 2;
    const line = (indices) => {
      indices.forEach((i, k) => {
        const [x, y] = [at(manifold[2 * i], 1), at(manifold[2 * i + 1], -1)];
        if (k) context.lineTo(x, y);
        else context.moveTo(x, y);
      });
    };
    context.beginPath();
    for (let row = 0; row * side < n; row += 1) line(Array.from({ length: side }, (_, i) => row * side + i));
    if (n > side) for (let column = 0; column < side; column += 1) line(Array.from({ length: n / side }, (_, i) => i * side + column));
    context.strokeStyle = `rgb(${colors.net} / ${n > side ? 34 : 70}%)`;
    context.lineWidth = (n > side ? 1 : 2) * unit;
    context.stroke();
  }

  function dots(context, points, at, radius, color, rim) {
    context.beginPath();
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = [at(points[i], 1), at(points[i + 1], -1)];
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    }
    context.lineWidth = 0.45 * radius;
    context.strokeStyle = rim;
    context.stroke();
    context.fillStyle = color;
    context.fill();
  }

  // Lengths are compressed, so that long ones do not hide short ones; what has shrunk to nothing is not drawn.
  function arrows(context, { arrows: pulls, fakes }, at, unit, colors) {
    context.beginPath();
    for (let i = 0; i < pulls.length; i += 2) {
      const length = Math.hypot(pulls[i], pulls[i + 1]);
      if (length < 0.01) continue;
      const shown = 34 * unit * Math.tanh(1.2 * Math.sqrt(length));
      const [x, y] = [at(fakes[i], 1), at(fakes[i + 1], -1)];
      const [dx, dy] = [(pulls[i] / length) * shown, (-pulls[i + 1] / length) * shown];
      const head = 0.28;
      context.moveTo(x, y);
      context.lineTo(x + dx, y + dy);
      context.moveTo(x + dx - head * (dx - 0.6 * dy), y + dy - head * (dy + 0.6 * dx));
      context.lineTo(x + dx, y + dy);
      context.lineTo(x + dx - head * (dx + 0.6 * dy), y + dy - head * (dy - 0.6 * dx));
    }
    context.strokeStyle = colors.arrow;
    context.lineWidth = 1.3 * unit;
    context.stroke();
  }

  function place(event) {
    if (!node.classList.contains("drawing") || !(event.buttons & 1)) return;
    const box = canvas.getBoundingClientRect();
    const limit = last?.limit ?? 1.3;
    const value = (offset, length) => Math.round(((offset / length) * 2 - 1) * limit * 100) / 100;
    onpoint([value(event.clientX - box.left, box.width), -value(event.clientY - box.top, box.height)]);
  }
  canvas.addEventListener("pointerdown", place);
  canvas.addEventListener("pointermove", place);
  const again = () => last && draw(last);
  const watcher = new ResizeObserver(again);
  watcher.observe(canvas);
  DARK.addEventListener("change", again);
  return {
    node,
    draw,
    describe: (words) => canvas.setAttribute("aria-label", words),
    setDrawing: (is) => node.classList.toggle("drawing", is),
    close: () => {
      watcher.disconnect();
      DARK.removeEventListener("change", again);
    },
  };
}
