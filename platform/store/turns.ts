/**
 * Turns by key within this process. Writing transactions of one customer wait for each other in the database anyway;
 * here they wait without a connection, so that connections remain for other customers. So do long lists of one token.
 */

interface Waiting {
  go(): void;
}

interface Taken {
  turns: number;
  waiting: Waiting[];
}

export class Turns {
  readonly #most: number;
  /* Contains a key while a turn of it is taken. */
  readonly #taken = new Map<string, Taken>();

  /** `most`: turns of one key at a time. */
  constructor(most = 1) {
    this.#most = most;
  }

  /** Returns a function that ends the turn; undefined if the turn did not come within `waitMs`. */
  async take(key: string, waitMs: number): Promise<(() => void) | undefined> {
    const taken = this.#taken.get(key) ?? { turns: 0, waiting: [] };
    if (taken.turns < this.#most) {
      taken.turns++;
      this.#taken.set(key, taken);
    } else if (!await isNext(taken.waiting, waitMs)) return undefined;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const next = taken.waiting.shift();
      if (next !== undefined) next.go();
      else if (--taken.turns === 0) this.#taken.delete(key);
    };
  }
}

function isNext(queue: Waiting[], waitMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const waiting = {
    go() {
      clearTimeout(timer);
      resolve(true);
    },
  };
  const timer = setTimeout(() => {
    queue.splice(queue.indexOf(waiting), 1);
    resolve(false);
  }, waitMs);
  queue.push(waiting);
  return promise;
}
