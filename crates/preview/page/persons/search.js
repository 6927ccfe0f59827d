// Who is on this picture? A picture is compared with all persons, and not kept.

import { upload } from "../api.js";
import { button, emptyState, h, icon } from "../dom.js";
import { ago, personTitle } from "../format.js";
import { state } from "../state.js";
import { portrait } from "./parts.js";

const VERDICTS = { same: ["The same person", "good"], maybe: ["May be the same", "warn"], other: ["Somebody else", ""] };

/** Shows the search in `root`. Returns the function that ends it. */
export function mountSearch(root) {
  const field = h("input", { type: "file", accept: "image/*", class: "file-field", id: "search-picture" });
  const drop = h("label", { class: "drop", for: "search-picture" }, icon("image-up", 26), h("strong", { text: "Choose a picture, or drop it here" }), h("span", { text: "The largest face is compared with everybody. The picture is not kept." }));
  const results = h("div", { "aria-live": "polite" });
  root.append(h("div", { class: "search-picture" }, field, drop), results);
  let shown = null;

  const run = async (file) => {
    if (!file) return;
    const limit = state.info?.limits?.upload_bytes;
    if (limit && file.size > limit) {
      problem(`The picture has ${Math.ceil(file.size / 1e6)} MB. At most ${Math.floor(limit / 1e6)} MB are accepted.`);
      return;
    }
    if (shown) URL.revokeObjectURL(shown);
    shown = URL.createObjectURL(file);
    const preview = h("img", { src: shown, alt: "The picture that is searched for", class: "portrait big" });
    results.replaceChildren(h("div", { class: "asked panel" }, preview, h("div", { class: "row" }, h("span", { class: "spinner dark" }), h("span", { text: "Comparing" }))));
    try {
      const { matches } = await upload("persons/search", file);
      const near = matches.filter((one) => one.verdict !== "other");
      results.replaceChildren(
        h("div", { class: "asked panel" }, preview, h("p", { text: near.length ? `${near.length} ${near.length === 1 ? "person is" : "persons are"} like this face.` : "No known person is like this face." })),
        matches.length ? h("ul", { class: "matches" }, matches.map(match)) : emptyState("users", "Nobody to compare with", "No person is known yet."));
    } catch (error) {
      problem(error.message);
    }
  };
  const problem = (text) => results.replaceChildren(h("div", { class: "empty error", role: "alert" }, icon("triangle-alert", 24), h("p", { text }), button("Choose another picture", { onclick: () => field.click() })));

  field.addEventListener("change", () => run(field.files[0]));
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    run(event.dataTransfer.files[0]);
  });
  return () => shown && URL.revokeObjectURL(shown);
}

function match(one) {
  const [text, kind] = VERDICTS[one.verdict] ?? [one.verdict, ""];
  const bar = h("i");
  bar.style.width = `${Math.max(0, Math.min(1, one.similarity)) * 100}%`;
  return h("li", { class: "card" }, portrait({ has_picture: one.has_picture ?? false, ...one }),
    h("div", { class: "card-text" },
      h("a", { class: "card-title", href: `#/persons/${one.person}`, text: personTitle(one.person, one.name) }),
      h("p", {}, h("span", { class: `tag ${kind}`, text })),
      h("p", { class: "meter" }, h("span", { class: "meter-track" }, bar), h("span", { text: one.similarity.toFixed(2) })),
      h("p", { class: "faint", text: `last seen ${ago(one.last_seen)}` })));
}
