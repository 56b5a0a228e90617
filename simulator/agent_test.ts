import assert from "node:assert/strict";
import { type CommunityMessage, decodeMessage, type Pdu, PduType } from "../src/snmp/message.ts";
import { maybeCommunityAnswer } from "./community_agent.ts";
import { objectsOf } from "./device.ts";
import type { Fault } from "./faults.ts";
import { ObjectTable } from "./object_table.ts";

const table = ObjectTable.from(objectsOf({
  "1.3.6.1.2.1.1.1.0": "descr",
  "1.3.6.1.2.1.1.3.0": { tag: 0x43, value: 5 },
  "1.3.6.1.2.1.2.2.1.10.1": { tag: 0x46, value: 2n ** 63n },
  "1.3.6.1.2.1.43.11.1.1.9.1.1": 50,
  "1.3.6.1.2.1.43.11.1.1.9.1.2": 60,
}));

interface Asked {
  type?: number;
  version?: 0 | 1;
  oids: string[];
  nonRepeaters?: number;
  maxRepetitions?: number;
  maxMessageSize?: number;
  faults?: Fault[];
  from?: ObjectTable;
}

function ask(asked: Asked): Pdu & { octets: number } | undefined {
  const message: CommunityMessage = {
    version: asked.version ?? 1,
    community: new TextEncoder().encode("public"),
    pdu: {
      type: asked.type ?? PduType.get,
      requestId: 0x12345678,
      errorStatus: asked.nonRepeaters ?? 0,
      errorIndex: asked.maxRepetitions ?? 0,
      varbinds: asked.oids.map((oid) => ({ oid, tag: 5, value: null })),
    },
  };
  const packet = maybeCommunityAnswer(message, {
    table: asked.from ?? table,
    maxMessageSize: asked.maxMessageSize ?? 1472,
    faults: asked.faults ?? [],
  });
  if (packet === undefined) return undefined;
  const answer = decodeMessage(packet) as CommunityMessage;
  assert.equal(answer.version, message.version);
  assert.equal(new TextDecoder().decode(answer.community), "public");
  assert.equal(answer.pdu.type, PduType.response);
  return { ...answer.pdu, octets: packet.length };
}

/** Short form of an answer: error-status, error-index, then name and tag or value of each binding. */
function summary(pdu: Pdu | undefined) {
  if (pdu === undefined) return undefined;
  const names = pdu.varbinds.map(({ oid, tag, value }) => {
    const shown = value instanceof Uint8Array ? new TextDecoder().decode(value) : value ?? `0x${tag.toString(16)}`;
    return `${oid.replace("1.3.6.1.2.1.", "")}=${shown}`;
  });
  return [pdu.errorStatus, pdu.errorIndex, ...names];
}

