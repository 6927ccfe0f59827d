// The view "Persons" and its parts.

import { get } from "../api.js";
import { emptyState, errorState, h, icon, skeleton } from "../dom.js";
import { on, state } from "../state.js";
import { journalList, mountDetail } from "./detail.js";
import { mountList } from "./list.js";
import { mountReview } from "./review.js";
import { mountSearch } from "./search.js";

const PARTS = [["", "Everybody"], ["review", "Review"], ["search", "By picture"], ["journal", "Changes"]];

/** Shows the view. `part` is the name of a part, or the number of a person. Returns the function that ends it. */
export function mountPersons(root, part = "") {
  const number = /^\d+$/.test(part) ? Number(part) : null;
  const back = number === null ? null : h("a", { class: "button quiet icon-only", href: "#/persons", "aria-label": "Back to all persons", title: "Back to all persons" }, icon("arrow-left", 18));
  const title = h("h1", { text: number === null ? "Persons" : `Person ${number}` });
  const waiting = h("span", { class: "count", hidden: true });
  const tabs = h("nav", { class: "tabs", "aria-label": "Parts of Persons" }, PARTS.map(([name, text]) =>
    h("a", { href: `#/persons${name && `/${name}`}`, "aria-current": name === part ? "page" : null }, h("span", { text }), name === "review" ? waiting : null)));
  const body = h("div");
  root.append(h("header", { class: "view-head" }, h("div", { class: "row" }, back, title), number === null ? tabs : null), body);

  const showWaiting = () => get("persons/suggestions").then(({ suggestions }) => {
    waiting.hidden = suggestions.length === 0;
    waiting.textContent = suggestions.length;
  }, () => { waiting.hidden = true; });

  const mounts = { "": mountList, review: mountReview, search: mountSearch, journal: mountJournal };
  let end = null;
  const mount = () => {
    if (end) return;
    if (!state.info.has_database) {
      body.replaceChildren(emptyState("users", "No database", "This run keeps no database, so persons are only known by their numbers in the pictures. Name one when passerby starts, for example with --db passers.sqlite."));
      return;
    }
    body.replaceChildren();
    if (number === null) showWaiting();
    end = number === null ? (mounts[part] ?? notThere)(body) : mountDetail(body, number);
  };
  if (state.info) mount();
  else body.append(skeleton(8, "cards"));
  const off = on("info", mount);
  return () => {
    off();
    end?.();
  };
}

function notThere(root) {
  root.append(emptyState("circle-help", "There is no such page", "The address is wrong.", h("a", { class: "button", href: "#/persons", text: "All persons" })));
  return () => {};
}

function mountJournal(root) {
  const place = h("div", {}, skeleton(5, "rows"));
  root.append(h("p", { class: "hint lead", text: "Who was founded, merged, split and named, the newest first. What is undone here is as if it had never been." }), place);
  let timer = null;
  const load = async () => {
    try {
      const { journal } = await get("persons/journal?limit=200");
      place.replaceChildren(h("section", { class: "panel" }, journalList(journal, load)));
    } catch (error) {
      place.replaceChildren(errorState(error, load));
    }
  };
  load();
  const offs = [on("info", load), on("person", ({ kind }) => {
    if (kind === "seen") return;
    clearTimeout(timer);
    timer = setTimeout(load, 400);
  })];
  return () => {
    clearTimeout(timer);
    offs.forEach((off) => off());
  };
}
