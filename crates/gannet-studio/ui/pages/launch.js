// A new training: a form made of the registry and the recipes, with the command that does the same.

import { getJson, postJson } from "../api.js";
import { h, notice, number } from "../dom.js";
import { command, flat, plain } from "../panels/facts.js";

/** Settings that stand in the form by themselves. */
const MAIN = ["data.source", "method.name", "train.kimg", "train.batch", "train.seed"];
const PAUSE = 250;
const count = (n) => (n < 1e6 ? `${number(n / 1e3)} k` : `${number(n / 1e6)} M`);

export async function render(root) {
  document.title = "Launch · gannet studio";
  const catalogue = await getJson("launch");
  /** What was chosen, by name, as TOML writes it. */
  let chosen = new Map();
  let timer = null, asked = 0, ended = false;

  const option = ({ name }) => h("option", { value: name }, name);
  const recipe = h("select", { id: "launch-recipe", onchange: () => takeRecipe(recipe.value) },
    h("option", { value: "" }, "No recipe"), catalogue.recipes.map(option));
  const about = h("p", { className: "muted small", id: "launch-about" });
  const data = h("select", { id: "launch-data", onchange: () => put("data.source", data.value) }, catalogue.data.map(option));
  const dataSays = h("p", { className: "muted small" });
  const method = h("select", { id: "launch-method", onchange: () => {
    // The settings of one method are no settings of another.
    chosen = new Map([...chosen].filter(([name]) => !name.startsWith("method.")));
    put("method.name", method.value);
  } }, catalogue.methods.map(option));
  const methodSays = h("p", { className: "muted small" });
  const box = (name, props) => h("input", { type: "number", id: `launch-${name}`, ...props, onchange: ({ target }) => put(name, target.value) });
  const boxes = { "train.kimg": box("train.kimg", { min: 0, step: "any" }), "train.batch": box("train.batch", { min: 1, step: 1 }), "train.seed": box("train.seed", { min: 0, step: 1 }) };
  const field = (label, control, ...more) => h("div", { className: "launch-field" }, h("label", { htmlFor: control.id }, label), control, more);

  const rest = h("div", { className: "launch-rest" });
  const outcome = h("div", { className: "stack", "aria-live": "polite" });
  const start = h("button", { className: "first", disabled: true, onclick: launch }, "Start training");

  function put(name, value) {
    if (value === "") chosen.delete(name);
    else chosen.set(name, value);
    check();
  }

  function takeRecipe(name) {
    const found = catalogue.recipes.find((one) => one.name === name);
    chosen = found ? new Map(flat(found.settings).map(([key, value]) => [key, plain(value)]))
      : new Map([["data.source", "ring"]]);
    about.textContent = found?.about ?? "";
    check();
  }

  const wish = () => ({ set: [...chosen].map(([name, value]) => `${name}=${value}`) });

  function check() {
    reflect();
    clearTimeout(timer);
    start.disabled = true;
    timer = setTimeout(async () => {
      const mine = ++asked;
      try {
        const found = await postJson("launch/check", wish());
        if (mine === asked && !ended) show(found);
      } catch (error) {
        if (mine === asked && !ended) outcome.replaceChildren(h("div", { className: "problem", role: "alert" }, error.message));
      }
    }, PAUSE);
  }

  function reflect() {
    data.value = chosen.get("data.source") ?? "";
    if (chosen.has("method.name")) method.value = chosen.get("method.name");
    dataSays.textContent = catalogue.data.find(({ name }) => name === data.value)?.summary ?? "";
  }

  function show({ command: words, config, n_parameters: sizes, memory_mb: memory, data: description }) {
    const all = new Map(flat(config));
    method.value = config.method.name;
    const entry = catalogue.methods.find(({ name }) => name === method.value);
    methodSays.textContent = `${entry.summary[0].toUpperCase()}${entry.summary.slice(1)}. ${entry.advice}`;
    dataSays.textContent = description;
    for (const [name, input] of Object.entries(boxes)) input.value = all.get(name) ?? "";
    rest.replaceChildren(...[...all].filter(([name]) => !MAIN.includes(name)).map(([name, value]) => {
      const id = `launch-${name}`;
      const control = value === "true" || value === "false"
        ? h("input", { type: "checkbox", id, checked: value === "true", onchange: ({ target }) => put(name, String(target.checked)) })
        : h("input", { type: "text", id, value: plain(value), spellcheck: false, onchange: ({ target }) => put(name, target.value) });
      return h("div", { className: "launch-setting" }, h("label", { htmlFor: id, className: chosen.has(name) ? "changed" : "" }, h("code", {}, name)), control);
    }));
    outcome.replaceChildren(
      h("dl", { className: "facts", style: "margin:0" }, [
        ["G parameters", count(sizes.generator)], ["D parameters", count(sizes.critic)], ["Memory, about", `${number(memory)} MB`],
      ].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      h("div", {}, h("h3", {}, "The same from a terminal"), command(words)));
    start.disabled = !catalogue.can_start;
  }

  async function launch() {
    start.disabled = true;
    try {
      const { run } = await postJson("launch", wish());
      location.hash = `#/runs/${encodeURIComponent(run)}`;
    } catch (error) {
      notice(error.message);
      start.disabled = false;
    }
  }

  root.append(
    h("div", { className: "page-head" }, h("div", {}, h("h1", {}, "Launch"), h("p", {}, "Choose, see what it means, start."))),
    h("div", { className: "launch" },
      h("section", { className: "card" }, h("h2", {}, "Training"), h("div", { className: "launch-fields" },
        field("Begin with", recipe, about), field("Data", data, dataSays), field("Method", method, methodSays),
        field("Length, kimg", boxes["train.kimg"]), field("Batch", boxes["train.batch"]), field("Seed", boxes["train.seed"])),
        h("details", { className: "more" }, h("summary", {}, "All settings"), rest)),
      h("section", { className: "card stack launch-outcome" }, h("h2", {}, "What will happen"), outcome,
        catalogue.can_start ? h("div", { className: "row" }, start, h("p", { className: "muted small" }, "It goes on when this page or the studio closes."))
          : h("p", { className: "muted small" }, "This studio only shows trainings. Copy the command."),
        h("p", { className: "muted small" }, "For a folder of your own pictures, copy the command and put its path after ", h("code", {}, "--data"), "."))));
  takeRecipe("");
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
