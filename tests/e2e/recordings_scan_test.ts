/** The whole command against Debian's snmpsim that replays the real recordings. */
import assert from "node:assert/strict";
import { runCli } from "../../src/cli/run_cli.ts";
import type { ScanDocument } from "../../common/reading/reading.ts";
import { freePort } from "../fixtures/free_port.ts";
import { testHost } from "../fixtures/test_host.ts";
import { maybeRecordings, peerTest, recordings } from "../fixtures/peers.ts";
import { type Served, startSnmpsim } from "../fixtures/snmpsim.ts";

const port = freePort();
const network = "127.93.0";

function readRecordings(folder: string, kind: string, firstHost: number): Served[] {
  const names = [...Deno.readDirSync(`${folder}/${kind}`)].map(({ name }) => name).sort();
  assert(names.length > 0, `no recordings in ${kind}`);
  return names.map((name, i) => ({
    address: `${network}.${firstHost + i}`,
    name: name.replace(".snmprec", ""),
    text: Deno.readTextFileSync(`${folder}/${kind}/${name}`),
  }));
}

peerTest(
  "scan finds every recorded printer that snmpsim replays, and no other device",
  ["snmpsimd", "snmpgetnext", recordings],
  async () => {
    const folder = maybeRecordings();
    assert(folder !== undefined, "the recordings (../shared/recordings) are missing");
    const printers = readRecordings(folder, "recordings", 1);
    const others = readRecordings(folder, "negatives", 101);
    const served = [...printers, ...others];
    await using _ = await startSnmpsim(served, port);
    {
      const host = testHost({ threads: true });
      // snmpsim is one slow process for all: the timeout is longer than the default as tests run beside each other.
      const args = [
        "scan",
        `${network}.0/24`,
        "--port",
        String(port),
        "--timeout",
        "4000",
        "--format",
        "json",
        "--all",
        "-q",
      ];
      assert.equal(await runCli(args, host), 0, host.err);
      const document: ScanDocument = JSON.parse(host.out);
      const found = new Map(document.printers.map((reading) => [reading.address, reading]));
      const missed = printers.filter(({ address, text }) => text.includes("1.3.6.1.2.1.1.1.0|") && !found.has(address));
      assert.deepEqual(missed.map(({ name }) => name), []);
      assert.deepEqual(others.filter(({ address }) => found.has(address)).map(({ name }) => name), []);
      for (const { address, name, text } of printers) {
        const reading = found.get(address);
        if (reading === undefined) continue;
        assert.notEqual(reading.manufacturer, null, name);
        assert.deepEqual(reading.problems.filter(({ code }) => code === "silent" || code === "deadline"), [], name);
        const lifeCount = text.match(/^1\.3\.6\.1\.2\.1\.43\.10\.2\.1\.4\.1\.1\|65\|(\d+)$/m)?.[1];
        const total = reading.meters.find((meter) => meter.name === "total");
        if (lifeCount !== undefined && Number(lifeCount) > 0) {
          assert(
            total !== undefined && total.value > 0,
            `${name} has no total`,
          );
        }
      }
    }
  },
);
