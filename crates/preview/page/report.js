// The view "Report": the answers by hour and day.

import { get } from "./api.js";
import { ageRows, bars, genderRows, table, tile } from "./bars.js";
import { chart, SERIES } from "./charts.js";
import { emptyState, errorState, h, icon, setText, skeleton } from "./dom.js";
import { count, duration, personTitle } from "./format.js";
import { on, state } from "./state.js";

const RANGES = [["today", "Today", 0, 0], ["yesterday", "Yesterday", 1, 1], ["week", "7 days", 6, 0], ["month", "30 days", 29, 0], ["own", "Own range", null, null]];

/** Shows the view. Returns the function that ends it. */
export function mountReport(root) {
  const charts = [];
  let request = null;
  const summary = h("p", { class: "summary" });
  const range = h("select", { "aria-label": "Time", onchange: () => { showDays(); load(); } }, RANGES.map(([name, text]) => h("option", { value: name, text })));
  const from = h("input", { type: "date", "aria-label": "First day", value: isoDay(6), onchange: () => load() });
  const to = h("input", { type: "date", "aria-label": "Last day", value: isoDay(0), onchange: () => load() });
  const days = h("span", { class: "row", hidden: true }, from, h("span", { text: "to" }), to);
  const step = h("select", { "aria-label": "Step", onchange: () => load() }, h("option", { value: "hour", text: "By hour" }), h("option", { value: "day", text: "By day" }));
  const camera = h("select", { "aria-label": "Camera", onchange: () => load() });
  const download = h("a", { class: "button", download: "report.json" }, icon("download"), h("span", { text: "JSON" }));
  const place = h("div", {}, skeleton(6, "tiles"));
  root.append(
    h("header", { class: "view-head" }, h("div", {}, h("h1", { text: "Report" }), summary), download),
    h("div", { class: "toolbar" }, range, days, step, camera), place);

  const showDays = () => {
    days.hidden = range.value !== "own";
    const long = ["week", "month"].includes(range.value);
    if (range.value !== "own") step.value = long ? "day" : "hour";
  };

  const fillCameras = () => {
    const value = camera.value;
    const names = [...new Set([...state.cameras.values()].map((one) => one.name))];
    camera.replaceChildren(h("option", { value: "", text: "All cameras" }), ...names.map((name) => h("option", { value: name, text: name })));
    camera.value = names.includes(value) ? value : "";
  };

  const query = () => {
    const [, , first, last] = RANGES.find(([name]) => name === range.value);
    const asked = new URLSearchParams({
      from: first === null ? from.value : isoDay(first),
      to: last === null ? to.value : isoDay(last),
      by: step.value,
      time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
    });
    if (camera.value) asked.set("camera", camera.value);
    return asked;
  };

  const load = async () => {
    if (state.info && !state.info.has_database) {
      download.hidden = true;
      place.replaceChildren(emptyState("calendar-range", "No database", "This run keeps no database, so there is nothing to report. Name one when passerby starts, for example with --db passers.sqlite."));
      return;
    }
    download.hidden = false;
    const asked = query();
    download.href = `api/report?${asked}`;
    request?.abort();
    request = new AbortController();
    place.setAttribute("aria-busy", "true");
    try {
      show(await get(`report?${asked}`, request.signal));
    } catch (error) {
      if (error.name === "AbortError") return;
      clear();
      place.replaceChildren(errorState(error, load));
    }
    place.removeAttribute("aria-busy");
  };

  const clear = () => charts.splice(0).forEach((one) => one.end());

  const show = (answer) => {
    clear();
    if (answer.first === null) {
      setText(summary, "");
      place.replaceChildren(emptyState("calendar-range", "Nobody passed", "There was no visit in this time."));
      return;
    }
    setText(summary, `${day(answer.first)} to ${day(answer.last)} · ${answer.time_zone}`);
    const total = answer.totals.find((row) => row.camera === null) ?? answer.totals[0];
    const dwell = answer.dwell.find((row) => row.camera === null) ?? answer.dwell[0];
    const peak = Math.max(0, ...answer.occupancy.filter((row) => row.camera === null).map((row) => row.peak));
    const at = () => h("div", { class: "chart" });
    const [visits, persons, present] = [at(), at(), at()];
    const panel = (title, ...contents) => h("section", { class: "panel" }, h("h2", { text: title }), ...contents);
    place.replaceChildren(
      h("div", { class: "tiles" },
        tile("Persons", count(total.persons), "different ones"), tile("Visits", count(total.visits), `${count(total.unidentified)} not identified`),
        tile("New", count(total.new)), tile("Returning", count(total.returning)),
        tile("Median stay", duration(dwell?.median_s), dwell ? `nine of ten at most ${duration(dwell.p90_s)}` : ""), tile("At most present", count(peak), "at one moment")),
      panel("Visits", visits),
      h("div", { class: "columns" }, panel("Different persons", persons), panel("Present at the same time", present)),
      h("div", { class: "columns" }, panel("Ages", bars(ageRows(answer.ages))), panel("Genders", bars(genderRows(answer.genders)), h("p", { class: "hint", text: "Estimates of a network from pixels. What it cannot tell is unknown." }))),
      panel("Cameras", table("Cameras", ["camera", "visits", "persons", "new", "returning", "unidentified", "median stay", "nine of ten"], answer.totals.map((row) => {
        const stay = answer.dwell.find((one) => one.camera === row.camera);
        return [row.camera ?? "all", row.visits, row.persons, row.new, row.returning, row.unidentified, duration(stay?.median_s), duration(stay?.p90_s)];
      }))),
      ...places(answer, panel),
      h("div", { class: "columns" },
        panel("Ways", table("Ways", ["from", "to", "times"], answer.transitions.map((row) => [row.from, row.to, row.times]))),
        panel("Last seen", table("Last seen", ["person", "when", "camera", "visits"], answer.last_seen.map((row) => [who(row), time(row.last_seen), row.camera, row.visits])))),
      h("details", { class: "panel" }, h("summary", {}, h("h2", { text: "All rows" })), table("All rows", ["begins", "camera", "visits", "persons", "new", "returning", "unidentified"], answer.traffic.map((row) => [time(row.start), row.camera ?? "all", row.visits, row.persons, row.new, row.returning, row.unidentified]))),
      answer.left_out ? h("p", { class: "hint", text: `${count(answer.left_out)} tracks count nowhere, because a clock was set while they lived.` }) : "");
    plot(answer, visits, persons, present);
  };

  const plot = (answer, visits, persons, present) => {
    const size = answer.by === "day" ? 86400 : 3600;
    const zone = answer.time_zone;
    const rows = answer.traffic.filter((row) => row.camera === null);
    const times = rows.map((row) => Date.parse(row.start) / 1000);
    const shown = (of) => (i) => count(of(rows[i]));
    // Bars over each other, the largest first.
    charts.push(chart(visits, [times, rows.map((r) => r.visits), rows.map((r) => r.new + r.returning), rows.map((r) => r.new)], {
      bars: true, step: size, height: 240, zone,
      series: [{ label: "not identified", colour: "--s0", shown: shown((r) => r.unidentified) }, { label: "returning", colour: "--s3", shown: shown((r) => r.returning) }, { label: "new", colour: "--s1", shown: shown((r) => r.new) }],
    }));
    const byCamera = answer.cameras.map((name, i) => {
      const own = new Map(answer.traffic.filter((row) => row.camera === name).map((row) => [row.start, row.persons]));
      return { label: name, colour: SERIES[(i + 1) % SERIES.length], values: rows.map((row) => own.get(row.start) ?? 0) };
    });
    const all = { label: "all", colour: "--s1", fill: true, values: rows.map((row) => row.persons) };
    const lines = byCamera.length > 1 ? [all, ...byCamera] : [all];
    charts.push(chart(persons, [times, ...lines.map((one) => one.values)], { series: lines, step: size, height: 220, zone }));
    const occupancy = answer.occupancy.filter((row) => row.camera === null);
    charts.push(chart(present, [occupancy.map((row) => Date.parse(row.start) / 1000), occupancy.map((row) => row.peak), occupancy.map((row) => row.mean)], {
      bars: true, step: size, height: 220, zone, series: [{ label: "at most", colour: "--s0" }, { label: "mean", colour: "--s2" }],
    }));
  };

  fillCameras();
  showDays();
  if (state.info) load();
  const offs = [on("cameras", fillCameras), on("info", load)];
  return () => {
    request?.abort();
    offs.forEach((off) => off());
    clear();
  };
}

