/** The listeners in this process, and the text form of a notification: `CHANNEL PAYLOAD`. */
import type { Listener } from "./store.ts";

export interface Listeners {
  add(channel: string, listener: Listener): AddedListener;
  isEmpty(): boolean;
  /** Calls the listeners of a notification; `note` is a text of noteOf(). */
  tell(note: string): void;
  /** Tells all listeners that notifications may have been missed. */
  tellAll(): void;
}

export interface AddedListener {
  /** Tells only this listener that notifications may have been missed. */
  tell(): void;
  remove(): void;
}

/* PostgreSQL takes up to 8000 bytes; what is longer should be in a row. */
const maxPayload = 200;

/** Throws TypeError for a text that would not arrive unchanged. */
export function noteOf(channel: string, payload: string): string {
  if (/^[a-z_]{1,50}$/.test(channel) && payload.length <= maxPayload && !/\p{C}/u.test(payload)) {
    return `${channel} ${payload}`;
  }
  throw new TypeError(`Cannot notify "${channel}" of "${payload}": it is too long, or has characters that no id has`);
}

export function createListeners(): Listeners {
  const entries = new Set<{ channel: string; listener: Listener }>();

  // Called in a separate task: an error of a listener must not fail the transaction.
  function call(entry: { channel: string; listener: Listener }, payload: string | undefined): void {
    queueMicrotask(() => entries.has(entry) && entry.listener(payload));
  }

  return {
    add(channel, listener) {
      const entry = { channel, listener };
      entries.add(entry);
      return { tell: () => call(entry, undefined), remove: () => void entries.delete(entry) };
    },
    isEmpty: () => entries.size === 0,
    tell(note) {
      const at = note.indexOf(" "), channel = note.slice(0, at), payload = note.slice(at + 1);
      for (const entry of entries) if (entry.channel === channel) call(entry, payload);
    },
    tellAll() {
      for (const entry of entries) call(entry, undefined);
    },
  };
}
