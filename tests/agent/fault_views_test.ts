/** `opendca status`, `status --check` and `opendca doctor` tell the same faults, whatever the agent has. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { faultKinds } from "../../src/service/fault_kinds.ts";
import { findingsOf, usualLimits } from "../../src/service/findings.ts";
import type { AgentState, ShownStatus } from "../../src/service/read_status.ts";
import { type StatusFile, tryParseStatusFile } from "../../src/service/status_file.ts";
import { checkStatus, uncheckable } from "../../src/cli/status_command.ts";
import { renderStatus } from "../../src/cli/status_command.ts";
import { diagnoseRunning } from "../../src/doctor/diagnose_running.ts";
import { idleSpool, statusFile } from "../fixtures/sample_status.ts";

const now = new Date("2026-03-02T08:00:00Z");
const ago = (ms: number) => new Date(now.getTime() - ms).toISOString();
const minute = 60_000, hour = 60 * minute, day = 24 * hour;

type Fault = StatusFile["faults"][number];

function file(more: Partial<StatusFile> = {}): StatusFile {
  return statusFile({
    writtenAt: ago(1000),
    startedAt: ago(day),
    certificateNotAfter: ago(-60 * day),
    platform: {
      endpoint: "dca.example.com:443",
      lastPollAt: ago(minute),
      lastAnswerAt: ago(minute),
      nextPollAt: ago(-4 * minute),
      clockOffsetMs: 12,
      lastUploadAt: ago(minute),
    },
    devices: { awake: 8, asleep: 2, unreachable: 0, gone: 1 },
    ...more,
  });
}

function status(more: Partial<ShownStatus> = {}): ShownStatus {
  return {
    schema: "opendca.status/1",
    state: "running",
    stateDirectory: "/var/lib/opendca",
    installationId: "i",
    agentId: "agt-1",
    customer: "Acme",
    site: "Berlin",
    attempts: 0,
    lock: null,
    stateFaults: [],
    spool: idleSpool,
    agent: file(),
    ...more,
  };
}

const faultOf = (code: string): Fault => ({
  code,
  message: `Message of ${code}`,
  firstAt: ago(hour),
  lastAt: ago(minute),
  count: 2,
});

/** Whether each of the three says it. */
function views(shown: ShownStatus, message: RegExp): Record<string, boolean> {
  return {
    status: renderStatus(shown, now).some((line) => message.test(line)),
    check: message.test(checkStatus(shown, now, usualLimits).line),
    doctor: diagnoseRunning(shown, { now, told: new Set() }).faults.some((fault) => message.test(fault.message)),
  };
}

const all = { status: true, check: true, doctor: true };

for (const name of [...Object.keys(faultKinds), "scan-failed office", "hosts:office", "of-a-later-version"]) {
  Deno.test(`status, status --check and doctor tell the fault "${name}"`, () => {
    const shown = status({ agent: file({ faults: [faultOf(name)] }) });
    assert.deepEqual(views(shown, new RegExp(`Message of ${name}`, "i")), all);
    const [fault] = diagnoseRunning(shown, { now, told: new Set() }).faults;
    assert.deepEqual([fault!.name, fault!.advice.length > 10], [name, true]);
    const { exitCode } = checkStatus(shown, now, usualLimits);
    assert.equal(exitCode, name === "readings-lost" ? 2 : 1);
    // An agent that ended keeps what it said last.
    assert.deepEqual(views({ ...shown, state: "crashed" }, new RegExp(`Message of ${name}`, "i")), all);
  });
}

