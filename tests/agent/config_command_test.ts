import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { renderStoredPlatformConfig } from "../../src/config/stored_platform_config.ts";
import { testHost } from "../fixtures/test_host.ts";
import { assertGolden } from "../golden/golden.ts";

const platform = "platform: { rootDomain: example.com, endpoints: [dca.example.com] }\n";
const files: Record<string, string> = {
  "/etc/opendca/agent.yaml": `${platform}sites: [{ name: hq, ranges: [10.1.0.0/24], hosts: [pr.example] }]\n`,
  "/tight.yaml": `${platform}sites:
  - name: hq
    ranges: [10.1.0.0/16]
    rate: 600
    schedule: { allowedHours: { hours: ["02:00-02:01"], timeZone: UTC } }
  - { name: named, rate: 1, hosts: [${Array.from({ length: 70 }, (_, i) => `p${i}.example`)}] }
  - { name: well, ranges: [10.2.0.0/24] }
`,
  "/bad.yaml": `${platform}limits: { timeout: 5 }\nlog: { level: inof }\n`,
  "/torn/platform.json": '{"hash":',
  "/state/platform.json": renderStoredPlatformConfig({
    hash: "h",
    document: {
      pollIntervalSeconds: 60,
      maskedFields: ["mac"],
      sites: [{ name: "new", ranges: ["10.1.0.128/25", "192.0.2.0/24"], excludes: [] }],
    },
  }),
};

async function run(args: string[], env: Record<string, string> = {}) {
  const host = testHost({ env });
  host.readTextFile = (path) =>
    files[path] === undefined ? Promise.reject(new Error("No such file")) : Promise.resolve(files[path]);
  const code = await runCli(["config", ...args], host);
  return { code, out: host.out, err: host.err };
}

Deno.test("opendca config check says in one line that the file is good", async () => {
  assert.deepEqual(await run(["check"]), {
    code: 0,
    out: "/etc/opendca/agent.yaml is valid: 1 site with 2 targets, reports to dca.example.com\n",
    err: "",
  });
});

Deno.test("opendca config check warns of sites whose rate or hours are too little, and the file is good", async () => {
  const { code, out, err } = await run(["check", "--config", "/tight.yaml"]);
  assert.deepEqual([code, out], [
    0,
    "/tight.yaml is valid: 3 sites with 72 targets, reports to dca.example.com\n",
  ]);
  assert.equal(
    err,
    'warning: The allowed hours are too short for the site "hq": a discovery scan needs about 7 min, the longest window has 60 s; ' +
      "it continues in the next one and is complete after 8 windows in 7 days, and fullSweepEvery is 24h\n" +
      'warning: The rate of the site "named" is too low for its intervals: 70 devices at 1 reads a minute take 70 min, ' +
      "statusEvery is 30m\n",
  );
});

Deno.test("opendca config check names all mistakes with place and hint, and ends with 78", async () => {
  assert.deepEqual(await run(["check", "--config", "/bad.yaml"]), {
    code: 78,
    out: "",
    err: 'error: Cannot read /bad.yaml:2:20 as limits.timeout has no unit: current value is "5"\n' +
      "hint: did you mean 5s? write a number with ms, s, m, h, d or w, such as 30s or 1h30m\n" +
      'error: Cannot read /bad.yaml:3:15 as log.level is not known: current value is "inof"\n' +
      'hint: did you mean "info"? one of error, warn, info, debug\n',
  });
});

Deno.test("opendca config takes the file of OPENDCA_CONFIG, and says which file is missing", async () => {
  assert.equal((await run(["check"], { OPENDCA_CONFIG: "/bad.yaml" })).code, 78);
  const { code, err } = await run(["check"], { OPENDCA_CONFIG: "/gone.yaml" });
  assert.equal(code, 78);
  assert.match(err, /^error: Cannot read the configuration file "\/gone\.yaml".*\nhint: .*agent\.example\.yaml/);
});

Deno.test("opendca config show says where each value comes from, as in config_show.txt", async () => {
  const { code, out, err } = await run(["show"], {
    OPENDCA_STATE_DIRECTORY: "/state",
    OPENDCA_LOG_LEVEL: "debug",
  });
  assert.equal(code, 0);
  assertGolden("config_show.txt", out);
  assert.equal(
    err,
    'refused: Cannot use a target of the site "new" as it is outside policy.ranges: current value is "192.0.2.0/24"\n' +
      'refused: Cannot use the site "new" as 10.1.0.128/25 is in the site "hq" already\n',
  );
});

Deno.test("opendca config show takes a torn file of the platform for none", async () => {
  const { code, out, err } = await run(["show", "--json"], { OPENDCA_STATE_DIRECTORY: "/torn" });
  assert.deepEqual([code, err], [0, ""]);
  const { settings } = JSON.parse(out);
  assert.ok(settings.every(({ source }: { source: { kind: string } }) => source.kind !== "platform"));
});
