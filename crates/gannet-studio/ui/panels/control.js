// Stop a training that this studio started, or go on with a run.

import { ofRun, postJson } from "../api.js";
import { h, notice, number } from "../dom.js";

/** `onchange()` is called after the run was asked for something. */
export function control(id, onchange) {
  const node = h("div", { className: "row" });
  let shown = "";

  const act = async (button, rest, body, words) => {
    button.disabled = true;
    try {
      await postJson(ofRun(id, rest), body);
      notice(words);
    } catch (error) {
      notice(error.message);
    }
    onchange();
  };

  return {
    node,
    update({ run, control: { can_start: canStart, is_ours: isOurs, trouble } }) {
      const now = `${run.state} ${isOurs} ${trouble} ${run.kimg_total}`;
      if (now === shown) return;
      shown = now;
      if (isOurs) {
        const stop = h("button", { onclick: () => act(stop, "/stop", {}, "It ends after the step at hand and is saved.") }, "Stop");
        node.replaceChildren(stop);
      } else if (canStart && run.state !== "training") {
        const end = h("input", { type: "number", min: 0, step: "any", style: "width:6.5em", "aria-label": "New end in kimg",
          value: run.state === "done" ? Math.ceil(run.kimg_total * 1.5) : run.kimg_total });
        const on = h("button", { onclick: () => act(on, "/resume", { kimg: Number(end.value) || null }, `It goes on to ${number(Number(end.value))} kimg.`) }, "Go on to");
        node.replaceChildren(h("div", { className: "joined" }, on, end, h("span", { className: "muted small" }, "kimg")));
      } else node.replaceChildren();
      if (trouble) node.append(h("p", { className: "problem small", role: "alert" }, trouble));
    },
  };
}
