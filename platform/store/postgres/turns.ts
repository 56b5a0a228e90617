/**
 * Whose turn it is, by key, within this process. Transactions of one customer that write wait for each other in the
 * database anyway; here they do it without a connection, of which those of other customers would find none.
 */

interface Waiting {
  go(): void;
}

export class Turns {
  /* A key is here while somebody has its turn. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** Returns what ends the turn; undefined when it did not come within `waitMs`. */
  async take(key: string, waitMs: number): Promise<(() => void) | undefined> {
    const queue = this.#waiting.get(key);
    if (queue === undefined) this.#waiting.set(key, []);
    else if (!await isNext(queue, waitMs)) return undefined;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const next = this.#waiting.get(key)!.shift();
      if (next === undefined) this.#waiting.delete(key);
      else next.go();
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
