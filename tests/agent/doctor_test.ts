/** Every fault on the way to the platform is planted, and `opendca doctor` must name it and no other. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { type FaultyPeer, http2Peer, proxyPeer, tcpPeer, tlsPeer } from "../fixtures/faulty_peers.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { testHost } from "../fixtures/test_host.ts";
import { freePort } from "../fixtures/free_port.ts";
import { authority, chain, failures, fromNow, machine, withPlatform } from "../fixtures/doctor_fixture.ts";

const stranger = await createTestAuthority("Some Other Authority");
const inspector = await createTestAuthority("Zscaler Intermediate Root CA");
const good = await authority.issue();
const proxyPassword = "proxy-pass-word";

interface WayCase {
  name: string;
  want: string;
  peer: () => Promise<FaultyPeer>;
  /** `port` is the peer's. */
  proxied?: boolean;
  says?: RegExp;
  /** Trusts the system's authorities. */
  systemTrust?: boolean;
}

const gone = (): Promise<FaultyPeer> =>
  Promise.resolve({
    port: freePort(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });

const ways: WayCase[] = [
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
for (const { name, want, peer: start, proxied, says, systemTrust } of ways) {
  Deno.test(`opendca doctor names ${name}: ${want}`, async () => {
    await using peer = await start();
    await using here = await machine();
    const proxy = `proxy: { url: "http://127.0.0.1:${peer.port}", user: agent, password: ${proxyPassword} }`;
    await here.platformAt(proxied ? 443 : peer.port, proxied ? proxy : "");
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
      "agent",
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
    const endpoints = `["localhost:${freePort()}", "localhost:${platform.port}"]`;
    await here.configure(`platform: { rootDomain: localhost, endpoints: ${endpoints}, ca: "${here.folder}/ca.pem" }`);
    const found = await here.doctor();
    assert.deepEqual(found.faults.map(({ step, name, severity }) => [step, name, severity]), [
      ["tcp", "connection-refused", "warning"],
    ], found.text);
    assert.equal(found.code, 0);
  });
});

Deno.test("opendca doctor says in words what it found, one line a step", async () => {
  await using here = await machine();
  await here.platformAt(freePort());
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

Deno.test("opendca doctor announces each step on a terminal in a line that it takes back", async () => {
  await using here = await machine();
  await here.platformAt(freePort());
  const host = testHost({ env: here.env, terminal: true });
  await runCli(["doctor", "--config", `${here.folder}/agent.yaml`], host);
  const visible = (text: string) => text.replaceAll("\x1b", "ESC").replaceAll("\r", "CR");
  assert.match(visible(host.err), /CRESC\[K {2}testing localhost:\d+ …CRESC\[K/);
  assert.ok(host.err.endsWith("\r\x1b[K"));
  assert.match(visible(host.out), /^ESC\[32m✓ ok {5}ESC\[0m {2}configuration/);
});

Deno.test("doctor names each broker, and what is wrong with one, which is a warning as polls go on", async () => {
  await withPlatform(async (here, { port }) => {
    await using broker = await tlsPeer(good, {});
    await using wrong = await tlsPeer(await stranger.issue(), {});
    const away = freePort();
    const ports = [broker.port, wrong.port, away];
    const mqtt = `[${ports.map((each) => `"mqtts://localhost:${each}"`).join(", ")}]`;
    const file = `${here.folder}/agent.yaml`;
    await here.platformAt(port);
    await Deno.writeTextFile(
      file,
      (await Deno.readTextFile(file)).replace("platform: {", `platform: { mqtt: ${mqtt},`),
    );
    const { code, steps, faults } = await here.doctor();
    const shown = steps.filter(({ name }) => name === "mqtt");
    assert.deepEqual(
      shown.map(({ subject, status }) => [subject, status]),
      [[`mqtts://localhost:${broker.port}`, "ok"], [`mqtts://localhost:${wrong.port}`, "warning"], [
        `mqtts://localhost:${away}`,
        "warning",
      ]],
    );
    assert.match(shown[0]!.detail, /^reached, \d+ ms; the session itself is not tested$/);
    const ofBrokers = faults.filter(({ step }) => step === "mqtt").map(({ name, severity }) => `${severity} ${name}`);
    assert.deepEqual(ofBrokers, ["warning tls-inspected", "warning connection-refused"]);
    assert.equal(code, 0);
  });
});
