/** The audit log in the portal: what is found by text and by days, as a page and as CSV. */
import assert from "node:assert/strict";
import { createSite } from "../../platform/customers/customers.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { portalScene } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

slowInPostgres("the audit log is searched by text in any case, and by days; the CSV has the same entries", async () => {
  await using scene = await portalScene();
  const { platform } = scene.platform, tenantBy = { ...operator, tenant: scene.acme };
  await createSite(platform, tenantBy, { name: "Halle 100%" });
  scene.platform.clock.advance(3 * 86_400_000);
  await createSite(platform, tenantBy, { name: "Depot_2" });
  const eva = await scene.signedIn("eva@partner.example");
  const found = async (query: Record<string, string>) => {
    const page = (await eva.get(`/audit?${new URLSearchParams({ of: scene.acme, ...query })}`)).body;
    const csv = (await eva.get(`/audit?${new URLSearchParams({ of: scene.acme, format: "csv", ...query })}`)).body;
    const names = ["Halle 100%", "Depot_2"].filter((name) => page.includes(`{&quot;name&quot;:&quot;${name}`));
    assert.deepEqual(names, ["Halle 100%", "Depot_2"].filter((name) => csv.includes(name)));
    return names;
  };
  const first = scene.platform.clock.now().getTime() - 3 * 86_400_000, day = new Date(first).toISOString().slice(0, 10);
  assert.deepEqual(await found({}), ["Halle 100%", "Depot_2"]);
  assert.deepEqual(await found({ q: "halle 100%" }), ["Halle 100%"]);
  assert.deepEqual(await found({ q: "SITECREATED" }), ["Halle 100%", "Depot_2"]);
  // They stand for themselves.
  assert.deepEqual(await found({ q: "_" }), ["Depot_2"]);
  assert.deepEqual(await found({ q: "%" }), ["Halle 100%"]);
  assert.deepEqual(await found({ q: "nothing of it" }), []);
  assert.deepEqual(await found({ to: day }), ["Halle 100%"]);
  assert.deepEqual(await found({ from: new Date(first + 86_400_000).toISOString().slice(0, 10) }), ["Depot_2"]);
  assert.deepEqual(await found({ from: "yesterday", to: "2026-99-99" }), ["Halle 100%", "Depot_2"]);
});
