import assert from "node:assert/strict";
import { Tag } from "../snmp/value.ts";
import { knownText, maybeMac, maybeSerial, readIdentity } from "./identity.ts";
import { openInquiry } from "./inquiry.ts";
import { oids } from "./printer_mib.ts";
import type { Profile } from "./profile.ts";
import { storeOf, type TestValue } from "./store_of.ts";

const serials: [string, string | undefined][] = [
  ["ABC123456", "ABC123456"],
  ["0012345", "0012345"],
  ["S/N: ABC123456", "ABC123456"],
  ["7XX1X99-1-2", "7XX1X99-1-2"],
  ["000000000", undefined],
  ["00-00-00", undefined],
  ["XXXXXXXXXX", undefined],
  ["FFFFFFFF", undefined],
  ["1234567890", undefined],
  ["unknown", undefined],
  ["Serial Number", undefined],
  ["serial_number", undefined],
  ["NULL; blank", undefined],
  ['""', undefined],
  ["A", undefined],
  ["-", undefined],
];
for (const [text, want] of serials) {
  Deno.test(`maybeSerial() judges "${text}"`, () => assert.equal(maybeSerial(text), want));
}

for (const text of ["unknown", "N/A", "none", '"none"', "---", "Not Installed", "  "]) {
  Deno.test(`knownText() takes "${text}" for nothing`, () => assert.equal(knownText(text), undefined));
}

const macs: [string, Uint8Array, string | undefined][] = [
  ["six octets", Uint8Array.of(0, 0x1b, 0xa9, 1, 2, 0xfe), "00:1b:a9:01:02:fe"],
  ["text with colons", new TextEncoder().encode("00:1B:A9:01:02:FE"), "00:1b:a9:01:02:fe"],
  ["twelve digits", new TextEncoder().encode("001ba90102fe"), "00:1b:a9:01:02:fe"],
  ["zeros as none", new Uint8Array(6), undefined],
  ["broadcast as none", new Uint8Array(6).fill(255), undefined],
  ["no octets as none", new Uint8Array(0), undefined],
  ["eight octets as none", new Uint8Array(8).fill(2), undefined],
];
for (const [name, value, want] of macs) {
  Deno.test(`maybeMac() reads ${name}`, () => assert.equal(maybeMac({ tag: Tag.octetString, value }), want));
}

const profile: Profile = {
  id: "acme",
  maker: "Acme",
  recognise: {},
  model: [{ oid: "1.3.9.1.0", rule: "acme.model" }],
  serial: [{ oid: "1.3.9.2.0", rule: "acme.serial" }],
  firmware: [{ oid: "1.3.9.3.0", rule: "acme.firmware", take: /v([\d.]+)/ }, {
    oid: "1.3.9.4.0",
    rule: "acme.pml",
    take: "pml",
  }],
};
const identify = (objects: Record<string, TestValue>) => {
  const inquiry = openInquiry(storeOf(objects), profile, []);
  return { identity: readIdentity(inquiry), trace: inquiry.trace };
};

Deno.test("readIdentity() takes the first valid candidate and says why the others lost", () => {
  const { identity, trace } = identify({
    [`${oids.prtGeneralSerialNumber} 1`]: "00000000",
    "1.3.9.2.0": "AB12345",
    "1.3.9.3.0": "Main v1.20 (x)",
    [`${oids.hrDeviceDescr} 1`]: "Acme Z9 AB12345 1.20",
  });
  assert.equal(identity.serial, "AB12345");
  assert.equal(identity.firmware, "1.20");
  assert.equal(identity.model, "Z9");
  const verdicts = trace.find(({ field }) => field === "serial")?.candidates.map(({ verdict }) => verdict);
  assert.deepEqual(verdicts, ["empty or a placeholder", "won"]);
  const model = trace.find(({ field }) => field === "model")?.candidates.map(({ verdict }) => verdict);
  assert.deepEqual(model, ["not answered", "won"]);
});

Deno.test("readIdentity() drops the symbol set before a PML string", () => {
  const { identity } = identify({ "1.3.9.4.0": Uint8Array.of(0x01, 0x55, 0x32, 0x2e, 0x31) });
  assert.equal(identity.firmware, "2.1");
});

Deno.test("readIdentity() passes over loopback and empty interfaces", () => {
  const { identity } = identify({
    [`${oids.ifType} 1`]: 24,
    [`${oids.ifPhysAddress} 1`]: Uint8Array.of(2, 2, 2, 2, 2, 2),
    [`${oids.ifPhysAddress} 2`]: "",
    [`${oids.ifPhysAddress} 3`]: Uint8Array.of(0, 1, 2, 3, 4, 5),
  });
  assert.equal(identity.mac, "00:01:02:03:04:05");
});

Deno.test("readIdentity() reads the row of the printer when it is not the first device", () => {
  const { identity } = identify({
    [`${oids.hrDeviceDescr} 1`]: "Some CPU",
    [`${oids.hrDeviceDescr} 7`]: "Acme Z7",
    [`${oids.prtGeneralSerialNumber} 7`]: "S7000001",
  });
  assert.deepEqual([identity.model, identity.serial], ["Z7", "S7000001"]);
});
