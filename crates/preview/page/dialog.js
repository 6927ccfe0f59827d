// Dialogs, menus and popovers. They close with Escape and give the focus back.

import { h, button } from "./dom.js";

let serial = 0;

/** Opens a dialog. `build` gets the function that closes it, and returns its contents. Returns the element. */
export function openDialog(title, build, { wide = false, closed = () => {} } = {}) {
  const id = `dialog-${++serial}`;
  const before = document.activeElement;
  const dialog = h("dialog", { class: wide ? "wide" : "", "aria-labelledby": id });
  const close = () => dialog.close();
  dialog.append(
    h("header", {}, h("h2", { id, text: title }), button("", { icon: "x", label: "Close", kind: "quiet", onclick: close })),
    h("div", { class: "dialog-body" }, build(close)),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
    closed();
  });
  dialog.addEventListener("mousedown", (event) => event.target === dialog && close());
  document.body.append(dialog);
  dialog.showModal();
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector(".dialog-body input, .dialog-body button"))?.focus();
  return dialog;
}

/** Asks before something that cannot be undone. `act` may be asynchronous; its error is shown in the dialog. */
export function confirmDialog(title, contents, actionText, act) {
  openDialog(title, (close) => [
    ...contents,
    actions(close, actionText, act, "danger", "button")[0],
  ]);
}

/** Returns a form with its fields, an error line and the buttons. `act` gets the form's data. */
export function form(fields, actionText, act, close) {
  const made = h("form", { class: "form", novalidate: true }, fields);
  const [row, submit] = actions(close, actionText, () => act(new FormData(made)), "primary", "submit");
  made.append(row);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  return made;
}

/** Returns the row of buttons, and the function that acts. */
function actions(close, text, act, kind, type) {
  const problem = h("p", { class: "problem", role: "alert" });
  const go = button(text, { kind, type });
  const row = h("div", { class: "dialog-actions" }, problem, button("Cancel", { onclick: close }), go);
  const run = async () => {
    if (go.disabled) return;
    go.disabled = true;
    problem.textContent = "";
    try {
      await act();
      close();
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      go.disabled = false;
    }
  };
  if (type === "button") go.addEventListener("click", run);
  return [row, run];
}

/** Returns `trigger` with a panel that it opens and closes. */
export function popover(trigger, label, contents) {
  const panel = h("div", { class: "popover", role: "group", "aria-label": label, hidden: true }, contents);
  return attach(trigger, panel, "true");
}

/** Returns `trigger` with a menu. `items` returns lists of [text, icon, action, kind] when the menu opens. */
export function menu(trigger, label, items) {
  const panel = h("div", { class: "popover menu", role: "menu", "aria-label": label, hidden: true });
  const made = attach(trigger, panel, "menu", (close) => {
    panel.replaceChildren(...items().map(([text, symbol, act, kind = ""]) =>
      button(text, { icon: symbol, kind: `quiet ${kind}`, role: "menuitem", onclick: () => { close(true); act(); } })));
  });
  panel.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const all = [...panel.children];
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  });
  return made;
}

function attach(trigger, panel, haspopup, opening = () => {}) {
  const place = h("div", { class: "popover-place" }, trigger, panel);
  trigger.setAttribute("aria-haspopup", haspopup);
  trigger.setAttribute("aria-expanded", "false");
  const away = (event) => !place.contains(event.target) && close(false);
  const close = (focus) => {
    if (panel.hidden) return;
    panel.hidden = true;
    trigger.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", away);
    if (focus) trigger.focus();
  };
  const open = () => {
    opening(close);
    panel.hidden = false;
    panel.classList.toggle("to-left", trigger.getBoundingClientRect().left + panel.offsetWidth > innerWidth - 12);
    trigger.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", away);
    panel.querySelector("input, button")?.focus();
  };
  trigger.addEventListener("click", (event) => {
    event.stopPropagation();
    if (panel.hidden) open();
    else close(true);
  });
  place.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) {
      event.stopPropagation();
      close(true);
    }
  });
  place.addEventListener("focusout", (event) => event.relatedTarget && !place.contains(event.relatedTarget) && close(false));
  return place;
}
