/** Webhooks: what is told, to whom, signed by what, and receivers that do not take it. Real receivers on loopback. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { revokeAgent } from "../../platform/agents/manage_agents.ts";
import { type DeliveryOptions, forget, startWebhooks, waitsMs } from "../../platform/interfaces/deliver_webhooks.ts";
import { noteSilent } from "../../platform/interfaces/silent_watch.ts";
import {
  createWebhook,
  listDeliveries,
  listWebhooks,
  pauseWebhook,
  removeWebhook,
  resendDeliveries,
  rotateWebhookSecret,
  testWebhook,
} from "../../platform/interfaces/webhooks.ts";
import { eventTypes } from "../../platform/events/queue_events.ts";
import { UsageError } from "../../common/core/errors.ts";
import { AlertSeverity, LevelKind, type Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { activatedAgent, call, connect, startTestPlatform } from "../fixtures/platform_fixture.ts";
import { batchOf, readingOf, recordOf } from "../fixtures/platform_uploads.ts";
import { until } from "../fixtures/until.ts";

const operator = { actor: { kind: "operator", name: "test" } } as const;
const everything = Object.keys(eventTypes);

interface Receiver extends AsyncDisposable {
  url: string;
  got: { headers: Record<string, string>; body: string; at: number }[];
  answer: { status: number };
}

async function receiver(): Promise<Receiver> {
  const got: Receiver["got"] = [], answer = { status: 204 };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => body += part);
    request.on("end", () => {
      got.push({ headers: request.headers as Record<string, string>, body, at: performance.now() });
      if (answer.status === 0) return;
      response.writeHead(answer.status);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    got,
    answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const local: DeliveryOptions = { allowed: ["127.0.0.1"] };

async function scene(options: DeliveryOptions = local) {
  const test = await startTestPlatform({ webhooks: options });
  const customer = await test.customer("Acme");
  const agent = await activatedAgent(test, customer);
  let sequence = 0;
  const upload = async (reading: Reading) => {
    using client = connect(test, agent.identity);
    const request = batchOf(agent, { sequence: ++sequence, records: [recordOf(reading)] });
    await call(client, { method: client.upload, request });
  };
  return { test, platform: test.platform, customer, agent, upload };
}

const withAlert = (alerts: boolean, percent: number): Reading =>
  ({
    ...readingOf(),
    alerts: alerts
      ? [{ severity: AlertSeverity.CRITICAL, code: 8, group: "input", description: "Jam", since: undefined }]
      : [],
    supplies: [{
      index: "1.1",
      kind: "toner",
      colorant: "black",
      description: "Black Toner",
      partNumber: "TN-1",
      serial: undefined,
      level: { kind: LevelKind.EXACT, percent, level: percent, capacity: 100, unit: "percent" },
      source: undefined,
    }],
  }) as unknown as Reading;

const typesOf = ({ got }: Receiver) => got.map(({ body }) => JSON.parse(body).type).sort();
const whole = (found: Receiver, count: number) => until("the receiver got it", () => found.got.length >= count);

slowInPostgres("what happens is told once, signed, soon, with what it is about", async () => {
  await using hook = await receiver();
  const { test, platform, customer, upload } = await scene();
  await using _ = test;
  const made = await createWebhook(platform, operator, { url: hook.url, events: everything, description: "" });
  await upload(withAlert(true, 4));
  const began = performance.now();
  await whole(hook, 3);
  assert(hook.got[2]!.at - began < 2000, "leaves within two seconds");
  assert.deepEqual(typesOf(hook), ["alert.raised", "device.new", "supply.low"]);
  for (const { headers, body } of hook.got) {
    const told = new Webhook(made.secret).verify(body, headers) as {
      type: string;
      timestamp: string;
      data: Record<string, unknown>;
    };
    assert.equal(told.data.customerId, customer.tenant.customerId);
    assert.match(String(told.data.deviceId), /^dev-/);
    assert.match(headers["webhook-id"]!, /^msg-/);
    assert(!Number.isNaN(Date.parse(told.timestamp)));
  }
  const raised = hook.got.map(({ body }) => JSON.parse(body)).find(({ type }) => type === "alert.raised");
  assert.equal(raised.data.description, "Jam");
  // The same state again tells nothing; an end does.
  await upload(withAlert(true, 4));
  await upload(withAlert(false, 4));
  await whole(hook, 4);
  assert.equal(typesOf(hook)[0], "alert.ended");
  const wrong = hook.got[0]!;
  assert.throws(() => new Webhook(made.secret).verify(`${wrong.body} `, wrong.headers));
  await until("its answer is noted", async () => (await listWebhooks(platform, operator))[0]!.waiting === 0);
});

slowInPostgres(
  "a webhook is told of its dealer's and its customer's events alone, and of the types that it wants",
  async () => {
    await using mine = await receiver();
    await using other = await receiver();
    await using few = await receiver();
    const { test, platform, upload, customer, agent } = await scene();
    await using _ = test;
    await test.customer("Other");
    const of = (url: string, more: object) =>
      createWebhook(platform, operator, { url, events: everything, description: "", ...more });
    await of(mine.url, { customer: "Acme" });
    await of(other.url, { customer: "Other" });
    await of(few.url, { events: ["agent.revoked"] });
    await upload(withAlert(false, 50));
    const by = { ...operator, tenant: customer.tenant.customerId };
    await revokeAgent(platform, by, { agentId: agent.agentId, reason: "sold" });
    await whole(mine, 2);
    await whole(few, 1);
    assert.deepEqual([typesOf(mine), typesOf(other), typesOf(few)], [["agent.revoked", "device.new"], [], [
      "agent.revoked",
    ]]);
  },
);

slowInPostgres(
  "what is not taken is sent again, is a dead letter after three days, and can be sent again",
  async () => {
    await using hook = await receiver();
    const { test, platform } = await scene();
    await using _ = test;
    const { webhookId } = await createWebhook(platform, operator, {
      url: hook.url,
      events: everything,
      description: "",
    });
    hook.answer.status = 500;
    await testWebhook(platform, operator, { webhookId });
    const state = async () => (await listDeliveries(platform, operator, { webhookId }))[0]!;
    const tried = (count: number) =>
      until(
        "it was tried",
        async () => (await state()).tries >= count && (await state()).failure !== null && hook.got.length >= count,
      );
    await tried(1);
    let spent = 0;
    for (const [i, waitMs] of waitsMs.entries()) {
      await until("the delivery is as it should be", async () => {
        const { next_at, state: is } = await state();
        return is === "dead" || next_at - test.clock.now().getTime() === waitMs;
      });
      assert.equal((await state()).state, "waiting");
      test.clock.advance(waitMs);
      spent += waitMs;
      await test.platform.store.transaction((tx) => Promise.resolve(tx.notify("webhook", "")));
      await tried(i + 2);
    }
    await until("the delivery is as it should be", async () => (await state()).state === "dead");
    assert(spent > 2.5 * 86_400_000 && spent < 3.5 * 86_400_000, String(spent / 86_400_000));
    assert.match((await state()).failure!, /answered 500/);
    assert.equal(new Set(hook.got.map(({ headers }) => headers["webhook-id"])).size, 1);
    assert.equal((await listWebhooks(platform, operator))[0]!.dead, 1);
    hook.answer.status = 200;
    assert.equal(await resendDeliveries(platform, operator, { webhookId }), 1);
    await until("the delivery is as it should be", async () => (await state()).state === "sent");
  },
);

slowInPostgres("two processes send each message once", async () => {
  await using hook = await receiver();
  const { test, platform } = await scene({ allowed: ["127.0.0.1"] });
  await using _ = test;
  await using _other = startWebhooks(platform, local);
  const { webhookId } = await createWebhook(platform, operator, { url: hook.url, events: everything, description: "" });
  for (let i = 0; i < 20; i++) await testWebhook(platform, operator, { webhookId });
  await until(
    "the delivery is as it should be",
    async () => (await listDeliveries(platform, operator, { webhookId })).every(({ state }) => state === "sent"),
  );
  assert.equal(hook.got.length, 20);
  assert.equal(new Set(hook.got.map(({ headers }) => headers["webhook-id"])).size, 20);
});

Deno.test("a receiver that hangs does not hold up the others, and nobody is called who may not be", async () => {
  await using hanging = await receiver();
  await using good = await receiver();
  hanging.answer.status = 0;
  const { test, platform } = await scene({ ...local, timeoutMs: 600 });
  await using _ = test;
  const make = (url: string) => createWebhook(platform, operator, { url, events: everything, description: "" });
  const slow = await make(hanging.url), quick = await make(good.url);
  for (let i = 0; i < 12; i++) await testWebhook(platform, operator, { webhookId: slow.webhookId });
  await testWebhook(platform, operator, { webhookId: quick.webhookId });
  await whole(good, 1);
  assert(hanging.got.length <= 4, String(hanging.got.length));
  for (
    const url of [
      "https://169.254.169.254/latest/meta-data",
      "https://[::1]/",
      "https://10.0.0.1/",
      "https://localhost/",
    ]
  ) {
    const { webhookId } = await make(url);
    await testWebhook(platform, operator, { webhookId });
    await until(
      "the delivery is as it should be",
      async () => (await listDeliveries(platform, operator, { webhookId }))[0]!.state === "dead",
    );
    assert.match(
      (await listDeliveries(platform, operator, { webhookId }))[0]!.failure!,
      /not an address of the Internet/,
      url,
    );
  }
  for (const url of ["http://hooks.example.com/", "ftp://x/", "nothing", "https://u:p@hooks.example.com/"]) {
    // By HTTP only where an operator allows it, which is seen when it is called.
    if (url.startsWith("http:")) continue;
    await assert.rejects(make(url), UsageError, url);
  }
  await assert.rejects(
    createWebhook(platform, operator, { url: good.url, events: ["nonsense"], description: "" }),
    UsageError,
  );
});

slowInPostgres("after a rotation both secrets sign for a day; a removed webhook is told nothing", async () => {
  await using hook = await receiver();
  const { test, platform } = await scene();
  await using _ = test;
  const made = await createWebhook(platform, operator, { url: hook.url, events: everything, description: "" });
  const { webhookId } = made, rotated = await rotateWebhookSecret(platform, operator, { webhookId });
  // Noted as sent as well: it would be sent again once the clock goes on.
  const told = async (count: number) => {
    await whole(hook, count);
    await until("it is noted", async () => (await listWebhooks(platform, operator))[0]!.waiting === 0);
  };
  await testWebhook(platform, operator, { webhookId });
  await told(1);
  const [{ body, headers }] = hook.got as [Receiver["got"][0]];
  for (const secret of [made.secret, rotated.secret]) new Webhook(secret).verify(body, headers);
  test.clock.advance(25 * 3_600_000);
  await testWebhook(platform, operator, { webhookId });
  await told(2);
  const later = hook.got[1]!;
  assert.equal(later.headers["webhook-signature"]!.split(" ").length, 1);
  const signs = (secret: string, { headers, body }: Receiver["got"][0]) =>
    headers["webhook-signature"]!.split(" ").includes(
      new Webhook(secret).sign(headers["webhook-id"]!, new Date(Number(headers["webhook-timestamp"]) * 1000), body),
    );
  assert.deepEqual([made, rotated].map(({ secret }) => signs(secret, later)), [false, true]);
  // Another rotation within the day: what was old then signs no more.
  const again = [
    await rotateWebhookSecret(platform, operator, { webhookId }),
    await rotateWebhookSecret(platform, operator, { webhookId }),
  ];
  await testWebhook(platform, operator, { webhookId });
  await told(3);
  assert.deepEqual([rotated, ...again].map(({ secret }) => signs(secret, hook.got[2]!)), [false, true, true]);
  const stored = JSON.stringify(await test.queries.all("SELECT * FROM audit_log"));
  assert(!stored.includes(made.secret) && !stored.includes("/hook"));
  await removeWebhook(platform, operator, { webhookId });
  assert.deepEqual(await test.queries.all("SELECT * FROM webhook_deliveries"), []);
  await assert.rejects(testWebhook(platform, operator, { webhookId }), UsageError);
});

slowInPostgres("agents and devices that go silent are told once, and again after they were back", async () => {
  await using hook = await receiver();
  const { test, platform, upload, agent } = await scene();
  await using _ = test;
  await upload(withAlert(false, 50));
  await createWebhook(platform, operator, {
    url: hook.url,
    events: ["agent.silent", "device.silent"],
    description: "",
  });
  assert.equal(await noteSilent(platform), 0);
  test.clock.advance(25 * 3_600_000);
  assert.equal(await noteSilent(platform), 2);
  assert.equal(await noteSilent(platform), 0);
  await whole(hook, 2);
  assert.deepEqual(typesOf(hook), ["agent.silent", "device.silent"]);
  assert(hook.got.some(({ body }) => JSON.parse(body).data.agentId === agent.agentId));
  const now = test.clock.now().getTime();
  await agent.tenant.run("UPDATE devices SET last_seen_at = :now WHERE customer_id = :customer", { now });
  assert.equal(await noteSilent(platform), 0);
  test.clock.advance(25 * 3_600_000);
  assert.equal(await noteSilent(platform), 1);
});

slowInPostgres("a paused webhook is told nothing, then what has waited; after three days it is given up", async () => {
  await using hook = await receiver();
  await using other = await receiver();
  const { test, platform, upload } = await scene();
  await using _ = test;
  const create = (url: string) =>
    createWebhook(platform, operator, { url, events: ["alert.raised", "alert.ended"], description: "" });
  const { webhookId } = await create(hook.url);
  await create(other.url);
  await pauseWebhook(platform, operator, { webhookId, isPaused: true });
  await upload(withAlert(true, 50));
  await whole(other, 1);
  await upload(withAlert(false, 50));
  await whole(other, 2);
  // Whatever came first for the other one was there for this one as well.
  assert.equal(hook.got.length, 0);
  const waiting = async () =>
    (await listWebhooks(platform, operator)).find((row) => row.webhookId === webhookId)!.waiting;
  assert.equal(await waiting(), 2);
  const [first] = await listDeliveries(platform, operator, { webhookId });
  await forget(platform.store, first!.created_at + 72 * 3_600_000 - 1000);
  assert.equal(await waiting(), 2);
  await pauseWebhook(platform, operator, { webhookId, isPaused: false });
  await whole(hook, 2);
  assert.deepEqual(typesOf(hook), ["alert.ended", "alert.raised"]);
  await until("both are noted as sent", async () => await waiting() === 0);
  await pauseWebhook(platform, operator, { webhookId, isPaused: true });
  await testWebhook(platform, operator, { webhookId });
  await forget(platform.store, test.clock.now().getTime() + 73 * 3_600_000);
  const dead = await listDeliveries(platform, operator, { webhookId, state: "dead" });
  assert.deepEqual(dead.map(({ failure }) => failure), ["the webhook was paused for three days"]);
});
