import { ObjectStore } from "./object_store.ts";

/** A copy of a store that notes which of its objects are looked at by name or by column. */
export function watchedStore(original: ObjectStore): { store: ObjectStore; used: Set<string> } {
  const store = new ObjectStore();
  for (const [oid, value] of original) store.add({ oid, ...value });
  const used = new Set<string>();
  const get = store.get.bind(store), column = store.column.bind(store);
  store.get = (oid) => {
    used.add(oid);
    return get(oid);
  };
  store.column = (base) => {
    const rows = column(base);
    for (const [index] of rows) used.add(`${base}.${index}`);
    return rows;
  };
  return { store, used };
}
