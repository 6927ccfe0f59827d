// The view "Figures": how the pipeline does now, and did in the last minutes.

import { ageRows, bars, genderRows, table, tile } from "./bars.js";
import { chart, SERIES } from "./charts.js";
import { emptyState, h, setText, skeleton } from "./dom.js";
import { count, duration, millis, rate, words } from "./format.js";
import { cameraName, on, state } from "./state.js";
import { STATES } from "./live/tile.js";

const SPAN_S = 300;

/** Shows the view. Returns the function that ends it. */
export function mountFigures(root) {
  const summary = h("p", { class: "summary" });
  const place = h("div", {}, skeleton(6, "tiles"));
  root.append(h("header", { class: "view-head" }, h("div", {}, h("h1", { text: "Figures" }), summary)), place);

  let parts = null;
  let plotted = "";
  let charts = [];

  const build = () => {
    parts = { tiles: h("div", { class: "tiles" }), charts: h("div", { class: "columns" }), cameras: h("div"), people: h("div", { class: "columns" }), places: h("div", { class: "columns" }) };
    place.replaceChildren(parts.tiles, parts.charts, h("section", { class: "panel" }, h("h2", { text: "Cameras" }), parts.cameras), parts.people, parts.places);
  };

  const plot = () => {
    const cameras = state.figures.cameras.map((one) => one.camera);
    const key = cameras.map((one) => `${one}:${cameraName(one)}`).join("|");
    if (key !== plotted) {
      plotted = key;
      charts.forEach((one) => one.end());
      const perCamera = cameras.map((camera, i) => ({ label: cameraName(camera), colour: SERIES[i % SERIES.length] }));
      const add = (title, series, unit = "") => {
        const at = h("div", { class: "chart" });
        parts.charts.append(h("section", { class: "panel" }, h("h2", { text: title }), at));
        return chart(at, [[], ...series.map(() => [])], { series, height: 190, span: SPAN_S, unit });
      };
      parts.charts.replaceChildren();
      charts = [
        add("Persons now", [{ label: "persons", colour: "--s1", fill: true }]),
        add("Frames a second", perCamera),
        add("Age of results, 95 of 100", perCamera, " ms"),
        add("Dropped frames a second", perCamera),
      ];
    }
    const rows = state.history.slice(-SPAN_S);
    const times = rows.map((row) => row.at);
    const of = (value) => cameras.map((camera) => rows.map((row, i) => value(row.cameras.find((one) => one.camera === camera), rows[i - 1]?.cameras.find((one) => one.camera === camera))));
    charts[0].set([times, rows.map((row) => row.persons)]);
    charts[1].set([times, ...of((one) => one?.rate ?? null)]);
    charts[2].set([times, ...of((one) => one?.p95 ?? null)]);
    charts[3].set([times, ...of((one, before) => (one && before ? Math.max(0, one.dropped - before.dropped) : null))]);
  };

  const show = () => {
    const figures = state.figures;
    if (!figures) {
      if (state.connected === false) place.replaceChildren(emptyState("wifi-off", "No figures", "They come as soon as the server answers."));
      return;
    }
    if (!parts || !parts.tiles.isConnected) {
      plotted = "";
      build();
    }
    setText(summary, `Running for ${duration(figures.uptime_s)} · ${count(figures.viewers)} ${figures.viewers === 1 ? "viewer" : "viewers"}`);
    const totals = sums(figures.cameras);
    const live = figures.cameras.filter((one) => one.state === "live");
    const worst = Math.max(...live.map((one) => one.age_ms?.p95 ?? 0), 0);
    parts.tiles.replaceChildren(
      tile("Persons now", count(figures.persons_now)),
      tile("Persons today", count(figures.persons_today)),
      tile("Cameras live", `${live.length} of ${figures.cameras.length}`),
      tile("Frames a second", rate(figures.frames_per_s)),
      tile("Age of results", live.length ? millis(worst) : "–", "95 of 100, slowest camera"),
      tile("Dropped", count(totals.dropped), totals.captured ? `${(100 * totals.dropped / totals.captured).toFixed(2)} % of ${count(totals.captured)}` : ""));
    plot();
    const hold = parts.cameras.contains(document.activeElement);
    if (!hold) {
      parts.cameras.replaceChildren(table("Cameras", ["camera", "state", "frames/s", "median age", "p95", "p99", "cadence", "captured", "analysed", "coasted", "dropped", "why", "in flight", "queue"], figures.cameras.map((one) => {
        const { ledger } = one;
        const dropped = Object.values(ledger.dropped).reduce((sum, n) => sum + n, 0);
        const why = Object.entries(ledger.dropped).map(([reason, n]) => `${words(reason)} ${count(n)}`).join(", ");
        return [cameraName(one.camera), STATES[one.state] ?? one.state, rate(one.frame_rate), millis(one.age_ms?.p50), millis(one.age_ms?.p95), millis(one.age_ms?.p99), one.cadence ?? "–", ledger.captured, ledger.analysed, ledger.coasted, dropped, why || "–", ledger.in_flight, one.queue_depth];
      })));
    }
    const panel = (title, ...contents) => h("section", { class: "panel" }, h("h2", { text: title }), ...contents);
    parts.people.replaceChildren(panel("Ages today", bars(ageRows(figures.ages))), panel("Genders today", bars(genderRows(figures.genders)), h("p", { class: "hint", text: "Estimates of a network from pixels. What it cannot tell is unknown." })));
    if (!parts.places.contains(document.activeElement)) {
      parts.places.replaceChildren(
        panel("Zones", table("Zones", ["zone", "camera", "inside", "entered", "left"], figures.zones.map((one) => [one.name, cameraName(one.camera), one.inside, one.entered, one.left]))),
        panel("Lines", table("Lines", ["line", "camera", "forward", "backward"], figures.lines.map((one) => [one.name, cameraName(one.camera), one.forward, one.backward]))));
    }
  };

  show();
  const offs = [on("figures", show), on("connection", show), on("cameras", show)];
  return () => {
    offs.forEach((off) => off());
    charts.forEach((one) => one.end());
  };
}

function sums(cameras) {
  return cameras.reduce((sum, { ledger }) => ({
    captured: sum.captured + ledger.captured,
    dropped: sum.dropped + Object.values(ledger.dropped).reduce((all, n) => all + n, 0),
  }), { captured: 0, dropped: 0 });
}
