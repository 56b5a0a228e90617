/** An agent whose certificate is renewed while it is connected by MQTT. */
import assert from "node:assert/strict";
import { createTask } from "../../platform/tasks/manage_tasks.ts";
import { day, minute, openOffice } from "../fixtures/office_agent.ts";
import { until } from "../fixtures/until.ts";

Deno.test("an agent connects by MQTT with its renewed certificate, and gets the tasks that come after it", async () => {
  const checkEveryMs = 100;
  await using office = await openOffice({
    network: 237,
    printers: 1,
    schedule: "{ fullSweepEvery: 1d, statusEvery: 1d, metersEvery: 1d }",
    mqtt: { checkEveryMs },
  });
  const { platform, platformClock, agentId, tenant } = office;
  await using _ = await office.startAgent();
  const connected = (count: number) =>
    until(`it is connected ${count} times`, () => office.logged("mqttConnected").length >= count, 60_000);
  await connected(1);
  const used = async () =>
    (await tenant.all<{ first_used_at: number | null }>(
      "SELECT first_used_at FROM certificates WHERE customer_id = :customer",
    )).map(({ first_used_at }) => first_used_at !== null);
  assert.deepEqual(await used(), [true]);
  // Two thirds of its time are over; the agent learns it with its next poll.
  platformClock.advance(66 * day);
  for (let polls = 0; polls < 18 && office.calls.renew === 0; polls++) await office.pass(10 * minute);
  assert.equal(office.calls.renew, 1);
  await connected(2);
  assert.deepEqual(await used(), [true, true], "the platform has seen the new one");
  // The first certificate is not taken any more, and the broker looks at those that are connected.
  platformClock.advance(2 * 60 * minute);
  await new Promise((resolve) => setTimeout(resolve, 10 * checkEveryMs));
  const polls = office.calls.poll;
  const { taskId } = await createTask(platform.platform, {
    actor: { kind: "operator", name: "eva" },
    tenant: tenant.customerId,
  }, { agentId, payload: { $case: "refreshConfig", value: {} }, validMs: 24 * 60 * minute });
  const received = () => office.logged("taskReceived").filter((line) => line.taskId === taskId);
  await until("the task", () => received().length > 0, 60_000);
  assert.ok(office.calls.poll - polls <= 1, "no time has passed: no poll brought it");
  assert.equal(office.logged("mqttConnected").length, 2);
  assert.deepEqual(office.logged("mqttFailed"), []);
});
