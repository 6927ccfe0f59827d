// What a viewer chose, kept in this browser.

const PREFIX = "passerby.";

/** Returns the value that was kept under a name, or `otherwise`. */
export function kept(name, otherwise) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** Keeps a value. If storage is blocked or full, it lasts as long as the page. */
export function keep(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch { /* Nothing to do: the page goes on with the value. */ }
}
