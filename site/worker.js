// Runs the engine beside the page. A message is a request as text, or null for the catalogue; so are the answers.

const ready = (async () => {
  const source = fetch(new URL("gannet_engine.wasm", import.meta.url));
  const { instance } = await WebAssembly.instantiateStreaming(source, {}).catch(async () =>
    WebAssembly.instantiate(await (await source).clone().arrayBuffer(), {}));
  return instance.exports;
})();

onmessage = async ({ data }) => {
  const engine = await ready;
  const request = new TextEncoder().encode(data ?? "");
  const place = engine.room(request.length);
  new Uint8Array(engine.memory.buffer, place, request.length).set(request);
  const length = engine.ask();
  postMessage(new TextDecoder().decode(new Uint8Array(engine.memory.buffer, engine.answer(), length)));
};
