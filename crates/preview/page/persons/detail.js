// One person: name, templates, journal; rename, split, forget.

import { get, patch, post, remove } from "../api.js";
import { confirmDialog } from "../dialog.js";
import { button, errorState, h, icon, skeleton, toast } from "../dom.js";
import { attributes, count, duration, moment, personTitle } from "../format.js";
import { on, state } from "../state.js";
import { done, entryText, portrait, undo, undoable } from "./parts.js";

/** A cosine below this between two templates of one person is a reason to look at them. `docs/persons.md` names the same. */
const DOUBTFUL = 0.35;

/** Shows the person in `root`. Returns the function that ends it. */
export function mountDetail(root, number) {
  const place = h("div", {}, skeleton(3, "rows"));
  root.append(place);
  let timer = null;

  const load = async () => {
    try {
      show(await get(`persons/${number}`));
    } catch (error) {
      place.replaceChildren(error.status === 404
        ? h("div", { class: "empty" }, icon("user-round", 28), h("h2", { text: `Person ${number} is not known` }), h("p", { text: "The person was forgotten, or the number is wrong." }), h("a", { class: "button", href: "#/persons", text: "All persons" }))
        : errorState(error, load));
    }
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(load, 300);
  };

  const show = (person) => {
    if (place.contains(document.activeElement) && document.activeElement.matches("input")) return;
    const title = personTitle(person.person, person.name);
    place.replaceChildren(
      h("div", { class: "person-head" }, portrait(person, "big"), h("div", { class: "grow" }, nameForm(person, load), h("p", { class: "summary", text: attributes(person, true) }))),
      h("dl", { class: "facts wide" }, facts(person).map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", { text: value })))),
      templates(person, load),
      journal(person, load),
      state.info?.editable ? h("section", { class: "panel danger-zone" }, h("h2", { text: "Forget" }), h("p", { text: `Removes ${title} from the gallery for good.` }), button(`Forget ${title}`, { icon: "trash-2", kind: "danger", onclick: () => forget(person) })) : null,
    );
  };

  load();
  const offs = [on("person", (event) => event.person === number && event.kind !== "seen" && later()), on("info", load)];
  return () => {
    clearTimeout(timer);
    offs.forEach((off) => off());
  };
}

function facts(person) {
  const rows = [
    ["Last seen", moment(person.last_seen)],
    ["First seen", moment(person.first_seen)],
    ["Stayed", duration(person.dwell_s)],
    ["Cameras", person.cameras?.join(", ") || "–"],
    ["Frames", count(person.frames)],
  ];
  const others = (person.numbers ?? []).filter((one) => one !== person.person);
  if (others.length) rows.push(["Also known as", others.map((one) => `person ${one}`).join(", ")]);
  return rows;
}

function nameForm(person, changed) {
  const title = personTitle(person.person, person.name);
  if (!state.info?.editable) return h("h2", { class: "person-name", text: title });
  const field = h("input", { class: "name-field", value: person.name ?? "", placeholder: `Person ${person.person}`, "aria-label": `Name of person ${person.person}`, autocomplete: "off", maxlength: "120" });
  const save = button("Save", { kind: "primary", hidden: true, type: "submit" });
  field.addEventListener("input", () => { save.hidden = field.value.trim() === (person.name ?? ""); });
  const made = h("form", { class: "name-form" }, field, save);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = field.value.trim();
    if (name === (person.name ?? "")) return;
    try {
      const answer = await patch(`persons/${person.person}`, { name: name || null });
      field.blur();
      done(name ? `Person ${person.person} is ${name}.` : `Person ${person.person} has no name now.`, answer, changed);
    } catch (error) {
      toast(error.message);
    }
  });
  return made;
}

