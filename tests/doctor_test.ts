/** Every fault on the way to the platform and on this machine is planted, and `opendca doctor` must name it and no other. */
import assert from "node:assert/strict";
import { holdState, lockState } from "../src/activation/state_store.ts";
import { activationStore } from "../src/activation/store_options.ts";
import { listAgents, revokeAgent } from "../platform/store/agents.ts";
import { listAudit } from "../platform/store/audit_log.ts";
import { maxAttempts, revokeState } from "../src/activation/activation_state.ts";
import { runCli } from "../src/cli/run_cli.ts";
import { systemClock } from "../src/core/clock.ts";
import { openDatabase } from "../src/core/sqlite.ts";
import { openSpool } from "../src/spool/spool.ts";
import { denoSpoolFiles } from "../src/spool/spool_files.ts";
import { goodCode, judging, tryCode } from "./fakes/activation_fixture.ts";
import { closedPort, http2Peer, proxyPeer, tcpPeer, tlsPeer } from "./fakes/faulty_peers.ts";
import type { FaultyPeer } from "./fakes/faulty_peers.ts";
import { createTestAuthority } from "./fakes/test_authority.ts";
import { testHost } from "./fakes/test_host.ts";
import { startSimulator } from "../simulator/simulator.ts";
import { standardPrinter } from "./scan_fixture.ts";
import { assertGolden } from "./golden/golden.ts";
import { startTestPlatform as startRealPlatform } from "./platform_fixture.ts";
import { startTestPlatform } from "./fakes/test_platform.ts";
import type { TestPlatform, TestPlatformHandlers } from "./fakes/test_platform.ts";

const authority = await createTestAuthority();
const stranger = await createTestAuthority("Some Other Authority");
const inspector = await createTestAuthority("Zscaler Intermediate Root CA");
const good = await authority.issue();
const fromNow = (hours: number) => new Date(Date.now() + hours * 3_600_000);
const proxyPassword = "proxy-pass-word";

interface Diagnosis {
  code: number;
  text: string;
  steps: { name: string; subject: string | null; status: string; detail: string }[];
  faults: { step: string; name: string; severity: string; message: string; advice: string }[];
}

