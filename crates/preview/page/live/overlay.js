// Draws boxes, trails, names, zones and lines over one picture.

import { layers } from "./layers.js";
import { attributes, personTitle } from "../format.js";
import { state } from "../state.js";

const COLOURS = ["#7aa2ff", "#5fd0a5", "#f2b45c", "#e58bd0", "#7fd3ee", "#f08a7b", "#b8a1ff", "#c3d66a"];
const UNKNOWN = "#d5d9e0";
const TRAIL_S = 2;
const FONT = "Inter, system-ui, sans-serif";

/** Returns the colour of a person, the same in all pictures. Faces without a person are grey. */
export const personColour = (person) => (person === null || person === undefined ? UNKNOWN : COLOURS[person % COLOURS.length]);

/** Sets the canvas to the size of its element in device pixels, and returns the scale. */
export function fit(canvas) {
  const ratio = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  return ratio;
}

/**
 * Draws one picture's overlay. `picture` is what is drawn below it, or null if the browser shows the video itself. `shown` is
 * what `Timeline.at` returned.
 */
export function draw(canvas, { picture, size, shown, timeline, pts, camera, counts, covered }) {
  const ratio = fit(canvas);
  const g = canvas.getContext("2d");
  g.setTransform(1, 0, 0, 1, 0, 0);
  g.clearRect(0, 0, canvas.width, canvas.height);
  const [width, height] = size;
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const place = { x: (canvas.width - width * scale) / 2, y: (canvas.height - height * scale) / 2, scale, ratio };
  if (picture) g.drawImage(picture, place.x, place.y, width * scale, height * scale);
  if (covered) cover(g, picture, place, size, shown);
  if (layers.zones && camera) drawPlaces(g, place, camera, counts);
  if (!shown) return;
  // Boxes are in pixels of the picture that was analysed. A stream may be smaller.
  const facesPlace = { ...place, scale: scale * width / (shown.width || width) };
  // The detector does not find a lost face any more: its box is a guess, which is good for a cover only.
  const faces = shown.faces.filter((face) => face.state !== "lost");
  if (layers.trails) drawTrails(g, facesPlace, timeline.trails(pts, TRAIL_S), faces, pts);
  if (layers.boxes) faces.forEach((face) => drawBox(g, facesPlace, face));
  if (layers.names || layers.attributes) drawLabels(g, canvas, facesPlace, faces);
}

/** Hides faces: coarse squares over each, or over the whole picture while it is not known where faces are. */
function cover(g, picture, place, [width, height], shown) {
  if (!shown) {
    pixelate(g, picture, [0, 0, width, height], place, width / 24);
    return;
  }
  for (const { box: [x1, y1, x2, y2] } of shown.faces) {
    const factor = width / (shown.width || width);
    const margin = 0.3 * Math.max(x2 - x1, y2 - y1);
    const wide = [Math.max(0, x1 - margin), Math.max(0, y1 - margin), Math.min(shown.width, x2 + margin), Math.min(shown.height, y2 + margin)];
    pixelate(g, picture, wide.map((value) => value * factor), place, Math.max(8, (x2 - x1) * factor / 5));
  }
}

const small = document.createElement("canvas");

function pixelate(g, picture, [x1, y1, x2, y2], place, block) {
  if (!picture || x2 <= x1 || y2 <= y1) return;
  small.width = Math.max(1, Math.round((x2 - x1) / block));
  small.height = Math.max(1, Math.round((y2 - y1) / block));
  const s = small.getContext("2d");
  s.imageSmoothingQuality = "high";
  s.drawImage(picture, x1, y1, x2 - x1, y2 - y1, 0, 0, small.width, small.height);
  g.imageSmoothingEnabled = false;
  g.drawImage(small, place.x + x1 * place.scale, place.y + y1 * place.scale, (x2 - x1) * place.scale, (y2 - y1) * place.scale);
  g.imageSmoothingEnabled = true;
}

function drawBox(g, place, face) {
  const [x1, y1, x2, y2] = face.box;
  const x = place.x + x1 * place.scale;
  const y = place.y + y1 * place.scale;
  const w = (x2 - x1) * place.scale;
  const h = (y2 - y1) * place.scale;
  const radius = Math.min(6 * place.ratio, w / 6, h / 6);
  g.beginPath();
  g.roundRect(x, y, w, h, Math.max(0, radius));
  g.lineWidth = 3.5 * place.ratio;
  g.strokeStyle = "rgba(10, 12, 16, 0.45)";
  g.setLineDash([]);
  g.stroke();
  g.lineWidth = 2 * place.ratio;
  g.strokeStyle = personColour(face.person);
  // A predicted box is dashed.
  g.setLineDash(face.state === "confirmed" ? [] : [5 * place.ratio, 4 * place.ratio]);
  g.stroke();
  g.setLineDash([]);
}

function drawTrails(g, place, trails, faces, pts) {
  const people = new Map(faces.map((face) => [face.track, face.person]));
  g.lineCap = "round";
  for (const [track, points] of trails) {
    if (!people.has(track)) continue;
    g.strokeStyle = personColour(people.get(track));
    g.lineWidth = 2.5 * place.ratio;
    for (let i = 1; i < points.length; i += 1) {
      g.globalAlpha = 0.7 * Math.max(0, 1 - (pts - points[i][2]) / TRAIL_S);
      g.beginPath();
      g.moveTo(place.x + points[i - 1][0] * place.scale, place.y + points[i - 1][1] * place.scale);
      g.lineTo(place.x + points[i][0] * place.scale, place.y + points[i][1] * place.scale);
      g.stroke();
    }
  }
  g.globalAlpha = 1;
}

