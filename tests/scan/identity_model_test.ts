/**
 * Agents with inventories of their own and the platform together: one set of devices, whatever the agents see, and whatever
 * is lost on the way to them.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { DeviceEventKind } from "../../proto/gen/opendca/v1/batch.ts";
import { openDatabase } from "../../common/host/sqlite.ts";
import { inventoryOn } from "../../src/store/inventory.ts";
import { prepareInventoryDatabase } from "../../src/store/inventory_database.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { readingToMessage } from "../../common/reading/encode_reading.ts";
import { addAgent } from "../../platform/agents/agents.ts";
import { addSite } from "../../platform/customers/customers.ts";
import { allEvidenceOf, deviceRows, historyOf } from "../../platform/devices/devices.ts";
import { openSqliteStore } from "../../platform/store/sqlite/sqlite_store.ts";
import type { Tenant } from "../../platform/store/store.ts";
import { mergeTwoKeys, resolveOneEvent, resolveOneReading } from "../fixtures/known_devices.ts";
import { addTestCustomer, looseQueries } from "../fixtures/loose_queries.ts";
import { maybeDeviceEvent } from "../../src/service/reading_intake.ts";
import { evidenceOfReading } from "../../src/store/known_evidence.ts";
import { interpretedReading } from "../fixtures/sample_reading.ts";

const minute = 60_000, day = 86_400_000;

function openScene() {
  const store = openSqliteStore(":memory:");
  const queries = looseQueries(store);
  let ms = Date.UTC(2026, 0, 1);
  const tenants = new Map<string, { tenant: Tenant; sites: Map<string, string> }>();
  const at = () => new Date(ms);

  async function tenantOf(customer: string) {
    let known = tenants.get(customer);
    if (known === undefined) {
      const { customer_id } = await addTestCustomer(queries, { name: customer, at: at() });
      tenants.set(customer, known = { tenant: queries.tenant(customer_id), sites: new Map() });
    }
    return known;
  }

  return {
    /** An agent of a site; `name` is what its configuration calls the site. */
    async agent({ customer = "Acme", site = "Berlin", name = "office" } = {}) {
      const { tenant, sites } = await tenantOf(customer);
      if (!sites.has(site)) sites.set(site, (await addSite(tenant, { name: site, at: at() })).site_id);
      const siteId = sites.get(site)!;
      const agentId = await addAgent(tenant, {
        siteId,
        installationId: crypto.randomUUID(),
        hostname: "",
        version: "",
        at: at(),
      });
      const newInventory = () => {
        const db = openDatabase(":memory:");
        prepareInventoryDatabase(db);
        return inventoryOn(db);
      };
      let inventory = newInventory();
      return {
        /** What it knows is lost, as with a new state directory. */
        forget: () => inventory = newInventory(),
        /** Reads a device, tells the platform, and returns the platform's ids of the devices that were told of. */
        async read(options: Partial<Reading>, scope: "full" | "status" = "full"): Promise<string[]> {
          ms += minute;
          const reading: Reading = { ...nothing, observedAt: at().toISOString(), ...options };
          const ids: string[] = [];
          for (const observed of inventory.observe({ reading, site: name, scope }, at())) {
            const { deviceId: deviceKey, merged, events } = observed;
            const sighting = { agentId, siteId, network: name, deviceKey, observedAt: at(), scope: observed.scope };
            ids.push(await resolveOneReading(tenant, sighting, readingToMessage(merged)));
            const context = { address: reading.address, evidence: evidenceOfReading(reading), mask: [] };
            for (const event of events.flatMap((each) => maybeDeviceEvent(each, context) ?? [])) {
              await resolveOneEvent(tenant, sighting, event);
              if (event.kind === DeviceEventKind.MERGED) await mergeTwoKeys(tenant, sighting, event.mergedDeviceKey!);
            }
          }
          return ids;
        },
      };
    },
    pass: (by: number) => void (ms += by),
    devices: async (customer = "Acme") => await deviceRows((await tenantOf(customer)).tenant),
    history: async (id: string) => (await historyOf((await tenantOf("Acme")).tenant, id)).map(({ kind }) => kind),
    evidence: async (id: string) => await allEvidenceOf((await tenantOf("Acme")).tenant, id),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

const nothing: Reading = { ...interpretedReading(), hostname: null, serial: null, mac: null, description: "NIC" };
const full = { serial: "CNB70001", mac: "00:1b:a9:00:00:01" }, other = { serial: "CNB70002", mac: "00:1b:a9:00:00:02" };
const silent = { problems: [{ code: "silent", message: "" }] };

