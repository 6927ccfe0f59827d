// What the page knows: cameras, figures, names and events. Views listen to changes by their names.

import { get } from "./api.js";
import { openStream } from "./stream.js";

/** How many events the page keeps, and for how many seconds the figures. */
const KEPT_EVENTS = 1000;
const KEPT_SECONDS = 600;

const listeners = new Map();

/** The state. Only this module changes it. */
export const state = {
  info: null,
  cameras: new Map(),
  camerasError: null,
  figures: null,
  figuresAt: 0,
  history: [],
  events: [],
  openedAt: new Date(),
  names: new Map(),
  connected: null,
  lostSince: null,
  retryAt: null,
};

/** Calls `listener` when something of this name changes; returns the function that ends it. */
export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(listener);
  return () => listeners.get(name).delete(listener);
}

function changed(name, value) {
  for (const listener of [...(listeners.get(name) ?? [])]) listener(value);
}

const stream = openStream({
  opened() {
    const before = state.connected;
    Object.assign(state, { connected: true, lostSince: null, retryAt: null });
    changed("connection");
    if (before === false) loadAll();
  },
  closed(retryAt) {
    if (state.connected !== false) state.lostSince = new Date();
    Object.assign(state, { connected: false, retryAt });
    changed("connection");
  },
  observation: (value) => changed("observation", value),
  figures: takeFigures,
  camera: takeCamera,
  pipeline: (value) => record("pipeline", value),
  person: takePerson,
  zone: (value) => record("zone", value),
});

/** Loads what the page needs, and begins to listen. */
export async function start() {
  await loadAll();
  stream.listen(null);
}

/** Asks for the observations of these cameras, or of none with `null`. */
export const watchObservations = (cameras) => stream.listen(cameras);

/** Connects again at once. */
export const reconnect = () => stream.reconnect();

async function loadAll() {
  const [info] = await Promise.allSettled([get("info"), loadCameras()]);
  if (info.status === "fulfilled") {
    state.info = info.value;
    changed("info");
  }
  await loadNames().catch(() => { /* Numbers are shown instead. */ });
}

/** Loads the cameras anew. */
export async function loadCameras() {
  try {
    const answer = await get("cameras");
    state.cameras = new Map(answer.map((camera) => [camera.camera, camera]));
    state.camerasError = null;
  } catch (error) {
    state.camerasError = error;
  }
  changed("cameras");
}

async function loadNames() {
  if (!state.info?.has_database) return;
  const { persons } = await get("persons?limit=1000");
  state.names = new Map(persons.filter((person) => person.name).map((person) => [person.person, person.name]));
  changed("names");
}

function takeFigures(figures) {
  state.figures = figures;
  state.figuresAt = Date.now();
  for (const row of figures.cameras) {
    const known = state.cameras.get(row.camera);
    if (known) Object.assign(known, row);
  }
  const cameras = figures.cameras.map((row) => ({
    camera: row.camera,
    p95: row.age_ms?.p95 ?? null,
    rate: row.frame_rate,
    dropped: Object.values(row.ledger.dropped).reduce((sum, n) => sum + n, 0),
  }));
  state.history.push({ at: Date.now() / 1000, rate: figures.frames_per_s, persons: figures.persons_now, cameras });
  while (state.history.length > KEPT_SECONDS) state.history.shift();
  changed("figures", figures);
}

function takeCamera(value) {
  record("camera", value);
  loadCameras();
}

function takePerson(value) {
  record("person", value);
  if (value.kind !== "seen" && value.kind !== "new") loadNames().catch(() => {});
  changed("person", value);
}

function record(kind, value) {
  state.events.push({ kind, value, at: value.at ?? new Date().toISOString(), number: state.events.length ? state.events.at(-1).number + 1 : 0 });
  while (state.events.length > KEPT_EVENTS) state.events.shift();
  changed("events", state.events.at(-1));
}

/** Returns the name of a camera. */
export const cameraName = (camera) => state.cameras.get(camera)?.name ?? `Camera ${camera}`;
