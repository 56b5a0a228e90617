import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { agentRows, configRefusalsOf } from "../../agents/agents.ts";
import { customerRows } from "../../customers/customers.ts";
import { historyOf } from "../../devices/devices.ts";
import { deviceRows } from "../../devices/listed_devices.ts";
import { ledgerHeadRows, noteLedgerHead } from "../../agents/ledger_heads.ts";
import { migrations } from "../migrations.ts";
import { looseQueries, looseTenant } from "../../../tests/fixtures/loose_queries.ts";
import { openSqliteStore } from "./sqlite_store.ts";

const rows = `
  INSERT INTO customers VALUES ('cus-1', 'Acme', 1);
  INSERT INTO sites VALUES ('cus-1', 'sit-1', 'Berlin', 1);
  INSERT INTO agents (customer_id, agent_id, site_id, installation_id, state, created_at, hostname, version)
    VALUES ('cus-1', 'agt-1', 'sit-1', 'i', 'active', 1, 'server-1', '0.1.0');
  INSERT INTO devices (customer_id, device_id, agent_id, site, address, state, first_seen_at, last_seen_at)
    VALUES ('cus-1', 'dev-1', 'agt-1', 'office', '10.1.0.7', 'idle', 5, 7);
  INSERT INTO device_history VALUES ('cus-1', 'dev-1', 5, 'siteChanged', 'a', 'office'), ('cus-1', 'dev-1', 6, 'appeared', NULL, 'x');
`;

async function withOldStore(body: (path: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    const path = `${folder}/platform.db`;
    using old = new DatabaseSync(path);
    old.exec(`${migrations[0]}; PRAGMA user_version = 1; ${rows}`);
    await body(path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function schemaOf(path: string): unknown[] {
  using database = new DatabaseSync(path);
  return database.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").all();
}

Deno.test("openSqliteStore() brings a store of the first version up to date and keeps what it holds", () =>
  withOldStore(async (path) => {
    await using store = openSqliteStore(path);
    const tenant = looseTenant(store, "cus-1");
    const [agent] = await agentRows(tenant);
    assert.deepEqual([agent?.hostname, agent?.ledger_rewound_at, configRefusalsOf(agent!)], ["server-1", null, []]);
    assert.deepEqual((await deviceRows(tenant)).map(({ device_id, agent_seen_at }) => [device_id, agent_seen_at]), [[
      "dev-1",
      7,
    ]]);
    const dealers = await looseQueries(store).all("SELECT dealer_id, name FROM dealers");
    assert.deepEqual(dealers.map((row) => ({ ...row as object })), [{
      dealer_id: "dea-000000000000",
      name: "default",
    }]);
    const [customer] = await customerRows(looseQueries(store));
    assert.deepEqual([customer?.dealer, customer?.dealer_id], ["default", "dea-000000000000"]);
    const [device] = await deviceRows(tenant);
    assert.deepEqual([device?.site, device?.network], ["Berlin", "office"]);
    assert.deepEqual((await historyOf(tenant, "dev-1")).map(({ kind }) => kind), ["networkChanged", "appeared"]);
    await noteLedgerHead(tenant, { agentId: "agt-1", number: 1, hash: "a", at: new Date() });
    assert.equal((await ledgerHeadRows(tenant, "agt-1")).length, 1);
  }));

Deno.test("openSqliteStore() makes a new store as it makes an old one", () =>
  withOldStore(async (path) => {
    await openSqliteStore(path)[Symbol.asyncDispose]();
    await openSqliteStore(`${path}.new`)[Symbol.asyncDispose]();
    assert.deepEqual(schemaOf(path), schemaOf(`${path}.new`));
  }));

Deno.test("openSqliteStore() leaves the old version when a step fails", () =>
  withOldStore((path) => {
    {
      using other = new DatabaseSync(path);
      other.exec("CREATE INDEX installations_by_time ON installations (last_at)");
    }
    const before = schemaOf(path);
    assert.throws(() => openSqliteStore(path), { name: "ConfigError", message: /already exists/ });
    assert.deepEqual(schemaOf(path), before);
    using after = new DatabaseSync(path);
    assert.deepEqual({ ...after.prepare("PRAGMA user_version").get() }, { user_version: 1 });
    return Promise.resolve();
  }));

Deno.test("openSqliteStore() does not make its tables in the database of another program", () =>
  withOldStore((path) => {
    using other = new DatabaseSync(path);
    other.exec("PRAGMA user_version = 0");
    assert.throws(() => openSqliteStore(path), { name: "ConfigError", message: /another program/ });
    return Promise.resolve();
  }));
