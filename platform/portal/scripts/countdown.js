// Counts down to `data-until` (milliseconds since 1970) in each such element, by the difference between the server's
// clock and the browser's. Nothing is announced: the time itself stands beside it.
const page = performance.timeOrigin, server = Number(document.querySelector("[data-now]")?.dataset.now ?? NaN);
const aheadMs = Number.isNaN(server) ? 0 : server - page;

function show() {
  for (const element of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.round((Number(element.dataset.until) - Date.now() - aheadMs) / 1000));
    element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  }
}
show();
setInterval(show, 1000);