/** Returns the panels of zones and lines, if the answer has any. */
function places(answer, panel) {
  const found = [];
  if (answer.zones?.length) found.push(panel("Zones", table("Zones", ["zone", "camera", "entered", "median stay", "at most inside"], answer.zones.map((row) => [row.name ?? row.zone, row.camera, row.entered ?? row.stays ?? "–", duration(row.median_s), row.peak ?? "–"]))));
  if (answer.lines?.length) found.push(panel("Lines", table("Lines", ["line", "camera", "forward", "backward"], answer.lines.map((row) => [row.name ?? row.line, row.camera, row.forward, row.backward]))));
  return found.length ? [h("div", { class: "columns" }, found)] : [];
}

function who({ person, name }) {
  const title = personTitle(person.id, name);
  return person.run === null ? h("a", { href: `#/persons/${person.id}`, text: title }) : `${title} of run ${person.run}`;
}

// The times of the answers have the offset of their zone, so their text is the local time.
const time = (at) => at.slice(0, 16).replace("T", " ");
const day = (at) => at.slice(0, 10);

/** Returns the day so many days ago, as `2026-06-01`. */
function isoDay(ago) {
  const now = new Date();
  const then = new Date(now.getFullYear(), now.getMonth(), now.getDate() - ago);
  const two = (n) => String(n).padStart(2, "0");
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`;
}
