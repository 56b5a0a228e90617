/** More time for a session of web access: what an agent grants, and what it refuses. */
import assert from "node:assert/strict";
import { systemClock } from "../../common/core/clock.ts";
import { evidenceOf } from "../../common/reading/device_evidence.ts";
import { ExtendWebAccess, type OpenWebAccess, RefusalReason } from "../../proto/gen/opendca/v1/task.ts";
import type { StandingApproval } from "../../src/access/standing_approvals.ts";
import { TaskRefusal } from "../../src/tasks/task_refusal.ts";
import { tunnelOf } from "../fixtures/ssh_sessions.ts";
import { until } from "../fixtures/until.ts";
import { get, isOpen, page, type Scene, type SceneOptions, startScene } from "../fixtures/web_access_scene.ts";

const minute = 60_000;
const inMinutes = (minutes: number) => new Date(Date.now() + minutes * minute);

/** A clock that is ahead by what a test wants. */
function leapingClock() {
  let aheadMs = 0;
  return {
    ...systemClock,
    now: () => new Date(Date.now() + aheadMs),
    monotonicMs: () => systemClock.monotonicMs() + aheadMs,
    leap: (minutes: number) => void (aheadMs += minutes * minute),
  };
}

interface OpenScene extends AsyncDisposable {
  scene: Scene;
  order: OpenWebAccess;
  run: ReturnType<Scene["run"]>;
  clock: ReturnType<typeof leapingClock>;
  /** Of the one session. */
  endsAt(): number;
  extend(change?: Partial<ExtendWebAccess>): Promise<Date>;
}

