// Requests to the server. Paths are relative, so that the page also works behind a proxy's prefix.

/** An answer of the server that says what is wrong. `status` is 0 if there was no answer. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(method, path, body, headers, signal) {
  let response;
  try {
    response = await fetch(`api/${path}`, { method, body, headers, signal, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer.", 0);
  }
  const text = await response.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch { /* Not JSON: the status says enough. */ }
  if (!response.ok) {
    if (response.status === 401) dispatchEvent(new CustomEvent("unauthorized"));
    throw new ApiError(value?.error ?? `The server answered ${response.status} ${response.statusText}`.trim(), response.status);
  }
  return value;
}

const json = (method) => (path, body) => request(method, path, body === undefined ? undefined : JSON.stringify(body), body === undefined ? {} : { "Content-Type": "application/json" });

export const get = (path, signal) => request("GET", path, undefined, {}, signal);
export const post = json("POST");
export const patch = json("PATCH");
export const remove = json("DELETE");
export const upload = (path, file) => request("POST", path, file, { "Content-Type": file.type || "application/octet-stream" });

/** Returns the WebSocket address of a path below `api/`. */
export function socketUrl(path) {
  const url = new URL(`api/${path}`, document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  return url.href;
}