Deno.test("every fault that the agent adds is of a kind of the list", async () => {
  const folder = new URL("../../src/", import.meta.url);
  const added = new Set<string>();
  for (const name of readdirSync(folder, { recursive: true }).map(String)) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(new URL(name, folder));
    for (const [, code] of text.matchAll(/faults\.add\(\s*["`]([a-z-]+)/g)) added.add(code!);
    for (const [, code] of text.matchAll(/code[:=] ?`([a-z-]+) \$\{/g)) added.add(code!);
  }
  assert.ok(added.size > 12, [...added].join());
  for (const code of added) assert.ok(Object.hasOwn(faultKinds, code), `${code} is not in src/service/fault_kinds.ts`);
});

const states: [state: AgentState, says: RegExp][] = [
  ["stopped", /not running/],
  ["crashed", /did not stop normally/],
  ["unresponsive", /does not update its status/],
  ["not-activated", /not activated/],
  ["revoked", /revoked/],
  ["locked", /locked/],
  ["foreign", /another machine/],
];
for (const [state, says] of states) {
  Deno.test(`an agent that is ${state} is critical, in all views`, () => {
    const shown = status({ state, lock: state === "locked" ? 1 : null });
    assert.deepEqual(views(shown, says), all);
    const { exitCode, line } = checkStatus(shown, now, usualLimits);
    assert.equal(exitCode, 2);
    assert.match(line, /^OPENDCA CRITICAL - /);
  });
}

Deno.test("an agent that never ran is critical for monitoring, and no fault of doctor", () => {
  const shown = status({ state: "stopped", agent: null, spool: null });
  assert.equal(checkStatus(shown, now, usualLimits).exitCode, 2);
  assert.equal(diagnoseRunning(shown, { now, told: new Set() }).status, "ok");
});

const measures: [name: string, more: Partial<ShownStatus>, want: 0 | 1 | 2, says: RegExp][] = [
  [
    "answered just now",
    {},
    0,
    /^OPENDCA OK - running, platform answered 60 s ago, 10 of 10 devices answer, spool empty \|/,
  ],
  [
    "has no answer for an hour",
    {
      agent: file({ platform: { ...file().platform, lastAnswerAt: ago(hour) } }),
    },
    1,
    /the platform has not answered for 60 min/i,
  ],
  [
    "never had an answer since its start a day ago",
    {
      agent: file({ platform: { ...file().platform, lastAnswerAt: null } }),
    },
    2,
    /the platform has not answered for 24 h/i,
  ],
  [
    "has records that wait for long",
    { spool: { ...idleSpool, depth: 3, oldestObservedAt: ago(7 * hour) } },
    1,
    /readings wait to be sent for 7 h/i,
  ],
  ["has a full disk", { spool: { ...idleSpool, diskFull: true } }, 2, /the disk is full/i],
  [
    "does not reach many devices",
    {
      agent: file({ devices: { awake: 7, asleep: 0, unreachable: 3, gone: 90 } }),
    },
    1,
    /3 of 10 devices do not answer/,
  ],
  ["does not reach a few", { agent: file({ devices: { awake: 8, asleep: 0, unreachable: 2, gone: 0 } }) }, 0, /OK/],
  ["has a certificate that ends", { agent: file({ certificateNotAfter: ago(-day) }) }, 1, /expires in 24 h/],
  ["has a certificate that ended", { agent: file({ certificateNotAfter: ago(day) }) }, 2, /certificate has expired/],
  ["has an older copy of its state", { stateFaults: ["state-rolled-back"] }, 1, /an older copy of it was restored/],
  ["has no guard", { stateFaults: ["guard-missing"] }, 0, /OK/],
  ["has times that are none", { agent: file({ startedAt: "x", certificateNotAfter: "y" }) }, 0, /OK/],
];
for (const [name, more, want, says] of measures) {
  Deno.test(`status --check of an agent that ${name} ends with ${want}, and the other views say the same`, () => {
    const shown = status(more);
    const { exitCode, line } = checkStatus(shown, now, usualLimits);
    assert.equal(exitCode, want);
    assert.match(line, says);
    assert.equal(findingsOf(shown, now).length, want === 0 ? 0 : 1);
    if (want !== 0) assert.deepEqual(views(shown, says), all);
  });
}

Deno.test("doctor does not say twice what a step before has said", () => {
  const shown = status({ spool: { ...idleSpool, diskFull: true } });
  assert.deepEqual(diagnoseRunning(shown, { now, told: new Set(["disk-full"]) }).faults, []);
});

Deno.test("what an agent said before a new activation is over", () => {
  const shown = status({ state: "stopped", agentId: "agt-2", agent: file({ faults: [faultOf("epoch-begun")] }) });
  assert.deepEqual(views(shown, /Message of epoch-begun/), { status: false, check: false, doctor: false });
});

Deno.test("status --check is one line: the gravest first, no bar and no line end of a message, then numbers", () => {
  const faults = [
    { ...faultOf("poll-failed"), message: "a | b\n\u001b[31mc" },
    { ...faultOf("readings-lost"), message: "lost", count: 1 },
  ];
  const { line, exitCode } = checkStatus(status({ agent: file({ faults }) }), now, usualLimits);
  assert.equal(exitCode, 2);
  const [text, numbers, ...more] = line.split(" | ");
  assert.deepEqual(more, []);
  assert.equal(text, "OPENDCA CRITICAL - lost; a / b c (2 times)");
  assert.equal(
    numbers,
    "faults=2;;;0 waiting=0;;;0 waiting_bytes=0B;;;0 refused=0;;;0 dropped=0c;;;0 waiting_age=0s;21600;259200;0 " +
      "platform_age=60s;1800;86400;0 clock_offset=0.012s devices=11;;;0 unread=0%;25;;0;100",
  );
  for (const number of numbers!.split(" ")) assert.match(number, /^[a-z_]+=-?[\d.]+(s|%|B|c)?(;[\d.]*){0,4}$/);
});

Deno.test("status --check of an unknown state is UNKNOWN", () => {
  assert.deepEqual(uncheckable(new Error("Cannot read | it\nnow")), {
    exitCode: 3,
    line: "OPENDCA UNKNOWN - Cannot read / it now",
  });
});

Deno.test("the status of this test is one", () => assert.ok(tryParseStatusFile(JSON.stringify(file())) !== undefined));
