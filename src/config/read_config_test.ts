import assert from "node:assert/strict";
import { createTestAuthority } from "../../tests/fixtures/test_authority.ts";
import { planToWire } from "../snmp/credential.ts";
import type { AgentConfig } from "./agent_config.ts";
import { ConfigMistakesError } from "./config_mistakes.ts";
import { configPath } from "./config_path.ts";
import { parseAgentConfig, readAgentConfig } from "./read_config.ts";

const platform = "platform: { rootDomain: example.com, endpoints: [dca.example.com] }\n";
const { pem } = await createTestAuthority();
const files: Record<string, string> = {
  "/ca.pem": pem,
  "/torn.pem": pem + pem.replace(/.{10}\n-----END/, "\n-----END"),
  "/password": "hunter2\n",
};

function parse(text: string, env: Record<string, string> = {}): AgentConfig {
  return parseAgentConfig(text, {
    file: "agent.yaml",
    env: (name) => env[name],
    readFile: (path) => {
      if (files[path] === undefined) throw new Error("No such file");
      return files[path];
    },
  });
}

function sourceOf(config: AgentConfig, path: string): string {
  const { source } = config.settings.find((setting) => setting.path === path)!;
  return source.kind === "file" ? source.place : source.kind === "environment" ? source.variable : source.kind;
}

Deno.test("parseAgentConfig() needs the platform alone and has a default for all else", () => {
  const { settings: _, credentials, ...config } = parse(platform);
  assert.deepEqual(config, {
    file: "agent.yaml",
    platform: {
      rootDomain: "example.com",
      endpoints: [{ host: "dca.example.com", port: 443 }],
      ca: null,
      pins: [],
      unlockKeys: [],
      mqtt: [],
    },
    proxy: null,
    stateDirectory: "/var/lib/opendca",
    sites: [],
    schedule: {
      fullSweepEveryMs: 86_400_000,
      statusEveryMs: 1_800_000,
      metersEveryMs: 14_400_000,
      allowedHours: [],
      jitter: 0.1,
    },
    limits: {
      ratePerSecond: 2000,
      workers: null,
      timeoutMs: 1000,
      retries: 1,
      deviceDeadlineMs: 60_000,
      maxAddresses: 1_048_576,
      spool: { maxBytes: 256_000_000, maxAgeMs: 90 * 86_400_000 },
    },
    poll: { intervalMs: 300_000 },
    log: { level: "info", format: "auto", file: null },
    policy: {
      ranges: [
        { family: 4, first: 0x0a000000n, last: 0x0affffffn },
        { family: 4, first: 0xac100000n, last: 0xac1fffffn },
        { family: 4, first: 0xc0a80000n, last: 0xc0a8ffffn },
        { family: 6, first: 0xfcn << 120n, last: (0xfen << 120n) - 1n },
      ],
      hosts: [],
      exclude: [],
      ports: { snmp: [161], webAccess: [80, 443, 8000], sshGateway: [22] },
      webAccess: {
        approval: false,
        allowedHours: [],
        withoutSnmp: "refuse",
        maxDurationMs: 1_800_000,
        idleTimeoutMs: 300_000,
        maxBytes: 1_000_000_000,
      },
      update: { pin: null, allowedHours: [] },
      features: { scan: true, ping: true, webAccess: false, diagnostics: true, update: true, setConfig: true },
      mask: [],
    },
  });
  assert.deepEqual(planToWire(credentials), {
    rules: [{
      ranges: null,
      credentials: [{ kind: "community", name: "community", versions: ["2c", "1"], community: "public" }],
    }],
  });
});

Deno.test("parseAgentConfig() freezes all the way down", () => {
  const config = parse(`${platform}sites: [{ name: a, ranges: [10.1.0.0/24] }]`);
  assert.throws(() => (config.sites as unknown[]).push({}), TypeError);
  assert.throws(() => (config.policy.features as { webAccess: boolean }).webAccess = true, TypeError);
  assert.throws(() => (config.policy.ranges[0] as { last: bigint }).last = 0n, TypeError);
});

