import assert from "node:assert/strict";
import { denoDisk } from "../../common/host/disk.ts";
import { FakeClock } from "../../tests/fixtures/fake_clock.ts";
import { maybeOrder, orderName } from "./session_files.ts";
import {
  approvalsFileName,
  type ApprovalWish,
  openStandingApprovals,
  type StandingApprovals,
  type StandingApprovalsOptions,
  tryParseApprovals,
} from "./standing_approvals.ts";

const hour = 3_600_000;
const wish: ApprovalWish = { id: "00112233445566aa", by: "root", lastsMs: 2 * hour, device: undefined, raw: false };
const page = { deviceId: "device-1", isRaw: false }, raw = { deviceId: "device-1", isRaw: true };
const devices = [
  { deviceId: "device-1", place: { address: "10.1.0.7" }, maker: "Example", model: "LX-100" },
  { deviceId: "device-2", place: { address: "fe80::1%eth0" }, maker: null, model: null },
  { deviceId: "device-3", place: { address: "10.1.0.9" }, maker: null, model: null },
  { deviceId: "device-4", place: { address: "10.1.0.9" }, maker: null, model: null },
];

interface Bench {
  clock: FakeClock;
  /** Added to the wall clock. */
  offMs: number;
  notes: string[];
  events: string[];
  changes: number;
  file: string;
  /** As a new agent would. */
  open(change?: Partial<StandingApprovalsOptions>): StandingApprovals;
}