for (const order of [[0, 1], [1, 0]]) {
  Deno.test(`two agents of a site, of which one sees no serial number, agree on a device: ${order}`, async () => {
    await using s = openScene();
    const agents = [await s.agent(), await s.agent()];
    const ids = new Set<string>();
    for (let round = 0; round < 3; round++) {
      for (const i of order) for (const id of await agents[i]!.read(i === 0 ? full : {})) ids.add(id);
    }
    assert.deepEqual([ids.size, (await s.devices()).length], [1, 1]);
    assert.deepEqual(await s.history([...ids][0]!), ["appeared"]);
  });
}

Deno.test("an agent that sees no serial number follows the site's other agent to the printer that took a place over", async () => {
  await using s = openScene();
  const seeing = await s.agent(), blind = await s.agent();
  const [old] = await seeing.read(full);
  assert.deepEqual(await blind.read({}), [old]);
  await seeing.read(other);
  const [, replaced] = await seeing.read(other);
  assert.notEqual(replaced, old);
  assert.deepEqual(await blind.read({}), [replaced]);
  assert.equal((await s.devices()).length, 2);
});

const apart: { name: string; second: { customer?: string; site?: string; name?: string } }[] = [
  { name: "customers", second: { customer: "Other" } },
  { name: "sites of the platform", second: { site: "Hamburg" } },
  { name: "sites of the configuration", second: { name: "warehouse" } },
];
for (const { name, second } of apart) {
  Deno.test(`equal addresses of two ${name} are different devices, where these show nothing of themselves`, async () => {
    await using s = openScene();
    const agents = [await s.agent(), await s.agent(second)];
    // One after another: each reading is of another minute.
    const read = async () => [(await agents[0]!.read({}))[0], (await agents[1]!.read({}))[0]];
    const ids = await read();
    for (let round = 0; round < 3; round++) assert.deepEqual(await read(), ids);
    assert.notEqual(ids[0], ids[1]);
    // The serial number of one of them says nothing of the other.
    assert.deepEqual(await agents[0]!.read(full), [ids[0]]);
    assert.deepEqual(await agents[1]!.read({}), [ids[1]]);
  });
}

Deno.test("a device that an agent knew by its place, and that shows its serial number later, becomes the one that others know", async () => {
  await using s = openScene();
  const seeing = await s.agent(), later = await s.agent({ name: "elsewhere" });
  const [known] = await seeing.read(full);
  const [hidden] = await later.read({ address: "192.168.1.7" });
  assert.notEqual(hidden, known);
  assert.deepEqual(await later.read({ ...full, address: "192.168.1.7" }), [known]);
  assert.deepEqual((await s.devices()).map(({ device_id }) => device_id), [known]);
  assert.deepEqual(await s.history(known!), ["appeared", "appeared", "merged"]);
});

Deno.test("an agent that lost its inventory finds the devices that show nothing of themselves where they are", async () => {
  await using s = openScene();
  const agent = await s.agent();
  const places = [5, 6, 7].map((host) => ({ address: `10.1.0.${host}`, model: null, manufacturer: null }));
  const read = async () => {
    const ids: (string | undefined)[] = [];
    for (const place of places) ids.push((await agent.read(place))[0]);
    return ids;
  };
  const ids = await read();
  for (let lost = 0; lost < 3; lost++) {
    agent.forget();
    assert.deepEqual(await read(), ids);
  }
  assert.equal((await s.devices()).length, 3);
});

Deno.test("a device that took the place of one that moved away is a new one for the platform, too", async () => {
  await using s = openScene();
  const agent = await s.agent();
  const [moved] = await agent.read(full);
  await agent.read({ ...full, address: "10.1.0.99" });
  const [there] = await agent.read({});
  assert.notEqual(there, moved);
  assert.deepEqual(await agent.read({ ...full, address: "10.1.0.99" }), [moved]);
});

Deno.test("a device with two addresses has no endless history", async () => {
  await using s = openScene();
  const agent = await s.agent();
  const ids = new Set<string>();
  for (let sweep = 0; sweep < 8; sweep++) {
    for (const address of ["10.1.0.7", "2001:db8::7"]) {
      for (const id of await agent.read({ ...full, address })) ids.add(id);
    }
    s.pass(day);
  }
  assert.equal(ids.size, 1);
  assert.deepEqual(await s.history([...ids][0]!), ["appeared", "addressChanged"]);
});

