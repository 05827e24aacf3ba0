// A picture in, its translation out, and a wipe between both.

import { ask, getJson, ofRun } from "../api.js";
import { h, notice, number } from "../dom.js";

export async function render(root, [id]) {
  document.title = `Translate ${id} · gannet studio`;
  const card = await getJson(ofRun(id, "/translator"));
  const [, height, width] = card.shape ?? [];
  const { examples: shown = [], ways = [] } = card;
  let file = null, asked = 0, urls = [], ended = false;

  const before = h("img", { alt: "The picture" }), after = h("img", { alt: "The picture translated" });
  const cut = h("div", { className: "cut" });
  const frame = h("div", { className: "gallery wipe", hidden: true }, after, h("div", { className: "after" }, before), cut);
  const wipe = h("input", { type: "range", min: 0, max: 100, value: 50, id: "translate-wipe", oninput: place });
  const wipeRow = h("div", { className: "gallery-controls", hidden: true }, h("label", { htmlFor: "translate-wipe" }, "Wipe"), wipe, h("output", {}, ""));
  const download = h("a", { className: "button", hidden: true }, "Download");
  const words = h("p", { className: "muted small", "aria-live": "polite" });
  const chooser = h("input", { type: "file", accept: "image/*", id: "translate-file", className: "visually-hidden", onchange: () => chooser.files[0] && take(chooser.files[0]) });
  const drop = h("label", { className: "drop", htmlFor: "translate-file" }, h("b", {}, "Drop a picture here"), h("span", { className: "muted small" }, "or choose one, or paste it"));
  const way = h("select", { id: "translate-way", onchange: () => file && translate() }, ways.map((name) => h("option", { value: name }, name.replace("to", " to "))));
  const seed = h("input", { type: "number", id: "translate-seed", min: 0, step: 1, value: 0, style: "width:6em", onchange: () => file && translate() });

  function place() {
    frame.style.setProperty("--cut", `${wipe.value}%`);
    frame.querySelector(".after").style.setProperty("--cut", `${wipe.value}%`);
    wipe.setAttribute("aria-valuetext", `${wipe.value} % translated`);
  }

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
    before.src = url(file);
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
      after.src = url(blob);
      download.href = after.src;
      download.download = `${(file.name ?? "picture").replace(/\.[^.]*$/, "")}-${id}.png`;
      frame.hidden = wipeRow.hidden = download.hidden = false;
      await after.decode().catch(() => {});
      words.textContent = `${after.naturalWidth} x ${after.naturalHeight} pixels in ${number((performance.now() - began) / 1000, 2)} s.`;
      place();
    } catch (error) {
      if (mine !== asked) return;
      words.textContent = error.message;
      words.className = "problem";
      frame.hidden = wipeRow.hidden = download.hidden = true;
    }
  }

  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const [dropped] = event.dataTransfer.files;
    if (dropped) take(dropped);
  });
  const pasted = (event) => {
    const [image] = [...event.clipboardData.files].filter(({ type }) => type.startsWith("image/"));
    if (image) take(image);
  };
  document.addEventListener("paste", pasted);

  const example = (source, i) => {
    const bytes = Uint8Array.from(atob(source), (letter) => letter.charCodeAt(0));
    take(new File([bytes], `example-${i + 1}.png`, { type: "image/png" }));
  };
  const examples = shown.map((source, i) => h("button", { className: "seed", "aria-label": `Example ${i + 1}`, onclick: () => example(source, i) }, h("img", { src: `data:image/png;base64,${source}`, alt: "" })));

  root.append(
    h("div", { className: "page-head" }, h("div", {}, h("h1", {}, card.scale ? "Enlarge" : "Translate"), h("p", {}, card.scale ? `${id} enlarges by ${card.scale}` : `${id} at ${number(card.kimg)} kimg`)),
      h("a", { className: "button", href: `#/runs/${encodeURIComponent(id)}` }, "Back to the run")),
    h("div", { className: "translate" },
      h("section", { className: "card" }, h("h2", {}, "Picture"), chooser, drop,
        h("p", { className: "muted small", style: "margin-top:10px" }, card.scale ? `Up to ${number(card.max_pixels)} pixels, such as ${Math.floor(Math.sqrt(card.max_pixels))} x ${Math.floor(Math.sqrt(card.max_pixels))}.` : `Trained on ${width} x ${height} pixels; other sizes work, and pictures like those of its data work best.`),
        h("div", { className: "row", style: "margin-top:14px" }, ways.length > 1 ? [h("label", { htmlFor: "translate-way" }, "Way"), way] : null, card.scale ? null : [h("label", { htmlFor: "translate-seed" }, "Seed"), seed]),
        examples.length ? [h("h3", { style: "margin:20px 0 10px" }, "From its data"), h("div", { className: "seeds" }, examples)] : null),
      h("section", { className: "card" }, h("h2", {}, "Result"), frame, wipeRow, h("div", { className: "row spread", style: "margin-top:14px" }, words, download))));
  words.textContent = "Nothing translated yet.";
  if (shown.length) example(shown[0], 0);
  return () => {
    ended = true;
    document.removeEventListener("paste", pasted);
    urls.forEach((old) => URL.revokeObjectURL(old));
  };
}
