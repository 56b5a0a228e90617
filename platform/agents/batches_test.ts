import assert from "node:assert/strict";
import { eachDatabase, openTestStore } from "../../tests/fixtures/each_database.ts";
import { addTestCustomer } from "../../tests/fixtures/loose_queries.ts";
import { addSite } from "../customers/customers.ts";
import { addAgent } from "./agents.ts";
import { addBatch, advanceContiguous, contiguousOf, noteEpoch } from "./batches.ts";

const at = new Date("2026-03-02T08:00:00Z");

eachDatabase("advanceContiguous() passes any number of batches, and stops at a gap", async () => {
  await using store = await openTestStore();
  await store.transaction(async (tx) => {
    const tenant = tx.tenant((await addTestCustomer(tx, { name: "Acme", at })).customer_id);
    const { site_id: siteId } = await addSite(tenant, { name: "Berlin", at });
    const agent = { siteId, installationId: crypto.randomUUID(), hostname: "", version: "", at };
    const agentId = await addAgent(tenant, agent), epoch = "epoch-1";
    assert.equal(await advanceContiguous(tenant, { agentId, epoch }), 0, "of an unknown epoch");
    await noteEpoch(tenant, { agentId, epoch, at });
    const add = (sequence: number) =>
      addBatch(tenant, {
        key: { agentId, epoch, sequence },
        batchId: crypto.randomUUID(),
        digest: new Uint8Array(32),
        at,
        records: 1,
        rejection: undefined,
      });
    for (let sequence = 2; sequence <= 301; sequence++) await add(sequence);
    await add(303);
    assert.equal(await advanceContiguous(tenant, { agentId, epoch }), 0);
    await add(1);
    assert.equal(await advanceContiguous(tenant, { agentId, epoch }), 301);
    assert.equal(await contiguousOf(tenant, { agentId, epoch }), 301);
    await add(302);
    assert.equal(await advanceContiguous(tenant, { agentId, epoch }), 303);
  });
});
