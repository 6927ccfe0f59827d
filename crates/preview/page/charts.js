// Charts by uPlot, in the page's colours.

/* global uPlot */

const made = new Set();
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The colours of series, as names of the style sheet. */
export const SERIES = ["--s1", "--s2", "--s3", "--s4", "--s5", "--s6"];

/**
 * Draws a chart into `place`. `options`: `series` of {label, colour, fill, shown}, `bars`, `step` of bars in seconds, `height`,
 * `zone`, `unit`. Returns {set(data), end()}.
 */
export function chart(place, data, options) {
  let plot = null;
  let current = data;
  const draw = () => {
    plot?.destroy();
    plot = new uPlot(settings(place, options), current, place);
  };
  const one = {
    redraw: draw,
    resize: () => {
      const width = place.clientWidth;
      if (plot && width > 0 && Math.abs(width - plot.width) > 1) plot.setSize({ width, height: options.height });
    },
  };
  const observer = new ResizeObserver(one.resize);
  observer.observe(place);
  made.add(one);
  draw();
  return {
    set(next) {
      current = next;
      plot.setData(next);
    },
    end() {
      observer.disconnect();
      made.delete(one);
      plot.destroy();
    },
  };
}

/** Draws all charts again, after the colours have changed. */
export const recolour = () => made.forEach((one) => one.redraw());

function settings(place, { series, bars = false, step = 0, height, zone, unit = "", span = null, labels }) {
  const font = '12px Inter, system-ui, sans-serif';
  const axis = { stroke: style("--soft"), font, grid: { stroke: style("--line"), width: 1 }, ticks: { show: false } };
  const range = step ? (_, from, to) => [from - step / 2, to + step / 2] : span ? (_, from, to) => [Math.max(to - span, Math.min(from, to - 60)), to] : undefined;
  return {
    width: place.clientWidth || 600,
    height,
    padding: [4, 8, 0, 0],
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    legend: { show: series.length > 1 },
    tzDate: zone ? (s) => uPlot.tzDate(new Date(s * 1000), zone) : undefined,
    scales: { x: { range }, y: { range: (_, __, to) => [0, Math.max(1, (to ?? 0) * 1.06)] } },
    axes: [
      { ...axis, values: labels ?? dates(), grid: { show: false }, size: 34 },
      { ...axis, size: 46, values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? `${value}${unit}` : "")) },
    ],
    series: [{ value: step >= 86400 ? "{YYYY}-{MM}-{DD}" : step ? "{YYYY}-{MM}-{DD} {HH}:{mm}" : "{HH}:{mm}:{ss}" }, ...series.map(({ label, colour, fill, shown, dash }) => ({
      label,
      stroke: style(colour),
      fill: bars || fill ? (bars ? style(colour) : `${style(colour)}22`) : undefined,
      width: bars ? 0 : 1.75,
      dash,
      spanGaps: false,
      points: { show: false },
      paths: bars ? uPlot.paths.bars({ size: [0.72, 48], radius: 0.12 }) : undefined,
      value: (_, value, __, i) => (i === null || i === undefined || value === null || value === undefined ? "" : shown ? shown(i) : `${Math.round(value * 10) / 10}${unit}`),
    }))],
  };
}

/** Hours of 24, and days before months. uPlot documents the columns. */
function dates() {
  return [
    [31536000, "{YYYY}", null, null, null, null, null, null, 1],
    [2419200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [3600, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
    [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
    [1, ":{ss}", "\n{HH}:{mm}", null, null, null, "\n{HH}:{mm}", null, 1],
  ];
}
