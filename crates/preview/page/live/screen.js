// One camera's picture with its overlay: the player that fits, and the canvas over it.

import { h } from "../dom.js";
import { state, on } from "../state.js";
import { JpegPlayer } from "./jpeg.js";
import { layers } from "./layers.js";
import { canPlayVideo, VideoPlayer } from "./mse.js";
import { draw } from "./overlay.js";
import { Timeline } from "./timeline.js";

/** How long a camera may be live without a coded stream before the server is asked to encode pictures. */
const WAIT_FOR_STREAM_MS = 2000;
/** How long a JPEG picture waits for its boxes. */
const WAIT_FOR_BOXES_MS = 250;

/** The picture of one camera. `element` goes into the page. */
export class Screen {
  #camera;
  #timeline = new Timeline();
  #video;
  #canvas;
  #player = null;
  #kind = null;
  #bitmap = null;
  #waiting = [];
  #off;
  #shownPts = null;
  #unplayable = false;
  #uncodedSince = null;
  #handlers;

  /** `handlers`: `started()` with the first picture, `faces(list)` with the faces of each shown picture, `note(text)`. */
  constructor(camera, handlers = {}) {
    this.#camera = camera;
    this.#handlers = handlers;
    this.#video = h("video", { muted: true, playsinline: true, autoplay: true, disablepictureinpicture: true, tabindex: "-1", "aria-hidden": "true" });
    this.#video.muted = true;
    this.#canvas = h("canvas", { class: "overlay", role: "img" });
    this.element = h("div", { class: "screen" }, this.#video, this.#canvas);
    this.#off = on("observation", (observation) => observation.camera === camera && this.#observe(observation));
    this.resized = new ResizeObserver(() => this.redraw());
    this.resized.observe(this.element);
  }

  /** Plays what the camera gives, or nothing. */
  play(wanted) {
    const camera = state.cameras.get(this.#camera);
    const video = camera?.video === "h264" && canPlayVideo() && !this.#unplayable && !state.info?.blur_forced;
    const live = wanted && camera?.state === "live";
    if (live && camera.video === "none") this.#uncodedSince ??= Date.now();
    else this.#uncodedSince = null;
    // A camera that has just connected does not know its stream yet.
    const early = this.#uncodedSince !== null && Date.now() - this.#uncodedSince < WAIT_FOR_STREAM_MS;
    const kind = !live || early ? null : video ? "video" : "jpeg";
    this.#canvas.setAttribute("aria-label", `Picture of ${camera?.name ?? "the camera"}`);
    if (kind === this.#kind) return;
    this.#player?.stop();
    this.#player = null;
    this.#kind = kind;
    this.element.dataset.kind = kind ?? "none";
    if (kind === "video") {
      this.#player = new VideoPlayer(this.#camera, this.#video, {
        picture: (pts) => this.#shown(pts),
        failed: (text) => {
          this.#unplayable = true;
          this.#handlers.note?.(`${text} Single pictures are shown instead.`);
          this.play(true);
        },
      });
    } else if (kind === "jpeg") {
      this.#player = new JpegPlayer(this.#camera, (bitmap, pts) => this.#take(bitmap, pts));
    }
  }

  stop() {
    this.#off();
    this.resized.disconnect();
    this.#player?.stop();
    this.#waiting.splice(0).forEach(({ bitmap, timer }) => {
      clearTimeout(timer);
      bitmap.close();
    });
    this.#bitmap?.close();
    this.#bitmap = null;
  }

  /** Draws the overlay of the shown picture again. */
  redraw() {
    if (this.#shownPts !== null || this.#bitmap) this.#draw();
  }

  #observe(observation) {
    this.#timeline.push(observation, this.#player?.newest() ?? null);
    const lag = this.#timeline.lag();
    if (lag !== null) this.#player?.setLag?.(lag);
    while (this.#waiting.length && (this.#waiting[0].pts ?? 0) <= observation.pts_s + 0.002) this.#release();
  }

  /** Keeps a JPEG picture until its boxes are there, or for a short time. */
  #take(bitmap, pts) {
    const newest = this.#timeline.newest();
    const timer = setTimeout(() => this.#release(), WAIT_FOR_BOXES_MS);
    this.#waiting.push({ bitmap, pts, timer });
    // Nothing to wait for: no time, boxes are there already, or no results come at all.
    if (pts === null || (newest && newest.pts_s >= pts - 0.002) || !newest) this.#release();
  }

  #release() {
    const next = this.#waiting.shift();
    if (!next) return;
    clearTimeout(next.timer);
    this.#bitmap?.close();
    this.#bitmap = next.bitmap;
    this.#shown(next.pts ?? this.#timeline.newest()?.pts_s ?? 0);
  }

  #shown(pts) {
    const first = this.#shownPts === null;
    this.#shownPts = pts;
    this.#draw();
    if (first) this.#handlers.started?.();
  }

  #draw() {
    const video = this.#kind === "video";
    const size = video ? [this.#video.videoWidth, this.#video.videoHeight] : [this.#bitmap?.width, this.#bitmap?.height];
    if (!size[0]) return;
    const pts = this.#shownPts ?? 0;
    const shown = this.#timeline.at(pts);
    // With blur the canvas shows the picture too, so that no face is seen before its cover.
    const covered = layers.blur && !state.info?.blur_forced;
    this.#video.style.opacity = video && !covered ? "1" : "0";
    draw(this.#canvas, {
      picture: video ? (covered ? this.#video : null) : this.#bitmap,
      size, shown, pts, covered,
      timeline: this.#timeline,
      camera: state.cameras.get(this.#camera),
      counts: state.figures,
    });
    this.#canvas.dataset.shown = pts.toFixed(6);
    this.#canvas.dataset.drawn = shown ? shown.pts.toFixed(6) : "";
    this.#canvas.dataset.faces = shown ? shown.faces.length : "";
    this.#canvas.dataset.pictures = Number(this.#canvas.dataset.pictures ?? 0) + 1;
    this.#handlers.faces?.((shown?.faces ?? []).filter((face) => face.state !== "lost"), pts);
  }
}
