/** Faults of credentials are planted against the simulator: each gives one right sentence; so at real agents in tests/e2e. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import { type DeviceOptions, objectsOf } from "../../simulator/device.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { authKey, climb, community, doctor, plan, privKey, usm, wrongKey } from "../fixtures/doctor_ladder.ts";
import { inTurns } from "../fixtures/office_fixture.ts";
import { standardPrinter } from "../fixtures/scan_fixture.ts";
import { testHost } from "../fixtures/test_host.ts";

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

interface DeviceCase {
  name: string;
  device: Partial<DeviceOptions>;
  credentials: string[];
  want: string[];
  /** The sentence of the fault, or the detail without one. */
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
  {
    name: "nothing of one that answers SNMPv1 only",
    device: { versions: ["1"], communities: [community] },
    credentials: [`{ name: floor, community: ${community} }`],
    want: [],
    says: /^answers by SNMPv1 with "floor", and not by SNMPv2c$/,
    code: 0,
  },
];

Deno.test("opendca doctor names what is wrong with a device", async (t) => {
  // Most of each is waiting for an answer that does not come.
  const all = await inTurns(devices, async ({ device, credentials }) => {
    await using simulator = await startSimulator({
      devices: [standardPrinter("127.0.0.1", { port: 0, ...device })],
    });
    return await doctor(`127.0.0.1:${simulator.endpoints[0]!.port}`, plan(...credentials));
  });
  for (const [i, { name, want, says, code }] of devices.entries()) {
    await t.step(`${name}: ${want}`, () => {
      const { names, code: ended, message, detail } = all[i]!;
      assert.deepEqual([names, ended], [want, code], message);
      assert.match(message || detail, says);
    });
  }
});

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
