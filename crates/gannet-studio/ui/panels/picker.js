// A picture by drop, paste or choice, or one of a run's data.

import { h } from "../dom.js";

/** `take(file)` is called with each picture; `shown` are pictures of the data, as PNGs in base64. */
export function picker(id, shown, take) {
  const chooser = h("input", { type: "file", accept: "image/*", id, className: "visually-hidden", onchange: () => {
    if (chooser.files[0]) take(chooser.files[0]);
    // The same file may be chosen again.
    chooser.value = "";
  } });
  const drop = h("label", { className: "drop", htmlFor: id }, h("b", {}, "Drop a picture here"), h("span", { className: "muted small" }, "or choose one, or paste it"));
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

  const choose = (i) => {
    const bytes = Uint8Array.from(atob(shown[i]), (letter) => letter.charCodeAt(0));
    return take(new File([bytes], `example-${i + 1}.png`, { type: "image/png" }));
  };
  const examples = shown.map((source, i) => h("button", { className: "seed", "aria-label": `Example ${i + 1}`, onclick: () => choose(i) }, h("img", { src: `data:image/png;base64,${source}`, alt: "" })));

  return {
    /** Where a picture comes in, and the examples, where there are any. */
    entrance: [chooser, drop],
    examples: shown.length ? [h("h3", { style: "margin:20px 0 10px" }, "From its data"), h("div", { className: "seeds" }, examples)] : null,
    choose,
    end: () => document.removeEventListener("paste", pasted),
  };
}
