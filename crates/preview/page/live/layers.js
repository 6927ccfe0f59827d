// The layers over the pictures, which the viewer switches. The choice is kept in this browser.

import { kept, keep } from "../settings.js";
import { h, button } from "../dom.js";
import { popover } from "../dialog.js";

const LAYERS = [
  ["boxes", "Boxes", true],
  ["names", "Persons", true],
  ["attributes", "Age and gender", true],
  ["trails", "Trails", true],
  ["zones", "Zones and lines", true],
  ["figures", "Rate and delay", true],
  ["blur", "Blur faces", false],
];

/** Which layers are on, by name. */
export const layers = Object.fromEntries(LAYERS.map(([name, , on]) => [name, Boolean(kept(`layer.${name}`, on))]));

/** Returns the button that opens the switches. `changed` is called after each change. */
export function layersButton(changed) {
  const rows = LAYERS.map(([name, text]) => {
    const box = h("input", { type: "checkbox", role: "switch", class: "switch", data: { layer: name } });
    box.checked = layers[name];
    box.addEventListener("change", () => {
      layers[name] = box.checked;
      keep(`layer.${name}`, box.checked);
      changed();
    });
    return h("label", { class: "switch-row" }, h("span", { text }), box);
  });
  const note = h("p", { class: "hint", text: "Blur covers faces in this browser only. The server can do it for all viewers." });
  return popover(button("Layers", { icon: "layers" }), "Layers", [...rows, note]);
}
