// Suggestions: pairs that may be one person, side by side.

import { get, post } from "../api.js";
import { button, emptyState, errorState, h, skeleton, toast } from "../dom.js";
import { ago, attributes, duration, moment, personTitle, words } from "../format.js";
import { on, state } from "../state.js";
import { done, portrait } from "./parts.js";
import { kept, keep } from "../settings.js";

/** Shows the suggestions in `root`. Returns the function that ends it. */
export function mountReview(root) {
  const place = h("div", {}, skeleton(2, "rows"));
  root.append(h("p", { class: "hint lead", text: "The faces are alike, but not enough to decide. Nothing changes unless you say so." }), place);
  let ended = false;

  const load = async () => {
    try {
      const { suggestions } = await get("persons/suggestions");
      const apart = new Set(kept("apart", []));
      const pairs = suggestions.filter((one) => !apart.has(key(one)));
      const people = new Map();
      const numbers = [...new Set(pairs.flatMap((one) => [one.person, one.other]))];
      await Promise.all(numbers.map(async (number) => people.set(number, await get(`persons/${number}`).catch(() => null))));
      const shown = pairs.filter((one) => people.get(one.person) && people.get(one.other));
      if (ended) return;
      place.replaceChildren(shown.length ? h("ul", { class: "pairs" }, shown.map((one) => pair(one, people.get(one.person), people.get(one.other), load)))
        : emptyState("git-compare-arrows", "Nothing to review", "Pairs of persons who may be one appear here."));
    } catch (error) {
      if (!ended) place.replaceChildren(errorState(error, load));
    }
  };
  load();
  const off = on("person", ({ kind }) => ["merged", "split", "undone", "forgotten"].includes(kind) && load());
  return () => {
    ended = true;
    off();
  };
}

/** Returns a reason of the gallery as a sentence. */
const sentence = (reason) => (reason ? `${reason[0].toUpperCase()}${words(reason.slice(1))}. ` : "");

const key = ({ person, other }) => [person, other].sort((a, b) => a - b).join("-");

function pair(suggestion, left, right, changed) {
  const side = (person) => h("div", { class: "pair-side" }, portrait(person, "big"),
    h("a", { href: `#/persons/${person.person}`, class: "card-title", text: personTitle(person.person, person.name) }),
    h("p", { text: attributes(person, true) }),
    h("dl", {}, [["Last seen", ago(person.last_seen)], ["First seen", moment(person.first_seen)], ["Stayed", duration(person.dwell_s)], ["Cameras", person.cameras?.join(", ") || "–"]].flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })])));
  const [stays, goes] = left.name || (!right.name && left.person < right.person) ? [left, right] : [right, left];
  const same = button("Same person", { icon: "merge", kind: "primary", onclick: async () => {
    try {
      const answer = await post(`persons/${goes.person}/merge`, { into: stays.person });
      done(`Merged into ${personTitle(stays.person, stays.name)}.`, answer, changed);
    } catch (error) {
      toast(error.message);
    }
  } });
  const apart = button("Two people", { icon: "x", onclick: () => {
    const before = kept("apart", []);
    keep("apart", [...before, key(suggestion)].slice(-500));
    toast("This pair is not shown again in this browser.", { text: "Show again", run: () => { keep("apart", before); changed(); } });
    changed();
  } });
  return h("li", { class: "pair panel" },
    h("div", { class: "pair-sides" }, side(left), h("div", { class: "pair-score" }, h("strong", { text: suggestion.similarity.toFixed(2) }), h("small", { text: "cosine" })), side(right)),
    h("p", { class: "hint", text: `${sentence(suggestion.reason)}The gallery decides by itself from a cosine of ${suggestion.threshold.toFixed(2)}.` }),
    state.info?.editable ? h("div", { class: "row centre" }, same, apart) : null);
}