const mib = "1.3.6.1.2.1";
const cases: { name: string; asked: Asked; want: unknown }[] = [
  {
    name: "v2c Get with exceptions beside values",
    asked: {
      oids: [`${mib}.1.1.0`, `${mib}.1.1.5`, `${mib}.1.9.0`, `${mib}.43.11.1.1.9.2.7`, `${mib}.43.11.1.1.8.1.1`],
    },
    want: [0, 0, "1.1.0=descr", "1.1.5=0x81", "1.9.0=0x80", "43.11.1.1.9.2.7=0x81", "43.11.1.1.8.1.1=0x80"],
  },
  {
    name: "v2c Get of names that are no instance",
    asked: { oids: [`${mib}.1.1`, `${mib}.1.77`, `${mib}.1`, "1.4"] },
    want: [0, 0, "1.1=0x81", "1.77=0x80", "1=0x80", "1.4=0x80"],
  },
  {
    name: "v1 Get: the whole request fails at the first missing name",
    asked: { version: 0, oids: [`${mib}.1.1.0`, `${mib}.1.9.0`, `${mib}.1.10.0`] },
    want: [2, 2, "1.1.0=0x5", "1.9.0=0x5", "1.10.0=0x5"],
  },
  {
    name: "v1 Get: Counter64 does not exist",
    asked: { version: 0, oids: [`${mib}.2.2.1.10.1`] },
    want: [2, 1, "2.2.1.10.1=0x5"],
  },
  {
    name: "v1 GetNext passes over Counter64",
    asked: { version: 0, type: PduType.getNext, oids: [`${mib}.1.3.0`] },
    want: [0, 0, "43.11.1.1.9.1.1=50"],
  },
  {
    name: "v2c GetNext does not",
    asked: { type: PduType.getNext, oids: [`${mib}.1.3.0`] },
    want: [0, 0, "2.2.1.10.1=9223372036854775808"],
  },
  {
    name: "v1 GetNext at the end",
    asked: { version: 0, type: PduType.getNext, oids: [`${mib}.1.1.0`, `${mib}.43.11.1.1.9.1.2`] },
    want: [2, 2, "1.1.0=0x5", "43.11.1.1.9.1.2=0x5"],
  },
  {
    name: "v2c GetNext at the end",
    asked: { type: PduType.getNext, oids: [`${mib}.43.11.1.1.9.1.2`, "1.3"] },
    want: [0, 0, "43.11.1.1.9.1.2=0x82", "1.1.0=descr"],
  },
  { name: "v1 GetBulk with silence", asked: { version: 0, type: PduType.getBulk, oids: ["1.3"] }, want: undefined },
  {
    name: "GetBulk with a non-repeater and interleaved columns until all have ended",
    asked: {
      type: PduType.getBulk,
      nonRepeaters: 1,
      maxRepetitions: 9,
      oids: [`${mib}.1`, `${mib}.43.11.1.1.9.1.1`, `${mib}.43.11.1.1.9.1`],
    },
    want: [
      0,
      0,
      "1.1.0=descr",
      "43.11.1.1.9.1.2=60",
      "43.11.1.1.9.1.1=50",
      "43.11.1.1.9.1.2=0x82",
      "43.11.1.1.9.1.2=60",
      "43.11.1.1.9.1.2=0x82",
      "43.11.1.1.9.1.2=0x82",
    ],
  },
  {
    name: "GetBulk with more non-repeaters than names",
    asked: { type: PduType.getBulk, nonRepeaters: 5, maxRepetitions: 5, oids: [`${mib}.1`] },
    want: [0, 0, "1.1.0=descr"],
  },
  {
    name: "GetBulk with negative max-repetitions as with zero",
    asked: { type: PduType.getBulk, maxRepetitions: -1, oids: [`${mib}.1`] },
    want: [0, 0],
  },
  {
    name: "GetBulk with negative non-repeaters as with zero",
    asked: { type: PduType.getBulk, nonRepeaters: -1, maxRepetitions: 2, oids: [`${mib}.1`, `${mib}.43.11.1.1.9`] },
    want: [0, 0, "1.1.0=descr", "43.11.1.1.9.1.1=50", "1.3.0=5", "43.11.1.1.9.1.2=60"],
  },
  {
    name: "v1 Set with noSuchName",
    asked: { version: 0, type: PduType.set, oids: [`${mib}.1.1.0`] },
    want: [2, 1, "1.1.0=0x5"],
  },
  { name: "v2c Set with noAccess", asked: { type: PduType.set, oids: [`${mib}.1.1.0`] }, want: [6, 1, "1.1.0=0x5"] },
  { name: "a response with silence", asked: { type: PduType.response, oids: [] }, want: undefined },
  { name: "an empty Get", asked: { oids: [] }, want: [0, 0] },
  {
    name: "tooBig without bindings in v2c",
    asked: { maxMessageSize: 40, oids: [`${mib}.1.1.0`] },
    want: [1, 0],
  },
  {
    name: "tooBig with the request's bindings in v1",
    asked: { maxMessageSize: 40, version: 0, oids: [`${mib}.1.1.0`] },
    want: [1, 0, "1.1.0=0x5"],
  },
  {
    name: "the fault genErr at the first name of its subtree",
    asked: { oids: [`${mib}.1.1.0`, `${mib}.43.5`], faults: [{ kind: "genErr", under: `${mib}.43` }] },
    want: [5, 2, "1.1.0=0x5", "43.5=0x5"],
  },
  {
    name: "the fault noSuchName in v2c too",
    asked: { oids: [`${mib}.1.1.0`], faults: [{ kind: "noSuchName" }] },
    want: [2, 1, "1.1.0=0x5"],
  },
  { name: "the fault tooBig", asked: { oids: [`${mib}.1.1.0`], faults: [{ kind: "tooBig" }] }, want: [1, 0] },
  {
    name: "the fault non-increasing with the subtree's first object again",
    asked: {
      type: PduType.getBulk,
      maxRepetitions: 4,
      oids: [`${mib}.43.11`],
      faults: [{ kind: "non-increasing", under: `${mib}.43.11` }],
    },
    want: [0, 0, "43.11.1.1.9.1.1=50", "43.11.1.1.9.1.2=60", "43.11.1.1.9.1.1=50", "43.11.1.1.9.1.2=60"],
  },
  {
    name: "the fault endless with invented objects",
    asked: {
      type: PduType.getBulk,
      maxRepetitions: 3,
      oids: [`${mib}.43.11.1.1.9.1.1`],
      faults: [{ kind: "endless", under: `${mib}.43.11.1.1.9` }],
    },
    want: [0, 0, "43.11.1.1.9.1.2=60", "43.11.1.1.9.2147483647.1=1", "43.11.1.1.9.2147483647.2=2"],
  },
  {
    name: "the fault endless, asked for what comes after an invented object",
    asked: {
      type: PduType.getNext,
      oids: [`${mib}.43.11.1.1.9.2147483647.41`],
      faults: [{ kind: "endless", under: `${mib}.43.11.1.1.9` }],
    },
    want: [0, 0, "43.11.1.1.9.2147483647.42=42"],
  },
  {
    name: "no stray objects outside the fault's subtree",
    asked: { type: PduType.getNext, oids: [`${mib}.1.3.0`], faults: [{ kind: "endless", under: `${mib}.43` }] },
    want: [0, 0, "2.2.1.10.1=9223372036854775808"],
  },
];
for (const { name, asked, want } of cases) {
  Deno.test(`maybeAnswer() answers ${name}`, () => assert.deepEqual(summary(ask(asked)), want));
}

