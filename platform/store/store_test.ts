import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { ConfigError } from "../../common/core/errors.ts";
import { createCustomer, listCustomers } from "./customers.ts";
import { openStore } from "./store.ts";

const at = new Date();

function withFolder(body: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("transaction() keeps nothing of what threw, and the store goes on", () => {
  using store = openStore(":memory:");
  assert.throws(() =>
    store.transaction(() => {
      createCustomer(store, { name: "A", at });
      throw new Error("stop");
    }), /stop/);
  assert.deepEqual(listCustomers(store), []);
  store.transaction(() => store.transaction(() => createCustomer(store, { name: "B", at })));
  assert.deepEqual(listCustomers(store).map(({ name }) => name), ["B"]);
});

Deno.test("transaction() inside another is undone with it", () => {
  using store = openStore(":memory:");
  assert.throws(() =>
    store.transaction(() => {
      store.transaction(() => createCustomer(store, { name: "A", at }));
      throw new Error("stop");
    }), /stop/);
  assert.deepEqual(listCustomers(store), []);
});

Deno.test("openStore() in memory leaves no file", () => {
  openStore(":memory:")[Symbol.dispose]();
  assert.throws(() => Deno.statSync(":memory:"), Deno.errors.NotFound);
});

Deno.test("openStore() makes a file that only its owner reads, and finds it again", () =>
  withFolder((folder) => {
    const path = `${folder}/platform.db`;
    {
      using store = openStore(path);
      createCustomer(store, { name: "A", at });
      if (Deno.build.os !== "windows") assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    }
    using again = openStore(path);
    assert.equal(listCustomers(again).length, 1);
  }));

Deno.test("openStore() refuses a file of a later version, one that is no database, and no folder", () =>
  withFolder((folder) => {
    using later = new DatabaseSync(`${folder}/later.db`);
    later.exec("PRAGMA user_version = 99");
    assert.throws(() => openStore(`${folder}/later.db`), { name: "ConfigError", message: /current value is 99/ });
    Deno.writeTextFileSync(`${folder}/text.db`, "not a database, but long enough to be taken for one".repeat(20));
    assert.throws(() => openStore(`${folder}/text.db`), ConfigError);
    assert.throws(() => openStore(`${folder}/nowhere/platform.db`), ConfigError);
  }));

Deno.test("a store without room is unavailable, keeps what it has, and goes on when there is room", () =>
  withFolder((folder) => {
    using store = openStore(`${folder}/platform.db`);
    const { page_count } = store.platformWide.get<{ page_count: number }>("PRAGMA page_count")!;
    const limit = (pages: number) => void store.platformWide.all(`PRAGMA max_page_count = ${pages}`);
    const fill = () => {
      for (let i = 0; i < 100; i++) createCustomer(store, { name: `${i} ${"x".repeat(1000)}`, at });
    };
    limit(page_count);
    const full = { name: "UnavailableError", message: /disk is full/, hint: "make room on the disk" };
    assert.throws(() => store.transaction(fill), full);
    assert.deepEqual(listCustomers(store), []);
    limit(page_count + 1000);
    store.transaction(fill);
    assert.equal(listCustomers(store).length, 100);
  }));
