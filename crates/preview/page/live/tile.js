// A camera in the grid, or large: its picture, its state, and what can be done with it.

import { post, remove } from "../api.js";
import { confirmDialog, menu } from "../dialog.js";
import { button, h, icon, setText, toast } from "../dom.js";
import { millis, rate } from "../format.js";
import { state } from "../state.js";
import { layers } from "./layers.js";
import { Screen } from "./screen.js";

export const STATES = {
  connecting: "Connecting",
  live: "Live",
  lost: "Lost",
  paused: "Paused",
  ended: "Ended",
};

/** A camera's tile. `element` goes into the page. */
export class Tile {
  #camera;
  #screen;
  #started = false;
  #visible = false;

  /** `large` tiles have no link to themselves. `faces` gets the faces of each shown picture. */
  constructor(camera, { large = false, faces } = {}) {
    this.#camera = camera;
    this.#screen = new Screen(camera, {
      started: () => {
        this.#started = true;
        this.update();
      },
      faces,
      note: (text) => toast(`${state.cameras.get(camera)?.name}: ${text}`),
    });
    this.dot = h("span", { class: "dot" });
    this.name = large ? h("span", { class: "tile-name" }) : h("a", { class: "tile-name", href: `#/live/${camera}` });
    this.state = h("span", { class: "tile-state" });
    this.figures = h("span", { class: "tile-figures" });
    this.cover = h("div", { class: "tile-cover", hidden: true });
    this.menu = menu(button("", { icon: "ellipsis-vertical", label: "Camera menu", kind: "quiet on-picture" }), "Camera", () => this.#items());
    this.stage = h("div", { class: "stage" }, this.#screen.element, this.cover);
    this.element = h("article", { class: large ? "tile large" : "tile", data: { camera } },
      this.stage,
      h("div", { class: "tile-bar" }, this.dot, this.name, this.state, h("span", { class: "grow" }), this.figures, this.menu));
    this.update();
  }

  /** Plays only while the tile can be seen. */
  setVisible(visible) {
    this.#visible = visible;
    this.#screen.play(visible);
  }

  redraw() {
    this.update();
    this.#screen.redraw();
  }

  stop() {
    this.#screen.stop();
  }

  /** Shows the camera's state and figures. */
  update() {
    const camera = state.cameras.get(this.#camera);
    if (!camera) return;
    this.#screen.play(this.#visible);
    setText(this.name, camera.name);
    this.menu.querySelector("button").setAttribute("aria-label", `Menu of ${camera.name}`);
    this.element.dataset.state = camera.state;
    this.dot.className = `dot ${camera.state}`;
    setText(this.state, camera.state === "live" ? "" : STATES[camera.state] ?? camera.state);
    const live = camera.state === "live";
    setText(this.figures, layers.figures && live ? `${rate(camera.frame_rate)} fps · ${millis(camera.age_ms?.p95)}` : "");
    this.figures.title = "Frames a second, and the age of the results: 95 of 100 are younger";
    if (camera.width && camera.height) this.stage.style.setProperty("--shape", `${camera.width} / ${camera.height}`);
    this.#cover(camera);
  }

  #cover(camera) {
    const waiting = camera.state === "live" && !this.#started;
    const key = `${camera.state}|${camera.error}|${waiting}|${state.info?.editable}`;
    if (this.cover.dataset.key === key) return;
    this.cover.dataset.key = key;
    const line = (symbol, title, text, ...more) => [icon(symbol, 22), h("strong", { text: title }), text && h("p", { text }), ...more].filter(Boolean);
    const resume = state.info?.editable ? [button("Resume", { icon: "play", kind: "on-picture filled", onclick: () => this.#act("resume") })] : [];
    const shown = {
      connecting: () => [h("span", { class: "spinner" }), h("strong", { text: "Connecting" }), camera.error && h("p", { text: camera.error })].filter(Boolean),
      lost: () => line("wifi-off", "No picture", camera.error ?? "The camera does not answer.", h("p", { class: "faint", text: "It is tried again until it answers." })),
      paused: () => line("pause", "Paused", null, ...resume),
      ended: () => line("circle-dot", "Ended", camera.error),
      live: () => (waiting ? [h("span", { class: "spinner" })] : null),
    }[camera.state]?.();
    this.cover.hidden = !shown;
    this.cover.replaceChildren(...(shown ?? []));
  }

  #items() {
    const camera = state.cameras.get(this.#camera);
    const items = [];
    if (camera.state === "live") items.push(["Save the picture", "download", () => this.#save(camera)]);
    items.push(["Full screen", "maximize-2", () => this.stage.requestFullscreen?.().catch(() => toast("This browser has no full screen here."))]);
    if (state.info?.editable) {
      if (camera.state === "paused") items.push(["Resume", "play", () => this.#act("resume")]);
      else if (camera.state !== "ended") items.push(["Pause", "pause", () => this.#act("pause")]);
      items.push(["Remove", "trash-2", () => this.#remove(camera), "danger"]);
    }
    return items;
  }

  #save(camera) {
    const blur = layers.blur ? "?blur=1" : "";
    h("a", { href: `api/cameras/${camera.camera}/picture.jpg${blur}`, download: `${camera.name}.jpg` }).click();
  }

  async #act(verb) {
    try {
      const camera = await post(`cameras/${this.#camera}/${verb}`);
      // A camera that goes on may have another number.
      if (camera && camera.camera !== this.#camera && location.hash === `#/live/${this.#camera}`) location.hash = `#/live/${camera.camera}`;
    } catch (error) {
      toast(error.message);
    }
  }

  #remove(camera) {
    confirmDialog(`Remove ${camera.name}?`, [
      h("p", { text: "The camera ends and leaves this page. Its persons, counts and reports stay. If it is in the configuration file, it comes back with the next start." }),
    ], "Remove the camera", () => remove(`cameras/${camera.camera}`));
  }
}
