import assert from "node:assert/strict";
import { PlatformConfig } from "../../../proto/gen/opendca/v1/config.ts";
import { configChanges } from "./config_diff.ts";
import { type ConfigFields, fieldsOf, withFields } from "./config_form.ts";

const full = PlatformConfig.fromJSON({
  pollIntervalSeconds: 90,
  schedule: {
    sweepIntervalSeconds: 86_400,
    meterIntervalSeconds: 3660,
    allowedHours: [{ days: ["WEEKDAY_MONDAY"], startMinute: 60, endMinute: 120 }],
  },
  maskedFields: ["serial", "location"],
  sites: [
    { name: "office", ranges: ["10.1.0.0/24", "plotter.example.com"], excludes: ["10.1.0.9"], packetsPerSecond: 0 },
    { name: "store", schedule: { statusIntervalSeconds: 60 } },
  ],
  update: { allowedHours: [{ startMinute: 0, endMinute: 300 }] },
});

for (const [name, config] of [["nothing", PlatformConfig.create()], ["everything", full]] as const) {
  Deno.test(`the form of ${name}, saved as it is, changes nothing`, () => {
    const saved = withFields(config, fieldsOf(config));
    assert.deepEqual(configChanges(config, saved), []);
    assert.deepEqual(PlatformConfig.toJSON(saved), PlatformConfig.toJSON(config));
  });
}

Deno.test("what the form does not show stays when a field changes, and only that is a change", () => {
  const fields = fieldsOf(full);
  const saved = withFields(full, {
    ...fields,
    poll: "5m",
    sites: [fields.sites[0]!, { ...fields.sites[1]!, name: "" }, {
      name: "new",
      ranges: " 10.2.0.0/24, 10.3.0.0/24\n",
      excludes: "",
      rate: "20",
    }],
  });
  assert.deepEqual(configChanges(full, saved), [
    { path: "pollIntervalSeconds", before: "90", after: "300" },
    { path: 'sites "store"', before: '"store"', after: undefined },
    { path: 'sites "store".schedule.statusIntervalSeconds', before: "60", after: undefined },
    { path: 'sites "new"', before: undefined, after: '"new"' },
    { path: 'sites "new".ranges', before: undefined, after: "10.2.0.0/24, 10.3.0.0/24" },
    { path: 'sites "new".packetsPerSecond', before: undefined, after: "20" },
  ]);
  assert.deepEqual(saved.schedule!.allowedHours, full.schedule!.allowedHours);
});

Deno.test("a site that only changes its place is no change", () => {
  assert.deepEqual(configChanges(full, { ...full, sites: full.sites.toReversed() }), []);
});

const empty: ConfigFields = { poll: "", sweep: "", status: "", meters: "", masked: [], sites: [] };
const wrong: [what: string, fields: Partial<ConfigFields>, says: RegExp][] = [
  ["a poll each second", { poll: "1s" }, /30s to 24h, such as 15m/],
  ["a sweep in words", { sweep: "daily" }, /"daily" as a time/],
  ["a sweep that is too rare", { sweep: "60d" }, /5m to 31d/],
  ["no time", { status: "-5m" }, /as a time/],
  ["a field that cannot be masked", { masked: ["meters"] }, /no such field/],
  [
    "a site without a name",
    { sites: [{ name: " ", ranges: "10.1.0.0/24", excludes: "", rate: "" }] },
    /without a name/,
  ],
  ["a rate that is none", { sites: [{ name: "a", ranges: "", excludes: "", rate: "fast" }] }, /requests a second/],
  [
    "a rate that is too high",
    { sites: [{ name: "a", ranges: "", excludes: "", rate: "9999999" }] },
    /packetsPerSecond/,
  ],
  [
    "a name twice",
    { sites: [1, 2].map(() => ({ name: "a", ranges: "", excludes: "", rate: "" })) },
    /sites\.1\.name is "a" a second time/,
  ],
  [
    "too much",
    { sites: [{ name: "a", ranges: "10.1.0.0/24 ".repeat(10_000), excludes: "", rate: "" }] },
    /at most 102400/,
  ],
];
for (const [what, fields, says] of wrong) {
  Deno.test(`withFields() refuses ${what}`, () => {
    assert.throws(() => withFields(PlatformConfig.create(), { ...empty, ...fields }), says);
  });
}
