// The game's engine: behind a WebSocket where a studio serves the page, WebAssembly in a worker where none does. Both take
// the same requests and give the same snapshots.

async function native() {
  const response = await fetch("api/playground/catalogue");
  if (!response.ok || !response.headers.get("content-type")?.includes("json")) throw new Error("no studio");
  const catalogue = await response.json();
  const url = new URL("api/playground", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("The studio takes no more games."));
  });
  const waiting = [];
  socket.onmessage = ({ data }) => waiting.shift()?.resolve(JSON.parse(data));
  socket.onclose = () => waiting.splice(0).forEach(({ reject }) => reject(new Error("The studio has gone away.")));
  return {
    name: "native",
    catalogue,
    ask: (request) => new Promise((resolve, reject) => {
      if (socket.readyState !== WebSocket.OPEN) reject(new Error("The studio has gone away."));
      waiting.push({ resolve, reject });
      socket.send(JSON.stringify(request));
    }),
    close: () => socket.close(),
  };
}

async function wasm() {
  const worker = new Worker(new URL("../engine/worker.js", import.meta.url), { type: "module" });
  const waiting = [];
  const ask = (message) => new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    worker.postMessage(message);
  });
  worker.onmessage = ({ data }) => waiting.shift()?.resolve(JSON.parse(data));
  worker.onerror = () => waiting.splice(0).forEach(({ reject }) => reject(new Error("The engine could not be loaded.")));
  const catalogue = await ask(null);
  return { name: "wasm", catalogue, ask: (request) => ask(JSON.stringify(request)), close: () => worker.terminate() };
}

/** Whichever is there, or the one that is asked for. */
export async function openEngine(wanted) {
  if (wanted === "wasm") return wasm();
  try {
    return await native();
  } catch (error) {
    if (error.message !== "no studio" && !(error instanceof TypeError)) throw error;
    return wasm();
  }
}
