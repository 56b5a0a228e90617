/** Print servers with several printers, replayed by Debian's snmpsim and read by the whole command and by the agent's scan. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import type { Reading, ReadingScope, ScanDocument } from "../../common/reading/reading.ts";
import { freePort } from "../fixtures/free_port.ts";
import { testHost } from "../fixtures/test_host.ts";
import { peerTest } from "../fixtures/peers.ts";
import { readSite, siteConfig } from "../fixtures/site_scans.ts";
import { startSnmpsim } from "../fixtures/snmpsim.ts";

const port = freePort();
const address = "127.86.0.7";

/** A row of hrDeviceTable and hrPrinterTable, with its serial and its counter where it has some. */
function rows(device: number, printer: { name: string; serial?: string; total?: number; level?: number }): string[] {
  const { name, serial, total, level } = printer;
  return [
    `1.3.6.1.2.1.25.3.2.1.2.${device}|6|1.3.6.1.2.1.25.3.1.5`,
    `1.3.6.1.2.1.25.3.2.1.3.${device}|4|${name}`,
    `1.3.6.1.2.1.25.3.2.1.5.${device}|2|2`,
    `1.3.6.1.2.1.25.3.5.1.1.${device}|2|3`,
    `1.3.6.1.2.1.25.3.5.1.2.${device}|4x|00`,
    ...serial === undefined ? [] : [`1.3.6.1.2.1.43.5.1.1.17.${device}|4|${serial}`],
    ...total === undefined
      ? []
      : [`1.3.6.1.2.1.43.10.2.1.3.${device}.1|2|7`, `1.3.6.1.2.1.43.10.2.1.4.${device}.1|65|${total}`],
    ...level === undefined ? [] : [
      `1.3.6.1.2.1.43.11.1.1.5.${device}.1|2|3`,
      `1.3.6.1.2.1.43.11.1.1.6.${device}.1|4|Black Toner`,
      `1.3.6.1.2.1.43.11.1.1.8.${device}.1|2|100`,
      `1.3.6.1.2.1.43.11.1.1.9.${device}.1|2|${level}`,
    ],
  ];
}

const recording = [
  "1.3.6.1.2.1.1.1.0|4|AXIS 0000 Network Print Server V0.00",
  "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.368.2.1",
  "1.3.6.1.2.1.1.3.0|67|8640000",
  "1.3.6.1.2.1.1.5.0|4|netbox",
  "1.3.6.1.2.1.2.2.1.3.1|2|6",
  "1.3.6.1.2.1.2.2.1.6.1|4x|00408c000001",
  ...rows(1, { name: "HP LaserJet 9000", total: 1000, level: 12 }),
  ...rows(3, { name: "Brother HL-0000", serial: "BR00077001", total: 2000, level: 60 }),
  ...rows(4, { name: "Epson LQ-000" }),
].sort((a, b) => order(a, b)).join("\n");

/** A printer in the third row of hrDeviceTable, whose agent numbers the Printer-MIB from 1. */
const apartAddress = "127.86.0.8";
const apart = [
  "1.3.6.1.2.1.1.1.0|4|Network Printer",
  "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10",
  "1.3.6.1.2.1.25.3.2.1.2.1|6|1.3.6.1.2.1.25.3.1.3",
  "1.3.6.1.2.1.25.3.2.1.2.2|6|1.3.6.1.2.1.25.3.1.4",
  "1.3.6.1.2.1.25.3.2.1.2.3|6|1.3.6.1.2.1.25.3.1.5",
  "1.3.6.1.2.1.25.3.2.1.3.1|4|ARM CPU",
  "1.3.6.1.2.1.25.3.2.1.3.2|4|eth0",
  "1.3.6.1.2.1.25.3.2.1.3.3|4|Kyocera FS-0000D",
  "1.3.6.1.2.1.43.5.1.1.17.1|4|KY00077001",
  "1.3.6.1.2.1.43.10.2.1.3.1.1|2|7",
  "1.3.6.1.2.1.43.10.2.1.4.1.1|65|3000",
].sort(order).join("\n");

function order(a: string, b: string): number {
  const [left, right] = [a, b].map((line) => line.split("|")[0]!.split(".").map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const step = (left[i] ?? -1) - (right[i] ?? -1);
    if (step !== 0) return step;
  }
  return 0;
}

const readAsAgent = (scope: ReadingScope) =>
  readSite(siteConfig(`ranges: ["${address}"], port: ${port}, rate: 0`, "timeout: 4s, workers: 1"), {
    places: [{ address, port }],
    scope,
  });

const told = ({ deviceIndex, model, serial, mac, meters, supplies }: Reading) => [
  deviceIndex,
  model,
  serial,
  mac,
  meters.map(({ value }) => value),
  supplies.map(({ level }) => level.percent),
];