function templates(person, changed) {
  const rows = person.templates ?? [];
  const all = Array.isArray(rows) ? rows : [];
  const chosen = new Set();
  const split = button("Split off", { icon: "split", disabled: true, onclick: () => splitDialog(person, [...chosen], changed) });
  const list = all.map((one) => {
    const box = h("input", { type: "checkbox", class: "check" });
    box.addEventListener("change", () => {
      if (box.checked) chosen.add(one.template);
      else chosen.delete(one.template);
      split.disabled = chosen.size === 0 || chosen.size === all.length;
    });
    const doubt = one.nearest !== null && one.nearest < DOUBTFUL;
    const near = one.nearest === null ? "the only one" : `${one.nearest.toFixed(2)} to the nearest other one`;
    return h("li", {}, h("label", {}, state.info?.editable && all.length > 1 ? box : null, h("span", { class: "grow" },
      h("strong", { text: `Template ${one.template}` }), h("small", { text: `quality ${Math.round(one.quality * 100)} % · ${near} · ${one.last_seen ? `seen ${moment(one.last_seen)}` : "entered by hand"}` })),
    doubt ? h("span", { class: "tag warn", text: "doubtful" }) : null));
  });
  return h("section", { class: "panel" },
    h("div", { class: "row between" }, h("h2", { text: "Templates" }), state.info?.editable && all.length > 1 ? split : null),
    h("p", { class: "hint", text: all.length > 1 ? "The looks by which this person is known. If two people were taken for one, choose the templates of the other and split them off." : "The look by which this person is known." }),
    all.length ? h("ul", { class: "lines" }, list) : h("p", { class: "hint", text: "No template." }));
}

function splitDialog(person, chosen, changed) {
  confirmDialog(`Split ${chosen.length === 1 ? "one template" : `${chosen.length} templates`} off?`, [
    h("p", { text: `The chosen templates, and the tracks that showed them, go to a new person. ${personTitle(person.person, person.name)} keeps the others. A split can be undone.` }),
  ], "Split off", async () => {
    const answer = await post(`persons/${person.person}/split`, { templates: chosen });
    done("The templates belong to a new person.", answer, changed);
  });
}

function journal(person, changed) {
  const rows = person.journal ?? [];
  return h("section", { class: "panel" }, h("h2", { text: "Changes" }), journalList([...rows].sort((a, b) => b.entry - a.entry), changed));
}

/** Returns the entries of the journal, each with a way back if there is one. */
export function journalList(entries, changed) {
  if (!entries.length) return h("p", { class: "hint", text: "Nothing was changed." });
  return h("ul", { class: "lines" }, entries.map((entry) => h("li", {}, h("span", { class: "grow" },
    h("strong", { text: entryText(entry) }),
    h("small", { text: [`${entry.author === "user" ? "by hand" : "by the gallery"}, ${moment(entry.at)}`, entry.reason, entry.score === null ? "" : `cosine ${entry.score.toFixed(2)}`].filter(Boolean).join(" · ") })),
  entry.undone_by !== null ? h("span", { class: "tag", text: `undone by ${entry.undone_by}` }) : null,
  state.info?.editable && undoable(entry) ? button("Undo", { icon: "undo-2", kind: "quiet", "aria-label": `Undo entry ${entry.entry}`, onclick: () => undo(entry.entry).then(changed, (error) => toast(error.message)) }) : null)));
}

function forget(person) {
  const title = personTitle(person.person, person.name);
  confirmDialog(`Forget ${title}?`, [
    h("p", { text: "This cannot be undone. What is lost:" }),
    h("ul", {}, [
      "the templates: the person is not known again, and gets a new number at the next visit",
      "the name, all numbers, and the entries of the journal",
      "the picture on this page, if there is one",
    ].map((text) => h("li", { text }))),
    h("p", { text: "Counts of the past stay as they are: the tracks belong to an unknown face then. Exports, backups and pictures in other files are not touched." }),
  ], `Forget ${title}`, async () => {
    await remove(`persons/${person.person}`);
    toast(`${title} was forgotten.`);
    location.hash = "#/persons";
  });
}
