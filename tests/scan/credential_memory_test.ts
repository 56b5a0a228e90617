/** The service asks by what worked last time: Net-SNMP's agent counts what it refuses, as those do that lock out. */
import assert from "node:assert/strict";
import { type AccessMemory, createAccessMemory } from "../../src/service/access_memory.ts";
import { type Inventory, openInventory } from "../../src/store/inventory.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { fakeNames } from "../fixtures/fake_names.ts";
import { testHost } from "../fixtures/test_host.ts";
import { peerTest } from "../fixtures/peers.ts";
import { siteConfig, testSiteScans } from "../fixtures/site_scans.ts";
import { authKey, createUser, privKey, type SnmpdPrinter, startSnmpdPrinter } from "../fixtures/snmpd_printer.ts";

const peers = ["snmpd", "snmpget"];
const keys = `auth: { protocol: sha256, key: ${authKey} }, priv: { protocol: aes128, key: ${privKey} }`;
const user = (name: string, changes = keys) => `{ name: ${name}, user: ${name}, ${changes} }`;
const community = (name: string) => `{ name: ${name}, community: ${name} }`;
const wrongKey = keys.replace(authKey, "wrong-auth-key");

/** A site with one printer, its inventory, and the scans of it; `clock` is that of the memory alone. */
class Site implements Disposable {
  readonly folder = Deno.makeTempDirSync();
  readonly inventory: Inventory = openInventory(`${this.folder}/inventory.db`);
  readonly clock = { ms: 0, monotonicMs: () => this.clock.ms };
  readonly log: string[] = [];
  memory: AccessMemory = createAccessMemory(this.clock, []);
  constructor(readonly port: number, public credentials: string[]) {}

  /** As after a restart of the service. */
  restart(): void {
    this.memory = createAccessMemory(this.clock, this.inventory.devices());
  }

  async scan(kind: "sweep" | "read" | "task"): Promise<Reading[]> {
    const config = siteConfig(
      `ranges: [127.0.0.1], port: ${this.port}, rate: 0, credentials: [${this.credentials.join(", ")}]`,
      "timeout: 250ms, workers: 1",
    );
    const readings: Reading[] = [];
    const scans = testSiteScans(config, {
      machine: { ...testHost(), resolve: fakeNames({}), processors: 1 },
      access: this.memory,
      intake: {
        lost: () => 0,
        reportMerges: () => {},
        notePresence: () => {},
        take: (reading, { site, scope, credential }) => {
          readings.push(reading);
          const how = credential == null ? {} : { credential };
          return this.inventory.observe({ reading, site, scope, mayHold: false, ...how }, new Date()).at(-1)!;
        },
      },
      log: { warn: (event) => void this.log.push(event), info: (event) => void this.log.push(event) },
    });
    await scans.scan({
      site: config.sites[0]!,
      places: kind === "read" ? [{ address: "127.0.0.1", port: this.port }] : null,
      kind,
      scope: "full",
      signal: AbortSignal.timeout(60_000),
    });
    return readings;
  }

  get credential(): string | null | undefined {
    return this.inventory.devices()[0]?.credential;
  }

  [Symbol.dispose](): void {
    this.inventory[Symbol.dispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Whether the agent counted anything in `during`. */
async function refusedIn(agent: SnmpdPrinter, during: () => Promise<unknown>): Promise<boolean> {
  const before = await agent.refusals();
  await during();
  const after = await agent.refusals();
  assert(Object.values(after).every((count) => !Number.isNaN(count)));
  return JSON.stringify(before) !== JSON.stringify(after);
}

const lines = [createUser("monitor"), "rouser monitor priv", createUser("second"), "rouser second priv"];
const orders = {
  "a user": [community("wrong"), user("nobody"), user("monitor", wrongKey).replace("monitor", "typo"), user("monitor")],
  "a community": [community("wrong"), user("nobody"), community("full")],
};
for (const [what, credentials] of Object.entries(orders)) {
  peerTest(`the second read of a printer asks with the right one alone: ${what}`, peers, async () => {
    await using agent = await startSnmpdPrinter(
      what === "a user" ? lines : [...lines, "rocommunity full default -V all"],
    );
    using site = new Site(agent.port, credentials);
    assert.equal(await refusedIn(agent, () => site.scan("sweep")), true);
    assert.equal(site.credential, what === "a user" ? "monitor" : "full");
    for (const kind of ["read", "sweep", "read"] as const) {
      assert.equal(await refusedIn(agent, async () => assert.equal((await site.scan(kind)).length, 1)), false, kind);
    }
    site.restart();
    assert.equal(await refusedIn(agent, async () => assert.equal((await site.scan("read")).length, 1)), false);
    // A credential that is configured no more is ignored.
    site.credentials = [user("second")];
    assert.equal((await site.scan("read")).length, 1);
    assert.equal(site.credential, "second");
  });
}

peerTest("a credential that fails is forgotten, and the one that works then is remembered", peers, async () => {
  const credentials = [user("monitor"), user("second")];
  let port: number;
  {
    await using agent = await startSnmpdPrinter(lines);
    port = agent.port;
    using site = new Site(port, credentials);
    await site.scan("sweep");
    assert.equal(site.credential, "monitor");
    await agent[Symbol.asyncDispose]();
    await using changed = await startSnmpdPrinter(lines.slice(2), { port });
    assert.equal(await refusedIn(changed, async () => assert.equal((await site.scan("read")).length, 1)), true);
    assert.equal(site.credential, "second");
    assert.equal(await refusedIn(changed, async () => assert.equal((await site.scan("read")).length, 1)), false);
  }
});

peerTest(
  "where no credential shows all, the others are left alone for as long as they failed",
  peers,
  async () => {
    await using agent = await startSnmpdPrinter(["rocommunity limited default -V limited"]);
    using site = new Site(agent.port, [community("limited"), community("wrong"), user("nobody")]);
    const tried: boolean[] = [];
    for (const minutes of [0, 1, 1.5, 3, 3.5]) {
      site.clock.ms = minutes * 60_000;
      tried.push(await refusedIn(agent, async () => assert.equal((await site.scan("read")).length, 1)));
    }
    assert.deepEqual(tried, [true, true, false, true, false]);
    assert.deepEqual(site.log, ["credentialsLimited"]);
    // An administrator who asks for a scan has all tried.
    assert.equal(await refusedIn(agent, () => site.scan("task")), true);
  },
);

peerTest("a device that no credential opens is not asked with each at every sweep", peers, async () => {
  await using agent = await startSnmpdPrinter(lines);
  using site = new Site(agent.port, [user("nobody"), user("nobody-else")]);
  const tried: boolean[] = [];
  for (const minutes of [0, 1, 1.5, 3, 3.5]) {
    site.clock.ms = minutes * 60_000;
    tried.push(await refusedIn(agent, () => site.scan("sweep")));
  }
  assert.deepEqual(tried, [true, true, false, true, false]);
  site.credentials.push(user("monitor"));
  site.memory.configChanged();
  assert.equal((await site.scan("sweep")).length, 1);
  assert.deepEqual(site.log, ["credentialsRefused"]);
});
