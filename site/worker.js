// Runs the engine beside the page. A message is a request as text, or null for the catalogue; so are the answers.

const source = fetch(new URL("gannet_engine.wasm", import.meta.url));

// The engine imports functions of the browser under names that end in a hash. It only ever calls those for random bytes
// and for the time; the others are there because the linker could not know.
function imports(module) {
  const real = {
    getRandomValues: (place, length) => void crypto.getRandomValues(new Uint8Array(engine.memory.buffer, place, length)),
    now: () => performance.now(),
  };
  const made = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const known = Object.keys(real).find((word) => name.startsWith(`__wbg_${word}_`));
    if (kind === "function") (made[from] ??= {})[name] = real[known] ?? (() => { throw new Error(`the engine called ${name}`); });
  }
  return made;
}

let engine = null;
const ready = (async () => {
  const module = await WebAssembly.compile(await (await source).arrayBuffer());
  engine = (await WebAssembly.instantiate(module, imports(module))).exports;
})();

onmessage = async ({ data }) => {
  await ready;
  const request = new TextEncoder().encode(data ?? "");
  const place = engine.room(request.length);
  new Uint8Array(engine.memory.buffer, place, request.length).set(request);
  const length = engine.ask();
  postMessage(new TextDecoder().decode(new Uint8Array(engine.memory.buffer, engine.answer(), length)));
};
