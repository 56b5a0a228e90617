/** Who listens to what in this process, and the text by which a notification travels: `CHANNEL PAYLOAD`. */
import type { Listener } from "./store.ts";

export interface Listeners {
  add(channel: string, listener: Listener): AddedListener;
  isEmpty(): boolean;
  /** The text is noteOf()'s. */
  tell(note: string): void;
  /** Notifications may have been missed. */
  tellAll(): void;
}

export interface AddedListener {
  /** To this one only that notifications may have been missed. */
  tell(): void;
  remove(): void;
}

/* PostgreSQL takes up to 8000 bytes; what is longer should be in a row. */
const maxPayload = 200;

/** Throws TypeError for what would not arrive as it is. */
export function noteOf(channel: string, payload: string): string {
  if (/^[a-z_]{1,50}$/.test(channel) && payload.length <= maxPayload && !/\p{C}/u.test(payload)) {
    return `${channel} ${payload}`;
  }
  throw new TypeError(`Cannot notify "${channel}" of "${payload}": it is too long, or has characters that no id has`);
}

export function createListeners(): Listeners {
  const entries = new Set<{ channel: string; listener: Listener }>();

  // In a task of its own: what a listener throws is not a failure of the transaction that it is told of.
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
