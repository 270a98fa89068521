"use strict";

// The page works without this; with it a new code is there at once, and its seconds are counted.
const here = location.pathname;
const main = document.querySelector("main");
let counting = 0;

function count() {
  clearInterval(counting);
  const begun = performance.now();
  const all = [...main.querySelectorAll("[data-left]")].map((shown) => [shown, shown.dataset.left]);
  const tell = () => {
    const passed = (performance.now() - begun) / 1000;
    for (const [shown, left] of all) {
      shown.textContent = String(Math.max(0, Math.ceil(left - passed)));
    }
  };
  tell();
  counting = setInterval(tell, 250);
}

function follow() {
  const stream = new EventSource(here + "/events");
  stream.addEventListener("part", (event) => {
    const told = JSON.parse(event.data);
    main.innerHTML = told.html;
    count();
    if (told.last) stream.close();
  });
  stream.addEventListener("error", () => {
    // Of a connection that was cut it tries again by itself; what was refused is asked for anew.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.replace(here), 5000);
  });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.fetch === undefined) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  const asked = { method: "POST", body, credentials: "same-origin", redirect: "manual" };
  fetch(form.action, asked).finally(() => location.replace(here));
});

count();
if (document.body.dataset.live !== undefined) follow();
