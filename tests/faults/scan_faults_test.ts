/** Every fault of the simulator ends as a problem or a dropped packet, and never harms the printer beside it. */
import assert from "node:assert/strict";
import type { Fault } from "../../simulator/faults.ts";
import type { Reading } from "../../common/reading/reading.ts";
import { scan, standardPrinter } from "../fixtures/scan_fixture.ts";

const healthy = "127.92.0.5", faulty = "127.92.0.6";

interface Case {
  name: string;
  faults: Fault[];
  /** What becomes of the faulty printer; it is absent where this is left out. */
  check?: ((reading: Reading) => void) | undefined;
  args?: string[];
  /** Codes of the scan's own problems; none where this is left out. */
  problems?: string[];
  maySeemSilent?: true;
}

const supplies = "1.3.6.1.2.1.43.11";
const levels = `${supplies}.1.1.9`;
const complete = (reading: Reading) => {
  assert.equal(reading.meters[0]?.value, 64299);
  assert.equal(reading.supplies.length, 2);
};
const named = (...codes: string[]) => (reading: Reading) =>
  assert.deepEqual([...new Set(reading.problems.map(({ code }) => code))], codes);

const cases: Case[] = [
  { name: "silence", faults: [{ kind: "silence" }] },
  { name: "silence half-way", faults: [{ kind: "silence", after: 4 }], check: named("silent") },
  { name: "a delay below the timeout", faults: [{ kind: "delay", ms: 60 }], check: complete },
  {
    // The sweep is over after 450 ms, before the first answer comes, and each further one is as slow.
    name: "answers that take longer than the sweep",
    faults: [{ kind: "delay", ms: 700 }],
    args: ["--timeout", "300"],
    check: complete,
  },
  {
    name: "a delay of four timeouts",
    faults: [{ kind: "delay", ms: 800 }],
    check: (reading) => {
      complete(reading);
      assert.deepEqual(reading.problems, []);
    },
  },
  { name: "loss of the first packet", faults: [{ kind: "loss", probability: 1, times: 1 }], check: complete },
  {
    name: "loss of every third packet",
    faults: [{ kind: "loss", probability: 0.33 }],
    args: ["--retries", "8"],
    check: complete,
  },
  { name: "garbage", faults: [{ kind: "garbage" }] },
  { name: "garbage half-way", faults: [{ kind: "garbage", after: 4 }], check: named("silent", "malformed-answers") },
  {
    name: "truncated packets half-way",
    faults: [{ kind: "truncate", after: 4 }],
    check: named("silent", "malformed-answers"),
  },
  { name: "one truncated packet", faults: [{ kind: "truncate", after: 3, times: 1 }], check: complete },
  {
    name: "huge packets",
    faults: [{ kind: "huge", after: 2 }],
    check: (reading) => assert(reading.meters.length <= 1),
  },
  {
    name: "a wrong request-id",
    faults: [{ kind: "wrong-request-id" }],
    problems: ["unread"],
    // Where it happens to be asked last, no probe has the id that it answers with.
    maySeemSilent: true,
  },
  { name: "answers from another address", faults: [{ kind: "wrong-address" }], problems: ["unread"] },
  {
    name: "an endless table",
    faults: [{ kind: "endless", under: levels }],
    check: (reading) => assert(reading.problems.some(({ code }) => code === "table-too-long")),
  },
  {
    name: "a table that starts again",
    faults: [{ kind: "non-increasing", under: levels }],
    check: (reading) => {
      assert.equal(reading.supplies.length, 2);
      assert(reading.problems.some(({ code }) => code === "non-increasing"));
    },
  },
  {
    name: "genErr for the supplies",
    faults: [{ kind: "genErr", under: supplies }],
    check: (reading) => {
      assert.equal(reading.meters[0]?.value, 64299);
      assert(reading.problems.some(({ code }) => code === "agent-error"));
    },
  },
  {
    name: "genErr for everything",
    faults: [{ kind: "genErr", after: 1 }],
    check: undefined,
    problems: ["agent-error"],
  },
  { name: "tooBig for more than eight objects", faults: [{ kind: "tooBig", over: 8 }], check: complete },
  {
    name: "noSuchName in version 2c",
    faults: [{ kind: "noSuchName", under: supplies }],
    check: (reading) => assert.equal(reading.meters[0]?.value, 64299),
  },
  { name: "no GetBulk", faults: [{ kind: "drop-bulk" }], check: complete },
];

for (const { name, faults, check, args, maySeemSilent, ...rest } of cases) {
  Deno.test(`scan survives ${name}`, async () => {
    const { exitCode, document } = await scan([standardPrinter(healthy), standardPrinter(faulty, { faults })], [
      "127.92.0.0/28",
      ...(args ?? []),
    ]);
    const codes = document.problems.map(({ code }) => code).filter((code) => code !== "malformed-datagrams");
    const problems = maySeemSilent === true && codes.length === 0 ? [] : rest.problems ?? [];
    assert.equal(exitCode, problems.includes("unread") ? 75 : 0);
    const [good, bad, ...more] = document.printers;
    assert.deepEqual(more, []);
    assert.equal(good?.address, healthy);
    complete(good);
    assert.deepEqual(good.problems, []);
    assert.equal(bad?.address, check === undefined ? undefined : faulty);
    if (bad !== undefined) check?.(bad);
    assert.deepEqual([...new Set(codes)], problems);
    for (const reading of document.printers) {
      for (const meter of reading.meters) assert.equal(meter.value, 64299, "a wrong value");
      for (const { level } of reading.supplies) assert(level.percent === null || level.percent === 28, "a wrong level");
    }
  });
}

Deno.test("scan gives a device no more time than its deadline", async () => {
  const slow = standardPrinter(faulty, { faults: [{ kind: "delay", ms: 450 }] });
  const { document } = await scan([standardPrinter(healthy), slow], [
    "127.92.0.0/28",
    "--timeout",
    "2000",
    "--deadline",
    "1",
  ]);
  const [good, bad] = document.printers;
  complete(good!);
  assert.deepEqual(bad?.problems.map(({ code }) => code), ["deadline"]);
});