/** A session that is open for five minutes. */
async function openScene(options: SceneOptions = {}, change: Partial<OpenWebAccess> = {}): Promise<OpenScene> {
  const clock = leapingClock(), { policy = "maxDuration: 2h" } = options;
  const scene = await startScene({
    ...options,
    // Nothing is sent while the clock leaps.
    policy: [policy, "idleTimeout: 30m"].filter((each) => each !== "").join(", "),
    parts: { clock, ...options.parts },
  });
  const order = await scene.order({ endsAt: inMinutes(5), idleSeconds: 1800, ...change }), run = scene.run(order);
  if (options.policy?.includes("approval: true") !== true) await isOpen(scene, order.sessionId);
  const { sessionId, deviceKey } = order;
  return {
    scene,
    order,
    run,
    clock,
    endsAt: () => Date.parse(scene.access.sessions()[0]!.endsAt),
    async extend(change = {}) {
      const asked = { sessionId, deviceKey, endsAt: inMinutes(20), askedBy: "user:eva@partner.example", ...change };
      return (await scene.access.extend(ExtendWebAccess.create(asked))).endsAt!;
    },
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

const within = (is: number, wanted: number) => assert(Math.abs(is - wanted) < 5000, `${is} is not about ${wanted}`);

Deno.test("an extended session goes on after its first end, until the new one, and the ledger has it", async () => {
  await using at = await openScene();
  const { scene, clock, order, run } = at, tunnel = await tunnelOf(scene.bench, order.sessionId);
  const endsAt = (await at.extend()).getTime();
  within(endsAt, inMinutes(20).getTime());
  within(at.endsAt(), endsAt);
  assert.match(
    scene.notes.at(-1)!,
    /^Extended session ses-\w+ until 20\S+Z for user:eva@partner\.example$/,
  );
  clock.leap(10);
  assert((await get(await tunnel.open())).endsWith(page));
  // No configuration that is read again takes back what was granted.
  scene.access.configChanged();
  assert((await get(await tunnel.open())).endsWith(page));
  clock.leap(11);
  assert.equal((await run).end, "its time was over");
});

Deno.test("a session that is not extended ends at its first end", async () => {
  await using at = await openScene();
  at.clock.leap(6);
  assert.equal((await at.run).end, "its time was over");
});

Deno.test("a session gets half an hour from now at the most, and the policy's limit counts from its beginning", async () => {
  await using at = await openScene({ policy: "maxDuration: 40m" });
  within((await at.extend({ endsAt: inMinutes(600) })).getTime(), inMinutes(30).getTime());
  at.clock.leap(20);
  const beganAt = Date.parse(at.scene.access.sessions()[0]!.since);
  within((await at.extend({ endsAt: inMinutes(600) })).getTime(), beganAt + 40 * minute);
  await assert.rejects(at.extend({ endsAt: inMinutes(600) }), /already lasts as long as it may/);
  at.clock.leap(21);
  assert.equal((await at.run).end, "its time was over");
});

Deno.test("without a longer limit of the policy, half an hour is all", async () => {
  await using at = await openScene({ policy: "" });
  within((await at.extend({ endsAt: inMinutes(600) })).getTime(), inMinutes(30).getTime());
  at.clock.leap(10);
  await assert.rejects(at.extend({ endsAt: inMinutes(600) }), /already lasts as long as it may/);
});

Deno.test("a clock that goes back makes no session longer than the policy", async () => {
  let offMs = 0;
  const leaping = leapingClock();
  const clock = { ...leaping, now: () => new Date(leaping.now().getTime() + offMs) };
  await using at = await openScene({ policy: "maxDuration: 1h", parts: { clock } });
  offMs = -86_400_000;
  await at.extend();
  const { since, endsAt } = at.scene.access.sessions()[0]!;
  within(Date.parse(endsAt) - Date.parse(since), 30 * minute);
});

Deno.test("a session is extended up to the end of the allowed hours, and not after it", async () => {
  const atMs = Date.UTC(2030, 0, 1, 11, 50), beganMs = Date.now();
  const clock = { ...systemClock, now: () => new Date(atMs + Date.now() - beganMs) };
  const policy = `maxDuration: 2h, allowedHours: { hours: ["08:00-12:00"], timeZone: UTC }`;
  await using at = await openScene({ policy, parts: { clock } }, { endsAt: new Date(atMs + 3 * minute) });
  within((await at.extend({ endsAt: new Date(atMs + 20 * minute) })).getTime(), atMs + 10 * minute);
  await assert.rejects(at.extend({ endsAt: new Date(atMs + 20 * minute) }), /already lasts as long as it may/);
});

const other = evidenceOf({ serial: "XYZ99999", engineId: null, macs: [], maker: null, model: null });

const refusals: [
  what: string,
  change: (at: OpenScene) => Partial<ExtendWebAccess> | void,
  message: RegExp,
  reason?: RefusalReason,
][] = [
  ["of no session that is open", () => ({ sessionId: "ses-other" }), /no session ses-other is open/],
  ["with another device", () => ({ deviceKey: "device-2" }), /is with another device/],
  ["without an end", () => ({ endsAt: undefined }), /the order is incomplete/, RefusalReason.MALFORMED],
  ["that is over already", () => ({ endsAt: inMinutes(-1) }), /its time is over/, RefusalReason.EXPIRED],
  ["that is not later", () => ({ endsAt: inMinutes(4) }), /already lasts as long as it may/],
  ["to a device that has moved", ({ scene }) => {
    scene.device.place = { address: "127.0.0.9", port: 161 };
  }, /is not at 127\.0\.0\.1/],
  ["to a device that has moved, of an order whose address is masked", ({ scene, order }) => {
    order.address = "";
    scene.device.place = { address: "127.0.0.9", port: 161 };
  }, /is not at 127\.0\.0\.1/],
  ["to a device that another one has displaced", ({ scene }) => {
    scene.device.place = null;
  }, /another device answers/],
  ["to an address that is out of the ranges now", ({ scene }) => {
    scene.parts.isInRange = () => Promise.resolve(false);
  }, /outside the configured ranges/],
  ["to a device whose serial number is another one now", ({ scene }) => {
    scene.parts.identify = () => Promise.resolve([other]);
  }, /another device is at|the platform means the device/],
  ["to a device that SNMP does not tell any more", ({ scene }) => {
    scene.parts.identify = () => Promise.resolve(undefined);
  }, /cannot be checked/],
  ["to a port that the policy has no more", ({ scene }) => {
    const config = scene.parts.config(), { policy } = config;
    scene.parts.config = () => ({ ...config, policy: { ...policy, ports: { ...policy.ports, webAccess: [80] } } });
  }, /policy\.ports\.webAccess does not have port/],
  ["at a site that is no longer there", ({ scene }) => {
    const config = scene.parts.config();
    scene.parts.config = () => ({ ...config, sites: config.sites.map((site) => ({ ...site, name: "elsewhere" })) });
  }, /is no longer configured/],
];
Deno.test("an agent refuses an extension, says so in its ledger, and changes nothing", async (t) => {
  await using at = await openScene();
  const { scene, order } = at;
  const asItWas = { parts: { ...scene.parts }, place: scene.device.place, address: order.address };
  for (const [what, change, message, reason = RefusalReason.POLICY] of refusals) {
    await t.step(what, async () => {
      scene.notes.length = 0;
      const before = at.endsAt(), asked = change(at) ?? {};
      await assert.rejects(at.extend(asked), (error) => {
        assert(error instanceof TaskRefusal, String(error));
        assert.match(error.message, message);
        assert.equal(error.reason, reason);
        return true;
      });
      assert.match(scene.notes.at(-1)!, /^Refused to extend session ses-/);
      assert.equal(at.endsAt(), before);
    });
    Object.assign(scene.parts, asItWas.parts);
    scene.device.place = asItWas.place;
    order.address = asItWas.address;
  }
  within((await at.extend()).getTime(), inMinutes(20).getTime());
});

Deno.test("a session that waits, that has ended, or that ends while it is checked is not extended", async () => {
  const check = Promise.withResolvers<void>();
  await using at = await openScene();
  const { scene } = at, { identify } = scene.parts;
  scene.parts.identify = async (...place) => {
    await check.promise;
    return await identify(...place);
  };
  const extending = at.extend();
  scene.access.kill(undefined, "max");
  await at.run;
  check.resolve();
  await assert.rejects(extending, /no session ses-\w+ is open|ended it/);
  await assert.rejects(at.extend(), /no session ses-\w+ is open/);
  await using waiting = await openScene({ policy: "approval: true, maxDuration: 2h" });
  await until("it waits", () => waiting.scene.access.sessions()[0]?.step === "waiting");
  await assert.rejects(waiting.extend(), /no session ses-\w+ is open/);
});

Deno.test("what the administrator approved until its end is not extended; under an approval for some time it is", async () => {
  const policy = "approval: true, maxDuration: 2h";
  await using one = await openScene({ policy });
  await until("it waits", () => one.scene.access.sessions()[0]?.step === "waiting");
  one.scene.access.approve(one.order.sessionId, "max");
  await isOpen(one.scene, one.order.sessionId);
  await assert.rejects(one.extend(), /has approved this session until its end/);
  // An approval for some time that comes later was not what it opened by.
  const approval: StandingApproval = {
    id: "0123456789abcdef",
    by: "max",
    since: new Date().toISOString(),
    until: inMinutes(12).toISOString(),
    device: null,
    raw: false,
  };
  one.scene.parts.approvals = { covering: () => ({ approval, leftMs: 12 * minute }) };
  await assert.rejects(one.extend(), /has approved this session until its end/);

  let leftMs: number | undefined = 12 * minute;
  const approvals = { covering: () => leftMs === undefined ? undefined : { approval, leftMs } };
  await using some = await openScene({ policy, parts: { approvals } });
  await isOpen(some.scene, some.order.sessionId);
  within((await some.extend()).getTime(), inMinutes(12).getTime());
  leftMs = undefined;
  await assert.rejects(some.extend({ endsAt: inMinutes(25) }), /has approved this session until its end/);
});

Deno.test("a session whose extension cannot be written to the ledger is not extended", async () => {
  await using at = await openScene();
  const before = at.endsAt(), { note } = at.scene.parts;
  at.scene.parts.note = (summary, details) => {
    if (summary.startsWith("Extended")) throw new Error("the disk is full");
    note(summary, details);
  };
  await assert.rejects(at.extend(), /the disk is full/);
  assert.equal(at.endsAt(), before);
  at.clock.leap(6);
  assert.equal((await at.run).end, "its time was over");
});
