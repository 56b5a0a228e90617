import assert from "node:assert/strict";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { createHostNames, type NameAnswer, NameLookupError } from "./host_names.ts";

const minute = 60_000;

/** Names in front of a name server that a test changes. */
function scene(answers: Record<string, NameAnswer | NameLookupError | undefined>) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const names = createHostNames({
    clock,
    lookUp(name) {
      asked.push(name);
      const answer = answers[name] ?? new NameLookupError("silent", "the name server 192.0.2.53 does not answer");
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  return { clock, asked, names, answers };
}

const answer = (addresses: string[], ttlSeconds: number | null = null): NameAnswer => ({ addresses, ttlSeconds });
const unknown = new NameLookupError("unknown", "no name server knows it");

const remembered: { name: string; ttlSeconds: number | null; askedAgainAfterMs: number }[] = [
  { name: "for its time to live", ttlSeconds: 600, askedAgainAfterMs: 10 * minute },
  { name: "for a minute at least", ttlSeconds: 0, askedAgainAfterMs: minute },
  { name: "for a day at most", ttlSeconds: 1e9, askedAgainAfterMs: 24 * 60 * minute },
  { name: "for five minutes without one", ttlSeconds: null, askedAgainAfterMs: 5 * minute },
];
for (const { name, ttlSeconds, askedAgainAfterMs } of remembered) {
  Deno.test(`createHostNames() remembers an answer ${name}`, async () => {
    const { clock, asked, names } = scene({ p1: answer(["192.0.2.7"], ttlSeconds) });
    const want = { addresses: ["192.0.2.7"], fault: null };
    assert.deepEqual(await names.resolve("p1"), want);
    await clock.advance(askedAgainAfterMs - 1);
    assert.deepEqual(await names.resolve("p1"), want);
    assert.equal(asked.length, 1);
    await clock.advance(1);
    await names.resolve("p1");
    assert.equal(asked.length, 2);
  });
}

Deno.test("createHostNames() gives the last known address of a name that cannot be resolved any more, and says why", async () => {
  const { clock, names, answers } = scene({ p1: answer(["192.0.2.7", "fd00::7"]), p2: answer(["192.0.2.8"]) });
  await names.resolve("p1");
  await names.resolve("p2");
  answers["p1"] = undefined;
  answers["p2"] = unknown;
  await clock.advance(6 * minute);
  const silent = "the name server 192.0.2.53 does not answer; its last known address 192.0.2.7, fd00::7 is used";
  assert.deepEqual(await names.resolve("p1"), {
    addresses: ["192.0.2.7", "fd00::7"],
    fault: { reason: "silent", message: silent },
  });
  assert.deepEqual(await names.resolve("p2"), {
    addresses: ["192.0.2.8"],
    fault: { reason: "unknown", message: "no name server knows it; its last known address 192.0.2.8 is used" },
  });
  answers["p1"] = answer(["192.0.2.9"]);
  await clock.advance(minute);
  assert.deepEqual(await names.resolve("p1"), { addresses: ["192.0.2.9"], fault: null });
});

Deno.test("createHostNames() gives what can be scanned, each once and IPv4 first, and says what cannot", async () => {
  const { names } = scene({
    many: answer(["fd00::7", "192.0.2.7", "0.0.0.0", "::ffff:192.0.2.7", "fe80::1", "no address"]),
    odd: answer(["224.0.0.251"]),
    none: answer([]),
  });
  assert.deepEqual(await names.resolve("many"), { addresses: ["192.0.2.7", "fd00::7"], fault: null });
  assert.deepEqual(await names.resolve("odd"), {
    addresses: [],
    fault: {
      reason: "unscannable",
      message: "its address is 224.0.0.251, and 224.0.0.0/4 holds multicast addresses",
    },
  });
  assert.deepEqual((await names.resolve("none")).fault?.message, "it has no address");
});

Deno.test("createHostNames() asks few at a time, and for a name that is asked for already not again", async () => {
  const clock = new FakeClock();
  const open: (() => void)[] = [];
  let asking = 0, most = 0, asked = 0;
  const names = createHostNames({
    clock,
    async lookUp() {
      asked++;
      most = Math.max(most, ++asking);
      await new Promise<void>((resolve) => open.push(resolve));
      asking--;
      return answer(["192.0.2.7"]);
    },
  });
  const all = Array.from({ length: 200 }, (_, i) => names.resolve(`p${i % 100}`));
  let ended = false;
  const ends = Promise.all(all).then(() => ended = true);
  while (!ended) {
    open.shift()?.();
    await clock.advance(0);
  }
  await ends;
  assert.deepEqual([asked, most], [100, 8]);
});

Deno.test("createHostNames() asks for no more names once eight in a row had no answer, until half a minute later", async () => {
  const { clock, asked, names, answers } = scene({});
  const all = await Promise.all(Array.from({ length: 1000 }, (_, i) => names.resolve(`p${i}`)));
  assert.ok(all.every(({ fault }) => fault?.reason === "silent"));
  assert.ok(asked.length <= 16, `${asked.length} names were asked for`);
  await clock.advance(minute);
  answers["p999"] = answer(["192.0.2.7"]);
  assert.deepEqual((await names.resolve("p999")).fault, null);
});

Deno.test("createHostNames() takes an unknown name for an answer: those behind it are asked for", async () => {
  const answers = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`p${i}`, unknown]));
  const { asked, names } = scene(answers);
  await Promise.all(Object.keys(answers).map((name) => names.resolve(name)));
  assert.equal(asked.length, 50);
});

Deno.test("createHostNames() asks so many names a second, and those after them in their turn", async () => {
  const clock = new FakeClock();
  const asked: number[] = [];
  const names = createHostNames({
    clock,
    pace: { perSecond: 20, sleep: (ms) => clock.sleep(ms) },
    lookUp() {
      asked.push(clock.monotonicMs());
      return Promise.resolve(answer(["192.0.2.7"]));
    },
  });
  const start = clock.monotonicMs();
  const all = Promise.all(Array.from({ length: 100 }, (_, at) => names.resolve(`p${at}`)));
  for (let i = 0; i < 100; i++) await clock.advance(50);
  await all;
  const within = (ms: number) => asked.filter((at) => at - start <= ms).length;
  assert.ok(
    within(0) <= 20 && within(1000) <= 41 && within(2000) <= 61,
    `${within(0)} ${within(1000)} ${within(2000)}`,
  );
  assert.equal(asked.length, 100);
});
