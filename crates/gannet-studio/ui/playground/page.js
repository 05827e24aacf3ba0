// The playground: engine, stage, controls and story around one loop.

import { h, notice, term } from "../dom.js";
import { read, write } from "./address.js";
import { controls } from "./controls.js";
import { openEngine } from "./engine.js";
import { stage } from "./stage.js";
import { story } from "./story.js";
import { tour } from "./tour.js";

/** The slider's last place is as fast as possible; before it, steps a second grow by powers. */
const FASTEST = 30;
const speedOf = (place) => Math.round(10 ** (place / 10));
/** Milliseconds of one round when it goes as fast as possible: the plane is drawn about 30 times a second. */
const ROUND = 30;
const MOST_STEPS = 2000;

export async function render(root, _groups, query) {
  document.title = "Playground · gannet";
  const engine = await openEngine(query.get("engine") ?? document.documentElement.dataset.engine);
  const { catalogue } = engine;
  const meaning = Object.fromEntries(catalogue.glossary.map(({ name, meaning }) => [name, meaning]));
  let { preset, settings } = read(query, catalogue.presets);
  const show = { field: true, manifold: true, arrows: true };
  let playing = false, ended = false, changed = null, restart = true, closeTour = null;

  const plane = stage((point) => panel.addPoint(point));
  const panel = controls({ catalogue, onchange: change, onshow: (name, is) => { show[name] = is; once(); } });
  const told = story({ catalogue, onpreset: choose });

  const play = h("button", { className: "first", onclick: () => (playing ? pause() : start()) }, "Play");
  const single = (label, turn, words) => h("button", { "aria-label": words, title: words, onclick: () => { pause(); once({ n_steps: 1, turn }); } }, label);
  const speed = h("input", { type: "range", min: 0, max: FASTEST, step: 1, value: 20, id: "speed", oninput: saySpeed });
  const speedText = h("output", { htmlFor: "speed" });
  const transport = h("div", { className: "transport card", role: "group", "aria-label": "Play" }, play,
    single("Step", "both", "One step of both"), single("D only", "critic", "One step of D only"), single("G only", "generator", "One step of G only"),
    h("button", { onclick: () => { restart = true; told.clear(); once(); } }, "Restart"),
    h("div", { className: "speed" }, h("label", { htmlFor: "speed" }, "Speed"), speed, speedText));

  const value = () => h("dd", {}, "–");
  const [step, lossD, lossG, accuracy] = [value(), value(), value(), value()];
  const status = h("dl", { className: "status card", style: "margin:0" }, [
    ["Step", null, step], ["D loss", meaning.loss_critic, lossD], ["G loss", meaning.loss_generator, lossG], ["D accuracy", meaning.accuracy, accuracy],
  ].map(([name, words, box], i) => h("div", {}, h("dt", {}, term(name, words, i === 3 ? "right" : "")), box)));

  root.append(
    h("div", { className: "page-head" },
      h("div", {}, h("h1", {}, "Playground"), h("p", {}, "Two networks, one plane. Goal: D accuracy → 50 %.")),
      h("div", { className: "row" },
        h("span", { className: "pill", title: engine.name === "native" ? "trained by the studio" : "trained in this browser" }, engine.name === "native" ? "native engine" : "in your browser"),
        h("button", { onclick: () => { closeTour?.(); closeTour = tour({ stage: plane.node, transport, presets: told.node.querySelector("#presets") }, act); } }, "Take the tour"))),
    h("div", { className: "play" }, panel.node, h("div", { className: "play-stage" }, plane.node, transport, status), told.curves, told.node));

  function saySpeed() {
    speedText.textContent = Number(speed.value) === FASTEST ? "full speed" : `${speedOf(Number(speed.value))} steps/s`;
    speed.setAttribute("aria-valuetext", speedText.textContent);
  }
  function change(next) {
    settings = next;
    // An empty drawing begins with a point in the middle.
    if (settings.data === "own" && !settings.own.length) settings = { ...settings, own: [[0, 0]] };
    changed = settings;
    reveal();
    once();
  }
  function choose(name) {
    preset = name;
    settings = structuredClone(catalogue.presets.find((one) => one.name === name).settings);
    changed = settings;
    restart = true;
    told.clear();
    reveal();
    start();
  }
  function reveal() {
    const base = catalogue.presets.find((one) => one.name === preset).settings;
    panel.show(settings);
    plane.setDrawing(settings.data === "own");
    told.showPreset(preset, JSON.stringify(base) !== JSON.stringify(settings));
    write(preset, settings, catalogue.presets);
  }
  function act(action) {
    if (action === "healthy") choose("healthy");
    else pause();
  }

  let queue = Promise.resolve();
  /** Asks the engine, one request after the other, and shows the answer. */
  function once(request = {}) {
    queue = queue.then(async () => {
      if (ended) return;
      const sent = { n_steps: 0, turn: "both", ...request, settings: changed, restart, show };
      const begins = restart;
      [changed, restart] = [null, false];
      const snapshot = await engine.ask(sent);
      if (snapshot.error) {
        pause();
        notice(snapshot.error);
        return;
      }
      if (begins || snapshot.step < (Number(step.dataset.value) || 0)) told.clear();
      reflect(snapshot);
    }).catch((error) => {
      pause();
      if (!ended) notice(error.message);
    });
    return queue;
  }

  function reflect(snapshot) {
    plane.draw(snapshot);
    told.update(snapshot);
    const { figures } = snapshot;
    const digits = (number) => (Number.isFinite(number) ? number.toFixed(3) : "–");
    step.dataset.value = snapshot.step;
    step.textContent = snapshot.step.toLocaleString("en");
    lossD.textContent = snapshot.step ? digits(figures.loss_critic) : "–";
    lossG.textContent = snapshot.step ? digits(figures.loss_generator) : "–";
    accuracy.textContent = snapshot.step ? `${Math.round(100 * figures.accuracy)} %` : "–";
    plane.describe(`The plane after ${snapshot.step} steps: ${snapshot.verdict.title}${snapshot.n_modes ? `, ${snapshot.n_covered} of ${snapshot.n_modes} modes covered` : ""}`);
    if (snapshot.verdict.state === "diverged") pause();
  }

  function pause() {
    playing = false;
    play.textContent = "Play";
  }
  async function start() {
    if (playing) return;
    playing = true;
    play.textContent = "Pause";
    let due = 0, last = performance.now(), n = 5;
    while (playing && !ended) {
      const began = performance.now();
      const isFull = Number(speed.value) === FASTEST;
      due = Math.min(due + ((began - last) / 1000) * speedOf(Number(speed.value)), MOST_STEPS);
      last = began;
      const steps = isFull ? n : Math.floor(due);
      if (!isFull) due -= steps;
      if (steps > 0 || changed) await once({ n_steps: steps });
      const took = performance.now() - began;
      if (isFull) n = Math.max(1, Math.min(MOST_STEPS, Math.round(n * Math.min(2, Math.max(0.5, ROUND / took)))));
      // What an engine cannot keep up with is not made up for later.
      else if (took > 200) due = 0;
      await new Promise((resolve) => (document.hidden ? setTimeout(resolve, 250) : requestAnimationFrame(resolve)));
    }
  }

  saySpeed();
  changed = settings;
  reveal();
  await once();
  return () => {
    ended = true;
    playing = false;
    closeTour?.();
    plane.close();
    engine.close();
  };
}
