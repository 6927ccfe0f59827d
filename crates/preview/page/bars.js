// Horizontal bars with their counts and shares, and tables.

import { h } from "./dom.js";
import { count, percent } from "./format.js";

/** A number with its unit, or the sign for none. */
const QUANTITY = /^(–|[\d.,]+( ms| s| min| h| d)?)$/;

/** Returns bars of [name, count]. The bar of "unknown" is grey. */
export function bars(rows) {
  const total = rows.reduce((sum, [, n]) => sum + n, 0);
  const most = Math.max(1, ...rows.map(([, n]) => n));
  return h("ul", { class: "bars" }, rows.map(([name, n]) => {
    const bar = h("i");
    bar.style.width = `${100 * n / most}%`;
    return h("li", { class: name === "unknown" ? "unknown" : "" }, h("span", { text: name }), h("span", { class: "bar-track" }, bar), h("span", { class: "number", text: count(n) }), h("span", { class: "number faint", text: percent(n, total) }));
  }));
}

/** Returns the rows for `bars` of ages. */
export const ageRows = (ages) => [...ages.bands.map(({ from, to, persons }) => [to === null ? `${from} and more` : `${from}–${to - 1}`, persons]), ["unknown", ages.unknown]];

/** Returns the rows for `bars` of genders. */
export const genderRows = (genders) => [["female", genders.female], ["male", genders.male], ["unknown", genders.unknown]];

/** Returns a table. A cell is text, a number, or an element. Numbers stand on the right. */
export function table(label, head, rows) {
  if (!rows.length) return h("p", { class: "hint", text: "None." });
  const right = head.map((_, i) => rows.every((row) => typeof row[i] === "number" || QUANTITY.test(row[i])) && rows.some((row) => row[i] !== "–"));
  const cell = (value) => (value instanceof Node ? value : typeof value === "number" ? count(value) : String(value));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, h("table", {},
    h("thead", {}, h("tr", {}, head.map((text, i) => h("th", { scope: "col", class: right[i] ? "number" : "", text })))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value, i) => h(i ? "td" : "th", { scope: i ? null : "row", class: right[i] ? "number" : "" }, cell(value))))))));
}

/** Returns a figure with its name. */
export function tile(name, value, note) {
  return h("div", { class: "figure" }, h("span", { text: name }), h("strong", { text: value }), note ? h("small", { text: note }) : null);
}