Deno.test("parseAgentConfig() reads the proxy, the certificates and their secrets", () => {
  const config = parse(`
platform:
  rootDomain: Example.com
  endpoints: dca.example.com:8443
  ca: /ca.pem
  pin: [${"ab".repeat(32)}]
proxy: { url: "http://proxy:8080", user: agent, password: { file: /password }, noProxy: [.intranet, 10.0.0.0/8] }
`);
  assert.equal(config.platform.ca?.pem, files["/ca.pem"]);
  assert.deepEqual(config.platform.pins, ["ab".repeat(32)]);
  const { password, ...proxy } = config.proxy!;
  assert.deepEqual(proxy, { host: "proxy", port: 8080, user: "agent", noProxy: [".intranet", "10.0.0.0/8"] });
  assert.equal(password?.reveal(), "hunter2");
});

Deno.test("parseAgentConfig() lets sites inherit what they do not say", () => {
  const config = parse(`${platform}
schedule: { statusEvery: 10m, jitter: 5% }
limits: { rate: 100 }
credentials: [{ community: everywhere }]
sites:
  - { name: plain, ranges: [10.1.0.0/24] }
  - name: own
    hosts: [printer.example.com]
    rate: 7
    port: 1161
    schedule: { fullSweepEvery: 1h, allowedHours: { hours: ["mon 07:00-08:00"], timeZone: UTC } }
    credentials: [{ community: here }]
`);
  const [plain, own] = config.sites;
  assert.deepEqual(plain?.schedule, config.schedule);
  assert.equal(plain?.ratePerSecond, 100);
  assert.equal(plain?.credentials, config.credentials);
  assert.deepEqual(own?.schedule, {
    ...config.schedule,
    fullSweepEveryMs: 3_600_000,
    allowedHours: [{ timeZone: "UTC", windows: [{ weekday: 1, fromMinute: 420, untilMinute: 480 }] }],
  });
  assert.equal(own?.ratePerSecond, 7);
  assert.equal(planToWire(own!.credentials).rules[0]?.credentials[0]?.name, "community of agent.yaml:13");
  assert.deepEqual(config.policy.hosts, ["printer.example.com"]);
  assert.deepEqual(config.policy.ports.snmp, [161, 1161]);
});

Deno.test("parseAgentConfig() takes the ceiling of a file without policy from its sites", () => {
  const { policy } = parse(`${platform}
sites:
  - { name: a, ranges: [10.1.0.0/24], exclude: [10.1.0.128/25] }
  - { name: b, ranges: [10.1.0.128/26] }
`);
  assert.deepEqual(policy.ranges, [{ family: 4, first: 0x0a010000n, last: 0x0a0100bfn }]);
});

Deno.test("parseAgentConfig() keeps what a site excludes out of a wider policy, and what the policy excludes out of sites", () => {
  const { policy, sites } = parse(`${platform}
sites: [{ name: a, ranges: [10.1.0.0/24], exclude: [10.1.0.128/25] }]
policy: { ranges: [10.1.0.0/23], exclude: [10.1.0.0/25, secret.example.com] }
`);
  assert.deepEqual(policy.ranges, [{ family: 4, first: 0x0a010100n, last: 0x0a0101ffn }]);
  assert.deepEqual(sites[0]?.exclude, ["10.1.0.128/25", "10.1.0.0/25", "secret.example.com"]);
});

const sources: [path: string, env: Record<string, string>, want: string, value: unknown][] = [
  ["limits.retries", {}, "default", 1],
  ["limits.timeout", {}, "agent.yaml:3", "2s"],
  ["log.level", {}, "agent.yaml:4", "warn"],
  ["log.level", { OPENDCA_LOG_LEVEL: "debug" }, "OPENDCA_LOG_LEVEL", "debug"],
  ["stateDirectory", {}, "default", "/var/lib/opendca"],
  ["stateDirectory", { STATE_DIRECTORY: "/state:/other" }, "STATE_DIRECTORY", "/state"],
  ["stateDirectory", { STATE_DIRECTORY: "/a", OPENDCA_STATE_DIRECTORY: "/b" }, "OPENDCA_STATE_DIRECTORY", "/b"],
];
for (const [path, env, want, value] of sources) {
  Deno.test(`parseAgentConfig() says that ${path} comes from ${want}`, () => {
    const config = parse(`${platform}limits:\n  timeout: 2s\nlog: { level: warn }\n`, env);
    assert.equal(sourceOf(config, path), want);
    assert.equal(config.settings.find((setting) => setting.path === path)?.value, value);
  });
}

