import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { type Actor, appendAudit, auditRows, auditVerdict, noDigest } from "./audit_log.ts";
import { parseDatabaseUrl } from "../store/postgres/database_url.ts";
import { openPostgresStore } from "../store/postgres/postgres_store.ts";
import { openSqliteStore } from "../store/sqlite/sqlite_store.ts";
import type { Store } from "../store/store.ts";
import { eachDatabase, isPostgres, openTestStore } from "../../tests/fixtures/each_database.ts";
import { sharedPostgres } from "../../tests/fixtures/postgres_server.ts";
import { looseQueries } from "../../tests/fixtures/loose_queries.ts";

const at = new Date("2026-03-02T08:00:00Z");

interface Tampering {
  store: Store;
  /** As somebody can who has the file, or is the superuser. */
  change(sql: string): Promise<unknown>;
}

/** On a database without what keeps the log from being changed. */
async function withTampering(body: (tampering: Tampering) => Promise<void>): Promise<void> {
  if (isPostgres()) {
    await using database = await (await sharedPostgres()).database("own");
    await using store = await openPostgresStore(parseDatabaseUrl(database.url));
    await database.sql("ALTER TABLE audit_log DISABLE TRIGGER USER");
    return await body({ store, change: database.sql });
  }
  const folder = Deno.makeTempDirSync();
  try {
    await using store = openSqliteStore(`${folder}/platform.db`);
    using other = new DatabaseSync(`${folder}/platform.db`);
    other.exec("DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_delete");
    await body({ store, change: (sql) => Promise.resolve(other.exec(sql)) });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const cases = [
  { name: "nothing", change: "", brokenAt: undefined },
  { name: "a changed subject", change: "UPDATE audit_log SET subject = 'x' WHERE entry = 3", brokenAt: 3 },
  { name: "a changed time", change: "UPDATE audit_log SET at = at + 1 WHERE entry = 1", brokenAt: 1 },
  { name: "an entry taken out", change: "DELETE FROM audit_log WHERE entry = 2", brokenAt: 2 },
  {
    name: "an entry taken out and the others moved up",
    change: "DELETE FROM audit_log WHERE entry = 2; UPDATE audit_log SET entry = entry - 1 WHERE entry > 2",
    brokenAt: 2,
  },
  {
    name: "two entries that changed places",
    change: "UPDATE audit_log SET entry = 99 WHERE entry = 2; UPDATE audit_log SET entry = 2 WHERE entry = 3; " +
      "UPDATE audit_log SET entry = 3 WHERE entry = 99",
    brokenAt: 2,
  },
];
eachDatabase(
  "auditVerdict() after any change tells the first entry that is not as it was written",
  (t) =>
    withTampering(async ({ store, change: tamper }) => {
      const queries = looseQueries(store);
      for (const { name, change, brokenAt } of cases) {
        await t.step(name, async () => {
          for (let i = 1; i <= 5; i++) {
            await appendAudit(queries, { at, customerId: null, actor: "platform", action: "tested", subject: `s${i}` });
          }
          if (change !== "") await tamper(change);
          assert.equal((await auditVerdict(queries)).brokenAt, brokenAt);
          await tamper("DELETE FROM audit_log");
        });
      }
      await t.step("an entry that was rewritten together with its own digest", async () => {
        await using otherStore = openSqliteStore(":memory:");
        const forger = looseQueries(otherStore);
        const event = { at, customerId: null, actor: "platform" as const, action: "tested" };
        for (const subject of ["s1", "s2", "s3"]) await appendAudit(queries, { ...event, subject });
        for (const subject of ["s1", "forged"]) await appendAudit(forger, { ...event, subject });
        const [, { digest }] = await auditRows(forger, { limit: 2 }) as [unknown, { digest: string }];
        await tamper(`UPDATE audit_log SET subject = 'forged', digest = '${digest}' WHERE entry = 2`);
        assert.equal((await auditVerdict(queries)).brokenAt, 3);
        await tamper("DELETE FROM audit_log");
      });
      await t.step("an entry taken out, and the digests of the later ones made anew", async () => {
        const event = { at, customerId: null, actor: "platform" as const, action: "tested" };
        for (const subject of ["s1", "s2", "s3"]) await appendAudit(queries, { ...event, subject });
        const [first] = await auditRows(queries, { limit: 3 });
        const third = JSON.stringify([first!.digest, 3, at.getTime(), null, "platform", "tested", "s3", "{}"]);
        const digest = createHash("sha256").update(third).digest("hex");
        await tamper(
          `DELETE FROM audit_log WHERE entry = 2; UPDATE audit_log SET digest = '${digest}' WHERE entry = 3`,
        );
        assert.equal((await auditVerdict(queries)).brokenAt, 2);
      });
    }),
);

eachDatabase("an agent fills the audit log with a thousand entries a day at most, and others are not cut", async () => {
  await using store = await openTestStore();
  const queries = looseQueries(store);
  const add = (actor: Actor, at: number, tx = queries) =>
    appendAudit(tx, { at: new Date(at), customerId: null, actor, action: "taskRefused", subject: "x" });
  await store.transaction(async (tx) => {
    await add({ kind: "agent", name: "a" }, 0, tx);
    // As if it had 990 by now.
    await tx.run("UPDATE audit_counts SET entries = entries + 989");
    for (let i = 0; i < 30; i++) await add({ kind: "agent", name: "a" }, i, tx);
  });
  await add({ kind: "agent", name: "b" }, 1);
  await add("platform", 1);
  assert.equal((await auditVerdict(queries)).entries, 13);
  assert.equal((await auditRows(queries, { limit: 3 }))[0]?.action, "entriesLeftOut");
  await add({ kind: "agent", name: "a" }, 86_400_000);
  assert.equal((await auditVerdict(queries)).entries, 14);
});

eachDatabase("the audit log can only be added to", async () => {
  await using store = await openTestStore();
  const queries = looseQueries(store);
  await appendAudit(queries, {
    at,
    customerId: "cus-1",
    actor: "platform",
    action: "tested",
    subject: "s",
    detail: { n: 1 },
  });
  await assert.rejects(queries.run("UPDATE audit_log SET subject = 'x'"), /append-only|permission denied/);
  await assert.rejects(queries.run("DELETE FROM audit_log"), /append-only|permission denied/);
  assert.deepEqual((await auditRows(queries, { limit: 10 })).map(({ subject, detail }) => [subject, detail]), [[
    "s",
    '{"n":1}',
  ]]);
  assert.deepEqual(await auditRows(queries, { customerId: "cus-2", limit: 10 }), []);
});

eachDatabase("auditVerdict() goes over more entries than one page", async () => {
  await using store = await openTestStore();
  const queries = looseQueries(store);
  await store.transaction(async (tx) => {
    for (let i = 0; i < 1001; i++) {
      await appendAudit(tx, { at, customerId: null, actor: "platform", action: "tested", subject: String(i) });
    }
  });
  const verdict = await auditVerdict(queries);
  assert.deepEqual([verdict.entries, verdict.brokenAt], [1001, undefined]);
  assert.notEqual(verdict.lastDigest, noDigest);
});

eachDatabase("transactions that append at once make one unbroken chain", async () => {
  await using store = await openTestStore();
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      store.transaction(async (tx) => {
        for (let i = 0; i < 5; i++) {
          await appendAudit(tx, { at, customerId: null, actor: "platform", action: "tested", subject: `${n} ${i}` });
        }
      })),
  );
  const { entries, brokenAt } = await auditVerdict(looseQueries(store));
  assert.deepEqual([entries, brokenAt], [100, undefined]);
});
