import assert from "node:assert/strict";
import net from "node:net";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { systemClock } from "../../common/core/clock.ts";
import { evidenceOf } from "../../common/reading/device_evidence.ts";
import type { WebAccessParts } from "../../src/access/web_access.ts";
import { TaskRefusal } from "../../src/tasks/task_refusal.ts";
import { type OpenWebAccess, RefusalReason, WebAccessScheme } from "../../proto/gen/opendca/v1/task.ts";
import { showSession } from "../../platform/access/manage_sessions.ts";
import { hostKeyPair, tunnelOf } from "../fixtures/ssh_sessions.ts";
import { startTcpProxy } from "../fixtures/tcp_proxy.ts";
import { soon, until } from "../fixtures/until.ts";
import { get, isOpen, page, type Scene, startScene } from "../fixtures/web_access_scene.ts";

Deno.test("a session serves the page of its device, counts, and is in the ledger from its opening to its end", async () => {
  await using scene = await startScene();
  const order = await scene.order(), { sessionId } = order;
  const run = scene.run(order);
  const tunnel = await tunnelOf(scene.bench, sessionId);
  await isOpen(scene, sessionId);
  assert.equal(scene.connections(), 0);
  const answers = await Promise.all(["/a", "/b", "/c"].map(async (path) => await get(await tunnel.open(), path)));
  for (const [i, path] of ["/a", "/b", "/c"].entries()) {
    assert.match(answers[i]!, new RegExp(`x-path: ${path}`));
    assert.ok(answers[i]!.endsWith(page));
  }
  tunnel.close("done");
  const output = await run;
  assert.equal(output.end, "the gateway closed the connection");
  assert.equal(output.connections, 3);
  assert.ok(output.bytesFromDevice > 6000n && output.bytesToDevice > 150n);
  assert.match(scene.notes[0]!, /^Opened session ses-\w+ to 127\.0\.0\.1:\d+ for operator:eva through localhost:\d+$/);
  assert.match(
    scene.notes[1]!,
    /^Closed session ses-\w+, as the gateway closed the connection: 3 connections, \d+ bytes/,
  );
  assert.deepEqual(scene.access.sessions(), []);
});

