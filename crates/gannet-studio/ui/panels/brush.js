// A picture to paint holes on: with a brush, as boxes by their numbers, or as a training draws them. What was painted is a
// list of deeds, so that the last one can be taken back.

import { ask } from "../api.js";
import { h, notice, number } from "../dom.js";
import { FINE } from "./wipe.js";

const COLOR = "#d8372e";
/** From this opacity on a pixel is in a hole: the brush's edge is soft. */
const OPAQUE = 128;

const canvas = (width, height) => h("canvas", { width, height });
const blob = (from) => new Promise((done) => from.toBlob(done, "image/png"));

/** `changed()` is called after each deed. */
export function brush(changed) {
  const picture = canvas(1, 1), holes = h("canvas", { className: "holes" }), ring = h("div", { className: "ring", hidden: true });
  const stage = h("div", { className: "paint", role: "img" }, picture, holes, ring);
  const pen = holes.getContext("2d", { willReadFrequently: true });
  const told = h("p", { className: "muted small", role: "status" });
  let deeds = [], stroke = null, share = 0, erases = false;

  const field = (id, label, props) => {
    const input = h("input", { type: "number", id: `brush-${id}`, step: 1, min: 0, value: 0, ...props });
    return [h("label", { htmlFor: `brush-${id}` }, label), input];
  };
  const size = h("input", { type: "range", id: "brush-size", min: 1, max: 2, value: 1, oninput: tell });
  const sizeTold = h("output", { htmlFor: "brush-size" });
  const modes = ["Paint", "Erase"].map((name, i) => h("button", { onclick: () => choose(i) }, name));
  const undo = h("button", { onclick: () => act(() => deeds.pop()) }, "Undo");
  const clear = h("button", { onclick: () => act(() => deeds.push({ kind: "clear" })) }, "Clear");
  const form = h("select", { id: "brush-form" }, [["both", "strokes or a box"], ["free-form", "strokes"], ["box", "a box"]].map(([value, words]) => h("option", { value }, words)));
  const [seedLabel, seed] = field("seed", "Seed");
  const box = Object.fromEntries(["Left", "Top", "Width", "Height"].map((name) => [name.toLowerCase(), field(name.toLowerCase(), name)]));

  const tools = h("div", { className: "brush" },
    h("div", { className: "row spread" }, h("div", { className: "row" }, modes), h("div", { className: "row" }, undo, clear)),
    h("div", { className: "gallery-controls" }, h("label", { htmlFor: "brush-size" }, "Brush"), size, sizeTold),
    h("fieldset", {}, h("legend", {}, "As a training draws them"),
      h("div", { className: "row" }, h("label", { htmlFor: "brush-form", className: "visually-hidden" }, "Form"), form, seedLabel, seed,
        h("button", { onclick: () => draw().catch((error) => notice(error.message)) }, "Draw holes"))),
    h("fieldset", {}, h("legend", {}, "A box, in pixels"),
      h("div", { className: "box" }, Object.values(box).map((pair) => h("div", {}, pair)), h("button", { onclick: addBox }, "Add box"))));

  function choose(mode) {
    erases = mode === 1;
    modes.forEach((button, i) => button.setAttribute("aria-pressed", String(i === mode)));
  }

  function tell() {
    sizeTold.textContent = `${size.value} px`;
    const words = share ? `${number(100 * share, 2)} % to be filled.` : "Paint over what is to be replaced.";
    if (told.textContent !== words) told.textContent = words;
    stage.setAttribute("aria-label", `The picture. ${words}`);
    undo.disabled = deeds.length === 0;
    clear.disabled = modes[1].disabled = share === 0;
    // Where there is nothing to erase, the brush paints.
    if (share === 0) choose(0);
  }

  function act(deed) {
    deed();
    redraw();
    const { data } = pen.getImageData(0, 0, holes.width, holes.height);
    let n = 0;
    for (let i = 3; i < data.length; i += 4) n += data[i] >= OPAQUE;
    share = n / (holes.width * holes.height);
    tell();
    changed();
  }

  function redraw() {
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, holes.width, holes.height);
    const from = deeds.findLastIndex(({ kind }) => kind === "clear") + 1;
    for (const deed of deeds.slice(from)) paint(deed);
  }

  function paint({ kind, points, width, isErased, drawn, sides }) {
    pen.globalCompositeOperation = isErased ? "destination-out" : "source-over";
    if (kind === "drawn") pen.drawImage(drawn, 0, 0);
    pen.fillStyle = pen.strokeStyle = COLOR;
    if (kind === "box") pen.fillRect(...sides);
    if (kind !== "stroke") return;
    pen.lineWidth = width;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...points[0]);
    for (const point of points) pen.lineTo(...point);
    pen.stroke();
  }

  function addBox() {
    const [left, top, width, height] = Object.values(box).map(([, input]) => Math.max(0, Math.round(Number(input.value) || 0)));
    if (!width || !height || left >= holes.width || top >= holes.height) {
      notice(`This box is empty; the picture has ${holes.width} x ${holes.height} pixels.`);
      return;
    }
    act(() => deeds.push({ kind: "box", sides: [left, top, width, height] }));
  }

  /** Holes of the seed and the form that are chosen. */
  async function draw() {
    const { width, height } = holes;
    const query = new URLSearchParams({ width, height, holes: form.value, seed: Math.max(0, Math.floor(Number(seed.value) || 0)) });
    const mask = await createImageBitmap(await (await ask(`mask?${query}`)).blob());
    if (mask.width !== holes.width || mask.height !== holes.height) return;
    const drawn = canvas(width, height), its = drawn.getContext("2d");
    its.drawImage(mask, 0, 0);
    const image = its.getImageData(0, 0, width, height);
    const [red, green, blue] = COLOR.match(/\w\w/g).map((part) => parseInt(part, 16));
    for (let i = 0; i < image.data.length; i += 4) image.data.set([red, green, blue, image.data[i] >= OPAQUE ? 255 : 0], i);
    its.putImageData(image, 0, 0);
    act(() => deeds.push({ kind: "clear" }, { kind: "drawn", drawn }));
  }

  const at = (event) => {
    const frame = holes.getBoundingClientRect();
    return [(event.clientX - frame.left) * (holes.width / frame.width), (event.clientY - frame.top) * (holes.height / frame.height)];
  };

  function follow(event) {
    const frame = holes.getBoundingClientRect();
    const side = Number(size.value) * (frame.width / holes.width);
    Object.assign(ring.style, { left: `${event.clientX - frame.left}px`, top: `${event.clientY - frame.top}px`, width: `${side}px`, height: `${side}px` });
    ring.hidden = event.pointerType === "touch";
  }

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    stroke = { kind: "stroke", points: [at(event)], width: Number(size.value), isErased: erases };
    deeds.push(stroke);
    paint(stroke);
  });
  stage.addEventListener("pointermove", (event) => {
    follow(event);
    if (!stroke) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    const points = (moves.length ? moves : [event]).map(at);
    const last = stroke.points.at(-1);
    stroke.points.push(...points);
    paint({ ...stroke, points: [last, ...points] });
  });
  const lift = () => {
    if (stroke) act(() => (stroke = null));
  };
  stage.addEventListener("pointerup", lift);
  stage.addEventListener("pointercancel", lift);
  stage.addEventListener("pointerleave", () => (ring.hidden = true));
  tell();

  return {
    stage,
    told,
    tools,
    draw,
    share: () => share,
    /** Shows another picture. Holes in one of the same size stay. */
    open(bitmap) {
      const { width, height } = bitmap;
      Object.assign(picture, { width, height });
      picture.getContext("2d").drawImage(bitmap, 0, 0);
      stage.classList.toggle("fine", width >= FINE);
      if (holes.width === width && holes.height === height) return;
      Object.assign(holes, { width, height });
      const shorter = Math.min(width, height);
      size.max = Math.max(2, Math.round(shorter / 2));
      size.value = Math.max(1, Math.round(shorter / 8));
      const sides = { left: width / 3, top: height / 3, width: width / 3, height: height / 3 };
      for (const [side, [, input]] of Object.entries(box)) {
        input.max = side === "left" || side === "width" ? width : height;
        input.value = Math.round(sides[side]);
      }
      act(() => (deeds = []));
    },
    /** White where to fill. */
    async mask() {
      const { width, height } = holes;
      const mask = canvas(width, height), its = mask.getContext("2d");
      const image = pen.getImageData(0, 0, width, height);
      for (let i = 0; i < image.data.length; i += 4) image.data.fill(image.data[i + 3] >= OPAQUE ? 255 : 0, i, i + 3).fill(255, i + 3, i + 4);
      its.putImageData(image, 0, 0);
      return blob(mask);
    },
    /** The picture with its holes as they are painted. */
    async marked() {
      const both = canvas(picture.width, picture.height), its = both.getContext("2d");
      its.drawImage(picture, 0, 0);
      its.drawImage(holes, 0, 0);
      return blob(both);
    },
  };
}
