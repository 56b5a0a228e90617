/** Real agents behind networks that lose packets at random, and behind paths on which large answers never arrive. */
import assert from "node:assert/strict";
import type { Reading, ScanDocument } from "../../common/reading/reading.ts";
import { alerts, type LossyScene, supplies } from "./lossy_namespace.ts";
import { succeeds, systemTest } from "../fixtures/peers.ts";

const inside = new URL("lossy_namespace.ts", import.meta.url).pathname;
const namespace = ["unshare", "-U", "-r", "-n"];
const allowed = await succeeds([...namespace, "nft", "add table inet loss"]);

/** What a scan of the printer gives within a namespace. */
async function readWithin(scene: LossyScene): Promise<Reading> {
  const [program, ...args] = namespace;
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args: [...args, Deno.execPath(), "run", "--no-prompt", "--no-check", "--allow-all", inside, JSON.stringify(scene)],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const { printers }: ScanDocument = JSON.parse(new TextDecoder().decode(stdout));
  assert.equal(printers.length, 1);
  return printers[0]!;
}

const scenes: { name: string; scene: LossyScene }[] = [
  {
    name: "15 % loss each way, v2c",
    scene: { percent: 15, mtu: 1500, losesFragments: false, version: "2c" },
  },
  {
    name: "15 % loss each way, v3",
    scene: { percent: 15, mtu: 1500, losesFragments: false, version: "3" },
  },
  {
    name: "fragments that are dropped, v2c",
    scene: { percent: 0, mtu: 1500, losesFragments: true, version: "2c" },
  },
  {
    name: "fragments that are dropped at 600 octets, v2c",
    scene: { percent: 0, mtu: 600, losesFragments: true, version: "2c" },
  },
  {
    name: "fragments that are dropped at 600 octets, v1",
    scene: { percent: 0, mtu: 600, losesFragments: true, version: "1" },
  },
  {
    name: "fragments that are dropped at 700 octets, v3",
    scene: { percent: 0, mtu: 700, losesFragments: true, version: "3" },
  },
  {
    name: "5 % loss and fragments that are dropped at 600 octets, v2c",
    scene: { percent: 5, mtu: 600, losesFragments: true, version: "2c" },
  },
];

for (const { name, scene } of scenes) {
  systemTest(`scan reads a printer of Net-SNMP completely through ${name}`, {
    needs: "network namespaces with nft",
    allowed,
    programs: ["snmpd", "nft", "ip"],
  }, async () => {
    const reading = await readWithin(scene);
    assert.deepEqual(reading.problems, []);
    assert.equal(reading.meters.find((meter) => meter.name === "total")?.value, 64299);
    assert.equal(reading.supplies.length, supplies);
    assert(reading.supplies.every(({ level }) => level.percent === 50));
    assert.equal(reading.alerts.length, alerts);
  });
}
