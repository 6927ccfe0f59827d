// Plays JPEG pictures: a multipart stream whose parts carry the time of their frame, or single pictures.

/** A browser opens six connections to one server. So many streams leave some for everything else. */
const MOST_STREAMS = 3;
/** How often a single picture is asked for when no stream is free. */
const SINGLE_EVERY_MS = 500;
const PAUSE_MS = 1500;

let streams = 0;

/** Plays one camera's pictures. */
export class JpegPlayer {
  #camera;
  #show;
  #stop = new AbortController();
  #newest = null;

  /** `show` gets each picture as a bitmap with its time in the stream, which may be null. It owns the bitmap. */
  constructor(camera, show) {
    this.#camera = camera;
    this.#show = show;
    this.#run();
  }

  newest() {
    return this.#newest;
  }

  stop() {
    this.#stop.abort();
  }

  async #run() {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const free = streams < MOST_STREAMS;
      try {
        if (free) {
          streams += 1;
          await this.#stream(signal);
        } else {
          await this.#single(signal);
        }
      } catch { /* The camera's state says what is wrong. The next turn tries again. */ } finally {
        if (free) streams -= 1;
      }
      if (!signal.aborted) await new Promise((go) => setTimeout(go, free ? PAUSE_MS : SINGLE_EVERY_MS));
    }
  }

  async #single(signal) {
    const response = await fetch(`api/cameras/${this.#camera}/picture.jpg`, { signal, cache: "no-store" });
    if (response.ok) await this.#decode(await response.blob(), response.headers.get("X-Pts"), signal);
  }

  async #stream(signal) {
    const response = await fetch(`api/cameras/${this.#camera}/stream.mjpg`, { signal, cache: "no-store" });
    if (!response.ok) throw new Error(response.statusText);
    const reader = response.body.getReader();
    let bytes = new Uint8Array(0);
    let busy = false;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes = concat(bytes, value);
      for (let part = takePart(bytes); part; part = takePart(bytes)) {
        bytes = part.rest;
        // A browser that decodes too slowly leaves pictures out.
        if (busy) continue;
        busy = true;
        this.#decode(new Blob([part.body], { type: "image/jpeg" }), part.pts, signal).catch(() => {}).finally(() => { busy = false; });
      }
    }
  }

  async #decode(blob, pts, signal) {
    const bitmap = await createImageBitmap(blob);
    if (signal.aborted) {
      bitmap.close();
      return;
    }
    const seconds = pts === null ? null : Number(pts);
    this.#newest = Number.isFinite(seconds) ? seconds : null;
    this.#show(bitmap, this.#newest);
  }
}

function concat(a, b) {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Returns the first whole part, its time and the bytes behind it, or null if more bytes are needed. */
function takePart(bytes) {
  const end = find(bytes, [13, 10, 13, 10]);
  if (end < 0) return null;
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, end));
  const length = Number(/^content-length:\s*(\d+)/im.exec(head)?.[1]);
  const start = end + 4;
  if (!Number.isFinite(length)) throw new Error("a part without a length");
  if (bytes.length < start + length) return null;
  return { body: bytes.slice(start, start + length), pts: /^x-pts:\s*(\S+)/im.exec(head)?.[1] ?? null, rest: bytes.slice(start + length) };
}

function find(bytes, wanted) {
  const last = Math.min(bytes.length - wanted.length, 4096);
  for (let i = 0; i <= last; i += 1) {
    if (wanted.every((byte, k) => bytes[i + k] === byte)) return i;
  }
  return -1;
}
