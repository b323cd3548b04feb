// What keeps itself up to date (data-live, asked for by htmx) asks nothing while nobody looks, and at once when somebody
// looks again. What is wider than the screen and has its newest at its end (data-newest) shows that end.
"use strict";

for (const element of document.querySelectorAll("[data-newest]")) element.scrollLeft = element.scrollWidth;
document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && event.target.closest("[data-live]")) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("[data-live]")) element.dispatchEvent(new Event("seen"));
});
