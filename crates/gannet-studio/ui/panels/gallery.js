// What a run drew: a slider through time, and a wipe to the reals or to the sheet of another moment.

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
  const mixture = h("output", { htmlFor: "gallery-wipe" });
  const target = h("select", { "aria-label": "Wipe to", onchange: draw });
  const node = h("section", { className: "card" }, h("h2", {}, "Samples"), frame,
    h("div", { className: "gallery-controls" },
      h("label", { htmlFor: "gallery-time" }, "Time"), time, moment,
      h("label", { htmlFor: "gallery-wipe" }, "Wipe to"), wipe, mixture, target));
  let fakes = [];

  const say = (kimg) => (kimg === 0 ? "at the start" : `${number(kimg)} kimg`);
  function draw() {
    const picture = fakes[time.value];
    if (!picture) return;
    const url = pictureUrl(id, picture.name);
    if (image.getAttribute("src") !== url) image.src = url;
    image.alt = `Samples, ${say(picture.kimg)}`;
    moment.textContent = say(picture.kimg);
    time.setAttribute("aria-valuetext", say(picture.kimg));
    const against = pictureUrl(id, target.value);
    if (other.getAttribute("src") !== against) other.src = against;
    other.alt = `Samples, ${target.selectedOptions[0]?.text}`;
    after.style.setProperty("--cut", `${wipe.value}%`);
    frame.style.setProperty("--cut", `${wipe.value}%`);
    cut.hidden = wipe.value === "100" || wipe.value === "0";
    mixture.textContent = wipe.value === "100" ? "off" : wipe.value === "0" ? "all" : `${100 - wipe.value} %`;
  }
  image.onerror = () => (moment.textContent = "missing");
  time.oninput = draw;
  wipe.oninput = draw;

  return {
    node,
    update(pictures) {
      const stood = Number(time.value) >= fakes.length - 1;
      fakes = pictures.filter(({ kimg }) => kimg !== null);
      const reals = pictures.filter(({ name }) => name === "reals.png");
      const chosen = target.value;
      target.replaceChildren(...reals.map(({ name }) => h("option", { value: name }, "the reals")),
        ...fakes.map(({ name, kimg }) => h("option", { value: name }, say(kimg))));
      if (pictures.some(({ name }) => name === chosen)) target.value = chosen;
      time.max = Math.max(0, fakes.length - 1);
      if (stood) time.value = time.max;
      node.hidden = !fakes.length;
      draw();
    },
  };
}