function withBench(test: (bench: Bench) => Promise<void> | void) {
  return async () => {
    const folder = Deno.makeTempDirSync();
    const clock = new FakeClock();
    const bench: Bench = {
      clock,
      offMs: 0,
      notes: [],
      events: [],
      changes: 0,
      file: `${folder}/${approvalsFileName}`,
      open: (change = {}) =>
        openStandingApprovals({
          stateDirectory: folder,
          agentId: "agent-1",
          disk: denoDisk,
          clock: {
            monotonicMs: () => clock.monotonicMs(),
            now: () => new Date(clock.now().getTime() + bench.offMs),
            sleep: (ms, signal) => clock.sleep(ms, signal),
          },
          devices: () => devices,
          note: (summary) => void bench.notes.push(summary),
          changed: () => void bench.changes++,
          log: (event) => void bench.events.push(event),
          ...change,
        }),
    };
    try {
      await test(bench);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

Deno.test(
  "a standing approval is in the ledger, survives a restart, and ends by itself",
  withBench(async (bench) => {
    const first = bench.open();
    assert.equal(first.covering(page), undefined);
    first.give(wish);
    assert.deepEqual(bench.notes, [
      "Approved sessions until 2026-01-01T02:00:00.000Z by root: web pages of all devices",
    ]);
    assert.equal(first.covering(page)!.leftMs, 2 * hour);
    assert.equal(first.covering(raw), undefined);
    await bench.clock.advance(hour);
    const second = bench.open();
    assert.equal(second.covering(page)!.leftMs, hour);
    assert.equal(second.covering(page)!.approval.by, "root");
    bench.changes = 0;
    second.tidy();
    assert.equal(bench.changes, 0);
    await bench.clock.advance(hour);
    assert.equal(second.covering(page), undefined);
    second.tidy();
    assert.equal(bench.changes, 1);
    assert.deepEqual(tryParseApprovals(Deno.readTextFileSync(bench.file))!.approvals, []);
    assert.equal(bench.open().covering(page), undefined);
  }),
);

Deno.test(
  "a clock that is set back extends no approval, neither while the agent runs nor by a restart",
  withBench(async (bench) => {
    const running = bench.open();
    running.give(wish);
    await bench.clock.advance(hour);
    // Within the hour that has passed: only the end by the other clock stays.
    bench.offMs = -hour;
    assert.equal(running.covering(page)!.leftMs, hour);
    await bench.clock.advance(hour);
    assert.equal(running.covering(page), undefined);
    // To before it was given.
    bench.offMs = -3 * hour;
    assert.equal(bench.open().covering(page), undefined);
    // Ahead, and right again: what would have lasted for a day more is not in force.
    bench.offMs = 24 * hour;
    const ahead = bench.open();
    ahead.give({ ...wish, id: "00112233445566ab" });
    assert.notEqual(ahead.covering(page), undefined);
    bench.offMs = 0;
    assert.equal(ahead.covering(page), undefined);
    assert.equal(bench.open().covering(page), undefined);
  }),
);

Deno.test(
  "an approval covers raw sessions and other devices only if it says so; the same scope is replaced",
  withBench((bench) => {
    const approvals = bench.open();
    approvals.give({ ...wish, device: "10.1.0.7", raw: true });
    assert.match(bench.notes[0]!, /by root: web pages and raw sessions of Example LX-100 at 10\.1\.0\.7$/);
    assert.notEqual(approvals.covering(raw), undefined);
    assert.notEqual(approvals.covering(page), undefined);
    assert.equal(approvals.covering({ ...raw, deviceId: "device-2" }), undefined);
    assert.equal(approvals.covering({ ...page, deviceId: "device-2" }), undefined);
    approvals.give({ ...wish, id: "00112233445566ab", device: "device-1", raw: true, lastsMs: hour });
    assert.equal(approvals.covering(raw)!.leftMs, hour);
    approvals.give({ ...wish, id: "00112233445566ac" });
    assert.equal(approvals.covering(page)!.leftMs, 2 * hour);
    approvals.withdraw({ id: "00112233445566ab", by: "eva" });
    assert.equal(approvals.covering(raw), undefined);
    assert.notEqual(approvals.covering(page), undefined);
    approvals.withdraw({ id: undefined, by: "eva" });
    assert.equal(approvals.covering(page), undefined);
    assert.match(bench.notes.at(-1)!, /^Withdrew the approval until .* by eva: web pages of all devices$/);
    assert.equal(bench.open().covering(page), undefined);
  }),
);

const refusals: [what: string, change: Partial<ApprovalWish>, reason: RegExp][] = [
  ["an unknown device", { device: "10.1.0.8" }, /no known device has the id or address "10\.1\.0\.8"/],
  ["an address of two devices", { device: "10.1.0.9" }, /2 devices have .*: name one by its id, such as device-3/],
  ["more than a day", { lastsMs: 24 * hour + 1 }, /it would last for/],
  ["no time", { lastsMs: 0 }, /it would last for 0s/],
];
for (const [what, change, reason] of refusals) {
  Deno.test(
    `an approval for ${what} is refused, and the command is told`,
    withBench((bench) => {
      const approvals = bench.open();
      approvals.give({ ...wish, ...change });
      const file = tryParseApprovals(Deno.readTextFileSync(bench.file))!;
      assert.deepEqual([file.approvals, file.refused!.id], [[], wish.id]);
      assert.match(file.refused!.reason, reason);
      assert.match(bench.notes[0]!, /^Refused an approval of sessions by root: /);
      assert.equal(approvals.covering(page), undefined);
    }),
  );
}

Deno.test(
  "without a ledger entry, or a file, there is no approval; a withdrawal that cannot be written is tried again",
  withBench((bench) => {
    const note = () => {
      throw new Error("the disk is full");
    };
    const unnoted = bench.open({ note });
    unnoted.give(wish);
    assert.equal(unnoted.covering(page), undefined);
    assert.equal(tryParseApprovals(Deno.readTextFileSync(bench.file))!.refused!.reason, "the disk is full");
    let isFull = true;
    const disk = {
      ...denoDisk,
      rename(from: string, to: string) {
        if (isFull) throw Object.assign(new Error("No space left"), { code: "ENOSPC" });
        denoDisk.rename(from, to);
      },
    };
    const full = bench.open({ disk });
    full.give(wish);
    assert.equal(full.covering(page), undefined);
    isFull = false;
    full.give(wish);
    assert.notEqual(bench.open().covering(page), undefined);
    isFull = true;
    full.withdraw({ id: undefined, by: "root" });
    assert.equal(full.covering(page), undefined);
    isFull = false;
    full.tidy();
    assert.equal(bench.open().covering(page), undefined);
  }),
);

Deno.test(
  "a file that is damaged, too generous, of another agent or no file approves nothing",
  withBench((bench) => {
    bench.open().give(wish);
    const good = JSON.parse(Deno.readTextFileSync(bench.file));
    const [approval] = good.approvals;
    assert.notEqual(bench.open().covering(page), undefined);
    const bad: unknown[] = [
      "",
      "{",
      null,
      [],
      { ...good, schema: "opendca.sessions/1" },
      { ...good, agentId: "agent-2" },
      { ...good, approvals: [null] },
      { ...good, approvals: [{ ...approval, until: "2026-01-03T00:00:00.000Z" }] },
      { ...good, approvals: [{ ...approval, until: "never" }] },
      { ...good, approvals: [{ ...approval, since: approval.until }] },
      { ...good, approvals: [{ ...approval, raw: "yes" }] },
      { ...good, approvals: [{ ...approval, device: undefined }] },
      { ...good, approvals: [{ ...approval, device: { id: "", name: "" } }] },
      { ...good, approvals: Array(1000).fill(approval) },
    ];
    for (const each of bad) {
      Deno.writeTextFileSync(bench.file, typeof each === "string" ? each : JSON.stringify(each));
      bench.events.length = 0;
      assert.equal(bench.open().covering(page), undefined, JSON.stringify(each));
      assert.deepEqual(bench.events, ["approvalsIgnored"], JSON.stringify(each));
    }
    Deno.writeTextFileSync(`${bench.file}.real`, JSON.stringify(good));
    Deno.removeSync(bench.file);
    Deno.symlinkSync(`${bench.file}.real`, bench.file);
    assert.equal(bench.open().covering(page), undefined);
    Deno.removeSync(bench.file);
    Deno.mkdirSync(bench.file);
    const beside = bench.open();
    beside.give(wish);
    assert.equal(beside.covering(page), undefined);
  }),
);

Deno.test("orders are read from their names as they were meant, and other names are none", () => {
  for (const device of [undefined, "all", "10.1.0.7", "fe80::1%eth0", "../x", "a b"]) {
    const order = { kind: "approveAll", wish: { ...wish, device, raw: device === "all" } } as const;
    const name = orderName(order);
    assert.match(name, /^[\w.+=%@-]+$/);
    assert.deepEqual(maybeOrder(name), order);
  }
  for (const id of [undefined, wish.id]) {
    const order = { kind: "withdraw", id, by: "root" } as const;
    assert.deepEqual(maybeOrder(orderName(order)), order);
  }
  for (const id of [undefined, "ses-7d3k0q9x2mvb"]) {
    const order = { kind: "kill", id, by: "eva" } as const;
    assert.deepEqual(maybeOrder(orderName(order)), order);
  }
  const approval = { kind: "approve", id: "ses-7d3k0q9x2mvb", by: "eva" } as const;
  assert.deepEqual(maybeOrder(orderName(approval)), approval);
  const by = orderName({ kind: "withdraw", id: undefined, by: "EXAMPLE\\eva/..\n" });
  assert.equal(by, "withdraw+all+EXAMPLE_eva_.._");
  for (
    const name of [
      "approve+00112233445566aa+7200000+raw+=%E0%A4%A+root",
      "approve+00112233445566aa+-1+raw+all+root",
      "approve+00112233445566aa+7200000++all+root",
      "approve+00112233445566aa+7200000+pages+all+",
      "withdraw+some+root",
      "approve-",
      "approve-all+root",
      "approve-ses-7d3k0q9x2mvb",
      "kill-all",
      "kill-all+",
      "approve+",
    ]
  ) assert.equal(maybeOrder(name), undefined, name);
});