async function assertExplained(): Promise<void> {
  const explain = async (...options: string[]) => {
    const host = testHost();
    const exitCode = await runCli(["explain", `${address}:${port}`, "--timeout", "4000", ...options], host);
    return { exitCode, out: host.out, err: host.err };
  };
  const first = await explain();
  assert.match(first.out, /HP LaserJet 9000\nprinter 1 at this address; --device-index explains 3\nprofile "hp", as/);
  const third = await explain("--device-index", "3");
  assert.match(
    third.out,
    /Brother HL-0000\nprinter 3 at this address; --device-index explains 1\nprofile "brother", as/,
  );
  assert.match(third.out, /meters.total +2000 impressions/);
  assert.doesNotMatch(third.out, /meters.total +1000/);
  const json = await explain("--device-index", "3", "--format", "json");
  const { reading, deviceIndexes } = JSON.parse(json.out);
  assert.deepEqual([told(reading), deviceIndexes], [[3, "HL-0000", "BR00077001", null, [2000], [60]], [1, 3]]);
  const none = await explain("--device-index", "4");
  assert.match(none.err, /Cannot explain the printer of device index 4 as there are 1, 3\n/);
  const wrong = await explain("--device-index", "x");
  assert.match(wrong.err, /Cannot use --device-index as it is not an hrDeviceIndex: current value is "x"/);
  assert.deepEqual([first.exitCode, none.exitCode, wrong.exitCode], [0, 64, 64]);
}

peerTest("several printers behind one address are readings of their own", ["snmpsimd", "snmpgetnext"], async (t) => {
  const served = [{ address, name: "netbox", text: recording }, { address: apartAddress, name: "apart", text: apart }];
  await using _ = await startSnmpsim(served, port);
  const problem = '3 printers are behind this address and only 2 are read: no answer for "Epson LQ-000" (device 4)';

  for (const version of ["1", "2c"]) {
    await t.step(`for the command, over SNMPv${version}`, async () => {
      const host = testHost();
      const file = await Deno.makeTempFile({ suffix: ".yaml" });
      await Deno.writeTextFile(file, `default:\n  - { community: public, versions: [${version}] }\n`);
      const args = ["scan", address, "--port", String(port), "--timeout", "4000", "-q", "--credentials", file];
      assert.equal(await runCli([...args, "--format", "json"], host), 0, host.err);
      await Deno.remove(file);
      const { printers, stats }: ScanDocument = JSON.parse(host.out);
      assert.deepEqual(printers.map(told), [
        [1, "LaserJet 9000", null, null, [1000], [12]],
        [3, "HL-0000", "BR00077001", null, [2000], [60]],
      ]);
      assert.deepEqual(printers.map(({ problems }) => problems.map(({ message }) => message)), [[problem], [problem]]);
      assert.deepEqual([stats.answered, stats.printers], [1, 2]);
      assert.deepEqual(printers.map(({ snmp }) => snmp.version), [version, version]);
    });
  }

  await t.step("in the table, each with its index", async () => {
    const host = testHost();
    assert.equal(await runCli(["scan", address, "--port", String(port), "--timeout", "4000", "-q"], host), 0, host.err);
    assert.match(host.out, new RegExp(`${address} #1 +HP LaserJet 9000`));
    assert.match(host.out, new RegExp(`${address} #3 +Brother HL-0000`));
    assert.match(host.out, new RegExp(`Low supplies: ${address} #1 K 12%`));
  });

  await t.step("for explain, by their index", assertExplained);

  await t.step("and one printer is named by its own row, whichever it is", async () => {
    const host = testHost();
    const args = ["scan", apartAddress, "--port", String(port), "--timeout", "4000", "-q", "--format", "json"];
    assert.equal(await runCli(args, host), 0, host.err);
    const [reading, ...others]: Reading[] = JSON.parse(host.out).printers;
    assert.deepEqual(others, []);
    assert.deepEqual([reading!.manufacturer, ...told(reading!)], [
      "Kyocera",
      undefined,
      "FS-0000D",
      "KY00077001",
      null,
      [3000],
      [],
    ]);
  });

  await t.step("for the agent", async () => {
    assert.deepEqual((await readAsAgent("full")).map(told), [
      [1, "LaserJet 9000", null, null, [1000], [12]],
      [3, "HL-0000", "BR00077001", null, [2000], [60]],
    ]);
  });

  await t.step("for the agent's status reads", async () => {
    assert.deepEqual((await readAsAgent("status")).map(told), [
      [1, "LaserJet 9000", null, null, [], [12]],
      [3, "HL-0000", "BR00077001", null, [], [60]],
    ]);
  });
});
