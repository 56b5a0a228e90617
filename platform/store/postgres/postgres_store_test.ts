import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { peerTest, postgresServer } from "../../../tests/fixtures/peers.ts";
import { endConnections, sharedPostgres, type TestDatabase } from "../../../tests/fixtures/postgres_server.ts";
import { ConfigError, UnavailableError } from "../../../common/core/errors.ts";
import { parseDatabaseUrl } from "./database_url.ts";
import type { Store, Transaction } from "../store.ts";
import type { PostgresOptions } from "./postgres_pool.ts";
import { openPostgresStore } from "./postgres_store.ts";

function storeTest(
  name: string,
  body: (store: Store, database: TestDatabase) => Promise<void>,
  options?: PostgresOptions,
): void {
  peerTest(name, [postgresServer], async () => {
    await using database = await (await sharedPostgres()).database();
    await using store = await openPostgresStore(parseDatabaseUrl(database.url), options);
    await body(store, database);
  });
}

/* As another caller does, who is in no transaction. */
const outside: <T>(work: () => T) => T = AsyncLocalStorage.snapshot();

const isBusy = (says: RegExp) => (error: unknown) => {
  assert(error instanceof UnavailableError, String(error));
  assert.match(`${error.message}; ${error.hint}`, says);
  return error.retryAfterMs > 0 && error.hint !== undefined;
};

const addCustomer = (tx: Transaction, id: string) =>
  tx.run("INSERT INTO customers (customer_id, name, created_at) VALUES (:id, :id, 1)", { id });
const customers = async (store: Store) =>
  (await store.transaction((tx) => tx.all<{ customer_id: string }>("SELECT * FROM customers ORDER BY customer_id")))
    .map(({ customer_id }) => customer_id);

storeTest("transaction() keeps all of it, or nothing when its work throws", async (store) => {
  await store.transaction((tx) => addCustomer(tx, "a"));
  await assert.rejects(
    store.transaction(async (tx) => {
      await addCustomer(tx, "b");
      throw new TypeError("no");
    }),
    { name: "TypeError", message: "no" },
  );
  assert.deepEqual(await customers(store), ["a"]);
});

storeTest("transaction() gives back numbers, text, bytes and null as they were", async (store) => {
  await store.transaction(async (tx) => {
    await addCustomer(tx, "a");
    const tenant = tx.tenant("a");
    await tenant.run("INSERT INTO sites VALUES (:customer, 's', 'Ü \u{1f600} '' :x', :at)", {
      at: 9_007_199_254_740_991,
    });
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    await tenant.run(
      `INSERT INTO activation_codes (customer_id, code_id, site_id, locator, digest, state, created_at, expires_at)
       VALUES (:customer, 'c', 's', 'l', :digest, 'open', :a, :b)`,
      { digest: all, a: -1n, b: 0 },
    );
    const row = await tenant.get<Record<string, unknown>>(
      `SELECT c.*, s.name, s.created_at AS largest, (SELECT sum(created_at) FROM sites WHERE customer_id = :customer) AS sum
       FROM activation_codes c JOIN sites s USING (customer_id, site_id) WHERE c.customer_id = :customer`,
    );
    assert.deepEqual(row?.digest, all);
    assert.deepEqual([row?.created_at, row?.expires_at, row?.used_at], [-1, 0, null]);
    assert.deepEqual([row?.largest, row?.sum], [9_007_199_254_740_991, 9_007_199_254_740_991]);
    assert.equal(row?.name, "Ü \u{1f600} ' :x");
    assert.equal(await tenant.get("SELECT 1 FROM sites WHERE customer_id = :customer AND site_id = 'x'"), undefined);
  });
});

storeTest("transaction() refuses another one inside, and a query after its end", async (store) => {
  await assert.rejects(
    store.transaction(() => store.transaction((tx) => addCustomer(tx, "a"))),
    /Cannot begin a transaction inside another/,
  );
  let kept: Transaction | undefined;
  await store.transaction((tx) => {
    kept = tx;
    return addCustomer(tx, "b");
  });
  await assert.rejects(kept!.all("SELECT 1"), /Cannot run a query after its transaction/);
  assert.deepEqual(await customers(store), ["b"]);
});

storeTest("transaction() does not commit a query that was not awaited, or a statement that failed", async (store) => {
  await assert.rejects(
    store.transaction((tx) => {
      addCustomer(tx, "a");
      return Promise.resolve();
    }),
    /a query was not awaited/,
  );
  await assert.rejects(
    store.transaction(async (tx) => {
      await addCustomer(tx, "b");
      await addCustomer(tx, "b").catch(() => {});
    }),
    /a statement of the transaction failed/,
  );
  assert.deepEqual(await customers(store), []);
});

storeTest(
  "transaction() refuses to write when it only reads, and a text without a value of a parameter",
  async (store) => {
    await assert.rejects(store.transaction((tx) => addCustomer(tx, "a"), { readOnly: true }), /read-only transaction/);
    await assert.rejects(store.transaction((tx) => tx.all("SELECT :x::text")), /without a value for :x/);
    await assert.rejects(store.transaction((tx) => tx.tenant("a").all("SELECT 1")), /lacks :customer/);
  },
);

