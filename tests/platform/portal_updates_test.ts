/** Updates in the portal: what a dealer may choose for its own agents, and what stays the operator's. */
import assert from "node:assert/strict";
import { UpdatePhase } from "../../proto/gen/opendca/v1/update.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { type PortalScene, portalScene } from "./portal_scene.ts";

const eva = "eva@partner.example", max = "max@partner.example";

async function addRelease({ platform: { queries } }: PortalScene, version: string, permitted: number): Promise<void> {
  const manifest = {
    version,
    rollout: { percent: permitted },
    expiresAt: "2099-01-01T00:00:00Z",
    minimumVersion: "0.1.0",
  };
  await queries.run(
    `INSERT INTO releases (version, manifest, state, reason, changed_by, changed_at, added_at, counted_since)
     VALUES (:version, :manifest, 'offered', NULL, 'operator:x', 0, 0, 0)`,
    { version, manifest: `${JSON.stringify(manifest, undefined, 2)}\n` },
  );
}

slowInPostgres("a dealer sets shares and pins of its own customers, sites and agents, and of nobody else", async () => {
  await using scene = await portalScene();
  await addRelease(scene, "0.3.0", 50);
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const { queries } = scene.platform, tenant = scene.platform.queries.tenant(scene.acme);
  const agentId = (await tenant.get<{ agent_id: string }>("SELECT agent_id FROM agents WHERE customer_id = :customer"))!
    .agent_id;
  const user = await scene.signedIn(eva), path = `/customers/${scene.acme}/updates`;
  assert.match((await user.get(path)).body, /0\.3\.0[\s\S]*0 % \(as for all\)/);
  const share = { version: "0.3.0", whose: "", percent: "25" };
  for (
    const wrong of [
      { percent: "100" },
      { percent: "-1" },
      { percent: "1e1", version: "9.9.9" },
      { percent: "x" },
      { whose: `agent:${agentId}` },
      { whose: "site:sit-000000000000" },
      { whose: "dealer:x" },
    ]
  ) assert.equal((await user.post(`${path}/share`, { ...share, ...wrong })).status, 422, JSON.stringify(wrong));
  assert.equal((await user.post(`${path}/share`, share)).location, path);
  assert.equal(
    (await user.post(`${path}/share`, { ...share, whose: `site:${scene.berlin}`, percent: "5" })).location,
    path,
  );
  assert.match((await user.get(path)).body, /25 % \(own\), Berlin: 5 %/);
  for (const pin of ["hold", "0.3.0", ""]) {
    assert.equal((await user.post(`${path}/pin`, { whose: `agent:${agentId}`, pin })).location, path);
  }
  assert.equal((await user.post(`${path}/pin`, { whose: "", pin: "hold" })).location, path);
  assert.equal((await user.post(`${path}/pin`, { whose: "", pin: "latest" })).status, 422);
  assert.match((await user.get(path)).body, /The whole customer \(no update\)/);
  const rollouts = await queries.all<{ scope: string; percent: number }>("SELECT scope, percent FROM release_rollouts");
  assert.deepEqual(
    new Map(rollouts.map(({ scope, percent }) => [scope, percent])),
    new Map([[scene.acme, 25], [scene.berlin, 5]]),
  );
  // It stands in the audit log of the customer.
  const audited = await queries.all<{ customer_id: string | null; actor: string }>(
    "SELECT customer_id, actor FROM audit_log WHERE action IN ('releaseRolledOut', 'updatePinned')",
  );
  assert.equal(audited.length, 6);
  assert(audited.every(({ customer_id, actor }) => customer_id === scene.acme && actor === `user:${eva}`));

  await tenant.run("UPDATE agents SET update_told = :told WHERE customer_id = :customer", {
    told: JSON.stringify(["0.3.0", UpdatePhase.REFUSED, "policy.features.update is <b>false"]),
  });
  assert.match((await user.get(path)).body, /0\.3\.0 refused by the agent: policy\.features\.update is &lt;b/);
  await queries.run("UPDATE releases SET state = 'paused', reason = 'it failed on 3 of 9 agents that tried'");
  assert.match((await user.get(path)).body, /paused for everybody: it failed on 3 of 9 agents/);
  assert.equal((await user.post(`/customers/${scene.foreign}/updates/pin`, { whose: "", pin: "hold" })).status, 404);
  scene.platform.clock.advance(11 * 60_000);
  assert.match((await user.post(`${path}/share`, share)).location, /^\/confirm/);
});

Deno.test("whoever may update one site sees and changes that site alone; a technician changes nothing", async () => {
  await using scene = await portalScene();
  await addRelease(scene, "0.3.0", 100);
  await scene.devices(scene.acme, scene.bonn, [readingOf()]);
  const tenant = scene.platform.queries.tenant(scene.acme);
  const agentId = (await tenant.get<{ agent_id: string }>("SELECT agent_id FROM agents WHERE customer_id = :customer"))!
    .agent_id;
  const user = await scene.signedIn(eva, { grants: [{ role: "administrator", customerId: "Acme", siteId: "Berlin" }] });
  const path = `/customers/${scene.acme}/updates`, { body } = await user.get(path);
  assert(body.includes("Berlin") && !body.includes("Bonn") && !body.includes(agentId));
  for (const whose of ["", `site:${scene.bonn}`, `agent:${agentId}`]) {
    assert.equal((await user.post(`${path}/pin`, { whose, pin: "hold" })).status, 422, whose);
  }
  assert.equal((await user.post(`${path}/pin`, { whose: `site:${scene.berlin}`, pin: "hold" })).location, path);
  const technician = await scene.signedIn(max, { grants: [{ role: "technician" }] });
  assert.equal((await technician.get(path)).status, 200);
  assert.equal((await technician.post(`${path}/pin`, { whose: "", pin: "hold" })).status, 404);
});