Deno.test("parseAgentConfig() puts the file before systemd's state directory and the environment before the file", () => {
  const text = `${platform}stateDirectory: /file\n`;
  assert.equal(parse(text, { STATE_DIRECTORY: "/systemd" }).stateDirectory, "/file");
  assert.equal(parse(text, { OPENDCA_STATE_DIRECTORY: "/own" }).stateDirectory, "/own");
});

/** Each stands behind the `platform` of the first line, unless it has its own. */
const mistakes: [text: string, message: RegExp, hint?: RegExp][] = [
  ["sties: []", /:2:1 as the file has no key "sties"$/, /did you mean "sites"\?/],
  ["limits: { timeout: 5 }", /:2:20 as limits\.timeout has no unit: current value is "5"/, /did you mean 5s/],
  ["limits: { timeuot: 5s }", /:2:11 as limits has no key "timeuot"/, /did you mean "timeout"/],
  ["limits: { retries: many }", /limits\.retries is not a whole number from 0 to 10: current value is "many"/],
  ["limits: { workers: 65 }", /limits\.workers is not a whole number from 1 to 64/],
  ["limits:", /:2:8 as limits is not a mapping of keys/],
  ["limits: [a]", /limits is not a mapping/],
  ["poll: { interval: 29s }", /poll\.interval is shorter than 30s/, /30s or more/],
  ["schedule: { jitter: 60% }", /schedule\.jitter is above 50%/],
  ["schedule: { jitter: 0.1 }", /schedule\.jitter is not a percentage/],
  ["schedule: { allowedHours: {} }", /schedule\.allowedHours\.hours is missing/, /mon-fri/],
  ["log: { level: inof }", /log\.level is not known: current value is "inof"/, /did you mean "info"\?/],
  ["log: { file: { maxSize: 1MB } }", /log\.file\.path is missing/],
  ["log: { file: { path: agent.log } }", /log\.file\.path is not an absolute path/],
  ["log: { file: /var/log/agent.log }", /log\.file is not a mapping/, /path, maxSize, keep/],
  ["stateDirectory: state", /stateDirectory is not an absolute path/],
  ["proxy: {}", /:2:8 as proxy\.url is missing/],
  ["proxy: { url: socks5://p:1 }", /proxy\.url is not an HTTP proxy: current value is "socks5"/],
  [
    "proxy: { url: 'http://a:hunter2@p' }",
    /proxy\.url contains a user or password$/,
    /proxy\.user and proxy\.password/,
  ],
  [
    "platform: { rootDomain: example.com, endpoints: ['https://a:hunter2@dca.example.com'] }",
    /platform\.endpoints contains a user or password$/,
  ],
  ["limits: {}\n---\nlimits: { retries: 9 }", /:3:1 as the file contains more than one document$/],
  ["limits: {}\ncredentials: [{ community: hunter2\ufffd }]", /:3:35 as it is not UTF-8$/, /save the file as UTF-8/],
  ["proxy: { url: 'http://p:hunter2' }", /proxy\.url is not a URL$/],
  ["proxy: { url: http://p, noProxy: ['dca.example:port'] }", /proxy\.noProxy is not a host.*with a port/],
  ["proxy: { url: http://p, noProxy: [a password hunter2] }", /proxy\.noProxy is not a host[^"]*$/],
  ["proxy: { url: http://p, user: 'a:hunter2', password: x }", /proxy\.user contains a colon[^"]*$/],
  ["proxy: { url: http://p, password hunter2 }", /proxy has an unknown key$/],
  ["proxy: { url: http://p, user: a }", /proxy\.user requires proxy\.password/],
  ["proxy: { url: http://p, password: b }", /proxy\.password requires proxy\.user/],
  ["proxy: { url: http://p, user: a, password: { env: SNMP_GONE } }", /proxy\.password is not in the environment/],
  ["sites: [{ ranges: [10.1.0.0/24] }]", /:2:9 as sites\[0\]\.name is missing/],
  ["sites: [{ name: a }]", /sites\[0\] has nothing to scan/],
  ["sites: [{ name: a, ranges: [printer] }]", /a range cannot be a host name: current value is "printer"/, /hosts/],
  ["sites: [{ name: a, hosts: [10.1.0.1] }]", /"10\.1\.0\.1" is not a host name/, /ranges/],
  ["sites: [{ name: a, ranges: [224.0.0.0/8] }]", /multicast/],
  ["sites: [{ name: a, ranges: [10.0.0.0/8] }]", /sites\[0\] is too large: it has 16777216 addresses/, /maxAddresses/],
  ["sites: [{ name: a, ranges: ['fd00::/64'] }]", /sites\[0\] is too large: it has 18446744073709551616 IPv6/],
  ["sites: [{ name: a, hosts: [pa] }, { name: a, hosts: [pb] }]", /:2:43 as two sites have the same name/],
  [
    "sites: [{ name: a, ranges: [10.1.0.0/24] }, { name: b, ranges: [10.1.0.9] }]",
    /:2:64 as sites\[1\] and the site "a" both contain 10\.1\.0\.9$/,
    /exclude it/,
  ],
  ["sites: [{ name: a, hosts: [pa], credentials: [{ comunity: x }] }]", /:2:49 as a credential has no key "comunity"/],
  ["credentials: {}", /credentials has no credentials/],
  [
    "sites: [{ name: a, ranges: [10.1.0.0/24] }]\npolicy: { ranges: [10.2.0.0/16] }",
    /:2:28 as sites\[0\] is outside policy\.ranges: current value is "10\.1\.0\.0\/24"/,
    /add it to policy\.ranges/,
  ],
  [
    "sites: [{ name: a, ranges: ['10.1.0.1:1161'] }]\npolicy: { ports: { snmp: 161 } }",
    /sites\[0\] uses a port outside policy\.ports\.snmp: current value is "1161"/,
  ],
  ["policy: { features: { webAcces: true } }", /policy\.features has no key "webAcces"/, /did you mean "webAccess"/],
  ["policy: { features: { ping: maybe } }", /policy\.features\.ping is neither true nor false/],
  ["policy: { update: { pin: newest } }", /policy\.update\.pin is not a version: current value is "newest"/, /"0\.2"/],
  ["policy: { update: { pin: 0.2.0.1 } }", /policy\.update\.pin is not a version/],
  [
    "policy: { update: { allowedHours: { hours: [never] } } }",
    /policy\.update\.allowedHours\.hours has an unknown day/,
  ],
  ["policy: { mask: [locaton] }", /policy\.mask is not known: current value is "locaton"/, /did you mean "location"/],
  ["policy: { ranges: ['10.0.0.0/8:161'] }", /a range of the policy has no port/],
  ["platform: { rootDomain: example.com }", /:1:11 as platform\.endpoints is missing/],
  ["platform: { rootDomain: example.com, endpoints: [] }", /platform\.endpoints is an empty list/],
  [
    "platform: { rootDomain: example.com, endpoints: [dca.example.org] }",
    /platform\.endpoints is outside the root domain "example\.com": current value is "dca\.example\.org"/,
  ],
  [
    "platform: { rootDomain: example.com, endpoints: [a.example.com], ca: /gone }",
    /platform\.ca cannot be read \(No such file\): current value is "\/gone"/,
  ],
  [
    "platform: { rootDomain: example.com, endpoints: [a.example.com], ca: /torn.pem }",
    /platform\.ca contains a damaged certificate, number 2 of 2: current value is "\/torn\.pem"$/,
    /copy the file/,
  ],
  [
    "platform: { rootDomain: example.com, endpoints: [a.example.com], ca: /password }",
    /platform\.ca contains no certificate/,
  ],
  [
    'platform: { rootDomain: example.com, endpoints: [a.example.com], ca: "-----BEGIN CERTIFICATE-----\\nMIIB" }',
    /platform\.ca contains no certificate: current value is in this file$/,
  ],
  [
    'platform: { rootDomain: example.com, endpoints: [a.example.com], ca: "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----" }',
    /platform\.ca contains a damaged certificate, number 1 of 1: current value is in this file$/,
    /copy it again, each line indented/,
  ],
  ["platform: { rootDomain: example.com, endpoints: [a.example.com], pin: ab }", /platform\.pin is not a SHA-256/],
];
for (const [text, message, hint] of mistakes) {
  Deno.test(`parseAgentConfig() points at the mistake in ${JSON.stringify(text)}`, () => {
    assert.throws(() => parse(text.startsWith("platform") ? text : platform + text), (error) => {
      assert.ok(error instanceof ConfigMistakesError);
      assert.equal(error.mistakes.length, 1, error.mistakes.map((mistake) => mistake.message).join("\n"));
      assert.match(error.message, /^Cannot read agent\.yaml:\d+:\d+ as /);
      assert.match(error.message, message);
      if (hint !== undefined) assert.match(error.hint ?? "", hint);
      return true;
    });
  });
}

Deno.test("parseAgentConfig() names all mistakes at once, in the order of the lines", () => {
  const text = `limits:
  timeout: 5
  retires: 1
platform:
  endpoints: [dca.example.com, "http://x"]
sites:
  - name: a
    ranges: [10.1.0.0/33, 10.2.0.0/24]
    credentials:
      - community: ok
      - comunity: x
      - user: u
        auth: { protocol: md6, key: abcdefgh }
log: { level: loud }
`;
  assert.throws(() => parse(text, { OPENDCA_STATE_DIRECTORY: "relative" }), (error) => {
    assert.ok(error instanceof ConfigMistakesError);
    const places = error.mistakes.map((mistake) => mistake.message.match(/yaml:(\d+)|OPENDCA\w+/)?.slice(0, 1)[0]);
    assert.deepEqual(places, [
      "OPENDCA_STATE_DIRECTORY",
      ...[2, 3, 5, 5, 8, 11, 13, 14].map((line) => `yaml:${line}`),
    ]);
    assert.match(error.message, /and 8 more/);
    return true;
  });
});

Deno.test("parseAgentConfig() stops at text that is not YAML, and names each line that is not", () => {
  assert.throws(() => parse('platform: "x\nsites: @a\n'), (error) => {
    assert.ok(error instanceof ConfigMistakesError);
    assert.match(error.message, /quote or bracket is not closed/);
    return true;
  });
});

for (const text of ["", "just text", "[]"]) {
  Deno.test(`parseAgentConfig() has one thing to say of ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parse(text),
      (error) =>
        error instanceof ConfigMistakesError && error.mistakes.length === 1 && /not a mapping/.test(error.message),
    );
  });
}

Deno.test("readAgentConfig() reads the file and what it refers to, and says which file is missing", async () => {
  const readTextFile = (path: string) =>
    path === "/etc/agent.yaml"
      ? Promise.resolve(`${platform}proxy: { url: http://p, user: a, password: { file: /password } }`)
      : path in files
      ? Promise.resolve(files[path]!)
      : Promise.reject(new Error("No such file"));
  const parts = { env: () => undefined, readTextFile };
  assert.equal((await readAgentConfig("/etc/agent.yaml", parts)).proxy?.password?.reveal(), "hunter2");
  await assert.rejects(readAgentConfig("/gone.yaml", parts), /"\/gone\.yaml": No such file/);
});

Deno.test("configPath() is the option, then the environment, then the default", () => {
  const env = () => "/from/env";
  assert.equal(configPath("/option", env), "/option");
  assert.equal(configPath(undefined, env), "/from/env");
  assert.equal(configPath(undefined, () => undefined), "/etc/opendca/agent.yaml");
  assert.equal(configPath(undefined, () => ""), "/etc/opendca/agent.yaml");
});