storeTest("tenant() sees and changes rows of its customer only, whatever the statement says", async (store) => {
  await store.transaction(async (tx) => {
    for (const id of ["a", "b"]) {
      await addCustomer(tx, id);
      await tx.tenant(id).run("INSERT INTO sites VALUES (:customer, 's', 'name', 1)");
    }
  });
  await store.transaction(async (tx) => {
    const tenant = tx.tenant("a");
    const everything = ":customer = :customer";
    assert.equal((await tenant.all(`SELECT * FROM sites WHERE ${everything}`)).length, 1);
    assert.equal((await tx.all("SELECT * FROM sites")).length, 2);
    assert.equal(await tenant.run(`UPDATE sites SET name = 'x' WHERE ${everything}`), 1);
    assert.equal(await tenant.run(`DELETE FROM sites WHERE ${everything}`), 1);
    assert.deepEqual(await tx.all("SELECT customer_id, name FROM sites"), [{ customer_id: "b", name: "name" }]);
  });
  await assert.rejects(
    store.transaction((tx) => tx.tenant("a").run("INSERT INTO sites VALUES ('b', :customer, 'y', 1)")),
    /row-level security/,
  );
});

storeTest("transactions of one customer that write wait for each other, those of others do not", async (store) => {
  const { promise: isFree, resolve: free } = Promise.withResolvers<void>();
  const { promise: isHeld, resolve: hold } = Promise.withResolvers<void>();
  const order: string[] = [];
  const touch = (tx: Transaction, id: string) => tx.tenant(id).all("SELECT * FROM sites WHERE customer_id = :customer");
  const first = store.transaction(async (tx) => {
    await touch(tx, "a");
    hold();
    await isFree;
    order.push("first");
  });
  await isHeld;
  const second = store.transaction(async (tx) => {
    await touch(tx, "a");
    order.push("second");
  });
  await store.transaction(async (tx) => {
    await touch(tx, "b");
    order.push("other");
  });
  await store.transaction((tx) => touch(tx, "a"), { readOnly: true });
  free();
  await Promise.all([first, second]);
  assert.deepEqual(order, ["other", "first", "second"]);
});

storeTest("a lock that is held too long, and no free connection, are UnavailableErrors that pass", async (store) => {
  const touch = (tx: Transaction) => tx.tenant("a").all("SELECT * FROM sites WHERE customer_id = :customer");
  await store.transaction(async (tx) => {
    await touch(tx);
    await outside(() => assert.rejects(store.transaction(touch), isBusy(/take too long/)));
    await outside(() =>
      store.transaction(async (second) => {
        await second.all("SELECT 1");
        await outside(() => assert.rejects(store.transaction((third) => third.all("SELECT 1")), isBusy(/timeout/)));
      })
    );
  });
  assert.deepEqual(await customers(store), []);
}, { connections: 2, lockTimeoutMs: 100, connectTimeoutMs: 1000 });

storeTest("transactions of one customer that wait leave the connections to other customers", async (store) => {
  const { promise: isFree, resolve: free } = Promise.withResolvers<void>();
  const touch = (id: string) => (tx: Transaction) =>
    tx.tenant(id).all("SELECT * FROM sites WHERE customer_id = :customer");
  let done = 0;
  const waiting = Array.from({ length: 8 }, () =>
    store.transaction(async (tx) => {
      await touch("a")(tx);
      await isFree;
      done++;
    }));
  // What fails in between passes its turn on.
  waiting.push(store.transaction(async (tx) => {
    await tx.tenant("a").all("SELECT none FROM sites WHERE customer_id = :customer");
  }));
  const settled = Promise.allSettled(waiting);
  for (let times = 0; times < 3; times++) await store.transaction(touch("b"));
  assert.equal(done, 0);
  free();
  const failed = (await settled).filter(({ status }) => status === "rejected");
  assert.deepEqual([done, failed.length], [8, 1]);
}, { connections: 2, connectTimeoutMs: 1000 });

storeTest("a lock that another process holds too long is an UnavailableError that passes", async (store, database) => {
  await using other = await openPostgresStore(parseDatabaseUrl(database.url));
  const touch = (tx: Transaction) => tx.tenant("a").all("SELECT * FROM sites WHERE customer_id = :customer");
  await other.transaction(async (tx) => {
    await touch(tx);
    await outside(() => assert.rejects(store.transaction(touch), isBusy(/lock timeout/)));
  });
  await store.transaction(touch);
}, { lockTimeoutMs: 100 });

storeTest("a statement that takes too long is an UnavailableError", async (store) => {
  await assert.rejects(store.transaction((tx) => tx.all("SELECT pg_sleep(60)")), isBusy(/statement timeout/));
}, { statementTimeoutMs: 3000 });

