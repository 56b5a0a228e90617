/** At most `limit` values by key; the one that was asked for longest ago makes room. */
export class KeyCache<V> {
  readonly #values = new Map<string, V>();
  constructor(readonly limit: number) {}

  get size(): number {
    return this.#values.size;
  }

  /** The kept value, or what `make` returns, which is kept. */
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