Deno.test("maybeAnswer() repeats the request-id, except with the fault wrong-request-id", () => {
  assert.equal(ask({ oids: [] })?.requestId, 0x12345678);
  assert.equal(ask({ oids: [], faults: [{ kind: "wrong-request-id" }] })?.requestId, 0x12345679);
});

Deno.test("maybeAnswer() with the fault huge fills most of a datagram", () => {
  const { octets } = ask({ oids: [`${mib}.1.1.0`], faults: [{ kind: "huge" }] })!;
  assert.ok(octets > 60_000 && octets < 65_507, `${octets}`);
});

Deno.test("maybeAnswer() counts sysUpTime.0 on where it is told to", () => {
  const message: CommunityMessage = {
    version: 1,
    community: new Uint8Array(),
    pdu: {
      type: 0xa0,
      requestId: 1,
      errorStatus: 0,
      errorIndex: 0,
      varbinds: [{ oid: `${mib}.1.3.0`, tag: 5, value: null }],
    },
  };
  const packet = maybeCommunityAnswer(message, { table, upTimeTicks: 99, maxMessageSize: 1472, faults: [] })!;
  assert.equal((decodeMessage(packet) as CommunityMessage).pdu.varbinds[0]!.value, 99);
});

Deno.test("maybeAnswer() cuts GetBulk so that the next binding would not fit, at any limit", () => {
  const rows = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`1.3.6.1.9.${i + 1}`, "x".repeat(i % 40)]));
  const from = ObjectTable.from(objectsOf(rows));
  const whole = { type: PduType.getBulk, maxRepetitions: 200, oids: ["1.3"], from };
  for (let maxMessageSize = 100; maxMessageSize < 3000; maxMessageSize += 7) {
    const cut = ask({ ...whole, maxMessageSize })!;
    assert.ok(cut.octets <= maxMessageSize, `${cut.octets} octets of ${maxMessageSize}`);
    const next = ask({ ...whole, maxRepetitions: cut.varbinds.length + 1, maxMessageSize: 65507 })!;
    assert.ok(next.octets > maxMessageSize, `${cut.varbinds.length} bindings of ${maxMessageSize}`);
  }
});
