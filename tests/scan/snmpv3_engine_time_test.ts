/** Engines whose boots and time are not what they were at discovery, and such as have reached their last boot. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { Secret } from "../../common/core/secret.ts";
import { openUdpPort } from "../../src/host/udp_port.ts";
import { startDatagramHub } from "../../src/snmp/datagram_hub.ts";
import "../../src/snmp/enable_usm.ts";
import { openSession } from "../../src/snmp/session.ts";
import type { DeviceOptions } from "../../simulator/device.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { testHost } from "../fixtures/test_host.ts";
import { peerTest } from "../fixtures/peers.ts";
import { standardPrinter } from "../fixtures/scan_fixture.ts";
import { startPeer } from "../fixtures/started_peer.ts";

const users: DeviceOptions["users"] = [
  { name: "monitor", auth: "sha256", authKey: "right-auth-key", priv: "aes128", privKey: "right-priv-key" },
];
const yaml = "default: [{ name: m, user: monitor, auth: { protocol: sha256, key: right-auth-key }, " +
  "priv: { protocol: aes128, key: right-priv-key } }]\n";

/** What `opendca` prints as JSON with these credentials. */
// deno-lint-ignore no-explicit-any
async function run(args: string[], timeout = "400"): Promise<any> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, yaml);
    const host = testHost();
    await runCli([...args, "--credentials", file, "--timeout", timeout], host);
    return JSON.parse(host.out);
  } finally {
    await Deno.remove(file);
  }
}

const scan = (target: string) => run(["scan", target, "--quiet", "--rate", "0", "--format", "json"]);
const doctor = (target: string) => run(["doctor", "--printer", target, "--json"]);

const restarts: { name: string; device: Partial<DeviceOptions> }[] = [
  // The sweep's discovery is message 0 and the reader's own is 1, so that its first signed request is 2.
  { name: "between discovery and the first signed request", device: { restartsAfter: [2] } },
  { name: "in the middle of a reading", device: { restartsAfter: [4] } },
  { name: "twice in a reading", device: { restartsAfter: [3, 5] } },
  {
    name: "without storing its boots",
    device: { restartsAfter: [2], forgetsBoots: true, upTimeSeconds: 5000 },
  },
  {
    name: "without storing its boots in the middle of a reading",
    device: { restartsAfter: [4], forgetsBoots: true, upTimeSeconds: 5000 },
  },
  {
    name: "never, but told an old time at discovery",
    device: { engineBoots: 7, discoveryTime: { boots: 3, time: 9 } },
  },
  { name: "never, but told no time at discovery", device: { engineBoots: 7, discoveryTime: { boots: 0, time: 0 } } },
];
for (const { name, device } of restarts) {
  Deno.test(`scan reads a printer that restarts ${name}`, async () => {
    const printer = standardPrinter("127.0.0.1", { port: 0, versions: ["3"], users, ...device });
    await using simulator = await startSimulator({ devices: [printer] });
    const { printers, problems } = await scan(`127.0.0.1:${simulator.endpoints[0]!.port}`);
    assert.deepEqual(printers.map(({ problems }: { problems: unknown }) => problems), [[]], JSON.stringify(problems));
    assert.equal(printers[0].meters[0].value, 64299);
    assert.equal(printers[0].supplies.length, 2);
  });
}

Deno.test("scan gives up on an engine that restarts before each answer, and says why", async () => {
  const restartsAfter = Array.from({ length: 40 }, (_, i) => i + 1);
  const printer = standardPrinter("127.0.0.1", { port: 0, versions: ["3"], users, restartsAfter });
  await using simulator = await startSimulator({ devices: [printer] });
  const { printers, problems } = await scan(`127.0.0.1:${simulator.endpoints[0]!.port}`);
  assert.deepEqual(printers, []);
  assert.match(problems[0].message, /no credential works: m: it refuses its own engine time.*notInTimeWindow/);
  assert(simulator.requests("127.0.0.1") < 10);
});

