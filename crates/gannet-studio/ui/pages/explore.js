// A trained generator to walk in: seeds, directions, ways between seeds.

import { getJson, ofRun, postJson } from "../api.js";
import { empty, h, notice, number } from "../dom.js";

const PAGE = 24;
const FRAMES = 8;

export async function render(root, [id]) {
  document.title = `Explore ${id} · gannet studio`;
  const card = await getJson(ofRun(id, "/generator"));
  const head = h("div", { className: "page-head" },
    h("div", {}, h("h1", {}, "Explore"), h("p", {}, `${id}: ${card.method} at ${number(card.kimg)} kimg`)),
    h("a", { className: "button", href: `#/runs/${encodeURIComponent(id)}` }, "Back to the run"));
  if (card.is_point) {
    root.append(head, empty("This generator makes points", "Points are best watched in the ", h("a", { href: "#/playground" }, "playground"), "."));
    return undefined;
  }
  let first = 0, seed = 0, pinned = null, asked = 0, busy = false;
  const url = (png) => `data:image/png;base64,${png}`;
  const grid = h("div", { className: "seeds", role: "group", "aria-label": "Seeds" });
  const portrait = h("img", { alt: "" });
  const title = h("h2", { "aria-live": "polite" });
  const download = h("a", { className: "button" }, "Download");
  const classes = h("select", { id: "class", onchange: () => { browse(); draw(); } }, h("option", { value: "" }, "any class"),
    card.classes.map((name) => h("option", { value: name }, name)));
  const sliders = Array.from({ length: card.n_directions }, (_, i) => {
    const value = h("output", {}, "0");
    const range = h("input", { type: "range", min: -4, max: 4, step: 0.1, value: 0, oninput: () => { value.textContent = range.value; draw(); } });
    return { range, value, node: h("label", {}, `Direction ${i + 1}`, range, value) };
  });
  const reset = h("button", { onclick: () => { for (const { range, value } of sliders) { range.value = 0; value.textContent = "0"; } draw(); } }, "Reset");
  const pin = h("button", { onclick: () => { pinned = seed; walk(); } }, "Pin as start");
  const strip = h("div", { className: "seeds" });
  const between = h("section", { className: "card", hidden: true }, h("h2", {}, "On the way"), strip);
  const near = h("div", { className: "seeds" });
  const nearText = h("p", { className: "muted small", style: "margin-top:10px" });
  const nearest = h("button", { onclick: compareWithData }, "Find");
  const memory = h("section", { className: "card" }, h("div", { className: "row spread", style: "margin-bottom:14px" }, h("h2", {}, "Nearest training pictures"), nearest), near, nearText);
  const wish = (more) => ({ run: id, class: classes.value || undefined, ...more });

  async function browse() {
    const seeds = Array.from({ length: PAGE }, (_, i) => first + i);
    const { samples } = await postJson("sample", wish({ seeds }));
    grid.replaceChildren(...samples.map(({ seed: its, png }) =>
      h("button", { className: "seed", "aria-pressed": String(its === seed), "aria-label": `Seed ${its}`, onclick: () => choose(its) }, h("img", { src: url(png), alt: "" }))));
  }

  function choose(next) {
    seed = next;
    for (const button of grid.children) button.setAttribute("aria-pressed", String(button.getAttribute("aria-label") === `Seed ${seed}`));
    draw();
    walk();
  }

  // Only the latest wish matters while the slider moves.
  async function draw() {
    asked += 1;
    if (busy) return;
    busy = true;
    try {
      for (let done = 0; done !== asked; ) {
        done = asked;
        const steps = sliders.map(({ range }) => Number(range.value));
        const { samples: [{ png }] } = await postJson("sample", wish({ seeds: [seed], steps }));
        portrait.src = url(png);
        portrait.alt = `Sample of seed ${seed}`;
        title.textContent = `Seed ${seed}`;
        download.href = url(png);
        download.download = `${id}-seed${seed}.png`;
      }
    } catch (error) {
      notice(error.message);
    } finally {
      busy = false;
    }
  }

  async function walk() {
    between.hidden = pinned === null || pinned === seed;
    if (between.hidden) return;
    const shares = Array.from({ length: FRAMES }, (_, i) => i / (FRAMES - 1));
    const frames = await Promise.all(shares.map((share) => postJson("sample", wish({ seeds: [pinned], toward: seed, share }))));
    strip.replaceChildren(...frames.map(({ samples: [{ png }] }, i) =>
      h("div", { className: "seed", style: "cursor:default" }, h("img", { src: url(png), alt: `${Math.round(100 * shares[i])} % of the way from seed ${pinned} to seed ${seed}` }))));
  }

  async function compareWithData() {
    nearest.disabled = true;
    nearText.textContent = "Reading the data…";
    try {
      const { neighbours, n_compared: n, n_data: all } = await postJson("nearest", wish({ seeds: [seed], steps: sliders.map(({ range }) => Number(range.value)) }));
      near.replaceChildren(...neighbours.map(({ index, distance, png }) => h("figure", { className: "near" },
        h("div", { className: "seed", style: "cursor:default" }, h("img", { src: url(png), alt: `Training picture ${index}` })), h("figcaption", {}, number(distance, 3)))));
      nearText.textContent = `Of ${number(n)}${n < all ? ` of ${number(all)}` : ""} training pictures, with the difference from seed ${seed} (root mean square, in grey levels of 255). Close to 0 would be a copy.`;
    } catch (error) {
      nearText.textContent = error.message;
    } finally {
      nearest.disabled = false;
    }
  }

  const from = h("input", { type: "number", min: 0, step: 1, value: 0, style: "width:7em", "aria-label": "First seed", onchange: () => { first = Math.max(0, Math.floor(Number(from.value) || 0)); browse(); } });
  const turn = (by) => () => { first = Math.max(0, first + by); from.value = first; browse(); };
  root.append(head, h("div", { className: "explore" },
    h("div", { className: "stack" },
      h("section", { className: "card" },
        h("div", { className: "row spread", style: "margin-bottom:14px" }, h("h2", {}, "Seeds"),
          h("div", { className: "row" }, card.classes.length ? classes : null, h("button", { onclick: turn(-PAGE), "aria-label": "Earlier seeds" }, "‹"), from, h("button", { onclick: turn(PAGE), "aria-label": "Later seeds" }, "›"))),
        grid),
      between, memory),
    h("section", { className: "card" }, title,
      h("div", { className: "portrait" }, portrait), h("div", { className: "row", style: "margin-top:14px" }, download, pin),
      h("div", { className: "sliders" }, sliders.map(({ node }) => node), sliders.length ? h("div", { className: "row spread" }, h("p", { className: "muted small" }, "Directions in which samples change most."), reset) : null))));
  await browse();
  draw();
  return undefined;
}
