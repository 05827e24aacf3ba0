// Five steps for whoever sees the game for the first time.

import { h } from "../dom.js";

/** `places`: elements by name; `act`: what a step does when it comes up. */
export function tour(places, act) {
  const steps = [
    ["Real points", "The blue points are real: samples of the data that the generator G has to learn to make.", "stage"],
    ["Fakes", "The red points are fakes. G bends random noise, drawn as a net, until it lies where the data are.", "stage"],
    ["The judge", "The discriminator D colours the plane: blue where it thinks a point is real, red where it thinks it fake. On the white line it cannot tell. The arrows show where it pulls the fakes.", "stage"],
    ["Play", "Let them play. When fakes cover all clusters, D can only guess: its accuracy falls to 50 %. That is the goal.", "transport", "healthy"],
    ["Break it", "GANs fail in a few typical ways. Choose a story to see one happen, then its remedy.", "presets", "collapse"],
  ];
  let at = 0;
  const title = h("h2", {}), text = h("p", {});
  const next = h("button", { className: "first", onclick: () => go(at + 1) });
  const back = h("button", { onclick: () => go(at - 1) }, "Back");
  const card = h("div", { className: "tour", role: "dialog", "aria-label": "Guided tour", onkeydown: (event) => event.key === "Escape" && end() },
    title, text, h("div", { className: "row spread" }, h("button", { onclick: end }, "Close"), h("div", { className: "row" }, back, next)));

  const unlight = () => document.querySelectorAll(".lit").forEach((node) => node.classList.remove("lit"));
  function end() {
    unlight();
    card.remove();
  }
  function go(i) {
    if (i >= steps.length) {
      end();
      return;
    }
    at = Math.max(0, i);
    const [name, words, place, action] = steps[at];
    title.textContent = `${at + 1} of ${steps.length}: ${name}`;
    text.textContent = words;
    next.textContent = at + 1 === steps.length ? "Done" : "Next";
    back.disabled = at === 0;
    unlight();
    places[place].classList.add("lit");
    places[place].scrollIntoView({ block: "nearest" });
    if (action) act(action);
    next.focus();
  }
  document.body.append(card);
  go(0);
  return end;
}
