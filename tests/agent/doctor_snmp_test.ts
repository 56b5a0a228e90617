/** Faults of credentials are planted against Net-SNMP's agent, pysnmp's and the simulator: each gives one right sentence. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { type DeviceOptions, objectsOf } from "../../simulator/device.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { testHost } from "../fixtures/test_host.ts";
import { inTurns } from "../fixtures/office_fixture.ts";
import { peerTest } from "../fixtures/peers.ts";
import { standardPrinter } from "../fixtures/scan_fixture.ts";
import { startPeer } from "../fixtures/started_peer.ts";

const authKey = "first-planted-key", privKey = "second-planted-key", community = "planted-community";
const wrongKey = "a-key-that-is-wrong";

interface Found {
  code: number;
  /** Names of faults with their severity where it is a warning. */
  names: string[];
  message: string;
  advice: string;
  detail: string;
  statuses: Record<string, string>;
}

/** Asks with the credentials of a YAML text; no configuration is there, and nothing is activated. */
async function doctor(printer: string, yaml: string | undefined, more: string[] = []): Promise<Found> {
  const folder = await Deno.makeTempDir();
  try {
    const host = testHost({ names: { "prn.example": ["127.0.0.1"] } });
    const args = ["doctor", "--printer", printer, "--timeout", "700", "--json", ...more];
    if (yaml !== undefined) {
      await Deno.writeTextFile(`${folder}/snmp.yaml`, yaml);
      args.push("--credentials", `${folder}/snmp.yaml`);
    }
    const code = await runCli(args, host);
    assert.equal(host.err, "");
    const { steps, faults } = JSON.parse(host.out);
    for (const secret of [authKey, privKey, community, wrongKey]) assert.ok(!host.out.includes(secret), host.out);
    return {
      code,
      names: faults.map((f: Record<string, string>) => f.severity === "failed" ? f.name : `${f.severity} ${f.name}`),
      message: faults[0]?.message ?? "",
      advice: faults[0]?.advice ?? "",
      detail: steps.at(-1).detail,
      statuses: Object.fromEntries(steps.map((step: Record<string, string>) => [step.name, step.status])),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Usm {
  user?: string;
  auth?: string | null;
  authKey?: string;
  priv?: string | null;
  privKey?: string;
  context?: string;
}

function usm(changes: Usm): string {
  const all: Usm = { user: "monitor", auth: "sha256", authKey, priv: "aes128", privKey, ...changes };
  const keys = [`user: ${all.user}`];
  if (all.auth !== null) keys.push(`auth: { protocol: ${all.auth}, key: ${all.authKey} }`);
  if (all.auth !== null && all.priv !== null) keys.push(`priv: { protocol: ${all.priv}, key: ${all.privKey} }`);
  if (all.context !== undefined) keys.push(`context: ${all.context}`);
  return `{ ${keys.join(", ")} }`;
}

const plan = (...credentials: string[]) => `default: [${credentials.join(", ")}]\n`;

interface Case {
  name: string;
  credentials: string[];
  want: string[];
  says: RegExp;
  code: number;
}

/** Users of both agents: monitor (SHA-256, AES-128), long (MD5, AES-256 after Blumenthal), signer (SHA-1, no privacy). */
const ladder: Case[] = [
  {
    name: "a wrong user",
    credentials: [usm({ user: "monitr" })],
    want: ["unknown-user"],
    says: /knows no SNMPv3 user "monitr"/,
    code: 77,
  },
  {
    name: "a wrong authentication password",
    credentials: [usm({ authKey: wrongKey })],
    want: ["wrong-authentication-password"],
    says: /"monitor" is known, but the authentication password is wrong/,
    code: 77,
  },
  {
    name: "a wrong authentication protocol",
    credentials: [usm({ auth: "sha512" })],
    want: ["wrong-authentication-protocol"],
    says: /authentication password of "monitor" is valid, but the protocol is sha256 and not sha512/,
    code: 77,
  },
  {
    name: "a wrong privacy password",
    credentials: [usm({ privKey: wrongKey })],
    want: ["wrong-privacy-password"],
    says: /user and authentication of "monitor" are valid, but the privacy password is wrong/,
    code: 77,
  },
  {
    name: "a wrong privacy protocol",
    credentials: [usm({ priv: "des" })],
    want: ["wrong-privacy-protocol"],
    says: /privacy password of "monitor" is valid, but the protocol is aes128 and not des/,
    code: 77,
  },
  {
    name: "the other key expansion",
    credentials: [usm({ user: "long", auth: "md5", priv: "aes256-reeder" })],
    want: ["wrong-privacy-protocol"],
    says: /the protocol is aes256-blumenthal and not aes256-reeder/,
    code: 77,
  },
  {
    name: "a user without privacy on the device",
    credentials: [usm({ user: "signer", auth: "sha1" })],
    want: ["no-privacy"],
    says: /"signer" and its authentication are valid, but it has no privacy/,
    code: 77,
  },
  {
    name: "a credential without the privacy that the device asks for",
    credentials: [usm({ priv: null })],
    want: ["level-too-low"],
    says: /authentication of "monitor" are valid, but the device lets them read nothing without privacy/,
    code: 77,
  },
  {
    name: "a credential without any key",
    credentials: [usm({ auth: null })],
    want: ["level-too-low"],
    says: /"monitor" is known, but may not read without authentication/,
    code: 77,
  },
  {
    name: "passwords that are exchanged",
    credentials: [usm({ authKey: privKey, privKey: authKey })],
    want: ["swapped-passwords"],
    says: /passwords for authentication and privacy of "monitor" are swapped/,
    code: 77,
  },
  {
    name: "a wrong community of a device that answers SNMPv3",
    credentials: [`{ name: floor, community: ${wrongKey} }`],
    want: ["community-silent"],
    says: /by v2c and v1 with "floor": the device answers SNMPv3, but not these requests/,
    code: 77,
  },
  {
    name: "a wrong credential before a right one",
    credentials: [usm({ user: "nobody" }), usm({})],
    want: ["warning unknown-user"],
    says: /knows no SNMPv3 user "nobody"/,
    code: 0,
  },
];
const right: { name: string; credentials: string[]; detail: RegExp }[] = [
  { name: "authPriv", credentials: [usm({})], detail: /by SNMPv3 as .* with sha256 and aes128$/ },
  {
    name: "an expansion that is left open",
    credentials: [usm({ user: "long", auth: "md5", priv: "aes256" })],
    detail: /with md5 and aes256-blumenthal$/,
  },
  { name: "authNoPriv", credentials: [usm({ user: "signer", auth: "sha1", priv: null })], detail: /with sha1$/ },
  { name: "a community", credentials: [`{ name: floor, community: ${community} }`], detail: /SNMPv2c with "floor"$/ },
];

async function climb(t: Deno.TestContext, printer: string, isPrinter: boolean): Promise<void> {
  const noPrinter = isPrinter ? [] : ["warning no-printer"];
  // Most of each is waiting for an answer that does not come.
  const all = await inTurns([...ladder, ...right], ({ credentials }) => doctor(printer, plan(...credentials)));
  for (const [i, { name, want, says, code }] of ladder.entries()) {
    await t.step(name, () => {
      const found = all[i]!;
      const wanted = code === 0 ? [...want, ...noPrinter] : want;
      assert.deepEqual([found.names, found.code], [wanted, code], found.message);
      assert.match(found.message, says);
    });
  }
  for (const [i, { name, detail }] of right.entries()) {
    await t.step(`nothing wrong: ${name}`, () => {
      const found = all[ladder.length + i]!;
      assert.deepEqual([found.names, found.code], [noPrinter, 0], found.message);
      assert.match(found.detail, detail);
    });
  }
}

peerTest("opendca doctor names each fault of a credential at Net-SNMP's agent", ["snmpd"], async (t) => {
  await using agent = await startPeer("snmpd", "NET-SNMP version", async (folder, port) => {
    await Deno.writeTextFile(
      `${folder}/snmpd.conf`,
      [
        "sysDescr a host",
        `createUser monitor SHA-256 ${authKey} AES-128 ${privKey}`,
        "rouser monitor priv",
        `createUser long MD5 ${authKey} AES-256 ${privKey}`,
        "rouser long priv",
        `createUser signer SHA ${authKey}`,
        "rouser signer auth",
        `rocommunity ${community}`,
        "",
      ].join("\n"),
    );
    return ["-f", "-Lo", "-C", "-c", `${folder}/snmpd.conf`, `udp:127.0.0.1:${port}`];
  });
  await climb(t, `127.0.0.1:${agent.port}`, false);
});

peerTest("opendca doctor tells a wrong context from a wrong password at Net-SNMP's agent", ["snmpd"], async (t) => {
  // It is silent in a context that it does not have; `lost` may read nothing without one.
  await using agent = await startPeer("snmpd", "NET-SNMP version", async (folder, port) => {
    await Deno.writeTextFile(
      `${folder}/snmpd.conf`,
      [
        "sysDescr a host",
        `createUser monitor SHA-256 ${authKey} AES-128 ${privKey}`,
        "rouser monitor priv",
        `createUser lost SHA-256 ${authKey} AES-128 ${privKey}`,
        "",
      ].join("\n"),
    );
    return ["-f", "-Lo", "-C", "-c", `${folder}/snmpd.conf`, `udp:127.0.0.1:${port}`];
  });
  const cases = [
    { credential: usm({ context: "attic" }), want: "wrong-context", says: /shows nothing in the context "attic"/ },
    { credential: usm({ user: "lost", context: "attic" }), want: "wrong-context", says: /keys of "lost" are valid/ },
    { credential: usm({ user: "lost" }), want: "no-access", says: /lets them read nothing/ },
    {
      credential: usm({ privKey: wrongKey, context: "attic" }),
      want: "signed-silent",
      says: /get no answer/,
    },
    {
      credential: usm({ authKey: wrongKey, context: "attic" }),
      want: "wrong-authentication-password",
      says: /is wrong/,
    },
  ];
  const all = await inTurns(cases, ({ credential }) => doctor(`127.0.0.1:${agent.port}`, plan(credential)));
  for (const [i, { credential, want, says }] of cases.entries()) {
    await t.step(`${want}: ${credential.replaceAll(/key: [\w-]+/g, "key")}`, () => {
      const found = all[i]!;
      assert.deepEqual(found.names, [want], found.message);
      assert.match(found.message, says);
      if (want === "signed-silent") assert.match(found.advice, /or the context "attic"/);
    });
  }
});

const users: DeviceOptions["users"] = [
  { name: "monitor", auth: "sha256", authKey, priv: "aes128", privKey },
  { name: "long", auth: "md5", authKey, priv: "aes256b", privKey },
  { name: "signer", auth: "sha1", authKey },
];

Deno.test("opendca doctor names each fault of a credential at a simulated printer", async (t) => {
  const device = standardPrinter("127.0.0.1", { port: 0, users, communities: [community] });
  await using simulator = await startSimulator({ devices: [device] });
  await climb(t, `127.0.0.1:${simulator.endpoints[0]!.port}`, true);
  assert.equal(simulator.sets, 0);
});

peerTest("opendca doctor tells the steps of the ladder apart at pysnmp's agent", ["snmpsimd"], async (t) => {
  await using agent = await startPeer("snmpsimd", "Listening at", async (folder, port) => {
    await Deno.writeTextFile(`${folder}/public.snmprec`, "1.3.6.1.2.1.1.1.0|4|a host\n");
    return [
      `--data-dir=${folder}`,
      `--cache-dir=${folder}/cache`,
      `--agent-udpv4-endpoint=127.0.0.1:${port}`,
      "--v3-only",
      "--v3-user=monitor",
      `--v3-auth-key=${authKey}`,
      "--v3-auth-proto=SHA256",
      `--v3-priv-key=${privKey}`,
      "--v3-priv-proto=AES",
      // It refuses to run as root without them.
      ...(Deno.uid() === 0 ? ["--process-user=nobody", "--process-group=nogroup"] : []),
    ];
  });
  // It has data for contexts only.
  const inContext = (credentials: string[]) =>
    plan(...credentials.map((one) => one.replace(/ }$/, ", context: public }")));
  const cases = [...ladder.slice(0, 5), { ...right[0]!, want: ["warning no-printer"], code: 0 }];
  const all = await inTurns(cases, ({ credentials }) => doctor(`127.0.0.1:${agent.port}`, inContext(credentials)));
  for (const [i, { name, want, code }] of cases.entries()) {
    await t.step(name, () => {
      const found = all[i]!;
      assert.deepEqual([found.names, found.code], [want, code], found.message);
    });
  }
  await t.step("a context that it does not have: it is silent, and without one as well", async () => {
    const { message, code } = await doctor(`127.0.0.1:${agent.port}`, plan(usm({ context: "attic" })));
    assert.match(message, /privacy password is wrong \(.*\), or the context "attic"$/);
    assert.equal(code, 77);
  });
});

interface DeviceCase {
  name: string;
  device: Partial<DeviceOptions>;
  credentials: string[];
  want: string[];
  says: RegExp;
  code: number;
}

const devices: DeviceCase[] = [
  {
    name: "a wrong community of a device without SNMPv3",
    device: { communities: [community] },
    credentials: [`{ name: floor, community: ${wrongKey} }`],
    want: ["snmp-silent"],
    says: /silent to "floor" by v2c and v1, and no SNMPv3 engine answers/,
    code: 69,
  },
  {
    name: "an SNMPv3 user for a device without SNMPv3",
    device: { communities: [community] },
    credentials: [usm({})],
    want: ["snmp-silent"],
    says: /no SNMPv3 engine answers, which needs no user or password/,
    code: 69,
  },
  {
    name: "a community for a device that answers SNMPv3 only",
    device: { users: users!, versions: ["3"], communities: [community] },
    credentials: [`{ name: floor, community: ${community} }`],
    want: ["community-silent"],
    says: /answers SNMPv3, but not these requests/,
    code: 77,
  },
  {
    name: "an unknown context",
    device: { users: users! },
    credentials: [usm({ context: "elsewhere" })],
    want: ["wrong-context"],
    says: /"monitor" are valid, but the device shows nothing in the context "elsewhere"/,
    code: 77,
  },
  {
    name: "a host that is no printer",
    device: { communities: [community], objects: objectsOf({ "1.3.6.1.2.1.1.1.0": "Linux host" }) },
    credentials: [`{ community: ${community} }`],
    want: ["warning no-printer"],
    says: /neither a Printer MIB nor a known maker/,
    code: 0,
  },
];
for (const { name, device, credentials, want, says, code } of devices) {
  Deno.test(`opendca doctor names ${name}: ${want}`, async () => {
    await using simulator = await startSimulator({
      devices: [standardPrinter("127.0.0.1", { port: 0, ...device })],
    });
    const found = await doctor(`127.0.0.1:${simulator.endpoints[0]!.port}`, plan(...credentials));
    assert.deepEqual([found.names, found.code], [want, code], found.message);
    assert.match(found.message, says);
  });
}

Deno.test("opendca doctor asks a printer by name, with -c, without configuration and activation", async () => {
  const device = standardPrinter("127.0.0.1", { port: 0, communities: [community] });
  await using simulator = await startSimulator({ devices: [device] });
  const printer = `prn.example:${simulator.endpoints[0]!.port}`;
  const found = await doctor(printer, undefined, ["-c", community]);
  assert.deepEqual([found.names, found.code], [[], 0]);
  assert.deepEqual(found.statuses, { configuration: "skipped", snmp: "ok" });
  const unknown = await doctor("gone.example", undefined);
  assert.deepEqual([unknown.names, unknown.code], [["printer-name-not-found"], 69]);
});

Deno.test("opendca doctor says when a device answers SNMPv1 only", async () => {
  const device = standardPrinter("127.0.0.1", { port: 0, versions: ["1"], communities: [community] });
  await using simulator = await startSimulator({ devices: [device] });
  const found = await doctor(`127.0.0.1:${simulator.endpoints[0]!.port}`, undefined, ["-c", community]);
  assert.deepEqual([found.names, found.code], [[], 0], found.message);
  assert.equal(found.detail, 'answers by SNMPv1 with "community", and not by SNMPv2c');
});

const mistakes = [
  { args: ["--printer", "10.0.0.0/24"], says: /more than one address/ },
  { args: ["--printer", "10.0.0.1:0"], says: /port "0"/ },
  { args: ["-c", "x"], says: /--community without a printer/ },
];
for (const { args, says } of mistakes) {
  Deno.test(`opendca doctor ${args.join(" ")} is wrong usage`, async () => {
    const host = testHost();
    assert.equal(await runCli(["doctor", ...args], host), 64);
    assert.match(host.err, says);
  });
}
