// A picture in, its translation out, and a wipe between both.

import { ask, getJson, ofRun } from "../api.js";
import { h, notice, number } from "../dom.js";
import { picker } from "../panels/picker.js";
import { wipe } from "../panels/wipe.js";

export async function render(root, [id]) {
  document.title = `Translate ${id} · gannet studio`;
  const card = await getJson(ofRun(id, "/translator"));
  const [, height, width] = card.shape ?? [];
  const { examples: shown = [], ways = [] } = card;
  let file = null, source = "", asked = 0, urls = [], ended = false;

  const result = wipe("translate-wipe", { before: "The picture", after: "The picture translated", done: "translated" });
  const download = h("a", { className: "button", hidden: true }, "Download");
  const words = h("p", { className: "muted small", "aria-live": "polite" });
  const pick = picker("translate-file", shown, take);
  const way = h("select", { id: "translate-way", onchange: () => file && translate() }, ways.map((name) => h("option", { value: name }, name.replace("to", " to "))));
  const seed = h("input", { type: "number", id: "translate-seed", min: 0, step: 1, value: 0, style: "width:6em", onchange: () => file && translate() });

  function url(blob) {
    const made = URL.createObjectURL(blob);
    urls.push(made);
    return made;
  }

  function take(next) {
    if (next.size > card.max_bytes) {
      notice(`This file has ${number(next.size / 1e6)} MB, up to ${number(card.max_bytes / 1e6)} MB are taken.`);
      return;
    }
    file = next;
    urls.splice(0).forEach((old) => URL.revokeObjectURL(old));
    source = url(file);
    translate();
  }

  async function translate() {
    const mine = ++asked;
    words.textContent = "Translating…";
    words.className = "muted small";
    const began = performance.now();
    try {
      const query = new URLSearchParams({ run: id, seed: String(Math.max(0, Math.floor(Number(seed.value) || 0))) });
      if (way.value) query.set("direction", way.value);
      const answer = await ask(`translate?${query}`, { method: "POST", headers: { "content-type": "application/octet-stream" }, body: file });
      const blob = await answer.blob();
      if (mine !== asked || ended) return;
      download.href = url(blob);
      download.download = `${(file.name ?? "picture").replace(/\.[^.]*$/, "")}-${id}.png`;
      download.hidden = false;
      const [w, tall] = await result.show(source, download.href);
      words.textContent = `${w} x ${tall} pixels in ${number((performance.now() - began) / 1000, 2)} s.`;
    } catch (error) {
      if (mine !== asked) return;
      words.textContent = error.message;
      words.className = "problem";
      result.hide();
      download.hidden = true;
    }
  }

  root.append(
    h("div", { className: "page-head" }, h("div", {}, h("h1", {}, card.scale ? "Enlarge" : "Translate"), h("p", {}, card.scale ? `${id} enlarges by ${card.scale}` : `${id} at ${number(card.kimg)} kimg`)),
      h("a", { className: "button", href: `#/runs/${encodeURIComponent(id)}` }, "Back to the run")),
    h("div", { className: "translate" },
      h("section", { className: "card" }, h("h2", {}, "Picture"), pick.entrance,
        h("p", { className: "muted small", style: "margin-top:10px" }, card.scale ? `Up to ${number(card.max_pixels)} pixels, such as ${Math.floor(Math.sqrt(card.max_pixels))} x ${Math.floor(Math.sqrt(card.max_pixels))}.` : `Trained on ${width} x ${height} pixels; other sizes work, and pictures like those of its data work best.`),
        h("div", { className: "row", style: "margin-top:14px" }, ways.length > 1 ? [h("label", { htmlFor: "translate-way" }, "Way"), way] : null, card.scale ? null : [h("label", { htmlFor: "translate-seed" }, "Seed"), seed]),
        pick.examples),
      h("section", { className: "card" }, h("h2", {}, "Result"), result.nodes, h("div", { className: "row spread", style: "margin-top:14px" }, words, download))));
  words.textContent = "Nothing translated yet.";
  if (shown.length) pick.choose(0);
  return () => {
    ended = true;
    pick.end();
    urls.forEach((old) => URL.revokeObjectURL(old));
  };
}