/** A machine with a configuration and a state directory of its own. */
class Machine implements AsyncDisposable {
  readonly env: Record<string, string>;
  constructor(readonly folder: string) {
    this.env = { OPENDCA_GUARD_DIRECTORY: `${folder}/guard` };
  }
  get state(): string {
    return `${this.folder}/state`;
  }
  async configure(yaml: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/ca.pem`, authority.pem);
    await Deno.writeTextFile(`${this.folder}/agent.yaml`, `stateDirectory: ${this.state}\n${yaml}`);
  }
  platformAt(port: number, more = "", host = "localhost"): Promise<void> {
    const platform = `{ rootDomain: ${host}, endpoints: ["${host}:${port}"], ca: "${this.folder}/ca.pem" }`;
    return this.configure(`platform: ${platform}\n${more}`);
  }
  async doctor(args: string[] = [], shift = 0): Promise<Diagnosis> {
    const host = testHost({ env: this.env });
    host.clock = { ...systemClock, now: () => new Date(Date.now() + shift) };
    const code = await runCli(["doctor", "--config", `${this.folder}/agent.yaml`, "--json", ...args], host);
    assert.equal(host.err, "");
    const { steps, faults, exitCode } = JSON.parse(host.out);
    assert.equal(exitCode, code);
    return { code, text: host.out, steps, faults };
  }
  store() {
    return activationStore(this.state, (name) => this.env[name]);
  }
  async activate(platform: TestPlatform): Promise<void> {
    await tryCode(goodCode, await this.store(), platform);
  }
  async change(to: "locked" | "revoked"): Promise<void> {
    const store = await this.store();
    using _lock = await lockState(store);
    const held = await holdState(store);
    await held.save(to === "locked" ? { ...held.state, attempts: maxAttempts } : revokeState(held.state));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

const machine = async () => new Machine(await Deno.makeTempDir());

function failures({ faults }: Diagnosis): string[] {
  return faults.filter(({ severity }) => severity === "failed").map(({ step, name }) => `${step} ${name}`);
}

interface WayCase {
  name: string;
  want: string;
  peer: () => Promise<FaultyPeer>;
  /** `port` is the peer's. */
  proxied?: boolean;
  host?: string;
  says?: RegExp;
  /** Trusts the system's authorities. */
  systemTrust?: boolean;
}

const gone = async (): Promise<FaultyPeer> => ({
  port: await closedPort(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
});

const ways: WayCase[] = [
  { name: "a name that nobody knows", want: "dns name-not-found", peer: gone, host: "no-such-platform.invalid" },
  { name: "a refused connection", want: "tcp connection-refused", peer: gone },
  { name: "a proxy that is not there", want: "tcp proxy-unreachable", peer: gone, proxied: true },
  {
    name: "a proxy that asks for a password",
    want: "proxy proxy-credentials",
    peer: () => proxyPeer(() => "407 Proxy Authentication Required"),
    proxied: true,
    says: /407/,
  },
  {
    name: "a proxy that forbids",
    want: "proxy proxy-forbidden",
    peer: () => proxyPeer(() => "403 Forbidden"),
    proxied: true,
  },
  {
    name: "an authority that the system does not know",
    want: "tls unknown-authority",
    peer: async () => tlsPeer(await stranger.issue(), { alpn: ["h2"] }),
    says: /Some Other Authority/,
    systemTrust: true,
  },
  {
    name: "another authority than the one that is configured",
    want: "tls tls-inspected",
    peer: async () => tlsPeer(await stranger.issue(), { alpn: ["h2"] }),
    says: /Some Other Authority/,
  },
  {
    name: "an inspecting firewall",
    want: "tls tls-inspected",
    peer: async () => tlsPeer(await inspector.issue(), { alpn: ["h2"] }),
    says: /Zscaler/,
  },
  {
    name: "a certificate for another name",
    want: "tls wrong-name",
    peer: async () => tlsPeer(await authority.issue({ names: ["other.example"] }), { alpn: ["h2"] }),
  },
  {
    name: "an expired certificate",
    want: "tls server-certificate-expired",
    peer: async () =>
      http2Peer(await authority.issue({ notBefore: fromNow(-72), notAfter: fromNow(-24) }), { ":status": 200 }),
  },
  {
    name: "a clock that is ahead of a good certificate",
    want: "clock clock-wrong",
    peer: async () =>
      http2Peer(await authority.issue({ notBefore: fromNow(-72), notAfter: fromNow(-24) }), {
        ":status": 200,
        "content-type": "application/grpc",
        date: fromNow(-48).toUTCString(),
      }),
    says: /there 20/,
  },
  {
    name: "a clock that is behind a good certificate",
    want: "clock clock-wrong",
    peer: async () => tlsPeer(await authority.issue({ notBefore: fromNow(24), notAfter: fromNow(72) }), {}),
  },
  {
    name: "a service that is no TLS",
    want: "tls tls-failed",
    peer: () => tcpPeer((socket) => socket.write("SSH-2\r\n")),
  },
  { name: "HTTP/1.1 only", want: "http2 http2-blocked", peer: () => tlsPeer(good, { alpn: ["http/1.1"] }) },
  { name: "TLS without ALPN", want: "http2 http2-blocked", peer: () => tlsPeer(good, {}) },
  {
    name: "a web server",
    want: "grpc not-the-platform",
    peer: () => http2Peer(good, { ":status": 404, "content-type": "text/html" }),
  },
];
const chain = ["dns", "tcp", "proxy", "tls", "http2", "grpc"];
for (const { name, want, peer: start, proxied, host, says, systemTrust } of ways) {
  Deno.test(`opendca doctor names ${name}: ${want}`, async () => {
    await using peer = await start();
    await using here = await machine();
    const proxy = `proxy: { url: "http://127.0.0.1:${peer.port}", user: agent, password: ${proxyPassword} }`;
    await here.platformAt(proxied ? 443 : peer.port, proxied ? proxy : "", host);
    if (systemTrust) {
      await here.configure(`platform: { rootDomain: localhost, endpoints: ["localhost:${peer.port}"] }\n`);
    }
    const found = await here.doctor();
    assert.deepEqual(failures(found), [want], found.text);
    assert.deepEqual(found.faults.filter(({ severity }) => severity === "warning").map(({ name }) => name), [
      "not-activated",
    ]);
    assert.equal(found.code, 69);
    if (says !== undefined) assert.match(found.faults[0]!.message, says);
    const [step] = want.split(" ");
    const status = (of: string) => found.steps.find((one) => one.name === of)!.status;
    const at = step === "clock" ? chain.indexOf("tls") : chain.indexOf(step!);
    for (const before of chain.slice(0, at)) assert.equal(status(before), "ok", `${before}: ${found.text}`);
    for (const after of chain.slice(at + 1)) assert.equal(status(after), "skipped", `${after}: ${found.text}`);
    assert.doesNotMatch(found.text, new RegExp(proxyPassword));
  });
}

async function withPlatform(
  body: (here: Machine, platform: TestPlatform) => Promise<void>,
  handlers: TestPlatformHandlers = {},
): Promise<void> {
  await using platform = await startTestPlatform({
    activate: judging(authority),
    upload: () => ({ code: 3, reason: "invalid-request" }),
    ...handlers,
  }, { authority });
  await using here = await machine();
  await here.platformAt(platform.port);
  await here.activate(platform);
  await body(here, platform);
}

Deno.test("opendca doctor finds nothing where all is well, and leaves nothing behind", async () => {
  await withPlatform(async (here, platform) => {
    const names = () => [...Deno.readDirSync(here.state)].map((entry) => entry.name).sort();
    const before = names();
    const found = await here.doctor();
    assert.deepEqual([found.code, found.faults], [0, []], found.text);
    assert.deepEqual([...new Set(found.steps.map(({ status }) => status))], ["ok"]);
    assert.deepEqual(found.steps.map(({ name }) => name), [
      "configuration",
      "clock",
      ...chain,
      "credentials",
      "disk",
      "permissions",
    ]);
    assert.match(found.text, /activated for Acme, Berlin, certificate accepted by the platform/);
    assert.match(found.text, /agrees with localhost/);
    assert.deepEqual(names(), before);
    assert.equal(platform.calls.poll.length, 0);
    assert.equal(platform.calls.upload[0]!.batchId, "");
  });
});

Deno.test("opendca doctor warns of a clock that is off but not so far that certificates fail", async () => {
  await withPlatform(async (here) => {
    const found = await here.doctor([], 20 * 60_000);
    assert.deepEqual(found.faults.map(({ step, name, severity }) => [step, name, severity]), [
      ["clock", "clock-off", "warning"],
    ], found.text);
    assert.equal(found.code, 0);
    assert.match(found.faults[0]!.message, /20 min ahead of localhost/);
  });
});

Deno.test("opendca doctor takes a second endpoint that works for a warning on the first", async () => {
  await withPlatform(async (here, platform) => {
    const endpoints = `["localhost:${await closedPort()}", "localhost:${platform.port}"]`;
    await here.configure(`platform: { rootDomain: localhost, endpoints: ${endpoints}, ca: "${here.folder}/ca.pem" }`);
    const found = await here.doctor();
    assert.deepEqual(found.faults.map(({ step, name, severity }) => [step, name, severity]), [
      ["tcp", "connection-refused", "warning"],
    ], found.text);
    assert.equal(found.code, 0);
  });
});

const refusals = [
  { reason: "agent-revoked", code: 7, want: "revoked" },
  { reason: "certificate-replaced", code: 7, want: "copied" },
  { reason: "certificate-required", code: 16, want: "client-certificate-refused" },
];
for (const { reason, code, want } of refusals) {
  Deno.test(`opendca doctor asks the platform about the certificate: ${want}`, async () => {
    await withPlatform(async (here) => {
      const found = await here.doctor();
      assert.deepEqual([found.code, failures(found)], [77, [`credentials ${want}`]], found.text);
    }, { upload: () => ({ code, reason }) });
  });
}

Deno.test("opendca doctor works when locked, and says how to unlock", async () => {
  await withPlatform(async (here, platform) => {
    await here.change("locked");
    const found = await here.doctor();
    assert.equal(platform.calls.upload.length, 0);
    assert.deepEqual([found.code, failures(found)], [77, ["credentials locked"]], found.text);
    assert.match(found.faults[0]!.advice, /opendca unlock TOKEN/);
  });
});

Deno.test("opendca doctor names a revoked agent without asking the platform", async () => {
  await withPlatform(async (here, platform) => {
    await here.change("revoked");
    const found = await here.doctor();
    assert.deepEqual([found.code, failures(found)], [77, ["credentials revoked"]], found.text);
    assert.equal(platform.calls.upload.length, 0);
  });
});

Deno.test("opendca doctor names a state of another machine, an edited one too", async () => {
  await withPlatform(async (here) => {
    await Deno.remove(`${here.folder}/guard`, { recursive: true });
    const path = `${here.state}/agent.json`;
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace("Acme", "Evil"));
    const found = await here.doctor();
    assert.deepEqual([found.code, failures(found)], [77, ["credentials foreign-state"]], found.text);
  });
});

Deno.test("opendca doctor names a missing certificate and one that has ended", async () => {
  await withPlatform(async (here) => {
    const path = `${here.state}/certificate.pem`;
    const found = await here.doctor([], 25 * 3_600_000);
    assert.deepEqual(failures(found), ["credentials certificate-expired"], found.text);
    await Deno.remove(path);
    const missing = await here.doctor();
    assert.deepEqual([missing.code, failures(missing)], [77, ["credentials certificate-missing"]], missing.text);
  });
});

Deno.test("opendca doctor names every mistake of the configuration, and goes on without it", async () => {
  await using here = await machine();
  await here.configure("platform: { rootDomain: example.com, endpoints: [dca.example.com] }\nlimits: { timeout: 5 }\n");
  const found = await here.doctor();
  assert.deepEqual([found.code, failures(found)], [78, ["configuration configuration"]], found.text);
  assert.match(found.faults[0]!.message, /agent\.yaml:3:\d+ as limits\.timeout has no unit/);
  assert.equal(found.steps.find(({ name }) => name === "disk")!.subject, here.state);
  for (const name of ["clock", ...chain]) {
    assert.equal(found.steps.find((step) => step.name === name)!.status, "skipped", name);
  }
});

Deno.test("opendca doctor says that there is no configuration", async () => {
  await using here = await machine();
  const found = await here.doctor();
  assert.deepEqual([found.code, failures(found)], [78, ["configuration configuration"]], found.text);
});

Deno.test("opendca doctor names a damaged spool, and does not touch it", async () => {
  await withPlatform(async (here) => {
    const path = `${here.state}/spool.db`;
    openSpool(path, { clock: systemClock, files: denoSpoolFiles, onSalvage: () => {} })[Symbol.dispose]();
    assert.match((await here.doctor()).text, /spool empty/);
    const whole = await Deno.readFile(path);
    // The head of the file, and a page that nothing but the check looks at.
    for (const page of [1, pageOf(path, "record_last")]) {
      const bytes = whole.slice().fill(0x5a, (page - 1) * 4096 + (page === 1 ? 100 : 0), page * 4096);
      await Deno.writeFile(path, bytes);
      const found = await here.doctor();
      assert.deepEqual([found.code, failures(found)], [69, ["disk spool-damaged"]], found.text);
      assert.deepEqual(await Deno.readFile(path), bytes);
    }
  });
});

function pageOf(path: string, name: string): number {
  const db = openDatabase(path, { readOnly: true });
  try {
    return db.get<{ rootpage: number }>("SELECT rootpage FROM sqlite_schema WHERE name = ?", name)!.rootpage;
  } finally {
    db.close();
  }
}

Deno.test("opendca doctor reads the spool while the agent has it open", async () => {
  await withPlatform(async (here) => {
    using spool = openSpool(`${here.state}/spool.db`, {
      clock: systemClock,
      files: denoSpoolFiles,
      onSalvage: () => {},
    });
    spool.append([{
      id: crypto.randomUUID(),
      kind: "reading",
      class: "meter",
      deviceId: "d",
      observedAt: fromNow(-3),
      payload: Uint8Array.of(1),
    }]);
    const found = await here.doctor();
    assert.deepEqual([found.code, found.faults], [0, []], found.text);
    assert.match(found.text, /spool sound with 1 record, the oldest 3 h old/);
  });
});

Deno.test("opendca doctor names a state directory that is a file", async () => {
  await using here = await machine();
  await using platform = await startTestPlatform({}, { authority });
  await here.platformAt(platform.port);
  await Deno.writeTextFile(here.state, "");
  const found = await here.doctor();
  assert.deepEqual([found.code, failures(found)], [78, ["disk state-no-directory"]], found.text);
});

Deno.test({
  name: "opendca doctor names files in the state directory that another user owns, and a key that is open",
  ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
  fn: async () => {
    await withPlatform(async (here) => {
      await Deno.chmod(`${here.state}/key.pem`, 0o644);
      const open = await here.doctor();
      assert.deepEqual(open.faults.map(({ name, severity }) => [name, severity]), [["open-secrets", "warning"]]);
      await Deno.chmod(`${here.state}/key.pem`, 0o600);
      for (const { name } of [...Deno.readDirSync(here.state)]) {
        await Deno.chown(`${here.state}/${name}`, name === "key.pem" ? 0 : 65_534, 65_534);
      }
      await Deno.chown(here.state, 65_534, 65_534);
      const found = await here.doctor();
      assert.deepEqual([found.code, failures(found)], [77, ["permissions foreign-files"]], found.text);
      assert.match(found.faults[0]!.message, /other users own key\.pem in it/);
    });
  },
});

Deno.test("opendca doctor --help prints help_doctor.txt", async () => {
  const host = testHost();
  assert.equal(await runCli(["doctor", "--help"], host), 0);
  assertGolden("help_doctor.txt", host.out);
});

Deno.test("opendca doctor says in words what it found, one line a step", async () => {
  await using here = await machine();
  await here.platformAt(await closedPort());
  const host = testHost({ env: here.env });
  assert.equal(await runCli(["doctor", "--config", `${here.folder}/agent.yaml`], host), 69);
  assert.match(host.out, /^✓ ok {7}configuration {2}\//);
  assert.match(host.out, /\n✗ failed {3}tcp {12}localhost:\d+: .*refused/i);
  assert.match(
    host.out,
    /\nfailed: Cannot reach the platform at localhost:\d+: .*\n {2}hint: check the port under platform\.endpoints/,
  );
  assert.match(host.out, /\n1 fault found, 1 warning, \d+ steps skipped\n$/);
});

Deno.test("opendca doctor asks a printer as the configuration and its policy say", async (t) => {
  const keyed = standardPrinter("127.0.0.1", { port: 0, communities: ["site-community"] });
  await using simulator = await startSimulator({ devices: [keyed] });
  const { port } = simulator.endpoints[0]!;
  await withPlatform(async (here, platform) => {
    const site = (more: string) =>
      `sites: [{ name: hq, ranges: ["127.0.0.1:${port}"], credentials: [{ community: site-community }] }]\n${more}`;
    const ask = async (more: string) => {
      await here.platformAt(platform.port, more);
      return await here.doctor(["--printer", `127.0.0.1:${port}`, "--timeout", "200"]);
    };
    await t.step("with the credentials of its site", async () => {
      const found = await ask(site(`policy: { ports: { snmp: [${port}] } }\n`));
      assert.deepEqual([found.code, found.faults], [0, []], found.text);
    });
    await t.step("with a warning where the policy does not hold it", async () => {
      const found = await ask("credentials: [{ community: site-community }]\n");
      assert.deepEqual([found.code, found.faults.map(({ name }) => name)], [0, ["printer-outside-policy"]], found.text);
    });
    await t.step("not at all where the policy excludes it", async () => {
      const before = simulator.packetsReceived;
      const found = await ask("policy: { exclude: [127.0.0.1] }\n");
      assert.deepEqual([found.code, failures(found)], [77, ["snmp printer-excluded"]], found.text);
      assert.equal(simulator.packetsReceived, before);
    });
  });
});

Deno.test("opendca doctor announces each step on a terminal in a line that it takes back", async () => {
  await using here = await machine();
  await here.platformAt(await closedPort());
  const host = testHost({ env: here.env, terminal: true });
  await runCli(["doctor", "--config", `${here.folder}/agent.yaml`], host);
  const visible = (text: string) => text.replaceAll("\x1b", "ESC").replaceAll("\r", "CR");
  assert.match(visible(host.err), /CRESC\[K {2}walking to localhost:\d+ …CRESC\[K/);
  assert.ok(host.err.endsWith("\r\x1b[K"));
  assert.match(visible(host.out), /^ESC\[32m✓ ok {5}ESC\[0m {2}configuration/);
});

Deno.test("opendca doctor is answered by a real platform, which keeps nothing of it but its log", async () => {
  await using real = await startRealPlatform();
  await using here = await machine();
  const customer = real.customer("Acme");
  const port = Number(real.target.split(":")[1]);
  await here.platformAt(port);
  await Deno.writeTextFile(`${here.folder}/ca.pem`, real.serverAuthority);
  const platform = { port, authority: { pem: real.serverAuthority } };
  await tryCode(real.code(customer), await here.store(), platform);
  const rows = () =>
    ["batches", "readings", "devices", "epochs", "agent_runs"].map((table) => {
      const row = customer.tenant.get<{ count: number }>(
        `SELECT count(*) AS count FROM ${table} WHERE customer_id = :customer`,
      );
      return `${table} ${row!.count}`;
    }).concat(listAudit(real.platform.store, { limit: 100 }).map(({ action }) => action));
  const before = rows();
  const found = await here.doctor();
  assert.deepEqual([found.code, found.faults], [0, []], found.text);
  assert.match(found.text, /activated for Acme, Head office, certificate accepted by the platform/);
  assert.deepEqual(rows(), before);
  const [agent] = listAgents(customer.tenant);
  assert.deepEqual([agent!.last_seen_at, agent!.suspected_clone_at], [null, null]);
  revokeAgent(customer.tenant, { agentId: agent!.agent_id, reason: "lost", at: new Date() });
  assert.deepEqual(failures(await here.doctor()), ["credentials revoked"]);
});
