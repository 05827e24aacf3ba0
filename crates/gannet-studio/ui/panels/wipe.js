// Two pictures over each other, and a slider that wipes from one to the other.

import { h } from "../dom.js";

/** Pictures from here on are looked at as they are, smaller ones by their pixels. */
export const FINE = 256;

/** `before` and `after` say what the pictures show, `done` what the slider counts. */
export function wipe(id, { before, after, done }) {
  const under = h("img", { alt: after }), over = h("img", { alt: before });
  const top = h("div", { className: "after" }, over);
  const frame = h("div", { className: "gallery wipe", hidden: true }, under, top, h("div", { className: "cut" }));
  const range = h("input", { type: "range", min: 0, max: 100, value: 50, id, oninput: place });
  const row = h("div", { className: "gallery-controls", hidden: true }, h("label", { htmlFor: id }, "Wipe"), range, h("output", {}, ""));

  function place() {
    for (const node of [frame, top]) node.style.setProperty("--cut", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % ${done}`);
  }

  return {
    frame,
    nodes: [frame, row],
    /** Shows two addresses; returns the second picture's size. */
    async show(from, to) {
      over.src = from;
      under.src = to;
      frame.hidden = row.hidden = false;
      await under.decode().catch(() => {});
      frame.classList.toggle("fine", under.naturalWidth >= FINE);
      place();
      return [under.naturalWidth, under.naturalHeight];
    },
    /** Another picture to wipe from. */
    from(address, words) {
      over.src = address;
      over.alt = words;
    },
    hide() {
      frame.hidden = row.hidden = true;
    },
  };
}
