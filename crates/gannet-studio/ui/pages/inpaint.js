// A picture in, holes painted on it, the picture filled out, and a wipe between both.

import { ask, getJson, ofRun } from "../api.js";
import { h, number } from "../dom.js";
import { brush } from "../panels/brush.js";
import { picker } from "../panels/picker.js";
import { wipe } from "../panels/wipe.js";

export async function render(root, [id]) {
  document.title = `Fill holes ${id} · gannet studio`;
  const card = await getJson(ofRun(id, "/inpainter"));
  const [, height, width] = card.shape;
  let file = null, asked = 0, taken = 0, urls = [], ended = false;

  const painter = brush(() => (fill.disabled = !file || painter.share() === 0));
  const result = wipe("inpaint-wipe", { before: "The picture", after: "The picture filled", done: "filled" });
  const source = h("select", { id: "inpaint-from", onchange: wipeFrom }, ["the picture", "the holes"].map((words) => h("option", {}, words)));
  const sourceRow = h("div", { className: "row small", style: "margin-top:10px", hidden: true }, h("label", { htmlFor: "inpaint-from", className: "muted" }, "Wipe from"), source);
  const download = h("a", { className: "button", hidden: true }, "Download");
  const words = h("p", { className: "muted small", "aria-live": "polite" }, "Nothing filled yet.");
  const shrunk = h("p", { className: "muted small", role: "status" });
  const fill = h("button", { className: "first", disabled: true, onclick: async () => {
    await run();
    result.frame.scrollIntoView({ block: "nearest" });
  } }, "Fill holes");
  const stage = h("div", { className: "stack paint-stack", hidden: true }, painter.stage, h("div", { className: "row spread" }, h("div", {}, painter.told, shrunk), fill), painter.tools);
  const pick = picker("inpaint-file", card.examples, (next) => take(next, next.name.startsWith("example-")));

  function say(text, isProblem = false) {
    words.textContent = text;
    words.className = isProblem ? "problem" : "muted small";
  }

  function hide() {
    result.hide();
    sourceRow.hidden = download.hidden = true;
  }

  function url(blob) {
    const made = URL.createObjectURL(blob);
    urls.push(made);
    return made;
  }

  /** Opens a picture; of the data, one that holes were painted on before is filled at once. */
  async function take(next, isExample) {
    const mine = ++taken;
    let bitmap;
    try {
      bitmap = await createImageBitmap(next);
    } catch {
      hide();
      say(`${next.name || "This file"} is no picture that the browser can show.`, true);
      return;
    }
    const shown = await fitting(next, bitmap);
    if (mine !== taken || ended) return;
    [file, bitmap] = shown;
    asked += 1;
    stage.hidden = false;
    painter.open(bitmap);
    fill.disabled = painter.share() === 0;
    hide();
    say("Nothing filled yet.");
    if (isExample && painter.share() > 0) await run();
  }

  /** The file and its picture, made smaller where it is larger than what is taken. */
  async function fitting(next, bitmap) {
    shrunk.textContent = "";
    const n = bitmap.width * bitmap.height;
    if (n <= card.max_pixels && next.size <= card.max_bytes) return [next, bitmap];
    const scale = Math.min(1, Math.sqrt(card.max_pixels / n));
    const small = h("canvas", { width: Math.floor(bitmap.width * scale), height: Math.floor(bitmap.height * scale) });
    const pen = small.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(bitmap, 0, 0, small.width, small.height);
    shrunk.textContent = `Made smaller, from ${bitmap.width} x ${bitmap.height} to ${small.width} x ${small.height} pixels; gannet inpaint takes it whole.`;
    const made = await new Promise((done) => small.toBlob(done, "image/png"));
    return [new File([made], next.name, { type: "image/png" }), small];
  }

  async function run() {
    const mine = ++asked;
    say("Filling…");
    const began = performance.now();
    try {
      const [mask, marked] = await Promise.all([painter.mask(), painter.marked()]);
      const form = new FormData();
      form.append("picture", file);
      form.append("mask", mask, "mask.png");
      const answer = await ask(`inpaint?${new URLSearchParams({ run: id })}`, { method: "POST", body: form });
      const blob = await answer.blob();
      if (mine !== asked || ended) return;
      urls.splice(0).forEach((old) => URL.revokeObjectURL(old));
      [...source.options].forEach((option, i) => (option.value = url([file, marked][i])));
      const filled = url(blob);
      download.href = filled;
      download.download = `${(file.name || "picture").replace(/\.[^.]*$/, "")}-filled.png`;
      const [w, tall] = await result.show(source.value, filled);
      wipeFrom();
      sourceRow.hidden = download.hidden = false;
      say(`${w} x ${tall} pixels in ${number((performance.now() - began) / 1000, 2)} s.`);
    } catch (error) {
      if (mine !== asked) return;
      hide();
      say(error.message, true);
    }
  }

  function wipeFrom() {
    result.from(source.value, source.selectedIndex === 0 ? "The picture" : "The picture with its holes");
  }

  const side = Math.floor(Math.sqrt(card.max_pixels));
  root.append(
    h("div", { className: "page-head" }, h("div", {}, h("h1", {}, "Fill holes"), h("p", {}, `${id} at ${number(card.kimg)} kimg`)),
      h("a", { className: "button", href: `#/runs/${encodeURIComponent(id)}` }, "Back to the run")),
    h("div", { className: "translate inpaint" },
      h("section", { className: "card" }, h("h2", {}, "Picture and holes"), stage, pick.entrance,
        h("p", { className: "muted small", style: "margin-top:10px" }, `Trained on ${width} x ${height} pixels; other sizes work up to ${side} x ${side}, and pictures like those of its data work best.`),
        pick.examples),
      h("section", { className: "card" }, h("h2", {}, "Result"), result.nodes, sourceRow, h("div", { className: "row spread", style: "margin-top:14px" }, words, download))));
  // Something to see from the start.
  if (card.examples.length) pick.choose(0).then(() => painter.draw()).then(run).catch((error) => say(error.message, true));
  return () => {
    ended = true;
    pick.end();
    urls.forEach((old) => URL.revokeObjectURL(old));
  };
}
