// Requests to the studio. Refusals become errors with the studio's own words.

export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(`api/${path}`, options);
  } catch {
    throw new Error("The studio does not answer. Is it still running?");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.error ?? `The studio answers ${response.status}.`);
}

export const getJson = async (path) => (await ask(path)).json();
export const getText = async (path) => (await ask(path)).text();

export async function postJson(path, body) {
  const headers = { "content-type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

/** The address of a run's part. */
export const ofRun = (id, rest = "") => `runs/${encodeURIComponent(id)}${rest}`;
export const pictureUrl = (id, name, version = "") =>
  `api/${ofRun(id, `/pictures/${encodeURIComponent(name)}`)}${version ? `?v=${version}` : ""}`;
