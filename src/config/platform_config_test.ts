import assert from "node:assert/strict";
import fc from "fast-check";
import { countOf, type IpRange, subtractRanges } from "../../common/core/ip_range.ts";
import { parseTargetSpec } from "../targets/target_spec.ts";
import { type AgentConfig, type SiteConfig } from "./agent_config.ts";
import { maskableFields } from "../../common/reading/maskable_fields.ts";
import { isAllowedAt } from "./allowed_hours.ts";
import { applyPlatformConfig } from "./platform_config.ts";
import type { PlatformDocument, PlatformSite } from "./platform_document.ts";
import { parseAgentConfig } from "./read_config.ts";
import { rangesOfSite } from "./site_targets.ts";

function parse(text: string): AgentConfig {
  return parseAgentConfig(`platform: { rootDomain: example.com, endpoints: [dca.example.com] }\n${text}`, {
    file: "agent.yaml",
    env: () => undefined,
    readFile: () => "",
  });
}

const local = parse(`
sites:
  - { name: hq, ranges: [10.1.0.0/16], exclude: [10.1.9.0/24], rate: 100, credentials: [{ community: of-hq }] }
  - { name: lab, ranges: [10.2.0.0/24], schedule: { statusEvery: 5m } }
policy:
  ranges: [10.0.0.0/12]
  hosts: [pr.example, "*.Printers.example"]
  exclude: [10.3.0.0/24]
  mask: [location]
  ports: { snmp: [161, 1161] }
`);

/** Every site has limits of its own, and what moves between them must not get rid of them. */
const strict = parse(`
sites:
  - { name: hq, ranges: [10.1.0.0/16], hosts: [pr.example], exclude: ["10.1.9.7:1161"], rate: 50 }
  - name: lab
    ranges: [10.2.0.0/24, "10.1.9.7:1161"]
    rate: 100
    schedule: { allowedHours: { hours: ["mon-fri 20:00-22:00"], timeZone: UTC } }
  - name: night
    ranges: [10.3.0.0/24]
    schedule: { allowedHours: { hours: ["sat 03:00-05:00"], timeZone: UTC } }
policy: { ranges: [10.0.0.0/12], ports: { snmp: [161, 1161] } }
`);

function siteOf(asked: Partial<PlatformSite>): PlatformSite {
  return { name: "hq", ranges: [], excludes: [], ...asked };
}

function apply(document: PlatformDocument, base = local) {
  const { config, refusals } = applyPlatformConfig(base, document);
  const sources = Object.fromEntries(config.settings.map(({ path, source }) => [path, source.kind]));
  return { config, refusals, sources };
}

Deno.test("applyPlatformConfig() changes nothing for an empty document", () => {
  const { config, refusals } = apply({});
  assert.deepEqual(config, local);
  assert.deepEqual(refusals, []);
});

Deno.test("applyPlatformConfig() takes intervals, for sites that have no schedule of their own", () => {
  const { config, refusals, sources } = apply({
    pollIntervalSeconds: 60,
    schedule: { sweepIntervalSeconds: 3600, statusIntervalSeconds: 600, meterIntervalSeconds: 7200, allowedHours: [] },
  });
  assert.deepEqual(refusals, []);
  assert.equal(config.poll.intervalMs, 60_000);
  assert.equal(config.sites[0]?.schedule.fullSweepEveryMs, 3_600_000);
  assert.equal(config.sites[0]?.schedule.statusEveryMs, 600_000);
  assert.equal(config.sites[0]?.schedule.metersEveryMs, 7_200_000);
  assert.equal(config.sites[1]?.schedule.statusEveryMs, 300_000);
  assert.equal(sources["poll.interval"], "platform");
  assert.equal(sources["schedule.metersEvery"], "platform");
  assert.equal(sources["limits.rate"], "default");
});

Deno.test("applyPlatformConfig() lets hours only become fewer", () => {
  const own = parse("schedule: { allowedHours: { hours: ['10:00-12:00'] } }");
  const window = { days: [], startMinute: 660, endMinute: 900 };
  const { config } = apply({ schedule: { allowedHours: [window] } }, own);
  const at = (hour: number) => isAllowedAt(config.schedule.allowedHours, new Date(2026, 0, 5, hour));
  assert.deepEqual([10, 11, 12, 13].map(at), [false, true, false, false]);
});

