/** Events on the pages of a device and of an agent, and what an agent says of itself. */
import assert from "node:assert/strict";
import { eventsOf } from "../../platform/portal/fleet/device_events.tsx";
import { translator } from "../../platform/portal/words/words.ts";
import { mergeDevice, undoDeviceChange } from "../../platform/devices/merge_device.ts";
import { AgentStatus } from "../../proto/gen/opendca/v1/agent_service.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { readingOf } from "../fixtures/platform_uploads.ts";
import { portalScene } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

slowInPostgres("a device shows when it appeared, what changed, and merges by people, newest first", async () => {
  await using scene = await portalScene();
  const readings = [1, 2].map((n) => readingOf({ address: `10.1.0.${n}`, serial: `SER${n}` }));
  const [one, two] = await scene.devices(scene.acme, scene.berlin, readings);
  const by = { ...operator, tenant: scene.acme }, { platform } = scene.platform;
  const { changeId } = await mergeDevice(platform, by, { device: one!, other: two!, reason: "one printer" });
  await undoDeviceChange(platform, by, { changeId });
  const user = await scene.signedIn("eva@partner.example", { grants: [{ role: "viewer" }] });
  const { body } = await user.get(`/customers/${scene.acme}/devices/${one}`);
  assert.match(body, /id="events"[\s\S]*Undone by operator:[\s\S]*Merged with dev-\w+ by operator:[\s\S]*First seen/);
});

Deno.test("kinds of events that this version does not know are shown as they are called", () => {
  const t = translator("de");
  const history = [
    { at: 1, kind: "firmwareChanged", before: "1.0", after: "<b>" },
    { at: 3, kind: "paintedChanged", before: null, after: "red" },
    { at: 2, kind: "meterFell", before: "10", after: "5" },
  ];
  assert.deepEqual(
    eventsOf({ history, changes: [] }, { raised: [], device: "dev-1", t }).map(({ text }) => text),
    ["painted: – → red", "Ein Zähler fiel: 10 → 5", "Firmware: 1.0 → <b>"],
  );
});

slowInPostgres("an agent shows faults, backlog and, to whoever may read the log, what happened to it", async () => {
  await using scene = await portalScene();
  await scene.devices(scene.acme, scene.berlin, [readingOf()]);
  const { queries } = scene.platform, tenant = queries.tenant(scene.acme);
  const agent = (await tenant.get<{ agent_id: string }>("SELECT agent_id FROM agents WHERE customer_id = :customer"))!;
  const status = AgentStatus.fromPartial({
    spooledRecords: 1234,
    oldestRecordAt: new Date("2026-03-02T08:00:00Z"),
    faults: [{ code: "x", message: "The disk <b>is full", count: 1, lastAt: new Date("2026-03-02T09:00:00Z") }],
  });
  await tenant.run(
    "UPDATE agents SET status = :status, update_offered = '9.9.9' WHERE customer_id = :customer AND agent_id = :id",
    { status: AgentStatus.encode(status).finish(), id: agent.agent_id },
  );
  const admin = await scene.signedIn("eva@partner.example"), root = `/customers/${scene.acme}/agents`;
  const list = (await admin.get(root)).body;
  assert.match(list, /New version: 9\.9\.9[\s\S]*<span class="warn">1<\/span>[\s\S]*1,234/);
  assert.match((await admin.get(`${root}?silent=1`)).body, /name="silent" value="1" checked/);
  const page = (await admin.get(`${root}/${agent.agent_id}`)).body;
  assert.match(page, /1,234 records since Mar 2, 2026[\s\S]*The disk &lt;b&gt;is full/);
  assert.match(page, /<h2>Events[\s\S]*<td/);
  const viewer = await scene.signedIn("max@partner.example", { grants: [{ role: "viewer" }] });
  const seen = (await viewer.get(`${root}/${agent.agent_id}`)).body;
  assert.match(seen, /The disk &lt;b&gt;is full/);
  assert.doesNotMatch(seen, /<h2>Events/);
});
