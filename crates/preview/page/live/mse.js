// Plays H.264 as the camera sent it: fragmented MP4 from a WebSocket, through Media Source Extensions.

import { socketUrl } from "../api.js";

/** How far the shown picture is behind the newest one, in seconds: as long as the results take, within these limits. */
const SHORTEST_DELAY_S = 0.08;
const LONGEST_DELAY_S = 0.3;
/** Beyond this the player jumps instead of playing faster. */
const JUMP_S = 1;
const KEPT_BEHIND_S = 6;
const LONGEST_PAUSE_MS = 8000;
/** A player that fails this often within the time below cannot play the stream. */
const MOST_FAILURES = 3;
const FAILURE_WINDOW_MS = 30000;

/** Returns whether this browser has Media Source Extensions and H.264. */
export const canPlayVideo = () => "MediaSource" in window && MediaSource.isTypeSupported('video/mp4; codecs="avc1.64001f"');

/** Plays one camera into a video element. */
export class VideoPlayer {
  #camera;
  #video;
  #handlers;
  #socket = null;
  #source = null;
  #buffer = null;
  #queue = [];
  #url = null;
  #pause = 500;
  #timer = null;
  #failures = [];
  #stopped = false;
  #delay = 0.12;
  #callback = null;

  /** `handlers`: `picture(pts)` for each shown picture, `failed(text)` if the stream cannot be played here. */
  constructor(camera, video, handlers) {
    this.#camera = camera;
    this.#video = video;
    this.#handlers = handlers;
    this.#connect();
    this.#watch();
  }

  /** Returns the time of the newest picture that has arrived, or null. */
  newest() {
    const ranges = this.#buffer && this.#source.readyState === "open" ? this.#buffer.buffered : null;
    return ranges?.length ? ranges.end(ranges.length - 1) : null;
  }

  /** Sets how long the results need, in seconds, so that boxes are there when their picture is shown. */
  setLag(lag) {
    this.#delay = Math.min(LONGEST_DELAY_S, Math.max(SHORTEST_DELAY_S, lag + 0.05));
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#video.cancelVideoFrameCallback?.(this.#callback);
    this.#disconnect();
  }

  #disconnect() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onmessage = null;
      socket.onclose = null;
      // A browser complains about a socket that is closed while it connects.
      if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
      else socket.close();
    }
    this.#buffer = null;
    this.#queue = [];
    if (this.#url) {
      this.#video.removeAttribute("src");
      this.#video.load();
      URL.revokeObjectURL(this.#url);
      this.#url = null;
    }
  }

  #connect() {
    this.#disconnect();
    const socket = new WebSocket(socketUrl(`cameras/${this.#camera}/video`));
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#describe(JSON.parse(data)) : this.#take(data));
    socket.onclose = () => this.#again();
  }

  #again() {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), this.#pause);
    this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2);
  }

  #fail(text) {
    if (this.#stopped) return;
    const now = Date.now();
    this.#failures = [...this.#failures.filter((at) => now - at < FAILURE_WINDOW_MS), now];
    if (this.#failures.length >= MOST_FAILURES) {
      this.stop();
      this.#handlers.failed(text);
    } else {
      this.#disconnect();
      this.#again();
    }
  }

  /** Begins a stream, or goes on with other parameters. */
  #describe({ codec }) {
    const type = `video/mp4; codecs="${codec}"`;
    if (!MediaSource.isTypeSupported(type)) {
      this.stop();
      this.#handlers.failed(`This browser does not play ${codec}.`);
      return;
    }
    if (this.#buffer) {
      this.#queue.push({ type });
      this.#append();
      return;
    }
    const source = new MediaSource();
    this.#source = source;
    this.#url = URL.createObjectURL(source);
    this.#video.src = this.#url;
    this.#video.onerror = () => this.#fail(this.#video.error?.message || "The video cannot be decoded.");
    source.addEventListener("sourceopen", () => {
      if (this.#source !== source || this.#stopped || this.#buffer) return;
      this.#buffer = source.addSourceBuffer(type);
      this.#buffer.addEventListener("updateend", () => this.#updated());
      this.#append();
    });
  }

  #take(data) {
    this.#queue.push({ data });
    this.#append();
  }

  #append() {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.#source.readyState !== "open" || !this.#queue.length) return;
    try {
      if (this.#queue[0].type) {
        buffer.changeType(this.#queue.shift().type);
        this.#append();
        return;
      }
      const end = this.#queue.findIndex((part) => part.type);
      const parts = this.#queue.splice(0, end < 0 ? this.#queue.length : end).map((part) => part.data);
      buffer.appendBuffer(parts.length === 1 ? parts[0] : joined(parts));
    } catch (error) {
      this.#fail(error.message);
    }
  }

  #updated() {
    const { buffered } = this.#buffer ?? {};
    if (buffered?.length) {
      this.#pause = 500;
      this.#follow(buffered);
      const start = buffered.start(0);
      if (!this.#buffer.updating && this.#video.currentTime - start > 3 * KEPT_BEHIND_S) {
        this.#buffer.remove(start, this.#video.currentTime - KEPT_BEHIND_S);
        return;
      }
    }
    this.#append();
  }

  /** Keeps the playing position a short time behind the newest picture. */
  #follow(buffered) {
    const video = this.#video;
    const last = buffered.length - 1;
    const end = buffered.end(last);
    const start = buffered.start(last);
    const behind = end - video.currentTime;
    if (video.currentTime < start || behind > JUMP_S || behind < -JUMP_S) {
      video.currentTime = Math.max(start, end - this.#delay);
    } else {
      const off = behind - this.#delay;
      video.playbackRate = off > 0.25 ? 1.25 : off > 0.06 ? 1.06 : off < -0.06 ? 0.92 : 1;
    }
    if (video.paused) video.play().catch(() => { /* The browser wants a click first: `play` comes again with the next picture. */ });
  }

  /** Reports each shown picture with its time. */
  #watch() {
    const video = this.#video;
    if (video.requestVideoFrameCallback) {
      const each = (_, { mediaTime }) => {
        if (this.#stopped) return;
        this.#callback = video.requestVideoFrameCallback(each);
        this.#handlers.picture(mediaTime);
      };
      this.#callback = video.requestVideoFrameCallback(each);
      return;
    }
    let last = -1;
    const each = () => {
      if (this.#stopped) return;
      if (video.readyState >= 2 && video.currentTime !== last) {
        last = video.currentTime;
        this.#handlers.picture(last);
      }
      requestAnimationFrame(each);
    };
    each();
  }
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(new Uint8Array(part), at);
    at += part.byteLength;
  }
  return whole;
}
