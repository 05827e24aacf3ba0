// Everything that can be set, made from the engine's own lists.

import { h, notice, term } from "../dom.js";

const MOST_POINTS = 2000;

/** `onchange(settings)` is called with the settings after every change. */
export function controls({ catalogue, onchange, onshow }) {
  const meaning = Object.fromEntries(catalogue.glossary.map(({ name, meaning }) => [name, meaning]));
  let settings = structuredClone(catalogue.defaults);
  const renew = [];

  const get = (path) => path.split(".").reduce((at, part) => at[part], settings);
  function set(path, value) {
    const parts = path.split(".");
    const last = parts.pop();
    settings = structuredClone(settings);
    parts.reduce((at, part) => at[part], settings)[last] = value;
    onchange(settings);
    sync();
  }

  function select(path) {
    const group = catalogue.groups.find(({ setting }) => setting === path);
    const menu = h("select", { id: `set-${path}`, onchange: () => set(path, menu.value) },
      group.choices.map(({ value, title }) => h("option", { value }, title)));
    renew.push(() => {
      menu.value = get(path);
      menu.title = group.choices.find(({ value }) => value === get(path))?.summary ?? "";
    });
    return menu;
  }

  function input(path, label, props) {
    const box = h("input", { type: "number", id: `set-${path}`, "aria-label": label, ...props, onchange: () => {
      const value = Number(box.value);
      if (box.value !== "" && Number.isFinite(value)) set(path, value);
      else sync();
    } });
    // The engine counts in single precision: 0.04 shall not read as 0.0399999991.
    renew.push(() => (box.value = Number(get(path).toPrecision(6))));
    return box;
  }

  function check(path) {
    const box = h("input", { type: "checkbox", id: `set-${path}`, onchange: () => set(path, box.checked) });
    renew.push(() => (box.checked = get(path)));
    return box;
  }

  const field = (path, label, control) => h("div", { className: "field" }, h("label", { htmlFor: `set-${path}` }, term(label, meaning[path])), control);
  const pair = (part, label, props) => h("div", { className: "field pair" }, term(label, meaning[part]),
    input(`generator.${part}`, `G: ${label}`, props), input(`critic.${part}`, `D: ${label}`, props));
  const card = (title, ...children) => h("section", { className: "card" }, h("h2", {}, title), h("div", { className: "fields" }, children));

  const paste = h("textarea", { placeholder: "0.5, 0.2\n-0.4, 0.8", "aria-label": "Points as CSV: x, y on each line", spellcheck: false });
  const own = h("div", { className: "own" },
    h("p", { className: "small muted" }, "Draw in the plane, or paste one x, y on each line."), paste,
    h("div", { className: "row" }, h("button", { onclick: take }, "Use these"), h("button", { onclick: () => set("own", [[0, 0]]) }, "Clear")));
  renew.push(() => (own.hidden = get("data") !== "own"));

  function take() {
    const points = paste.value.split(/\n/).map((line) => line.split(/[,;\s]+/).filter(Boolean).map(Number)).filter((point) => point.length >= 2 && point.slice(0, 2).every(Number.isFinite));
    if (!points.length) {
      notice("No line holds two numbers.");
      return;
    }
    // Fitted into the plane, as it is shown.
    const largest = Math.max(...points.flatMap(([x, y]) => [Math.abs(x), Math.abs(y)]), 1e-9);
    const scale = largest > 1.2 ? 1 / largest : 1;
    set("own", points.slice(0, MOST_POINTS).map(([x, y]) => [x, y].map((value) => Math.round(value * scale * 1000) / 1000)));
  }

  const shows = [["field", "D's field"], ["manifold", "G's net"], ["arrows", "arrows"]].map(([name, label]) => {
    const box = h("input", { type: "checkbox", checked: true, onchange: () => onshow(name, box.checked) });
    return h("label", {}, box, term(label, meaning[name]));
  });

  const node = h("div", { className: "play-controls" },
    card("Data", field("data", "Points", select("data")), field("spread", "Spread", input("spread", "Spread", { min: 0.005, max: 0.5, step: 0.005 })), own),
    card("Game", field("loss", "Loss", select("loss")), field("penalty", "Penalty", select("penalty")),
      field("gamma", "Penalty weight", input("gamma", "Weight of the penalty", { min: 0, max: 1000, step: 0.01 })),
      field("spectral", "Spectral norm", check("spectral")),
      field("n_critic", "D moves a step", input("n_critic", "Moves of D", { min: 1, max: 20, step: 1 })),
      field("batch", "Batch", input("batch", "Batch", { min: 2, max: 1024, step: 1 }))),
    card("Players",
      h("div", { className: "pair-head", ariaHidden: "true" }, h("span"), h("span", { className: "g-mark" }, "G"), h("span", { className: "d-mark" }, "D")),
      pair("learning_rate", "Learning rate", { min: 0, max: 1, step: "any" }),
      pair("layers", "Layers", { min: 1, max: 6, step: 1 }),
      pair("width", "Width", { min: 1, max: 256, step: 1 }),
      field("optimizer", "Optimizer", select("optimizer")),
      field("beta_1", "Adam's beta 1", input("beta_1", "Beta 1", { min: 0, max: 0.999, step: 0.1 })),
      field("noise", "Noise", select("noise")),
      field("noise_dim", "Noise size", input("noise_dim", "Dimensions of the noise", { min: 1, max: 64, step: 1 })),
      field("seed", "Seed", input("seed", "Seed", { min: 0, step: 1 }))),
    card("Show", h("div", { className: "shows" }, shows)));

  function sync() {
    renew.forEach((one) => one());
  }

  return {
    node,
    /** Shows other settings, without telling anybody. */
    show(next) {
      settings = structuredClone(next);
      sync();
    },
    addPoint(point) {
      const points = settings.own.length === 1 && settings.own[0].every((v) => v === 0) ? [] : settings.own;
      if (points.length < MOST_POINTS) set("own", [...points, point]);
    },
  };
}
