// The frame of the page: navigation, the state of the connection, the colours, and the view that the address names.

import { recolour } from "./charts.js";
import { button, h, icon, setText } from "./dom.js";
import { mountEvents } from "./events.js";
import { mountFigures } from "./figures.js";
import { clock } from "./format.js";
import { mountLive } from "./live/view.js";
import { mountPersons } from "./persons/view.js";
import { mountReport } from "./report.js";
import { on, reconnect, start, state } from "./state.js";
import { mountThemeSwitch } from "./theme-switch.js";

const VIEWS = [
  ["live", "Live", "layout-grid", mountLive],
  ["persons", "Persons", "users", mountPersons],
  ["events", "Events", "list-tree", mountEvents],
  ["figures", "Figures", "chart-line", mountFigures],
  ["report", "Report", "calendar-range", mountReport],
];

const root = document.getElementById("view");
const links = new Map(VIEWS.map(([name, text, symbol]) => [name, h("a", { href: `#/${name}` }, icon(symbol, 18), h("span", { text }))]));
document.getElementById("nav").append(...links.values());
mountThemeSwitch(document.getElementById("theme"), recolour);

let end = null;

function show(first) {
  const [, name = "", ...parts] = location.hash.split("/");
  const view = VIEWS.find(([one]) => one === name) ?? VIEWS[0];
  end?.();
  root.replaceChildren();
  root.className = `view-${view[0]}`;
  end = view[3](root, ...parts.map(decodeURIComponent));
  links.forEach((link, one) => (one === view[0] ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current")));
  document.title = `${view[1]} · passerby`;
  if (!first) {
    scrollTo(0, 0);
    root.focus({ preventScroll: true });
  }
}

const linkState = document.getElementById("link-state");
const banner = document.getElementById("banner");

function showConnection() {
  const lost = state.connected === false;
  linkState.className = `link-state ${lost ? "lost" : state.connected ? "live" : "connecting"}`;
  setText(linkState, lost ? "Connection lost" : state.connected ? `Connected${state.info ? ` · ${state.info.version}` : ""}` : "Connecting");
  document.body.classList.toggle("offline", lost);
  if (!lost) {
    banner.replaceChildren();
    return;
  }
  const text = `The connection to the server is lost since ${clock(state.lostSince)}. What you see may be old.`;
  if (!banner.firstChild) {
    banner.append(h("div", { class: "banner", role: "alert" }, icon("wifi-off"), h("span", { text }), button("Try now", { onclick: reconnect })));
  }
}

/** A server that is reached from elsewhere wants its token. */
function askForToken() {
  end?.();
  end = null;
  const field = h("input", { name: "token", type: "password", autocomplete: "current-password", required: true, "aria-label": "Token" });
  root.replaceChildren(h("form", { class: "empty token", method: "get", action: "." }, icon("key-round", 28), h("h1", { text: "This page needs a token" }),
    h("p", { text: "passerby printed it when it started, or it is in its configuration." }), h("div", { class: "row" }, field, button("Open", { kind: "primary", type: "submit" }))));
  field.focus();
}

on("connection", showConnection);
on("info", showConnection);
addEventListener("unauthorized", askForToken, { once: true });
addEventListener("hashchange", () => show(false));
showConnection();
show(true);
start();
