// The view "Live": all cameras in a grid, or one of them large.

import { button, emptyState, errorState, h, icon, setText, skeleton } from "../dom.js";
import { attributes, count, millis, personTitle, rate } from "../format.js";
import { loadCameras, on, state, watchObservations } from "../state.js";
import { addCamera } from "./add-camera.js";
import { layersButton } from "./layers.js";
import { personColour } from "./overlay.js";
import { STATES, Tile } from "./tile.js";

/** Shows the view. `camera` is the number of the large one, or undefined. Returns the function that ends it. */
export function mountLive(root, camera) {
  const large = camera === undefined ? null : Number(camera);
  const tiles = new Map();
  const summary = h("p", { class: "summary" });
  const add = button("Add camera", { icon: "plus", kind: "primary", onclick: addCamera, hidden: true });
  const tools = h("div", { class: "row" }, layersButton(() => tiles.forEach((tile) => tile.redraw())), add);
  const title = h("h1", { text: "Live" });
  const back = large === null ? null : h("a", { class: "button quiet icon-only", href: "#/live", "aria-label": "Back to all cameras", title: "Back to all cameras" }, icon("arrow-left", 18));
  const body = h("div", { class: large === null ? "grid" : "focus" });
  const strip = h("nav", { class: "strip", "aria-label": "Cameras", hidden: large === null });
  root.append(h("header", { class: "view-head" }, h("div", { class: "row" }, back, h("div", {}, title, summary)), tools), strip, body);

  const visible = new Set();
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const number = Number(target.dataset.camera);
      if (isIntersecting) visible.add(number);
      else visible.delete(number);
    }
    refresh();
  }, { rootMargin: "120px" });

  let panel = null;
  let watching = null;
  const wanted = () => (large === null ? [...state.cameras.keys()] : [large].filter((number) => state.cameras.has(number)));

  const refresh = () => {
    const shown = document.hidden ? [] : [...visible].filter((number) => tiles.has(number)).sort((a, b) => a - b);
    tiles.forEach((tile, number) => tile.setVisible(shown.includes(number)));
    clearTimeout(watching);
    watching = setTimeout(() => watchObservations(shown.length ? shown : null), 150);
  };

  const rebuild = () => {
    add.hidden = !state.info?.editable;
    const numbers = wanted();
    for (const [number, tile] of tiles) {
      if (numbers.includes(number)) continue;
      seen.unobserve(tile.element);
      tile.stop();
      tile.element.remove();
      tiles.delete(number);
      visible.delete(number);
    }
    if (state.camerasError && !tiles.size) {
      body.replaceChildren(errorState(state.camerasError, loadCameras));
    } else if (!numbers.length) {
      body.replaceChildren(large === null ? noCamera() : emptyState("video-off", "This camera is not there", "It was removed, or the address of this page is wrong.", h("a", { class: "button", href: "#/live", text: "All cameras" })));
    } else {
      if (!tiles.size) body.replaceChildren();
      for (const number of numbers) addTile(number);
    }
    strip.replaceChildren(...[...state.cameras.values()].map((one) => h("a", { href: `#/live/${one.camera}`, "aria-current": one.camera === large ? "page" : null }, h("span", { class: `dot ${one.state}` }), h("span", { text: one.name }))));
    body.style.setProperty("--columns", columns(numbers.length));
    tiles.forEach((tile) => tile.update());
    update();
    refresh();
  };

  const addTile = (number) => {
    if (tiles.has(number)) return;
    panel = large === null ? null : sidePanel(number);
    const tile = new Tile(number, { large: large !== null, faces: panel?.faces });
    tiles.set(number, tile);
    body.append(tile.element, ...(panel ? [panel.element] : []));
    seen.observe(tile.element);
  };

  const update = () => {
    const cameras = [...state.cameras.values()];
    if (large !== null) {
      const one = state.cameras.get(large);
      setText(title, one?.name ?? "Camera");
      setText(summary, one ? one.uri : "");
      panel?.update(one);
      return;
    }
    const live = cameras.filter((one) => one.state === "live").length;
    const figures = state.figures;
    const parts = [cameras.length ? `${live} of ${cameras.length} cameras live` : null];
    if (figures) parts.push(`${count(figures.persons_now)} ${figures.persons_now === 1 ? "person" : "persons"} now`, `${count(figures.persons_today)} today`);
    setText(summary, parts.filter(Boolean).join(" · "));
  };

  const keys = (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]") || event.target.closest("input, textarea, select, .popover")) return;
    if (event.key === "Escape" && large !== null) location.hash = "#/live";
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    if (large !== null) {
      const all = [...state.cameras.keys()];
      location.hash = `#/live/${all[(all.indexOf(large) + step + all.length) % all.length]}`;
    } else {
      const links = [...body.querySelectorAll("a.tile-name")];
      const at = links.indexOf(document.activeElement);
      if (at >= 0) links[(at + step + links.length) % links.length].focus();
    }
  };
  document.addEventListener("keydown", keys);
  document.addEventListener("visibilitychange", refresh);
  const open = (event) => {
    const stage = event.target.closest(".stage");
    if (stage && large === null && !event.target.closest("button")) location.hash = `#/live/${stage.parentElement.dataset.camera}`;
  };
  body.addEventListener("click", open);
  const offs = [
    on("cameras", rebuild),
    on("info", rebuild),
    on("figures", () => {
      tiles.forEach((tile) => tile.update());
      update();
    }),
  ];
  if (state.cameras.size || state.camerasError || state.info) rebuild();
  else body.append(skeleton(4, "skeletons"));

  return () => {
    offs.forEach((off) => off());
    document.removeEventListener("keydown", keys);
    document.removeEventListener("visibilitychange", refresh);
    seen.disconnect();
    clearTimeout(watching);
    tiles.forEach((tile) => tile.stop());
    watchObservations(null);
  };
}

