import type { Reading } from "../reading/reading.ts";
import { type Markup, markup } from "./markup.ts";
import { notesOf } from "./printer_notes.ts";

const signs = { bad: "✖", warn: "!", info: "·" };

/** List items of what is wrong with a printer, at most `limit`. */
export function noteList(reading: Reading, limit = 100): Markup[] {
  const notes = notesOf(reading);
  const shown = notes.slice(0, notes.length > limit ? limit - 1 : limit);
  const items = shown.map(({ weight, text }) =>
    markup`<li class="${weight}"><span class="sign" aria-hidden="true">${signs[weight]}</span>${text}</li>`
  );
  const missing = notes.length - shown.length;
  if (missing > 0) items.push(markup`<li class="muted">and ${missing} more</li>`);
  return items;
}