const says =
  /engine boots are at their maximum \(2147483647\), and such an engine does not answer authenticated requests/;

Deno.test("scan and doctor name an engine whose boots are at their maximum", async () => {
  const printer = standardPrinter("127.0.0.1", { port: 0, versions: ["3"], users, engineBoots: 0x7fffffff });
  await using simulator = await startSimulator({ devices: [printer] });
  const target = `127.0.0.1:${simulator.endpoints[0]!.port}`;
  assert.match((await scan(target)).problems[0].message, says);
  const [fault] = (await doctor(target)).faults;
  assert.equal(fault.name, "engine-boots");
  assert.match(fault.message, says);
});

peerTest("scan and doctor name Net-SNMP's agent when its boots are at their maximum", ["snmpd"], async () => {
  await using agent = await startPeer("snmpd", "NET-SNMP version", async (folder, port) => {
    // Net-SNMP adds one at its start, if its engine id is the one that it had.
    const engineId = "0x80001f8804746573746572";
    await Deno.writeTextFile(`${folder}/snmpd.conf`, `engineBoots ${0x7ffffffe}\noldEngineID ${engineId}\n`);
    await Deno.writeTextFile(
      `${folder}/own.conf`,
      `exactEngineID ${engineId}\n` +
        "sysDescr a host\ncreateUser monitor SHA-256 right-auth-key AES-128 right-priv-key\nrouser monitor priv\n",
    );
    return ["-f", "-Lo", "-C", "-c", `${folder}/own.conf,${folder}/snmpd.conf`, `udp:127.0.0.1:${port}`];
  });
  const target = `127.0.0.1:${agent.port}`;
  assert.match((await scan(target)).problems[0].message, says);
  assert.equal((await doctor(target)).faults[0].name, "engine-boots");
});

peerTest("a session goes on with Net-SNMP's agent when it was restarted", ["snmpd"], async () => {
  const start = (boots: number, at?: number) => {
    let port = 0;
    const agent = startPeer("snmpd", "NET-SNMP version", async (folder, freePort) => {
      port = at ?? freePort;
      const engineId = "0x80001f8804726573746172";
      await Deno.writeTextFile(`${folder}/snmpd.conf`, `engineBoots ${boots}\noldEngineID ${engineId}\n`);
      await Deno.writeTextFile(
        `${folder}/own.conf`,
        `exactEngineID ${engineId}\nsysDescr boots ${boots}\n` +
          "createUser monitor SHA-256 right-auth-key AES-128 right-priv-key\nrouser monitor priv\n",
      );
      return ["-f", "-Lo", "-C", "-c", `${folder}/own.conf,${folder}/snmpd.conf`, `udp:127.0.0.1:${port}`];
    });
    return agent.then((started) => ({ started, port }));
  };
  const hub = startDatagramHub({ ipv4: openUdpPort(4), ipv6: undefined });
  const first = await start(5);
  const session = openSession(hub, { address: "127.0.0.1", port: first.port }, {
    kind: "usm",
    name: "m",
    user: "monitor",
    level: "authPriv",
    auth: { protocol: "sha256", key: new Secret("right-auth-key") },
    priv: { protocol: "aes128", key: new Secret("right-priv-key") },
    context: "",
  }, { timeoutMs: () => 2_000, retries: 1, pace: () => undefined });
  try {
    const ask = async () => {
      const [varbind] = await session.get(["1.3.6.1.2.1.1.1.0"]);
      return new TextDecoder().decode(varbind!.value as Uint8Array);
    };
    assert.equal(await ask(), "boots 5");
    await first.started[Symbol.asyncDispose]();
    await using _second = (await start(9, first.port)).started;
    assert.equal(await ask(), "boots 9");
    assert.equal(await ask(), "boots 9");
  } finally {
    session.close();
    await hub.close();
  }
});
