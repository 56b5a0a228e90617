import assert from "node:assert/strict";
import { type Pdu, PduType } from "../src/snmp/message.ts";
import { armFaults, dueFaults, type Fault } from "./faults.ts";
import { sendWithFaults, siblingAddress } from "./faulty_send.ts";
import { seededRandom } from "./random.ts";

function request(oids: string[], type: number = PduType.get): Pdu {
  return {
    type,
    requestId: 1,
    errorStatus: 0,
    errorIndex: 0,
    varbinds: oids.map((oid) => ({ oid, tag: 5, value: null })),
  };
}

function happens(fault: Fault, requests: (Pdu | undefined)[], random = () => 0.5): string {
  const states = armFaults([fault]);
  return requests.map((pdu) => dueFaults(states, pdu, random).length).join("");
}

const plain = request(["1.3.6.1.2.1.1.1.0"]);
const supplies = request(["1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.43.11.1"]);
const cases: { name: string; fault: Fault; requests: (Pdu | undefined)[]; want: string }[] = [
  { name: "always", fault: { kind: "silence" }, requests: [plain, undefined], want: "11" },
  { name: "so many times", fault: { kind: "silence", times: 2 }, requests: [plain, plain, plain], want: "110" },
  { name: "after so many requests", fault: { kind: "genErr", after: 2 }, requests: [plain, plain, plain], want: "001" },
  {
    name: "under an OID, counting only such requests",
    fault: { kind: "silence", under: "1.3.6.1.2.1.43.11", after: 1 },
    requests: [plain, supplies, plain, supplies, undefined],
    want: "00010",
  },
  {
    name: "not under an OID that only begins with the same digits",
    fault: { kind: "silence", under: "1.3.6.1.2.1.4" },
    requests: [supplies],
    want: "0",
  },
  { name: "over so many bindings", fault: { kind: "tooBig", over: 1 }, requests: [plain, supplies], want: "01" },
  {
    name: "for GetBulk only",
    fault: { kind: "drop-bulk" },
    requests: [plain, request(["1.3"], PduType.getBulk), undefined],
    want: "010",
  },
  {
    name: "with a probability above the draw",
    fault: { kind: "delay", probability: 0.6 },
    requests: [plain],
    want: "1",
  },
  { name: "with a probability at the draw", fault: { kind: "delay", probability: 0.5 }, requests: [plain], want: "0" },
  { name: "rarely for loss by default", fault: { kind: "loss" }, requests: [plain], want: "0" },
];
for (const { name, fault, requests, want } of cases) {
  Deno.test(`dueFaults() lets a fault happen ${name}`, () => assert.equal(happens(fault, requests), want));
}

async function sent(faults: Fault[]) {
  const sends: [octets: Uint8Array, astray: boolean][] = [];
  const sleeps: number[] = [];
  await sendWithFaults(Uint8Array.of(1, 2, 3, 4, 5), {
    faults,
    random: seededRandom(7),
    clock: { sleep: (ms) => Promise.resolve(void sleeps.push(ms)) },
    signal: new AbortController().signal,
    send: (octets, astray) => Promise.resolve(void sends.push([octets, astray])),
  });
  return { sends: sends.map(([octets, astray]) => [...octets].join(" ") + (astray ? " astray" : "")), sleeps };
}

for (const kind of ["silence", "loss", "drop-bulk"] as const) {
  Deno.test(`sendWithFaults() sends nothing with ${kind}`, async () =>
    assert.deepEqual((await sent([{ kind }])).sends, []));
}

Deno.test("sendWithFaults() sends the answer as it is without faults and with faults of other steps", async () => {
  assert.deepEqual(await sent([]), { sends: ["1 2 3 4 5"], sleeps: [] });
  assert.deepEqual(await sent([{ kind: "genErr" }]), { sends: ["1 2 3 4 5"], sleeps: [] });
});

Deno.test("sendWithFaults() waits, cuts, sends astray", async () => {
  const faults: Fault[] = [{ kind: "delay", ms: 70 }, { kind: "truncate" }, { kind: "wrong-address" }];
  assert.deepEqual(await sent(faults), { sends: ["1 2 astray"], sleeps: [70] });
  assert.deepEqual((await sent([{ kind: "delay" }])).sleeps, [400]);
});

Deno.test("sendWithFaults() sends the same garbage for the same seed, and not the answer", async () => {
  const { sends: [first] } = await sent([{ kind: "garbage" }]);
  const { sends: [second] } = await sent([{ kind: "garbage" }]);
  assert.equal(first, second);
  assert.ok(!first!.startsWith("1 2 3"));
});

Deno.test("siblingAddress() stays on loopback and differs", () => {
  assert.equal(siblingAddress("127.77.0.5"), "127.77.128.5");
  assert.equal(siblingAddress("::1"), "::1");
});
