// The choice between the system's colours, light and dark.

import { h, icon } from "./dom.js";

const CHOICES = [["system", "monitor", "Colours of the system"], ["light", "sun", "Light colours"], ["dark", "moon", "Dark colours"]];
const KEY = "passerby.theme";

/** Fills `place` with the switch, and calls `changed` whenever the colours change. */
export function mountThemeSwitch(place, changed) {
  const root = document.documentElement;
  const current = () => root.dataset.theme ?? "system";
  const buttons = CHOICES.map(([name, symbol, label]) => h("button", { type: "button", "aria-label": label, title: label, onclick: () => choose(name) }, icon(symbol, 15)));
  const show = () => buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(CHOICES[i][0] === current())));
  const choose = (name) => {
    if (name === "system") delete root.dataset.theme;
    else root.dataset.theme = name;
    try {
      if (name === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, name);
    } catch { /* Storage is blocked: the choice lasts as long as the page. */ }
    show();
    changed();
  };
  place.append(h("div", { class: "segmented", role: "group", "aria-label": "Colours" }, buttons));
  show();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
