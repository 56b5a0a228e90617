/** A cache of at most `limit` values; the least recently used one is dropped. */
export class KeyCache<V> {
  readonly #values = new Map<string, V>();
  constructor(readonly limit: number) {}

  get size(): number {
    return this.#values.size;
  }

  /** The cached value, or the result of `make`, which is then cached. */
  getOrMake(key: string, make: () => V): V {
    let value = this.#values.get(key);
    if (value === undefined) {
      value = make();
      if (this.#values.size >= this.limit) this.#values.delete(this.#values.keys().next().value!);
    } else {
      // A Map keeps the order of insertion, so this makes the value the newest.
      this.#values.delete(key);
    }
    this.#values.set(key, value);
    return value;
  }
}
