// Which page stands at which address. A page is a function of the main element and the address; it may return what ends it.

import { empty, h, notice } from "./dom.js";

const PAGES = [
  { pattern: /^\/runs$/, name: "runs", load: () => import("./pages/runs.js") },
  { pattern: /^\/runs\/([^/]+)$/, name: "runs", load: () => import("./pages/run.js") },
  { pattern: /^\/compare\/(.+)$/, name: "runs", load: () => import("./pages/compare.js") },
  { pattern: /^\/explore\/([^/]+)$/, name: "runs", load: () => import("./pages/explore.js") },
  { pattern: /^\/translate\/([^/]+)$/, name: "runs", load: () => import("./pages/translate.js") },
  { pattern: /^\/inpaint\/([^/]+)$/, name: "runs", load: () => import("./pages/inpaint.js") },
  { pattern: /^\/launch$/, name: "launch", load: () => import("./pages/launch.js") },
  { pattern: /^\/playground$/, name: "playground", load: () => import("./playground/page.js") },
];

let leave = null;
let turn = 0;

async function show() {
  const [path, query] = (location.hash.slice(1) || "/runs").split("?");
  const page = PAGES.find(({ pattern }) => pattern.test(path));
  const mine = ++turn;
  leave?.();
  leave = null;
  const main = document.getElementById("main");
  for (const link of document.querySelectorAll(".bar nav a")) {
    if (link.dataset.page === page?.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!page) {
    main.replaceChildren(empty("There is nothing here", h("a", { href: "#/runs" }, "Back to the runs")));
    return;
  }
  try {
    const { render } = await page.load();
    const root = h("div");
    const groups = path.match(page.pattern).slice(1).map(decodeURIComponent);
    const end = await render(root, groups, new URLSearchParams(query ?? ""));
    if (mine !== turn) {
      end?.();
      return;
    }
    main.replaceChildren(root);
    leave = end ?? null;
    window.scrollTo(0, 0);
  } catch (error) {
    if (mine === turn) main.replaceChildren(empty("This did not work", error.message));
  }
}

window.addEventListener("hashchange", () => show());
window.addEventListener("unhandledrejection", (event) => notice(event.reason?.message ?? "Something went wrong."));
show();
