// The view "Events": what happens, as it happens.

import { button, emptyState, h, icon, setText } from "./dom.js";
import { clock, count, personTitle, words } from "./format.js";
import { kept, keep } from "./settings.js";
import { cameraName, on, state } from "./state.js";
import { STATES } from "./live/tile.js";

const KINDS = [["person", "Persons", "user-round"], ["zone", "Zones and lines", "map-pin"], ["camera", "Cameras", "cctv"], ["pipeline", "Pipeline", "activity"]];
const SHOWN = 300;

/** Shows the view. Returns the function that ends it. */
export function mountEvents(root) {
  const chosen = new Set(kept("events.kinds", KINDS.map(([name]) => name)));
  let held = null;

  const summary = h("p", { class: "summary" });
  const hold = button("Hold", { icon: "pause", "aria-pressed": "false", onclick: () => {
    held = held ? null : [...state.events];
    hold.replaceChildren(icon(held ? "play" : "pause"), h("span", { text: held ? "Go on" : "Hold" }));
    hold.setAttribute("aria-pressed", String(Boolean(held)));
    show();
  } });
  const chips = KINDS.map(([name, text, symbol]) => button(text, { icon: symbol, kind: "chip", "aria-pressed": String(chosen.has(name)), onclick: (event) => {
    if (chosen.has(name)) chosen.delete(name);
    else chosen.add(name);
    event.currentTarget.setAttribute("aria-pressed", String(chosen.has(name)));
    keep("events.kinds", [...chosen]);
    show();
  } }));
  const cameras = h("select", { "aria-label": "Camera", onchange: () => show() });
  const text = h("input", { type: "search", placeholder: "Filter by text", "aria-label": "Filter events by text", oninput: () => show() });
  const list = h("ol", { class: "events" });
  const place = h("div", { class: "panel flush" });
  root.append(
    h("header", { class: "view-head" }, h("div", {}, h("h1", { text: "Events" }), summary), hold),
    h("div", { class: "toolbar" }, h("div", { class: "chips", role: "group", "aria-label": "Kinds of events" }, chips), cameras, text),
    place);

  const fillCameras = () => {
    const value = cameras.value;
    cameras.replaceChildren(h("option", { value: "", text: "All cameras" }), ...[...state.cameras.values()].map((one) => h("option", { value: one.camera, text: one.name })));
    cameras.value = [...cameras.options].some((one) => one.value === value) ? value : "";
  };

  const wanted = (event) => {
    if (!chosen.has(event.kind)) return false;
    if (cameras.value !== "" && String(event.value.camera) !== cameras.value) return false;
    const filter = text.value.trim().toLowerCase();
    return !filter || describe(event).map((part) => String(part ?? "").toLowerCase()).join(" ").includes(filter);
  };

  const show = () => {
    const all = held ?? state.events;
    const found = all.filter(wanted);
    const since = `since ${clock(state.openedAt)}`;
    setText(summary, held ? `Held. ${count(state.events.length - held.length)} newer` : `${count(found.length)} ${since}, when this page was opened`);
    if (!found.length) {
      place.replaceChildren(all.length ? emptyState("search", "No such event", "Events that fit the filter appear here as they happen.")
        : emptyState("list-tree", "Nothing happened yet", "Persons who are seen, crossings of zones and lines, and changes of cameras appear here as they happen."));
      return;
    }
    list.replaceChildren(...found.slice(-SHOWN).reverse().map(row));
    if (!list.isConnected) place.replaceChildren(list);
  };

  fillCameras();
  show();
  let due = null;
  const soon = () => {
    due ??= setTimeout(() => {
      due = null;
      show();
    }, 120);
  };
  const offs = [on("events", soon), on("cameras", () => { fillCameras(); soon(); }), on("names", soon)];
  return () => {
    clearTimeout(due);
    offs.forEach((off) => off());
  };
}

function row(event) {
  const [title, detail, kind, person] = describe(event);
  const symbol = KINDS.find(([name]) => name === event.kind)[2];
  return h("li", { class: kind ?? "" }, h("time", { datetime: event.at, text: clock(event.at) }), icon(symbol, 15),
    h("span", { class: "event-text" }, person === undefined ? h("span", { text: title }) : h("a", { href: `#/persons/${person}`, text: title }), detail ? h("small", { text: detail }) : null));
}

/** Returns an event's words, the camera or cause, how bad it is, and the person to link to. */
function describe({ kind, value }) {
  switch (kind) {
    case "person": {
      const verbs = { seen: "was seen", new: "is new", named: "was named", merged: "was merged", split: "was split off", undone: "changed: an entry was undone", forgotten: "was forgotten" };
      return [`${personTitle(value.person, state.names.get(value.person))} ${verbs[value.kind] ?? value.kind}`, value.camera === undefined || value.camera === null ? null : cameraName(value.camera), null, value.kind === "forgotten" || value.person === null ? undefined : value.person];
    }
    case "zone": {
      const who = value.person === null || value.person === undefined ? "Somebody" : personTitle(value.person, state.names.get(value.person));
      const verbs = { entered: "entered", left: "left", forward: "crossed forward:", backward: "crossed backward:" };
      return [`${who} ${verbs[value.kind] ?? words(value.kind)} ${value.name}`, cameraName(value.camera)];
    }
    case "camera": {
      if (value.removed) return [`Camera ${value.camera} was removed`, null];
      const bad = value.state === "lost" ? "bad" : null;
      return [`${value.name ?? cameraName(value.camera)}: ${(STATES[value.state] ?? value.state ?? "changed").toLowerCase()}`, value.error, bad];
    }
    default: {
      const bad = /lost|failed|stuck/.test(value.kind) ? "bad" : null;
      return [value.text, value.camera === null || value.camera === undefined ? words(value.kind) : `${cameraName(value.camera)} · ${words(value.kind)}`, bad];
    }
  }
}
