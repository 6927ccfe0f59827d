// The dialog that adds a camera.

import { post } from "../api.js";
import { form, openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { loadCameras } from "../state.js";

/** Opens the dialog. */
export function addCamera() {
  openDialog("Add a camera", (close) => form([
    h("label", { class: "field" }, h("span", { text: "Address" }),
      h("input", { name: "uri", autofocus: true, required: true, autocomplete: "off", spellcheck: "false", placeholder: "rtsp://10.0.0.20/stream1" }),
      h("small", { text: "RTSP, MJPEG over HTTP, a video file on the server, or a webcam." })),
    h("label", { class: "field" }, h("span", { text: "Name" }),
      h("input", { name: "name", autocomplete: "off", placeholder: "Entrance hall" }),
      h("small", { text: "Without a name the address is shown." })),
  ], "Add the camera", async (data) => {
    const uri = data.get("uri").trim();
    if (!uri) throw new Error("Enter the camera's address.");
    const name = data.get("name").trim();
    await post("cameras", name ? { uri, name } : { uri });
    await loadCameras();
  }, close));
}