function drawLabels(g, canvas, place, faces) {
  const px = Math.max(11, Math.min(13, canvas.clientWidth / 46)) * place.ratio;
  const taken = [];
  for (const face of faces) {
    const title = layers.names ? personTitle(face.person, state.names.get(face.person)) : null;
    const detail = layers.attributes ? attributes(face) : null;
    label(g, canvas, place, face, title, detail, px, taken);
  }
}

function label(g, canvas, place, face, title, detail, px, taken) {
  const strong = `600 ${px}px ${FONT}`;
  const light = `400 ${px * 0.92}px ${FONT}`;
  const widthOf = (font, text) => {
    g.font = font;
    return text ? g.measureText(text).width : 0;
  };
  const pad = px * 0.55;
  const dot = title ? px * 0.95 : 0;
  const width = Math.max(widthOf(strong, title) + dot, widthOf(light, detail)) + 2 * pad;
  const lines = [title, detail].filter(Boolean).length;
  const height = px * 1.32 * lines + pad;
  const [x1, y1, , y2] = face.box;
  const gap = 5 * place.ratio;
  const x = Math.max(2, Math.min(place.x + x1 * place.scale - place.ratio, canvas.width - width - 2));
  const above = place.y + y1 * place.scale - height - gap;
  const below = place.y + y2 * place.scale + gap;
  // Labels do not cover one another: above the box, below it, or the next free place above or below.
  const free = (y) => y >= 2 && y + height <= canvas.height - 2 && !taken.some((t) => x < t.x + t.width && t.x < x + width && y < t.y + t.height && t.y < y + height);
  const places = [above, below, above - height - gap, below + height + gap];
  const y = places.find(free) ?? Math.max(2, Math.min(above, canvas.height - height - 2));
  taken.push({ x, y, width, height });
  g.beginPath();
  g.roundRect(x, y, width, height, 5 * place.ratio);
  g.fillStyle = "rgba(13, 15, 19, 0.82)";
  g.fill();
  g.textBaseline = "middle";
  let line = y + pad / 2 + px * 0.66;
  if (title) {
    g.beginPath();
    g.arc(x + pad + px * 0.26, line, px * 0.28, 0, 2 * Math.PI);
    g.fillStyle = personColour(face.person);
    g.fill();
    g.font = strong;
    g.fillStyle = "#fff";
    g.fillText(title, x + pad + dot, line);
    line += px * 1.32;
  }
  if (detail) {
    g.font = light;
    g.fillStyle = "rgba(255, 255, 255, 0.8)";
    g.fillText(detail, x + pad, line);
  }
}

function drawPlaces(g, place, camera, counts) {
  const at = ([x, y]) => [place.x + x * place.scale, place.y + y * place.scale];
  for (const zone of camera.zones ?? []) {
    const points = zone.polygon.map(at);
    g.beginPath();
    points.forEach(([x, y], i) => (i ? g.lineTo(x, y) : g.moveTo(x, y)));
    g.closePath();
    g.fillStyle = "rgba(255, 255, 255, 0.07)";
    g.fill();
    stroke(g, place);
    const middle = points.reduce(([x, y], p) => [x + p[0] / points.length, y + p[1] / points.length], [0, 0]);
    const found = counts?.zones?.find((row) => row.camera === camera.camera && row.name === zone.name);
    tag(g, place, middle, found ? `${zone.name} · ${found.inside} inside` : zone.name);
  }
  for (const line of camera.lines ?? []) {
    const from = at(line.from);
    const to = at(line.to);
    g.beginPath();
    g.moveTo(...from);
    g.lineTo(...to);
    stroke(g, place);
    const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
    drawDirection(g, place, from, to, middle);
    const found = counts?.lines?.find((row) => row.camera === camera.camera && row.name === line.name);
    tag(g, place, [middle[0], middle[1] + 22 * place.ratio], found ? `${line.name} · ${found.forward} → ${found.backward} ←` : line.name);
  }
}

function stroke(g, place) {
  g.setLineDash([]);
  g.lineWidth = 3.5 * place.ratio;
  g.strokeStyle = "rgba(10, 12, 16, 0.4)";
  g.stroke();
  g.lineWidth = 1.5 * place.ratio;
  g.strokeStyle = "rgba(255, 255, 255, 0.85)";
  g.setLineDash([7 * place.ratio, 5 * place.ratio]);
  g.stroke();
  g.setLineDash([]);
}

/** An arrow across a line: the direction that counts as forward, from its left to its right. */
function drawDirection(g, place, from, to, [x, y]) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  const along = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
  const across = [-along[1], along[0]];
  const size = 9 * place.ratio;
  g.beginPath();
  g.moveTo(x + across[0] * size, y + across[1] * size);
  g.lineTo(x + along[0] * size * 0.7, y + along[1] * size * 0.7);
  g.lineTo(x - along[0] * size * 0.7, y - along[1] * size * 0.7);
  g.closePath();
  g.fillStyle = "#fff";
  g.fill();
}

function tag(g, place, [x, y], text) {
  const px = 11.5 * place.ratio;
  g.font = `500 ${px}px ${FONT}`;
  g.textBaseline = "middle";
  const width = g.measureText(text).width + px;
  g.beginPath();
  g.roundRect(x - width / 2, y - px * 0.85, width, px * 1.7, px * 0.85);
  g.fillStyle = "rgba(13, 15, 19, 0.72)";
  g.fill();
  g.fillStyle = "#fff";
  g.fillText(text, x - width / 2 + px / 2, y + px * 0.04);
}
