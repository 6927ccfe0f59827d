"use strict";
// Sets the chosen colours before the first paint, so that the page does not flash. The head of the page loads it without `defer`.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("passerby.theme"); } catch { /* Storage is blocked: the system's colours. */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
