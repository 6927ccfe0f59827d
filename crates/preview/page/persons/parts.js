// What the lists of persons share: the portrait, and the requests that change a person.

import { post } from "../api.js";
import { h, toast } from "../dom.js";
import { personTitle } from "../format.js";
import { personColour } from "../live/overlay.js";
import { state } from "../state.js";

/** Returns a person's picture if pictures are allowed, else a mark with the initials or the number. */
export function portrait(person, size = "") {
  const title = personTitle(person.person, person.name);
  if (person.has_picture && state.info?.pictures_allowed) {
    return h("img", { class: `portrait ${size}`, src: `api/persons/${person.person}/picture.jpg`, alt: `Face of ${title}`, loading: "lazy" });
  }
  const initials = person.name ? [...person.name.matchAll(/(^|\s)(\S)/gu)].map((found) => found[2]).slice(0, 2).join("").toUpperCase() : String(person.person);
  const mark = h("span", { class: `portrait mark ${size}`, "aria-hidden": "true", text: initials });
  mark.style.setProperty("--mark", personColour(person.person));
  return mark;
}

/** Shows what was done, with a way back if the answer names the entry of the journal. */
export function done(text, answer, changed) {
  const entry = answer?.entry;
  toast(text, entry === undefined || entry === null ? undefined : {
    text: "Undo",
    run: () => undo(entry).then(changed, (error) => toast(error.message)),
  });
  changed();
}

/** Takes an entry of the journal back. */
export async function undo(entry) {
  await post("persons/undo", { entry });
  toast(`Entry ${entry} was taken back.`);
}

/** What an entry of the journal did, in words. */
export function entryText(entry) {
  const name = (number) => personTitle(number, state.names.get(number));
  switch (entry.kind) {
    case "founded": return `${name(entry.person)} was founded`;
    case "merged": return `${name(entry.person)} became ${name(entry.other)}`;
    case "split": return `${name(entry.person)} was split from ${name(entry.other)}`;
    case "named": return entry.name ? `Person ${entry.person} was named ${entry.name}` : `The name of person ${entry.person} was taken away`;
    case "undone": return `Entry ${entry.target} was taken back`;
    case "template_added": return `A template was added to ${name(entry.person)}`;
    case "template_retired": return `A template of ${name(entry.person)} was retired`;
    case "suggested": return `${name(entry.person)} may be ${name(entry.other)}`;
    default: return `${entry.kind.replaceAll("_", " ")}${entry.person === null ? "" : `: ${name(entry.person)}`}`;
  }
}

/** Whether an entry can be taken back from here. */
export const undoable = (entry) => ["merged", "split", "named", "undone"].includes(entry.kind) && entry.undone_by === null;
