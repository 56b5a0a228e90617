import assert from "node:assert/strict";
import fc from "fast-check";
import { rangeContains, tryParseCidr } from "../../common/core/ip_range.ts";
import type { PolicyConfig } from "./agent_config.ts";
import { formatRange, intersectRanges, maySend } from "./policy.ts";

const policy: PolicyConfig = {
  ranges: [tryParseCidr("10.1.0.0/16")!],
  hosts: ["plotter.example.com"],
  exclude: ["10.1.9.9", "10.1.8.0/24:1161", "10.99.0.0/16", "secret.example.com"],
  ports: { snmp: [161, 1161], webAccess: [], sshGateway: [22] },
  webAccess: {
    approval: false,
    allowedHours: [],
    withoutSnmp: "refuse",
    maxDurationMs: 1,
    idleTimeoutMs: 1,
    maxBytes: 1,
  },
  update: { pin: null, allowedHours: [] },
  features: { scan: true, ping: true, webAccess: false, diagnostics: true, update: true, setConfig: true },
  mask: [],
};

const cases: [address: string, port: number, hostname: string | null, want: boolean][] = [
  ["10.1.2.3", 161, null, true],
  ["::ffff:10.1.2.3", 161, null, true],
  ["10.1.2.3", 1161, null, true],
  ["10.1.2.3", 162, null, false],
  ["10.2.2.3", 161, null, false],
  ["10.2.2.3", 161, "other.example.com", false],
  ["10.2.2.3", 161, "Plotter.example.com.", true],
  ["10.2.2.3", 162, "plotter.example.com", false],
  ["10.99.0.1", 161, "plotter.example.com", false],
  ["10.1.9.9", 161, null, false],
  ["10.1.8.1", 161, null, true],
  ["10.1.8.1", 1161, null, false],
  ["plotter.example.com", 161, "plotter.example.com", false],
];
for (const [address, port, hostname, want] of cases) {
  Deno.test(`maySend() is ${want} for ${address} port ${port} named ${hostname}`, () => {
    assert.equal(maySend(policy, { address, port, hostname }), want);
  });
}

Deno.test("intersectRanges() holds exactly what both hold", () => {
  const range = fc.tuple(fc.nat(40), fc.nat(10)).map(([first, length]) => ({
    family: 4 as const,
    first: BigInt(first),
    last: BigInt(first + length),
  }));
  fc.assert(fc.property(fc.array(range), fc.array(range), (a, b) => {
    const both = intersectRanges(a, b);
    for (let value = 0n; value < 52n; value++) {
      const isIn = (ranges: typeof both) => ranges.some((one) => rangeContains(one, { family: 4, value }));
      assert.equal(isIn(both), isIn(a) && isIn(b));
    }
  }));
});

Deno.test("formatRange() writes a block where it is one", () => {
  assert.equal(formatRange(tryParseCidr("10.1.0.0/16")!), "10.1.0.0/16");
  assert.equal(formatRange({ ...tryParseCidr("10.1.0.0/30")!, last: 0x0a010004n }), "10.1.0.0-10.1.0.4");
});