Deno.test("applyPlatformConfig() gives a new site the credentials, exclusions and times of the file", () => {
  const { config, refusals, sources } = apply({
    sites: [siteOf({ name: "new", ranges: ["10.3.1.0/24", "pr.example"] })],
  });
  assert.deepEqual(refusals, []);
  const site = config.sites[2]!;
  assert.deepEqual(site.ranges, ["10.3.1.0/24"]);
  assert.deepEqual(site.hosts, ["pr.example"]);
  assert.deepEqual(site.exclude, ["10.3.0.0/24"]);
  assert.equal(site.credentials, local.credentials);
  assert.equal(site.ratePerSecond, 2000);
  assert.equal(sources["sites[2].ranges"], "platform");
  assert.equal(sources["sites[0].ranges"], "file");
});

Deno.test("applyPlatformConfig() keeps the credentials of a site that it changes", () => {
  const { config } = apply({
    sites: [siteOf({ ranges: ["10.1.1.0/24"], excludes: ["10.1.1.7"], packetsPerSecond: 50 })],
  });
  const site = config.sites[0]!;
  assert.equal(site.credentials, local.sites[0]!.credentials);
  assert.deepEqual(site.ranges, ["10.1.1.0/24"]);
  assert.deepEqual(site.exclude, ["10.1.9.0/24", "10.3.0.0/24", "10.1.1.7"]);
  assert.equal(site.ratePerSecond, 50);
});

Deno.test("applyPlatformConfig() lets a range move between sites in either order of the document", () => {
  const moves = [siteOf({ name: "lab", ranges: ["10.1.5.0/24"] }), siteOf({ ranges: ["10.1.1.0/24"] })];
  for (const sites of [moves, moves.toReversed()]) {
    const { config, refusals } = apply({ sites });
    assert.deepEqual(refusals, []);
    assert.deepEqual(config.sites.map((site) => site.ranges), [["10.1.1.0/24"], ["10.1.5.0/24"]]);
  }
});

Deno.test("applyPlatformConfig() keeps hours, rate and excluded ports with addresses that move to another site", () => {
  const { config, refusals, sources } = apply({
    sites: [
      siteOf({ name: "night", ranges: ["10.3.0.1"] }),
      siteOf({ name: "lab", ranges: ["10.2.0.1"] }),
      siteOf({ ranges: ["10.1.0.1"] }),
      siteOf({ name: "new", ranges: ["10.3.0.2-10.3.0.254"] }),
      siteOf({ name: "second", ranges: ["10.1.9.0/24", "10.2.0.7"] }),
    ],
  }, strict);
  assert.deepEqual(refusals, []);
  const [hq, lab, night, added, second] = config.sites;
  assert.deepEqual(added?.schedule.allowedHours, night?.schedule.allowedHours);
  assert.deepEqual(second?.schedule.allowedHours, lab?.schedule.allowedHours);
  assert.deepEqual([second?.ratePerSecond, second?.exclude, hq?.ratePerSecond], [50, ["10.1.9.7:1161"], 50]);
  assert.equal(sources["sites[3].within"], "platform");
});