storeTest(
  "a connection that the server ends is an UnavailableError, and the next transaction has another",
  async (store, database) => {
    const end = (pid: unknown) => database.sql(`SELECT pg_terminate_backend(${pid}, 10000)`);
    await assert.rejects(
      store.transaction(async (tx) => {
        await addCustomer(tx, "a");
        await end((await tx.get<{ pid: number }>("SELECT pg_backend_pid() AS pid"))?.pid);
        await addCustomer(tx, "b");
      }),
      isBusy(/the connection was lost|terminat|EPIPE|ECONNRESET/),
    );
    const row = await store.transaction((tx) => tx.get<{ pid: number }>("SELECT pg_backend_pid() AS pid"));
    await end(row?.pid);
    assert.deepEqual(await customers(store), []);
  },
);

storeTest("transactions take new connections after the server ended all idle ones", async (store, database) => {
  const busy = () => store.transaction((tx) => tx.all("SELECT pg_sleep(0.05)"));
  for (let times = 0; times < 5; times++) {
    await Promise.all(Array.from({ length: 8 }, busy));
    await database.sql(endConnections);
    await Promise.all(Array.from({ length: 8 }, busy));
  }
});

storeTest("a prepared statement of before a migration is an UnavailableError once", async (store, database) => {
  await using _ = {
    [Symbol.asyncDispose]: async () => void await database.sql("ALTER TABLE customers DROP COLUMN later"),
  };
  await store.transaction((tx) => tx.all("SELECT * FROM customers"));
  await database.sql("ALTER TABLE customers ADD COLUMN later text");
  await assert.rejects(store.transaction((tx) => tx.all("SELECT * FROM customers")), isBusy(/migrated/));
  assert.deepEqual(await store.transaction((tx) => tx.all("SELECT * FROM customers")), []);
}, { connections: 1 });

const refusals: {
  name: string;
  change: (database: TestDatabase) => Promise<unknown>;
  url?: (database: TestDatabase) => string;
  /** The roles are the whole server's. */
  after?: (database: TestDatabase) => Promise<unknown>;
  says: RegExp;
  hint: RegExp;
}[] = [
  {
    name: "the owner of the tables",
    change: () => Promise.resolve(),
    url: ({ ownerUrl }) => ownerUrl,
    says: /as this role owns the tables/,
    hint: /database migrate --role/,
  },
  {
    name: "a role that may bypass row-level security",
    change: (database) => database.sql("CREATE ROLE sees_all LOGIN BYPASSRLS IN ROLE opendca"),
    url: ({ url }) => url.replace("opendca@", "sees_all@"),
    after: (database) => database.sql("DROP ROLE sees_all"),
    says: /is not bound by row-level security/,
    hint: /a role of its own/,
  },
  {
    name: "a store of a later release",
    change: (database) => database.sql("UPDATE store_version SET version = 1000"),
    says: /current value is 1000/,
    hint: /later release/,
  },
  {
    name: "a store that must be migrated",
    change: (database) => database.sql("UPDATE store_version SET version = 1"),
    says: /current value is 1$/,
    hint: /database migrate --role opendca/,
  },
  {
    name: "a database without tables",
    change: (database) =>
      database.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC"),
    says: /as it has no tables yet$/,
    hint: /database migrate --role opendca/,
  },
  {
    name: "tables of another program",
    change: (database) => database.sql("DROP TABLE store_version"),
    says: /tables of another program/,
    hint: /a database for the platform alone/,
  },
];
for (const { name, change, url = ({ url }: TestDatabase) => url, after, says, hint } of refusals) {
  peerTest(`openPostgresStore() refuses ${name}`, [postgresServer], async () => {
    await using database = await (await sharedPostgres()).database("own");
    await change(database);
    await using _ = { [Symbol.asyncDispose]: async () => void await after?.(database) };
    await assert.rejects(openPostgresStore(parseDatabaseUrl(url(database))), (error) => {
      assert(error instanceof ConfigError, String(error));
      assert.match(error.message, says);
      assert.match(error.hint ?? "", hint);
      return true;
    });
  });
}

peerTest("openPostgresStore() refuses a database or a user that is not there, and waits for a server that is away", [
  postgresServer,
], async () => {
  const server = await sharedPostgres();
  const open = (url: string) => openPostgresStore(parseDatabaseUrl(url), { connectTimeoutMs: 2000 });
  await assert.rejects(
    open(server.url("none")),
    (error) => error instanceof ConfigError && /"none" does not exist/.test(error.message),
  );
  await assert.rejects(
    open(server.url("postgres", "nobody")),
    (error) => error instanceof ConfigError && /"nobody" does not exist/.test(error.message),
  );
  for (const url of ["postgres://u@localhost/d?host=/nowhere", "postgres://u:secret@127.0.0.1:1/d"]) {
    await assert.rejects(open(url), (error) => {
      assert(error instanceof UnavailableError, String(error));
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});

storeTest("a write that reaches a server that only reads drops its connection", async (store, { name, sql }) => {
  const role = `ALTER ROLE opendca IN DATABASE ${name}`;
  await sql(`${role} SET default_transaction_read_only = on`);
  await sql(endConnections);
  try {
    await assert.rejects(store.transaction((tx) => addCustomer(tx, "a")), isBusy(/the database only reads/));
  } finally {
    await sql(`${role} RESET default_transaction_read_only`);
  }
  await store.transaction((tx) => addCustomer(tx, "a"));
}, { connections: 1 });
