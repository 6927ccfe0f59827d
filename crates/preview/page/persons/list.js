// The cards of all persons: search, selection, merge.

import { get, post } from "../api.js";
import { button, emptyState, errorState, h, setText, skeleton, toast } from "../dom.js";
import { ago, attributes, count, duration, moment, personTitle } from "../format.js";
import { openDialog } from "../dialog.js";
import { on, state } from "../state.js";
import { done, portrait } from "./parts.js";

const PAGE = 60;

/** Shows the cards in `root`. Returns the function that ends it. */
export function mountList(root) {
  const selected = new Map();
  let persons = [];
  let total = 0;
  let request = null;
  let timer = null;

  const search = h("input", { type: "search", placeholder: "Name or number", "aria-label": "Search persons by name or number", oninput: () => later(200) });
  const found = h("p", { class: "hint", role: "status" });
  const cards = h("ul", { class: "cards" });
  const place = h("div", {}, skeleton(8, "cards"));
  const more = button("Show more", { onclick: () => load(persons.length), hidden: true });
  const chosen = h("span", { class: "chosen" });
  const merge = button("Merge", { icon: "merge", kind: "primary", onclick: () => mergeDialog([...selected.values()], () => { selected.clear(); load(); }) });
  const bar = h("div", { class: "selection", hidden: true, role: "region", "aria-label": "Selected persons" }, chosen, merge, button("Clear", { kind: "quiet", onclick: () => { selected.clear(); show(); } }));
  root.append(h("div", { class: "toolbar" }, h("div", { class: "search" }, search), found), place, h("div", { class: "row centre" }, more), bar);

  const later = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(() => load(), wait);
  };

  const load = async (offset = 0) => {
    request?.abort();
    request = new AbortController();
    const limit = offset ? PAGE : Math.max(PAGE, persons.length);
    const query = new URLSearchParams({ search: search.value.trim(), limit, offset });
    try {
      const answer = await get(`persons?${query}`, request.signal);
      persons = offset ? [...persons, ...answer.persons] : answer.persons;
      total = answer.total;
      show();
    } catch (error) {
      if (error.name !== "AbortError") place.replaceChildren(errorState(error, () => load()));
    }
  };

  const show = () => {
    const text = search.value.trim();
    setText(found, text ? `${count(total)} found` : total ? `${count(total)} ${total === 1 ? "person" : "persons"}, those seen last first` : "");
    more.hidden = persons.length >= total;
    for (const number of selected.keys()) if (!persons.some((one) => one.person === number)) selected.delete(number);
    bar.hidden = selected.size === 0;
    setText(chosen, selected.size === 1 ? "1 selected: choose another one to merge" : `${selected.size} selected`);
    merge.disabled = selected.size < 2;
    if (!persons.length) {
      place.replaceChildren(text ? emptyState("search", "No person like that", `Nobody has a name or number with “${text}”.`)
        : emptyState("users", "No person yet", "A person appears here after the first clear looks at a face."));
      return;
    }
    cards.replaceChildren(...persons.map(card));
    if (!cards.isConnected) place.replaceChildren(cards);
  };

  const card = (person) => {
    const title = personTitle(person.person, person.name);
    const box = h("input", { type: "checkbox", class: "check", "aria-label": `Select ${title}` });
    box.checked = selected.has(person.person);
    const made = h("li", { class: "card", data: { person: person.person } },
      portrait(person),
      h("div", { class: "card-text" },
        h("a", { class: "card-title", href: `#/persons/${person.person}` }, h("span", { text: title }), person.name ? h("small", { text: `#${person.person}` }) : null),
        h("p", { text: attributes(person, true) }),
        h("dl", {},
          h("dt", { text: "Last seen" }), h("dd", { title: moment(person.last_seen), text: ago(person.last_seen) }),
          h("dt", { text: "First seen" }), h("dd", { text: moment(person.first_seen) }),
          h("dt", { text: "Stayed" }), h("dd", { text: duration(person.dwell_s) })),
        h("p", { class: "places" }, (person.cameras ?? []).map((name) => h("span", { class: "tag", text: name })))),
      state.info?.editable ? h("label", { class: "card-check" }, box) : null);
    box.addEventListener("change", () => {
      if (box.checked) selected.set(person.person, person);
      else selected.delete(person.person);
      made.classList.toggle("selected", box.checked);
      bar.hidden = selected.size === 0;
      setText(chosen, selected.size === 1 ? "1 selected: choose another one to merge" : `${selected.size} selected`);
      merge.disabled = selected.size < 2;
    });
    made.classList.toggle("selected", box.checked);
    return made;
  };

  load();
  // Persons are seen all the time: the list follows, but not with every one of them.
  let fresh = 0;
  const offs = [
    on("person", ({ kind }) => {
      if (kind !== "seen") later(400);
      else if (Date.now() - fresh > 10000 && !cards.contains(document.activeElement)) {
        fresh = Date.now();
        later(400);
      }
    }),
    on("info", show),
    on("connection", () => state.connected && later(0)),
  ];
  return () => {
    clearTimeout(timer);
    request?.abort();
    offs.forEach((off) => off());
  };
}

/** Asks which of the persons stays, and merges the others into it. */
export function mergeDialog(persons, changed) {
  openDialog(`Merge ${persons.length} persons`, (close) => {
    const best = persons.find((one) => one.name) ?? persons.reduce((a, b) => (b.person < a.person ? b : a));
    const choices = persons.map((person) => {
      const radio = h("input", { type: "radio", name: "stays", value: person.person });
      radio.checked = person === best;
      return h("label", { class: "choice" }, radio, portrait(person, "small"), h("span", {}, h("strong", { text: personTitle(person.person, person.name) }), h("small", { text: `last seen ${ago(person.last_seen)}` })));
    });
    const problem = h("p", { class: "problem", role: "alert" });
    const go = button("Merge", { icon: "merge", kind: "primary", onclick: async () => {
      const into = Number(document.querySelector('input[name="stays"]:checked').value);
      go.disabled = true;
      let answer = null;
      try {
        for (const { person } of persons) if (person !== into) answer = await post(`persons/${person}/merge`, { into });
        close();
        done(`Merged into ${personTitle(into, state.names.get(into))}.`, answer, changed);
      } catch (error) {
        problem.textContent = error.message;
        go.disabled = false;
        if (answer) toast("Some of them were merged. The journal has each step.");
      }
    } });
    return [
      h("p", { text: "All numbers then stand for the person that stays. A merge can be undone." }),
      h("fieldset", { class: "choices" }, h("legend", { text: "Who stays?" }), choices),
      h("div", { class: "dialog-actions" }, problem, button("Cancel", { onclick: close }), go),
    ];
  });
}
