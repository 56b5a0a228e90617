import assert from "node:assert/strict";
import { eachDatabase, openTestStore } from "../../tests/fixtures/each_database.ts";
import { addTestCustomer } from "../../tests/fixtures/loose_queries.ts";
import { addAgent } from "../agents/agents.ts";
import { addSite } from "../customers/customers.ts";
import { KnownDevices } from "./known_devices.ts";

const at = new Date("2026-03-02T08:00:00Z"), now = at.getTime();

eachDatabase("of the devices that had an address, the present one alone is read", async () => {
  await using store = await openTestStore();
  await store.transaction(async (tx) => {
    const tenant = tx.tenant((await addTestCustomer(tx, { name: "Acme", at })).customer_id);
    const { site_id: siteId } = await addSite(tenant, { name: "Berlin", at });
    const agent = { siteId, installationId: crypto.randomUUID(), hostname: "", version: "", at };
    const agent_id = await addAgent(tenant, agent);
    const names = { serial: null, manufacturer: null, model: null, hostname: null, firmware: null, location: null };
    const spot = { scope: `agent ${agent_id}`, place: "10.1.0.7 161 0" };
    const written = await KnownDevices.load(tenant, { places: [spot] });
    const [former, present] = [now - 1, null].map((until) => {
      const facts = { agent_id, network: "office", address: "10.1.0.7", state: "idle", ...names };
      const device_id = written.addDevice({ facts, at });
      written.setPlace({ ...spot, device_id, seen_at: now, until });
      return device_id;
    });
    await written.flush();

    const known = await KnownDevices.load(tenant, { places: [spot] });
    assert.equal(known.device(present!)?.device_id, present);
    assert.throws(() => known.device(former!), /was not asked for/);
    // One that comes back to it is told from one that was never there.
    const holders = known.placeHolders(spot).map(({ device_id, until }) => ({ device_id, until }));
    const wanted = [{ device_id: former, until: now - 1 }, { device_id: present, until: null }];
    assert.deepEqual(holders.sort((a, b) => a.until === null ? 1 : b.until === null ? -1 : 0), wanted);
  });
});