const refusals: [
  what: string,
  change: (order: OpenWebAccess, scene: Scene) => void,
  message: RegExp,
  reason?: RefusalReason,
][] = [
  ["a device that is not in the inventory", (order) => order.deviceKey = "other", /not in this agent's inventory/],
  ["another address", (order) => order.address = "127.0.0.2", /is not at 127\.0\.0\.2: current value is 127\.0\.0\.1/],
  [
    "an address outside the ranges",
    (order, { device }) => {
      device.place = { address: "10.9.9.9", port: 161 };
      order.address = "10.9.9.9";
    },
    /10\.9\.9\.9 is outside the configured ranges/,
  ],
  ["a device that another one has displaced", (_, { device }) => device.place = null, /another device answers/],
  ["a site that is gone", (_, { device }) => device.site = "old", /the site "old" is no longer configured/],
  ["port 22", (order) => order.port = 22, /policy\.ports\.webAccess does not have port 22/],
  ["port 80, which this policy does not have", (order) => order.port = 80, /does not have port 80/],
  ["port 9100 as a web page", (order) => order.port = 9100, /port 9100 prints what it gets/],
  [
    "a gateway outside the root domain",
    (order) => order.gateways[0]!.host = "gateway.example.org",
    /the gateway is outside platform\.rootDomain or policy\.ports\.sshGateway/,
  ],
  ["a gateway at another port", (order) => order.gateways[0]!.port++, /the gateway is outside/],
  ["no gateway", (order) => order.gateways = [], /the gateway is outside/],
  [
    "a session that is over",
    (order) => order.endsAt = new Date(Date.now() - 1),
    /its time is over/,
    RefusalReason.EXPIRED,
  ],
  ["an order without an end", (order) => order.endsAt = undefined, /incomplete/, RefusalReason.MALFORMED],
  ["an order without a host key", (order) => order.hostKey = Buffer.of(), /incomplete/, RefusalReason.MALFORMED],
  ["a session with a strange name", (order) => order.sessionId = "../x", /incomplete/, RefusalReason.MALFORMED],
  ["the serial number of another device", (order) => order.serial = "ZZZ99999", /the platform means the device with/],
  [
    "a device whose serial number has changed",
    (_, { device }) => device.evidence[0]!.value = "OLD12345",
    /another device is at 127\.0\.0\.1|the platform means/,
  ],
];
Deno.test("an agent refuses each of these, says so in its ledger, and dials nobody", async (t) => {
  await using scene = await startScene();
  const device = structuredClone(scene.device), first = await scene.order();
  for (const [what, change, message, reason = RefusalReason.POLICY] of refusals) {
    await t.step(what, async () => {
      Object.assign(scene.device, structuredClone(device));
      scene.notes.length = 0;
      const order = { ...first, gateways: first.gateways.map((each) => ({ ...each })) };
      change(order, scene);
      await assert.rejects(scene.run(order), (error) => {
        assert.ok(error instanceof TaskRefusal, String(error));
        assert.match(error.message, message);
        assert.equal(error.reason, reason);
        return true;
      });
      assert.equal(scene.notes.length, 1);
      assert.match(scene.notes[0]!, /^Refused session /);
      assert.equal(scene.connections(), 0);
      assert.equal(scene.bench.bench.platform.events.filter(({ event }) => event.startsWith("access")).length, 0);
      assert.deepEqual(scene.access.sessions(), []);
    });
  }
});

Deno.test("what SNMP does not tell is up to the policy", async () => {
  const unknown = { identify: () => Promise.resolve(undefined) };
  {
    await using scene = await startScene({ parts: unknown });
    await assert.rejects(
      scene.run(await scene.order()),
      /cannot be checked, it does not answer SNMP, and policy\.webAccess\.withoutSnmp is "refuse"/,
    );
  }
  await using scene = await startScene({ parts: unknown, policy: "withoutSnmp: allow" });
  const order = await scene.order();
  const run = scene.run(order);
  const tunnel = await tunnelOf(scene.bench, order.sessionId);
  assert.ok((await get(await tunnel.open())).endsWith(page));
  tunnel.close("done");
  await run;
});

Deno.test("another device at the address is refused, also where the policy does without SNMP", async () => {
  await using scene = await startScene({ policy: "withoutSnmp: allow" });
  scene.device.evidence[0]!.value = "OLD12345";
  const order = await scene.order({ serial: "" });
  await assert.rejects(
    scene.run(order),
    /another device is at 127\.0\.0\.1: its serial number is ABC12345, and was OLD12345/,
  );
  assert.equal(scene.connections(), 0);
});

Deno.test("an agent has three sessions at a time, also when four are ordered at once, and port 9100 only by approval", async () => {
  await using scene = await startScene();
  const first = await scene.order();
  const orders = [1, 2, 3, 4].map((each) => ({ ...first, sessionId: `ses-${each}`, scheme: WebAccessScheme.RAW }));
  const runs = orders.map((order) => scene.run(order));
  const refused = Promise.any(runs.map((run) => run.then(() => assert.fail(), (error) => error)));
  const fourth = await soon("the refusal of the fourth", refused, 60_000);
  assert.match(fourth.message, /3 sessions are open or waiting/);
  await until("they wait", () => scene.access.sessions().every(({ step }) => step === "waiting"));
  assert.equal(scene.access.sessions().length, 3);
  assert.ok(!scene.access.approve("ses-9", "eva"));
  assert.equal(scene.access.kill(), 3);
  const outcomes = await Promise.allSettled(runs);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  assert.equal(scene.connections(), 0);
  const late = scene.run({ ...first, port: 9100, scheme: WebAccessScheme.RAW });
  await until("it waits", () => scene.access.sessions()[0]?.step === "waiting");
  scene.access.kill(first.sessionId);
  await assert.rejects(late, /the administrator ended it/);
});

Deno.test("three open sessions that needed no approval take the places that there are", async () => {
  await using scene = await startScene();
  const orders = [await scene.order(), await scene.order(), await scene.order()];
  const runs = orders.map((order) => scene.run(order));
  for (const { sessionId } of orders) await isOpen(scene, sessionId);
  const fourth = { ...orders[0]!, sessionId: "ses-000000000004" };
  await assert.rejects(scene.run(fourth), /3 sessions are open or waiting/);
  assert.equal(scene.access.kill(), 3);
  await Promise.all(runs);
});

Deno.test("orders that are being checked take no place of other sessions, and three of them get one", async () => {
  const checks: PromiseWithResolvers<void>[] = [];
  const seen = evidenceOf({ serial: "ABC12345", engineId: null, macs: [], maker: null, model: null });
  let isSlow = true;
  await using scene = await startScene({
    parts: {
      async identify() {
        if (!isSlow) return [seen];
        const check = Promise.withResolvers<void>();
        checks.push(check);
        await check.promise;
        return [seen];
      },
    },
  });
  const first = await scene.order();
  const slow = [1, 2, 3].map((each) => scene.run({ ...first, sessionId: `ses-${each}`, scheme: WebAccessScheme.HTTP }));
  await until("three are checked", () => checks.length === 3);
  isSlow = false;
  const { sessionId } = first;
  const run = scene.run(first);
  await isOpen(scene, sessionId);
  // The device is another one for the first; the key of the others is not theirs, which they find out with a place.
  checks[0]!.reject(new Error("the switch was restarted"));
  await assert.rejects(slow[0]!, /the switch was restarted/);
  for (const check of checks) check.resolve();
  for (const other of slow.slice(1)) await assert.rejects(other, /its key is sealed for another certificate/);
  scene.access.kill();
  assert.equal((await run).end, "the administrator ended it");
});

Deno.test("a clock that is a day off opens nothing that is over, and nothing for longer than half an hour", async () => {
  const day = 86_400_000;
  let offMs = day;
  const clock = { ...systemClock, now: () => new Date(Date.now() + offMs) };
  await using scene = await startScene({ parts: { clock } });
  const order = await scene.order();
  await assert.rejects(scene.run(order), (error) => {
    assert.ok(error instanceof TaskRefusal);
    assert.equal(error.reason, RefusalReason.EXPIRED);
    return true;
  });
  assert.equal(scene.connections(), 0);
  // Behind, the order seems to last for a day more.
  offMs = -day;
  const run = scene.run(order);
  await isOpen(scene, order.sessionId);
  const [{ since, endsAt } = { since: "", endsAt: "" }] = scene.access.sessions();
  assert.equal(Date.parse(endsAt) - Date.parse(since), 30 * 60_000);
  const tunnel = await tunnelOf(scene.bench, order.sessionId);
  assert.ok((await get(await tunnel.open())).endsWith(page));
  // The platform ends it by its own clock, whatever the agent thinks.
  scene.bench.bench.platform.clock.advance(11 * 60_000);
  assert.equal(await soon("the end by the platform's clock", tunnel.closed, 60_000), "its time was over");
  assert.equal((await run).end, "the gateway closed the connection");
});

Deno.test("a session opens in the allowed hours, ends with them, and is refused out of them", async () => {
  // Half a second before the last one of the hours, in which nothing begins any more.
  const noonMs = Date.UTC(2030, 0, 1, 12);
  let beganMs = 0;
  const clock = { ...systemClock, now: () => new Date(noonMs - 1500 + Date.now() - beganMs) };
  await using scene = await startScene({
    policy: `allowedHours: { hours: ["08:00-12:00"], timeZone: UTC }`,
    parts: { clock },
  });
  const endsAt = new Date(noonMs + 600_000);
  const order = await scene.order({ endsAt });
  beganMs = Date.now();
  const output = await scene.run(order);
  assert.equal(output.end, "the allowed hours ended");
  assert.ok(clock.now().getTime() >= noonMs - 1000);
  await assert.rejects(scene.run({ ...order, sessionId: "ses-late" }), /the allowed hours do not include this time/);
  assert.match(scene.notes.at(-1)!, /^Refused session ses-late: .*the allowed hours/);
  assert.equal(scene.connections(), 0);
});

Deno.test("a session that needs approval opens when it is approved, and not before", async () => {
  await using scene = await startScene({ policy: "approval: true" });
  const order = await scene.order(), { sessionId } = order;
  const run = scene.run(order);
  await until("it waits", () => scene.access.sessions()[0]?.step === "waiting");
  assert.equal(scene.bench.gateway.tunnels.of(sessionId), undefined);
  assert.ok(scene.access.approve(sessionId, "eva"));
  assert.ok(!scene.access.approve(sessionId, "eva"), "once");
  const tunnel = await tunnelOf(scene.bench, sessionId);
  assert.ok((await get(await tunnel.open())).endsWith(page));
  assert.equal(scene.access.kill(sessionId, "max"), 1);
  const { end, approvedBy } = await run;
  assert.deepEqual([end, approvedBy], ["the administrator max ended it", "eva"]);
  assert.equal(await tunnel.closed, "the agent closed the connection");
  assert.deepEqual(scene.steps, ["waiting", "checking", "opening", "open"]);
  assert.match(scene.notes.at(-2)!, /^Opened session .*, as eva approved it$/);
  assert.match(scene.notes.at(-1)!, /^Closed session .*, as the administrator max ended it: /);
});

Deno.test("an agent ends a session at its byte limit, when nothing is sent, and when its time is over", async () => {
  await using scene = await startScene();
  const limits: [Partial<OpenWebAccess>, string][] = [
    [{ maxBytes: 3000n }, "its byte limit was reached"],
    [{ idleSeconds: 1 }, "nothing was sent for 1s"],
    [{ endsAt: new Date(Date.now() + 2500) }, "its time was over"],
  ];
  for (const [change, end] of limits) {
    const order = await scene.order(change);
    const run = scene.run(order);
    const tunnel = await tunnelOf(scene.bench, order.sessionId);
    for (let each = 0; each < 3 && change.maxBytes !== undefined; each++) await tunnel.open().then(get).catch(() => {});
    assert.equal((await run).end, end);
    await tunnel.closed;
  }
});

Deno.test("an agent ends its sessions when the configuration does not allow them any more, and when it stops", async () => {
  let config: ReturnType<WebAccessParts["config"]> | undefined;
  await using scene = await startScene({});
  const own = scene.parts.config();
  scene.parts.config = () => config ?? own;
  const [first, second] = [await scene.order(), await scene.order()];
  const run = scene.run(first);
  await isOpen(scene, first.sessionId);
  scene.access.configChanged();
  config = { ...own, policy: { ...own.policy, features: { ...own.policy.features, webAccess: false } } };
  scene.access.configChanged();
  assert.equal((await run).end, "the configuration no longer allows it");
  config = undefined;
  const last = scene.run(second);
  await isOpen(scene, second.sessionId);
  await scene.access[Symbol.asyncDispose]();
  assert.equal((await last).end, "the agent stopped");
  assert.match(scene.notes.at(-1)!, /as the agent stopped/);
});

Deno.test("an agent refuses a gateway with another host key, and does not sign in there", async () => {
  await using scene = await startScene();
  const order = await scene.order({ hostKey: Buffer.from(hostKeyPair().publicKey) });
  await assert.rejects(scene.run(order), /its host key is not the one that the platform has signed/);
  const { platform, events } = scene.bench.bench.platform;
  assert.equal((await showSession(platform, scene.bench.by, order)).key_used_at, null);
  assert.deepEqual(events.filter(({ event }) => event.startsWith("access")), []);
});

Deno.test("an agent says what became of a session whose key was used, or is sealed for somebody else", async () => {
  await using scene = await startScene();
  const order = await scene.order();
  const run = scene.run(order);
  (await tunnelOf(scene.bench, order.sessionId)).close("done");
  await run;
  await assert.rejects(scene.run(order), /it refuses the session's key, which works once/);
  const sealed = { ...await scene.order(), sealedKey: (await scene.order()).sealedKey };
  await assert.rejects(scene.run(sealed), /its key is sealed for another certificate/);
});

Deno.test("a session whose opening cannot be written to the ledger is not opened", async () => {
  await using scene = await startScene({
    parts: {
      note() {
        throw new Error("the disk is full");
      },
    },
  });
  const order = await scene.order();
  await assert.rejects(scene.run(order), /the disk is full/);
  assert.equal(scene.connections(), 0);
});

Deno.test("a device that refuses connections, or never answers, is told to whoever asked", async () => {
  await using silent = await startScene({ onConnection() {} });
  const order = await silent.order({ idleSeconds: 1 });
  const run = silent.run(order);
  const tunnel = await tunnelOf(silent.bench, order.sessionId);
  await get(await tunnel.open()).catch(() => "");
  assert.equal((await run).end, "nothing was sent for 1s");
  assert.equal(silent.connections(), 1);

  await using scene = await startScene({ policy: "approval: true" });
  const closed = await scene.order({ port: 9100, scheme: WebAccessScheme.RAW });
  const other = scene.run(closed);
  await until("it waits", () => scene.access.approve(closed.sessionId, "eva"));
  const refused = await tunnelOf(scene.bench, closed.sessionId);
  await assert.rejects(refused.open(), /The agent cannot reach the device/);
  refused.close("done");
  await other;
});

Deno.test("a device that closes early, and one that sends for ever, end as they should", async () => {
  await using scene = await startScene({
    onConnection: (socket) => socket.once("data", () => socket.end("HTTP/1.0 200 OK\r\n\r\nhalf")),
  });
  const order = await scene.order();
  const run = scene.run(order);
  const tunnel = await tunnelOf(scene.bench, order.sessionId);
  assert.ok((await get(await tunnel.open())).endsWith("half"));
  tunnel.close("done");
  await run;

  let sent = 0;
  await using endless = await startScene({
    policy: "maxSize: 5MB",
    onConnection(socket) {
      const more = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      socket.on("drain", more);
      more();
    },
  });
  const large = await endless.order();
  const other = endless.run(large);
  const channel = await (await tunnelOf(endless.bench, large.sessionId)).open();
  channel.resume();
  assert.equal((await other).end, "its byte limit was reached");
  assert.ok(sent < 40_000_000);
});

Deno.test("a gateway that is cut off in mid-transfer ends the session, and the agent does not come back by itself", async () => {
  const proxies: Awaited<ReturnType<typeof startTcpProxy>>[] = [];
  await using scene = await startScene({
    async through(port) {
      const proxy = await startTcpProxy(port);
      proxies.push(proxy);
      return proxy;
    },
    onConnection(socket) {
      const more = (): void => void (socket.destroyed || socket.write(Buffer.alloc(65_536)));
      socket.on("drain", more);
      socket.once("data", more);
    },
  });
  const order = await scene.order();
  const run = scene.run(order);
  const tunnel = await tunnelOf(scene.bench, order.sessionId);
  const channel = await tunnel.open();
  channel.on("error", () => {});
  channel.write("go");
  await once(channel, "data");
  await proxies[0]![Symbol.asyncDispose]();
  assert.equal((await run).end, "the gateway closed the connection");
  await until(
    "the platform knows",
    async () => (await showSession(scene.bench.bench.platform.platform, scene.bench.by, order)).state === "closed",
  );
  assert.equal(scene.connections(), 1);
});

Deno.test("every socket between gateway and device sends small pieces at once", async () => {
  const prompt: { from: number | undefined; to: number | undefined }[] = [], { setNoDelay } = net.Socket.prototype;
  net.Socket.prototype.setNoDelay = function (isOn = true) {
    if (isOn) prompt.push({ from: this.localPort, to: this.remotePort });
    return setNoDelay.call(this, isOn);
  };
  using _ = { [Symbol.dispose]: () => void (net.Socket.prototype.setNoDelay = setNoDelay) };
  await using scene = await startScene();
  const order = await scene.order(), { port: device, sessionId } = order, run = scene.run(order);
  const tunnel = await tunnelOf(scene.bench, sessionId);
  assert.ok((await get(await tunnel.open())).endsWith(page));
  const gateway = scene.bench.gateway.port;
  assert.ok(prompt.some(({ to }) => to === gateway), "of the agent to the gateway");
  assert.ok(prompt.some(({ from }) => from === gateway), "of the gateway to the agent");
  assert.ok(prompt.some(({ to }) => to === device), "of the agent to the device");
  scene.access.kill();
  await run;
});