Deno.test("a partly lost answer changes no name of a device, and adds no evidence that another could be taken for", async () => {
  await using s = openScene();
  const agent = await s.agent();
  const [id] = await agent.read(full);
  await agent.read({ ...full, serial: "CARD77777", model: "Net 77", ...silent });
  assert.deepEqual((await s.devices()).map(({ serial, model }) => [serial, model]), [["CNB70001", "P1"]]);
  assert.deepEqual(await s.history(id!), ["appeared"]);
  const elsewhere = await (await s.agent({ site: "Hamburg" })).read({ serial: "CARD77777" });
  assert.notEqual(elsewhere[0], id);
});

Deno.test("what an agent merges, the platform merges", async () => {
  await using s = openScene();
  const agent = await s.agent();
  const [id] = await agent.read(full);
  const there = { address: "10.1.0.99", ...silent };
  for (let look = 0; look < 3; look++) await agent.read(there);
  assert.equal((await s.devices()).length, 2);
  assert.deepEqual(await agent.read({ ...full, address: "10.1.0.99" }), [id]);
  assert.deepEqual((await s.devices()).map(({ device_id, address }) => [device_id, address]), [[id, "10.1.0.99"]]);
});

Deno.test("two agents that made two devices of one, as each saw another part of it, agree once one sees it whole", async () => {
  await using s = openScene();
  const seeing = await s.agent(), half = await s.agent();
  for (let look = 0; look < 3; look++) await seeing.read({ serial: full.serial, model: null, ...silent });
  const [second] = await half.read({ mac: full.mac });
  assert.equal((await s.devices()).length, 2);
  const [known] = await seeing.read(full);
  assert.notEqual(known, second);
  assert.deepEqual(await half.read({ mac: full.mac }), [known]);
  assert.deepEqual((await s.devices()).map(({ device_id }) => device_id), [known]);
});

const flags = fc.record({ serial: fc.boolean(), mac: fc.boolean(), model: fc.boolean() });
const nothingLost = { serial: false, mac: false, model: false };

Deno.test("two agents and the platform know as many devices as there are, whatever a view hides and a network loses", async () => {
  const reads = fc.array(
    fc.record({
      agent: fc.nat(1),
      printer: fc.nat(3),
      lost: fc.boolean(),
      loses: flags,
      standsIn: fc.boolean(),
      scope: fc.constantFrom<"full" | "status">("full", "full", "status"),
      passes: fc.constantFrom(0, day, 20 * day),
    }),
    { maxLength: 40 },
  );
  const views = fc.array(flags, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(views, reads, async (views, reads) => {
      await using s = openScene();
      const agents = [await s.agent(), await s.agent()];
      const look = async (
        i: number,
        by: number,
        how: { lost: boolean; loses: typeof nothingLost; standsIn: boolean },
        scope: "full" | "status" = "full",
      ) => {
        const loses = how.lost ? how.loses : nothingLost;
        // The first agent sees everything; the second one what its view of the device shows.
        const shown = (what: keyof typeof nothingLost, value: string, instead: string) =>
          by === 1 && what !== "model" && !views[i]![what]
            ? null
            : !loses[what]
            ? value
            : how.standsIn
            ? instead
            : null;
        return await agents[by]!.read({
          address: `10.1.0.${i + 1}`,
          serial: shown("serial", `SERIAL-${i}A`, `CARD-${i}B`),
          mac: shown("mac", `00:1b:a9:00:00:0${i}`, `00:1b:a9:00:01:0${i}`),
          model: shown("model", "P1", "Net 77"),
          ...(how.lost ? silent : {}),
        }, scope);
      };
      const whole = { lost: false, loses: nothingLost, standsIn: false };
      for (const { agent, printer, scope, passes, ...how } of reads) {
        s.pass(passes);
        await look(printer % views.length, agent, how, scope);
      }
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < views.length; i++) for (const by of [0, 1]) await look(i, by, whole);
      }
      const ids: string[][] = [];
      for (const i of views.keys()) ids.push([...await look(i, 0, whole), ...await look(i, 1, whole)]);
      assert.ok(ids.every(([a, b]) => a === b), "the agents agree");
      assert.equal(new Set(ids.flat()).size, views.length, "two devices are two");
      assert.equal((await s.devices()).length, views.length, "and there are no others");
    }),
    { numRuns: 60 },
  );
});
