// The playground alone, on a page without a studio.

import { h } from "./dom.js";
import { render } from "./playground/page.js";

const root = h("div");
try {
  await render(root, [], new URLSearchParams(location.hash.split("?")[1] ?? ""));
  document.getElementById("main").append(root);
} catch (error) {
  document.getElementById("main").append(h("div", { className: "card empty" }, h("h2", {}, "This did not work"), h("p", {}, error.message)));
}
