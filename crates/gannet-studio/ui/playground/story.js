// What is going on: the verdict, the curves, and the presets with their stories.

import { chart } from "../chart.js";
import { h, term } from "../dom.js";

const MOST = 600;
const percent = (value) => `${Math.round(100 * value)} %`;
const short = (value) => (Number.isFinite(value) ? value.toFixed(2) : "–");

/** `onpreset(name)` is called when one is chosen. */
export function story({ catalogue, onpreset }) {
  const meaning = Object.fromEntries(catalogue.glossary.map(({ name, meaning }) => [name, meaning]));
  let history = [];
  const title = h("strong", {}, "Starting");
  const evidence = h("p", {});
  const advice = h("p", { className: "small" });
  const modes = h("b", {}), kl = h("b", {});
  const modesLine = h("span", {}, term("Modes", meaning.modes), " ", modes);
  const verdict = h("section", { className: "verdict", "aria-label": "Verdict" },
    h("div", { ariaLive: "polite", role: "status" }, title, evidence, advice),
    h("div", { className: "modes" }, modesLine, h("span", {}, term("KL", meaning.kl, "right"), " ", kl, " nats")));

  const accuracy = chart({ label: "D accuracy", series: [], range: [0, 1], goal: 0.5, format: percent, unit: "steps", height: 110 });
  const losses = chart({ label: "Losses", series: [], format: short, unit: "steps", height: 110 });
  const text = h("p", {});
  const buttons = new Map();
  const remedies = new Set(catalogue.presets.map(({ remedy }) => remedy).filter(Boolean));
  const list = h("div", { className: "presets", role: "group", "aria-label": "Presets" }, catalogue.presets.map((preset) => {
    const label = remedies.has(preset.name) ? "The remedy" : preset.title;
    const button = h("button", { className: remedies.has(preset.name) ? "remedy" : "", "aria-label": preset.title, onclick: () => onpreset(preset.name) }, label);
    buttons.set(preset.name, button);
    return button;
  }));
  const presets = h("section", { className: "card", id: "presets" }, h("h2", {}, "Stories"), list, h("div", { style: "margin-top:12px" }, text));
  const node = h("div", { className: "play-story" }, verdict, presets);
  const curves = h("div", { className: "play-curves" },
    h("section", { className: "card" }, h("h2", {}, term("D accuracy", meaning.accuracy)), accuracy.node),
    h("section", { className: "card" }, h("h2", {}, "Losses"), losses.node));

  return {
    node,
    curves,
    showPreset(name, isChanged) {
      const preset = catalogue.presets.find((one) => one.name === name);
      for (const [its, button] of buttons) button.setAttribute("aria-pressed", String(its === name));
      const words = preset.story.replaceAll(" %", "\u00a0%");
      text.textContent = isChanged ? `${words} (You have changed its settings.)` : words;
    },
    clear() {
      history = [];
    },
    update(snapshot) {
      const { verdict: said, figures } = snapshot;
      if (title.textContent !== said.title) {
        title.textContent = said.title;
        evidence.textContent = said.meaning;
        advice.textContent = said.advice;
        verdict.dataset.state = said.state;
      }
      modesLine.hidden = !snapshot.n_modes;
      modes.textContent = `${snapshot.n_covered}/${snapshot.n_modes}`;
      kl.textContent = snapshot.kl.toFixed(2);
      const last = history.at(-1);
      if (snapshot.step > 0 && last?.step !== snapshot.step) history.push({ step: snapshot.step, ...figures });
      // Twice as coarse once it is full.
      if (history.length > MOST) history = history.filter((_, i) => i % 2 === 1);
      const course = (figure) => history.map((at) => [at.step, at[figure]]);
      accuracy.update([{ name: "accuracy", color: "var(--real)", points: course("accuracy") }]);
      losses.update([
        { name: "D", color: "var(--real)", points: course("loss_critic") },
        { name: "G", color: "var(--fake)", points: course("loss_generator") },
      ]);
    },
  };
}
