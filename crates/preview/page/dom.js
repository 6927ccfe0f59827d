// Builds elements. Every text from outside passes through `textContent` or an attribute, never through markup.

/** Returns a new element. `props` are attributes; `on…` are listeners, `class`, `text` and `data` are what they say. */
export function h(tag, props, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name === "text") made.textContent = value;
    else if (name === "data") Object.assign(made.dataset, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Returns an icon of the vendored set. It is decoration: the element around it has the name. */
export function icon(name, size = 16) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("width", size);
  svg.setAttribute("height", size);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(ns, "use");
  use.setAttribute("href", `assets/vendor/lucide/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** Returns a button. `props.label` names a button that shows an icon alone. */
export function button(text, props = {}) {
  const { icon: symbol, label, kind = "", ...rest } = props;
  const shown = [symbol && icon(symbol), text && h("span", { text })];
  const classes = ["button", kind, text ? "" : "icon-only"].filter(Boolean).join(" ");
  return h("button", { type: "button", class: classes, "aria-label": label, title: text ? undefined : label, ...rest }, ...shown);
}

/** Returns the place for a list that has nothing to show, with what to do about it. */
export function emptyState(symbol, title, text, ...actions) {
  return h("div", { class: "empty" }, icon(symbol, 28), h("h2", { text: title }), h("p", { text }), actions.length ? h("div", { class: "row" }, actions) : null);
}

/** Returns the place for something that could not be loaded. */
export function errorState(error, retry) {
  return h("div", { class: "empty error", role: "alert" }, icon("triangle-alert", 28), h("h2", { text: "This could not be loaded" }),
    h("p", { text: error.message }), h("div", { class: "row" }, button("Try again", { onclick: retry })));
}

/** Returns grey shapes that stand for `count` things while they load. */
export function skeleton(count, className) {
  return h("div", { class: className, "aria-busy": "true", "aria-label": "Loading", role: "group" }, Array.from({ length: count }, () => h("div", { class: "skeleton" })));
}

/** Changes the text of an element only if it differs, so that screen readers and layout are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows a short message, with an action if there is one. */
export function toast(text, action) {
  const place = document.getElementById("toasts");
  const note = h("div", { class: "toast" }, h("span", { text }));
  const close = () => note.remove();
  if (action) note.append(button(action.text, { kind: "quiet", onclick: () => { close(); action.run(); } }));
  note.append(button("", { icon: "x", label: "Close the message", kind: "quiet", onclick: close }));
  place.append(note);
  while (place.children.length > 3) place.firstChild.remove();
  setTimeout(close, action ? 12000 : 6000);
}
