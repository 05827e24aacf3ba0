// The game's settings in the page's address: a preset and what differs from it.

const KEY = "playground";

function flat(settings, prefix = "") {
  return Object.entries(settings).flatMap(([name, value]) =>
    value && typeof value === "object" && !Array.isArray(value) ? flat(value, `${prefix}${name}.`) : [[prefix + name, value]]);
}

const text = (value) => (Array.isArray(value) ? value.map((point) => point.join(",")).join(";") : String(value));

function parsed(given, like) {
  if (Array.isArray(like)) return given ? given.split(";").map((point) => point.split(",").map(Number)) : [];
  if (typeof like === "number") return Number(given);
  if (typeof like === "boolean") return given === "true";
  return given;
}

/** What the address says: the preset's name and the settings. */
export function read(query, presets) {
  const preset = presets.find(({ name }) => name === query.get("preset")) ?? presets[0];
  const settings = structuredClone(preset.settings);
  for (const [name, like] of flat(preset.settings)) {
    if (!query.has(name)) continue;
    const path = name.split(".");
    const last = path.pop();
    path.reduce((at, part) => at[part], settings)[last] = parsed(query.get(name), like);
  }
  return { preset: preset.name, settings };
}

/** Writes both into the address without leaving an entry in the history. */
export function write(preset, settings, presets) {
  const base = new Map(flat(presets.find(({ name }) => name === preset).settings).map(([name, value]) => [name, text(value)]));
  const query = new URLSearchParams({ preset });
  for (const [name, value] of flat(settings)) if (base.get(name) !== text(value)) query.set(name, text(value));
  history.replaceState(null, "", `#/${KEY}?${query}`);
}
