import assert from "node:assert/strict";
import { parseAgentConfig } from "../config/read_config.ts";
import {
  conditionsOf,
  fileLoad,
  nothingMeasured,
  packetsPerRead,
  parseMeasure,
  siteLoad,
  withRead,
} from "./site_load.ts";

const config = parseAgentConfig(
  `
platform: { rootDomain: example.com, endpoints: [dca.example.com] }
limits: { rate: 100 }
sites:
  - { name: block, ranges: [10.1.0.0/16], exclude: [10.1.128.0/17] }
  - { name: named, ranges: [10.2.0.7, 10.2.0.9], hosts: [p1.example.com] }
  - { name: unlimited, ranges: [10.3.0.0/16], rate: 0 }
  - name: mixed
    ranges: [10.4.0.0/24]
    credentials:
      - { user: monitor }
      - { community: a }
      - { community: b, versions: [1] }
`,
  { file: "agent.yaml", env: () => undefined, readFile: () => "" },
);
const site = (name: string) => config.sites.find((each) => each.name === name)!;

const loads: [name: string, packets: number | undefined, devices: number][] = [
  // Two probes an address, at half of the rate.
  ["block", 2 * 32_768, 0],
  ["named", 2 * 3 + 3 * 20, 3],
  ["unlimited", undefined, 0],
  // Discovery, a and b, each twice.
  ["mixed", 6 * 256, 0],
];
for (const [name, packets, devices] of loads) {
  Deno.test(`fileLoad() of the site ${name} is of ${packets} packets and ${devices} devices`, () => {
    const load = fileLoad(site(name), config);
    assert.deepEqual([load.sweepMs, load.devices], [packets === undefined ? undefined : packets * 20, devices]);
  });
}

Deno.test("siteLoad() goes by what a sweep has taken at this rate and in these hours, and before all by the one that is under way", () => {
  const block = site("block");
  const other = { ...block, schedule: { ...block.schedule, allowedHours: [{ timeZone: null, windows: [] }] } };
  const load = (conditions: string, underWayMs?: number) =>
    siteLoad(block, {
      config,
      devices: 0,
      measure: { ...nothingMeasured, sweep: { addresses: 16_384, ms: 1000, conditions } },
      underWayMs,
    }).sweepMs;
  const paced = 2 * 32_768 * 20;
  assert.deepEqual(
    [
      load(conditionsOf(block)),
      load(conditionsOf({ ...block, ratePerSecond: 200 })),
      load(conditionsOf(other)),
      load(conditionsOf(block), 77),
    ],
    [2000, paced, paced, 77],
  );
});

Deno.test("packetsPerRead() is what was measured, once it was measured often enough", () => {
  const measure = withRead(nothingMeasured, { packets: 32, devices: 4 });
  assert.equal(packetsPerRead(measure), 20);
  assert.equal(packetsPerRead(withRead(measure, { packets: 8, devices: 1 })), 8);
  assert.equal(siteLoad(site("block"), { config, devices: 9, measure, underWayMs: 1 }).readsPerMinute, 75);
  let long = nothingMeasured;
  for (let i = 0; i < 1000; i++) long = withRead(long, { packets: i < 500 ? 200 : 80, devices: 10 });
  assert.ok(packetsPerRead(long) < 8.1, `${packetsPerRead(long)}: what is long ago counts little`);
});

for (
  const text of [undefined, "", "null", "7", "[]", '{"packets":1}', '{"packets":-1,"devices":1,"sweep":null}', "{"]
) {
  Deno.test(`parseMeasure() takes ${text} for nothing`, () => assert.deepEqual(parseMeasure(text), nothingMeasured));
}
