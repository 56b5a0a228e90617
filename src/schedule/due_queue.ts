/** Keys ordered by due time: a binary heap with an index of each key's place, so that a change takes O(log n). */
export interface DueQueue {
  first(): { key: string; dueMs: number } | undefined;
  /** Adds the key, or moves it to another time. */
  set(key: string, dueMs: number): void;
  delete(key: string): void;
}

export function createDueQueue(): DueQueue {
  const heap: { key: string; dueMs: number }[] = [];
  const places = new Map<string, number>();

  function put(place: number, entry: { key: string; dueMs: number }): void {
    heap[place] = entry;
    places.set(entry.key, place);
  }

  /** Moves an entry from `place` up or down to its correct place. */
  function settle(place: number, entry: { key: string; dueMs: number }): void {
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (heap[above]!.dueMs <= entry.dueMs) break;
      put(place, heap[above]!);
      place = above;
    }
    while (2 * place + 1 < heap.length) {
      const left = 2 * place + 1, right = left + 1;
      const below = right < heap.length && heap[right]!.dueMs < heap[left]!.dueMs ? right : left;
      if (entry.dueMs <= heap[below]!.dueMs) break;
      put(place, heap[below]!);
      place = below;
    }
    put(place, entry);
  }

  return {
    first: () => heap[0],
    set(key, dueMs) {
      const place = places.get(key) ?? heap.length;
      const entry = { key, dueMs };
      heap[place] = entry;
      settle(place, entry);
    },
    delete(key) {
      const place = places.get(key);
      if (place === undefined) return;
      places.delete(key);
      const last = heap.pop()!;
      if (last.key !== key) settle(place, last);
    },
  };
}
