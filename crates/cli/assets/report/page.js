"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const place = (id) => document.getElementById(id);
  const colours = ["--a", "--b", "--d", "--e", "--f", "--c"];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const seconds = (time) => Date.parse(time) / 1000;
  // Every text goes through textContent, so that no name is read as markup.
  const element = (tag, text, name) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  };
  const whole = (number) => number.toLocaleString("en");
  const share = (part, of) => (of ? (100 * part / of).toFixed(1) : "0.0") + " %";
  const stay = (s) => {
    const two = (n) => String(Math.floor(n)).padStart(2, "0");
    if (s < 60) return s.toFixed(1) + " s";
    return s < 3600 ? Math.floor(s / 60) + ":" + two(s % 60) + " min" : Math.floor(s / 3600) + ":" + two(s / 60 % 60) + " h";
  };
  // The times of the figures have the offset of their time zone, so their text is the local time.
  const clock = (time) => time.slice(0, 19).replace("T", " ");
  const camera = (name) => name === null ? "all" : name;
  const person = (key) => key.run === null ? "person " + key.id : "person " + key.id + " of run " + key.run;
  let zone = figures.time_zone;
  try { new Intl.DateTimeFormat("en", { timeZone: zone }); } catch { zone = "UTC"; }

  const table = (at, head, rows) => {
    if (!rows.length) return at.append(element("p", "None.", "empty"));
    const number = head.map((_, column) => rows.every((row) => typeof row[column] === "number"));
    const made = element("table");
    const line = (cells, tag) => {
      const row = element("tr");
      cells.forEach((cell, column) => {
        row.append(element(tag, typeof cell === "number" ? whole(cell) : cell, number[column] ? "number" : ""));
      });
      return row;
    };
    const top = element("thead");
    top.append(line(head, "th"));
    const body = element("tbody");
    rows.forEach((row) => body.append(line(row, "td")));
    made.append(top, body);
    at.append(made);
  };

  const bars = (at, rows) => {
    const total = rows.reduce((sum, row) => sum + row[1], 0);
    const most = Math.max(1, ...rows.map((row) => row[1]));
    for (const [name, count] of rows) {
      const row = element("div", undefined, name === "unknown" ? "bar unknown" : "bar");
      const box = element("div");
      const bar = element("i");
      bar.style.width = 100 * count / most + "%";
      box.append(bar);
      row.append(element("span", name), box, element("span", whole(count)), element("span", share(count, total)));
      at.append(row);
    }
  };

  const step = figures.by === "day" ? 86400 : 3600;
  // Hours of 24, and days before months. uPlot documents the columns: the default, then those at a new year, month, day and so on.
  const dates = [
    [31536000, "{YYYY}", null, null, null, null, null, null, 1],
    [2419200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [3600, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
    [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  ];
  // Returns rows with an empty one at each end of a time without rows, so that lines go down to zero.
  const filled = (rows, empty) => rows.flatMap((row, i) => {
    const time = seconds(row.start);
    const next = i + 1 < rows.length ? seconds(rows[i + 1].start) : time + step;
    const one = Object.assign({ time }, row);
    if (next - time < 1.5 * step) return [one];
    return [one, Object.assign({ time: time + step }, empty), Object.assign({ time: next - step }, empty)].filter((r, at) => at < 2 || next - time > 2.5 * step);
  });

  const charts = [];
  // Draws series of bars over each other, the largest first.
  const chart = (at, times, series, lines) => {
    if (!times.length) return at.append(element("p", "None.", "empty"));
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const last = times[times.length - 1];
    const options = {
      width: at.clientWidth || 800,
      height: 240,
      tzDate: (s) => uPlot.tzDate(new Date(s * 1000), zone),
      scales: { x: { range: (_, from, to) => [Math.min(from, times[0]) - step / 2, Math.max(to, last) + step / 2] }, y: { range: (_, from, to) => [0, Math.max(1, to * 1.05)] } },
      axes: [Object.assign({ values: dates }, axis), Object.assign({ size: 56 }, axis)],
      series: [{ value: figures.by === "day" ? "{YYYY}-{MM}-{DD}" : "{YYYY}-{MM}-{DD} {HH}:{mm}" }].concat(series.map((one) => ({
        label: one.label,
        stroke: colour(one.colour),
        fill: lines ? undefined : colour(one.colour),
        width: lines ? 2 : 0,
        points: { show: lines && times.length < 3 },
        paths: lines ? undefined : uPlot.paths.bars({ size: [0.8, 60] }),
        value: (_, __, ___, i) => i === null || i === undefined ? "–" : one.shown(i),
      }))),
    };
    const made = new uPlot(options, [times, ...series.map((one) => one.values)], at);
    charts.push([made, at]);
  };

  const draw = () => {
    charts.splice(0).forEach(([made]) => made.destroy());
    document.querySelectorAll(".chart").forEach((at) => at.replaceChildren());
    const all = figures.traffic.filter((row) => row.camera === null);
    const times = all.map((row) => seconds(row.start));
    const count = (of) => (i) => whole(of(all[i]));
    const stacked = [
      { label: "unidentified", colour: "--c", values: all.map((r) => r.new + r.returning + r.unidentified), shown: count((r) => r.unidentified) },
      { label: "returning", colour: "--b", values: all.map((r) => r.new + r.returning), shown: count((r) => r.returning) },
      { label: "new", colour: "--a", values: all.map((r) => r.new), shown: count((r) => r.new) },
    ];
    chart(place("visits"), times, stacked, false);
    const steps = filled(all, { start: null, persons: 0 });
    const line = (label, colour, values) => ({ label, colour, values, shown: (i) => whole(values[i]) });
    const byCamera = figures.cameras.map((name, i) => {
      const rows = new Map(figures.traffic.filter((r) => r.camera === name).map((r) => [r.start, r.persons]));
      return line(name, colours[i % colours.length], steps.map((r) => rows.get(r.start) || 0));
    });
    const together = line("all", "--ink", steps.map((r) => r.persons));
    chart(place("persons"), steps.map((r) => r.time), byCamera.length > 1 ? [together, ...byCamera] : [together], true);
    const present = figures.occupancy.filter((row) => row.camera === null);
    chart(place("occupancy"), present.map((row) => seconds(row.start)), [
      { label: "at most", colour: "--c", values: present.map((r) => r.peak), shown: (i) => whole(present[i].peak) },
      { label: "mean", colour: "--d", values: present.map((r) => r.mean), shown: (i) => present[i].mean.toFixed(2) },
    ], false);
  };

  const range = figures.first === null ? "No visits." : clock(figures.first) + " to " + clock(figures.last) + " (" + figures.time_zone + ")";
  const out = figures.left_out ? "; " + whole(figures.left_out) + " tracks left out, because a clock was set while they lived" : "";
  place("range").textContent = range + out;
  const total = figures.totals[0] || { visits: 0, persons: 0, new: 0, returning: 0, unidentified: 0 };
  const dwell = figures.dwell.find((row) => row.camera === null);
  const tiles = [
    [whole(total.persons), "different persons"], [whole(total.visits), "visits"], [whole(total.new), "new"],
    [whole(total.returning), "returning"], [whole(total.unidentified), "unidentified"],
    [dwell ? stay(dwell.median_s) : "–", "median stay"], [dwell ? stay(dwell.p90_s) : "–", "9 of 10 stay at most"],
  ];
  for (const [value, name] of tiles) {
    const tile = element("div", undefined, "tile");
    tile.append(element("b", value), element("span", name));
    place("tiles").append(tile);
  }
  bars(place("ages"), figures.ages.bands.map((band) => [band.to === null ? band.from + " and more" : band.from + " to " + (band.to - 1), band.persons]).concat([["unknown", figures.ages.unknown]]));
  bars(place("genders"), [["female", figures.genders.female], ["male", figures.genders.male], ["unknown", figures.genders.unknown]]);
  table(place("cameras"), ["camera", "visits", "persons", "new", "returning", "unidentified", "median stay", "9 of 10", "longest"], figures.totals.map((row) => {
    const stays = figures.dwell.find((d) => d.camera === row.camera);
    const times = stays ? [stays.median_s, stays.p90_s, stays.longest_s].map(stay) : ["–", "–", "–"];
    return [camera(row.camera), row.visits, row.persons, row.new, row.returning, row.unidentified, ...times];
  }));
  const { line_totals, zone_totals } = figures.places;
  if (line_totals.length) table(place("lines"), ["camera", "line", "to the right", "to the left"], line_totals.map((row) => [row.camera, row.line, row.left_to_right, row.right_to_left]));
  if (zone_totals.length) table(place("zones"), ["camera", "zone", "entered", "present", "at most", "median stay", "9 of 10", "longest"], zone_totals.map((row) => {
    const times = [row.median_s, row.p90_s, row.longest_s].map((s) => s === null ? "–" : stay(s));
    return [row.camera, row.zone, row.entered, row.mean.toFixed(1), row.peak, ...times];
  }));
  place("places").hidden = !line_totals.length && !zone_totals.length;
  table(place("ways"), ["from", "to", "times"], figures.transitions.map((row) => [row.from, row.to, row.times]));
  table(place("last-seen"), ["person", "last seen", "camera", "visits"], figures.last_seen.map((row) => [row.name === null ? person(row.person) : row.name + " (" + person(row.person) + ")", clock(row.last_seen), row.camera, row.visits]));
  for (const path of figures.paths) {
    place("paths").hidden = false;
    place("paths").append(element("h3", person(path.person)));
    table(place("paths"), ["camera", "from", "to"], path.steps.map((step) => [step.camera, clock(step.from), clock(step.to)]));
  }
  const occupancy = new Map(figures.occupancy.map((row) => [row.start + " " + row.camera, row]));
  table(place("traffic"), ["begins", "camera", "visits", "persons", "new", "returning", "unidentified", "present", "at most"], figures.traffic.map((row) => {
    const present = occupancy.get(row.start + " " + row.camera) || { mean: 0, peak: 0 };
    return [row.start.replace("T", " "), camera(row.camera), row.visits, row.persons, row.new, row.returning, row.unidentified, present.mean.toFixed(1), present.peak];
  }));
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) {
      width = innerWidth;
      charts.forEach(([made, at]) => made.setSize({ width: at.clientWidth, height: 240 }));
    }
  });
  document.body.dataset.ready = "true";
})();
