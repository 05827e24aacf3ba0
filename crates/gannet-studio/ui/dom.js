// Elements made in one call, and the small parts that pages share.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && !(node instanceof SVGElement) && name !== "list") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An HTML element with properties, listeners (`onclick`) and children. */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** An SVG element. */
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** A word with its meaning on hover and focus. */
export function term(label, meaning, side = "") {
  if (!meaning) return h("span", {}, label);
  const word = h("span", { className: `term ${side}`, tabIndex: 0 }, label);
  word.setAttribute("data-tip", meaning);
  word.setAttribute("role", "note");
  word.setAttribute("aria-label", `${label}: ${meaning}`);
  return word;
}

/** A short message at the foot of the page. */
export function notice(text) {
  const box = document.getElementById("notices");
  const line = h("div", { className: "notice" }, text);
  box.replaceChildren(line);
  setTimeout(() => line.remove(), 6000);
}

/** What is shown where there is nothing. */
export function empty(title, ...words) {
  return h("div", { className: "card empty" }, h("h2", {}, title), h("p", {}, ...words));
}

export function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Math.abs(value) >= 10000) return Math.round(value).toLocaleString("en");
  return Number(value.toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 6 });
}

export function ago(seconds) {
  const past = Math.max(0, Date.now() / 1000 - seconds);
  if (past < 60) return "now";
  if (past < 3600) return `${Math.floor(past / 60)} min ago`;
  if (past < 86400) return `${Math.floor(past / 3600)} h ago`;
  return `${Math.floor(past / 86400)} d ago`;
}

/** Copies text where the browser lets it. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notice("Copied.");
  } catch {
    notice("The browser does not let this page copy; select the text instead.");
  }
}