const columns = (cameras) => (cameras <= 1 ? 1 : cameras <= 4 ? 2 : cameras <= 9 ? 3 : 4);

function noCamera() {
  const editable = state.info?.editable;
  return emptyState("cctv", "No camera yet", editable ? "Add one, and its picture and persons appear here." : "Name cameras when passerby starts: passerby serve rtsp://10.0.0.20/stream1",
    ...(editable ? [button("Add camera", { icon: "plus", kind: "primary", onclick: addCamera })] : []));
}

/** What stands beside a large picture: who is in it, and the camera's figures. */
function sidePanel(number) {
  const people = h("ul", { class: "people" });
  const none = h("p", { class: "hint", text: "Nobody is in the picture." });
  const facts = h("dl", { class: "facts" });
  const places = h("div");
  let shown = "";
  const faces = (list) => {
    const rows = list.map((face) => [face.track, face.person, personTitle(face.person, state.names.get(face.person)), attributes(face, true)]);
    const key = JSON.stringify(rows);
    if (key === shown) return;
    shown = key;
    none.hidden = rows.length > 0;
    people.replaceChildren(...rows.map(([, person, title, detail]) => {
      const mark = h("span", { class: "swatch" });
      mark.style.background = personColour(person);
      const name = person === null ? h("strong", { text: title }) : h("a", { href: `#/persons/${person}`, text: title });
      return h("li", {}, mark, h("div", {}, name, h("small", { text: detail })));
    }));
  };
  const update = (camera) => {
    if (!camera) return;
    const { ledger } = camera;
    const dropped = Object.values(ledger.dropped).reduce((sum, n) => sum + n, 0);
    const rows = [
      ["State", STATES[camera.state] ?? camera.state],
      ["Picture", camera.width ? `${camera.width} × ${camera.height}, ${{ h264: "H.264", jpeg: "JPEG", none: "encoded by the server" }[camera.video]}` : "–"],
      ["Rate", `${rate(camera.frame_rate)} frames/s`],
      ["Age of results", `${millis(camera.age_ms?.p50)} median, p95 ${millis(camera.age_ms?.p95)}`],
      ["Detector", camera.cadence > 1 ? `on one of ${camera.cadence} frames` : "on every frame"],
      ["Frames", `${count(ledger.captured)} captured, ${count(dropped)} dropped`],
    ];
    facts.replaceChildren(...rows.flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })]));
    const zones = (state.figures?.zones ?? []).filter((row) => row.camera === number).map((row) => [row.name, `${count(row.inside)} inside, ${count(row.entered)} entered`]);
    const lines = (state.figures?.lines ?? []).filter((row) => row.camera === number).map((row) => [row.name, `${count(row.forward)} forward, ${count(row.backward)} back`]);
    places.replaceChildren(...(zones.length + lines.length ? [h("h2", { text: "Zones and lines" }), h("dl", { class: "facts" }, [...zones, ...lines].flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })]))] : []));
  };
  const element = h("aside", { class: "panel", "aria-label": "About this camera" }, h("h2", { text: "In the picture" }), none, people, h("h2", { text: "Camera" }), facts, places);
  return { element, faces, update };
}