const cuts: [asked: string, want: string[]][] = [
  ["10.0.0.0/8", ["10.0.0.1-10.2.255.255", "10.3.1.0-10.15.255.255"]],
  ["10.3.0.0/23", ["10.3.1.0/24"]],
  ["10.3.0.0-10.3.1.255", ["10.3.1.0-10.3.1.255"]],
  ["10.15.255.0-10.16.0.7", ["10.15.255.0-10.15.255.255"]],
  ["10.3.0.0/23:1161", ["10.3.1.0/24:1161"]],
];
for (const [asked, want] of cuts) {
  Deno.test(`applyPlatformConfig() cuts ${asked} down to the policy and says so`, () => {
    const open = parse(`
limits: { maxAddresses: 16777216 }
policy: { ranges: [10.0.0.0/12], exclude: [10.3.0.0/24], ports: { snmp: [161, 1161] } }`);
    const { config, refusals } = apply({ sites: [siteOf({ ranges: [asked] })] }, open);
    assert.deepEqual(config.sites[0]?.ranges, want);
    assert.equal(refusals.length, 1);
    assert.match(refusals[0]!, /a part of it is outside policy\.ranges: current value is "/);
  });
}

const refused: [why: string, document: PlatformDocument, sentence: RegExp][] = [
  ["an address outside", { sites: [siteOf({ ranges: ["192.0.2.0/24"] })] }, /it is outside policy\.ranges/],
  ["a port outside", { sites: [siteOf({ ranges: ["10.1.0.1:9100"] })] }, /port 9100 is outside policy\.ports\.snmp/],
  ["a name on a port outside", { sites: [siteOf({ ranges: ["pr.example:80"] })] }, /port 80 is outside/],
  ["what is no target", { sites: [siteOf({ ranges: ["10.1.0.0/33"] })] }, /prefix length "33"/],
  ["multicast", { sites: [siteOf({ ranges: ["224.0.0.0/4"] })] }, /multicast/],
  ["an exclusion that is none", { sites: [siteOf({ excludes: ["10.1.0.0/33"] })] }, /an exclusion cannot be read/],
  ["a higher rate", { sites: [siteOf({ packetsPerSecond: 101 })] }, /raise the rate of the site "hq" over 100\/s/],
  ["no rate at all", { sites: [siteOf({ packetsPerSecond: 0 })] }, /raise the rate/],
  [
    "another site's range",
    { sites: [siteOf({ name: "b", ranges: ["10.1.7.0/24"] })] },
    /10\.1\.7\.0\/24 is in the site "hq"/,
  ],
  ["a site without a name", { sites: [siteOf({ name: "" })] }, /its name is empty/],
  ["a name that forges a line", { sites: [siteOf({ name: "a\nb" })] }, /visible characters: current value is "a\\nb"/],
  ["a new site with nothing", { sites: [siteOf({ name: "b" })] }, /the policy excludes all of it/],
  ["a field that is none", { maskedFields: ["locaton"] }, /not one of address.*current value is "locaton"/],
  ["a pace too fast", { pollIntervalSeconds: 29 }, /poll\.interval as it is not from 30s to 24h: current value is 29s/],
  ["a status too often", { schedule: { statusIntervalSeconds: 59, allowedHours: [] } }, /schedule\.statusEvery/],
  ["a number that is none", { schedule: { sweepIntervalSeconds: NaN, allowedHours: [] } }, /schedule\.fullSweepEvery/],
];
for (const [why, document, sentence] of refused) {
  Deno.test(`applyPlatformConfig() refuses ${why} in a sentence`, () => {
    const { config, refusals } = apply(document);
    assert.match(refusals.join("\n"), sentence);
    for (const refusal of refusals) assert.match(refusal, /^Cannot [^\n]+[^.]$/);
    assert.deepEqual(config.sites, local.sites);
    assert.deepEqual(config.policy, local.policy);
    assert.deepEqual(config.poll, local.poll);
  });
}

Deno.test("applyPlatformConfig() refuses a site that is larger than limits.maxAddresses", () => {
  const small = parse("limits: { maxAddresses: 255 }");
  const { config, refusals } = apply({ sites: [siteOf({ ranges: ["10.1.0.0/24"] })] }, small);
  assert.deepEqual(config.sites, []);
  assert.match(refusals.join(), /"hq" as it has 256 addresses and limits\.maxAddresses is 255$/);
});

Deno.test("applyPlatformConfig() keeps what it says of a huge document short", () => {
  const sites = [...Array(3000).keys()].map((i) => siteOf({ name: `s${i}`, ranges: ["x".repeat(10_000)] }));
  const { config, refusals } = apply({ sites, maskedFields: ["\x1b[2J\n".repeat(1000)] });
  assert.equal(config.sites.length, 2);
  assert.ok(refusals.length <= 51 && refusals.join("").length < 20_000);
  assert.match(refusals.at(-1)!, /^Cannot use \d+ more things/);
  assert.doesNotMatch(refusals.join(""), /\p{Cc}/u);
});

Deno.test("applyPlatformConfig() refuses the whole document where the policy forbids it", () => {
  const closed = parse("policy: { features: { setConfig: false } }");
  const { config, refusals } = apply({ pollIntervalSeconds: 60, maskedFields: ["mac"] }, closed);
  assert.equal(config, closed);
  assert.deepEqual(refusals, ["Cannot use the platform's configuration as policy.features.setConfig is false"]);
});

Deno.test("applyPlatformConfig() refuses a window that is no time, and then allows nothing rather than everything", () => {
  const { config, refusals } = apply({ schedule: { allowedHours: [{ days: [8], startMinute: 0, endMinute: 60 }] } });
  assert.match(refusals[0]!, /not a time of the week/);
  assert.ok(!isAllowedAt(config.schedule.allowedHours, new Date()));
});

const octet = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(fc.constantFrom(9, 10, 11), fc.constantFrom(0, 1, 2, 3, 15, 16), octet, octet).map((parts) =>
  parts.join(".")
);
const target = fc.oneof(
  fc.tuple(address, fc.integer({ min: 16, max: 32 })).map(([host, length]) => `${host}/${length}`),
  fc.tuple(address, fc.integer({ min: 6, max: 32 })).map(([host, length]) => `${host}/${length}`),
  fc.tuple(address, address).map(([first, last]) => `${first}-${last}`),
  fc.tuple(address, fc.constantFrom(161, 162, 1161, 9100)).map(([host, port]) => `${host}:${port}`),
  fc.constantFrom("::/0", "fd00::1", "pr.example", "pr.example:80", "", "@file", "[", "0.0.0.0/0"),
  fc.string(),
);
const number = fc.option(fc.oneof(fc.integer({ min: -1, max: 4_000_000 }), fc.double()), { nil: undefined });
const schedule = fc.option(
  fc.record({
    sweepIntervalSeconds: number,
    statusIntervalSeconds: number,
    meterIntervalSeconds: number,
    allowedHours: fc.array(
      fc.record({
        days: fc.array(fc.integer({ min: -1, max: 9 })),
        startMinute: fc.integer({ min: -1, max: 1441 }),
        endMinute: fc.integer({ min: -1, max: 1441 }),
      }),
      { maxLength: 2 },
    ),
  }),
  { nil: undefined },
);
const documents = fc.record({
  pollIntervalSeconds: number,
  schedule,
  maskedFields: fc.array(fc.oneof(fc.constantFrom(...maskableFields), fc.string()), { maxLength: 3 }),
  sites: fc.array(
    fc.record({
      name: fc.oneof(fc.constantFrom("hq", "lab", "night", "new", "__proto__"), fc.string()),
      ranges: fc.array(target, { maxLength: 3 }),
      excludes: fc.array(fc.oneof({ weight: 9, arbitrary: address }, target), { maxLength: 2 }),
      schedule,
      packetsPerSecond: number,
    }),
    { maxLength: 3 },
  ),
});

/** Every four hours of a week. */
const moments = [...Array(42).keys()].map((step) => new Date(Date.UTC(2026, 0, 5, 4 * step)));

function shareAddresses(a: SiteConfig, b: SiteConfig): boolean {
  const size = (ranges: IpRange[]) => ranges.reduce((sum, range) => sum + countOf(range), 0n);
  const ranges = subtractRanges(rangesOfSite(a), []);
  return size(subtractRanges(ranges, rangesOfSite(b))) < size(ranges);
}

Deno.test("applyPlatformConfig() never lets anything outside the policy result, whatever the document says", () => {
  let applied = 0;
  fc.assert(
    fc.property(fc.constantFrom(local, strict), documents, (local, document) => {
      const before = JSON.stringify(document);
      const { config, refusals } = applyPlatformConfig(local, document);
      const { platform, proxy, stateDirectory, credentials, limits, log, file } = config;
      assert.deepEqual(
        { platform, proxy, stateDirectory, credentials, limits, log, file },
        {
          platform: local.platform,
          proxy: local.proxy,
          stateDirectory: local.stateDirectory,
          credentials: local.credentials,
          limits: local.limits,
          log: local.log,
          file: local.file,
        },
      );
      assert.deepEqual({ ...config.policy, mask: [] }, { ...local.policy, mask: [] });
      assert.ok(local.policy.mask.every((field) => config.policy.mask.includes(field)));
      assert.ok(config.poll.intervalMs >= 30_000 && config.poll.intervalMs <= 86_400_000);
      for (const site of config.sites) {
        const old = local.sites.find(({ name }) => name === site.name);
        assert.deepEqual(subtractRanges(rangesOfSite(site), local.policy.ranges), []);
        for (const text of [...site.ranges, ...site.hosts]) {
          assert.ok(local.policy.ports.snmp.includes(parseTargetSpec(text).port ?? site.port));
        }
        for (const text of old?.exclude ?? local.policy.exclude) assert.ok(site.exclude.includes(text));
        assert.ok(site.ratePerSecond > 0 && site.ratePerSecond <= (old?.ratePerSecond ?? local.limits.ratePerSecond));
        for (
          const holder of local.sites.filter((own) =>
            own === old || (site.ranges !== old?.ranges && shareAddresses(own, site))
          )
        ) {
          assert.ok(site.ratePerSecond <= holder.ratePerSecond);
          for (const moment of moments) {
            if (!isAllowedAt(holder.schedule.allowedHours, moment)) {
              assert.ok(!isAllowedAt(site.schedule.allowedHours, moment));
            }
          }
        }
        assert.ok(site.schedule.statusEveryMs >= 60_000 && site.schedule.fullSweepEveryMs >= 300_000);
        if (old === undefined || site.ranges !== old.ranges) applied++;
      }
      assert.equal(new Set(config.sites.map(({ name }) => name)).size, config.sites.length);
      for (const refusal of refusals) assert.match(refusal, /^Cannot /);
      assert.equal(JSON.stringify(document), before);
      assert.ok(Object.isFrozen(config.sites));
    }),
    { numRuns: 500 },
  );
  assert.ok(applied > 30, `only ${applied} sites were changed`);
});

Deno.test("applyPlatformConfig() takes host names that the policy has, and those of the file, and tells the others once", () => {
  const foreign = Array.from({ length: 2000 }, (_, at) => `victim${at}.example`);
  const { config, refusals } = apply({
    sites: [siteOf({
      name: "new",
      ranges: [
        ...foreign,
        "PR.example.:1161",
        "a.printers.example",
        "deep.b.printers.example",
        "printers.example",
        "xprinters.example",
        "a.printers.example.evil.example",
      ],
    })],
  });
  assert.deepEqual(config.sites[2]!.hosts, ["PR.example.:1161", "a.printers.example", "deep.b.printers.example"]);
  assert.deepEqual(refusals, [
    'Cannot use a target of the site "new" as a host name is outside policy.hosts, so that it is not resolved: ' +
    'current value is "victim0.example" and 2002 more',
  ]);
  // What the file has for itself is allowed, whatever its policy says.
  const own = parse("sites: [{ name: hq, hosts: [mine.example] }]\npolicy: { hosts: [pr.example] }");
  const kept = apply({ sites: [siteOf({ ranges: ["mine.example", "other.example"] })] }, own);
  assert.deepEqual(kept.config.sites[0]!.hosts, ["mine.example"]);
  assert.match(kept.refusals.join(), /"other.example"/);
});

Deno.test("applyPlatformConfig() takes a number of host names over all sites", () => {
  const names = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => `p${from + at}.printers.example`);
  const { config, refusals } = apply({
    sites: [
      siteOf({ name: "one", ranges: names(0, 400) }),
      siteOf({ name: "two", ranges: names(1000, 400) }),
      siteOf({ name: "three", ranges: [...names(2000, 1), "10.4.0.1"] }),
    ],
  });
  assert.deepEqual(config.sites.slice(2).map(({ hosts }) => hosts.length), [400, 100, 0]);
  assert.equal(refusals.length, 2);
  assert.match(refusals[0]!, /over the limit of 500 host names of the platform.*"p1100.printers.example" and 299 more/);
});

Deno.test("applyPlatformConfig() can only narrow the hours of updates", () => {
  const base = parse('policy: { update: { pin: "0.2", allowedHours: { hours: ["01:00-03:00"] } } }');
  const windowOf = (days: number[], startMinute: number, endMinute: number) => ({ days, startMinute, endMinute });
  const { config, sources, refusals } = apply({ update: { allowedHours: [windowOf([], 120, 360)] } }, base);
  const at = (hour: number) => isAllowedAt(config.policy.update.allowedHours, new Date(2026, 0, 5, hour));
  assert.deepEqual([1, 2, 4].map(at), [false, true, false]);
  assert.equal(config.policy.update.pin, "0.2");
  assert.equal(sources["policy.update.platformHours"], "platform");
  assert.deepEqual(refusals, []);
  // Nothing of a list that has nothing to use is no permission to install at any time.
  const wrong = apply({ update: { allowedHours: [windowOf([9], 0, 60)] } }, base);
  assert.match(wrong.refusals.join(), /a window of policy\.update\.allowedHours/);
  assert.equal(isAllowedAt(wrong.config.policy.update.allowedHours, new Date(2026, 0, 5, 2)), false);
});
