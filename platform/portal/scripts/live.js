// Keeps the live part of a page up to date. A stream of the server says "changed", first of all as soon as it is open:
// whatever happened without a stream is seen then. A page that nobody sees has no stream. What fails is tried again.
const part = document.querySelector("#stream"), longestMs = 30_000;
let source, opening, openMs = 1000, looking, lookMs = 1000;

const look = () => htmx.trigger(part, "changed");

function close() {
  clearTimeout(opening);
  source?.close();
  source = undefined;
}

function openLater(afterMs) {
  close();
  if (!document.hidden) opening = setTimeout(open, afterMs);
}

function open() {
  close();
  if (document.hidden) return;
  source = new EventSource(part.dataset.stream);
  source.addEventListener("changed", () => {
    openMs = 1000;
    look();
  });
  // Another window has the stream; this one takes one again when somebody comes back to it.
  source.addEventListener("replaced", close);
  source.addEventListener("later", () => openLater(longestMs));
  source.addEventListener("error", () => {
    openLater(openMs);
    openMs = Math.min(2 * openMs, longestMs);
  });
}

document.addEventListener("visibilitychange", () => document.hidden ? close() : open());
addEventListener("focus", () => source === undefined && open());
addEventListener("pagehide", close);
addEventListener("pageshow", ({ persisted }) => persisted && open());

function lookLater() {
  clearTimeout(looking);
  looking = setTimeout(look, lookMs);
  lookMs = Math.min(2 * lookMs, longestMs);
}

// No answer, or one that says that the server cannot tell now.
part.addEventListener("htmx:error", lookLater);
part.addEventListener("htmx:after:request", ({ detail }) => {
  const { status } = detail.ctx.response;
  clearTimeout(looking);
  if (status >= 500 || status === 429) lookLater();
  else lookMs = 1000;
});
open();
