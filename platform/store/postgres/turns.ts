/**
 * Turns by key within this process. Writing transactions of one customer wait for each other in the database anyway;
 * here they wait without a connection, so that connections remain for other customers.
 */

interface Waiting {
  go(): void;
}

export class Turns {
  /* Contains a key while its turn is taken. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** Returns a function that ends the turn; undefined if the turn did not come within `waitMs`. */
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
