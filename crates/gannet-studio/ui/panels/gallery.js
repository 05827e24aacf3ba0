// What a run drew: a slider through time, and a wipe against an earlier sheet.

import { pictureUrl } from "../api.js";
import { h, number } from "../dom.js";

export function gallery(id) {
  const image = h("img", { alt: "" });
  const other = h("img", { alt: "" });
  const after = h("div", { className: "after" }, other);
  const cut = h("div", { className: "cut", hidden: true });
  const frame = h("div", { className: "gallery" }, image, after, cut);
  const time = h("input", { type: "range", min: 0, value: 0, step: 1, id: "gallery-time" });
  const wipe = h("input", { type: "range", min: 0, max: 100, value: 100, id: "gallery-wipe" });
  const moment = h("output", { htmlFor: "gallery-time" });
  const against = h("output", { htmlFor: "gallery-wipe" });
  const node = h("section", { className: "card" }, h("h2", {}, "Samples"), frame,
    h("div", { className: "gallery-controls" },
      h("label", { htmlFor: "gallery-time" }, "Time"), time, moment,
      h("label", { htmlFor: "gallery-wipe" }, "Wipe to reals"), wipe, against));
  let fakes = [];
  let reals = null;

  const say = (kimg) => (kimg === 0 ? "at the start" : `${number(kimg)} kimg`);
  function draw() {
    const picture = fakes[time.value];
    if (!picture) return;
    const url = pictureUrl(id, picture.name);
    if (image.getAttribute("src") !== url) image.src = url;
    image.alt = `Samples, ${say(picture.kimg)}`;
    moment.textContent = say(picture.kimg);
    time.setAttribute("aria-valuetext", say(picture.kimg));
    after.style.setProperty("--cut", `${wipe.value}%`);
    frame.style.setProperty("--cut", `${wipe.value}%`);
    cut.hidden = wipe.value === "100" || wipe.value === "0";
    against.textContent = wipe.value === "100" ? "fakes" : wipe.value === "0" ? "reals" : "both";
  }
  image.onerror = () => (moment.textContent = "missing");
  time.oninput = draw;
  wipe.oninput = draw;

  return {
    node,
    update(pictures) {
      const stood = Number(time.value) >= fakes.length - 1;
      fakes = pictures.filter(({ kimg }) => kimg !== null);
      reals = pictures.find(({ name }) => name === "reals.png");
      time.max = Math.max(0, fakes.length - 1);
      if (stood) time.value = time.max;
      if (reals) other.src = pictureUrl(id, reals.name);
      wipe.disabled = !reals;
      other.alt = "Real samples";
      node.hidden = !fakes.length;
      draw();
    },
  };
}
