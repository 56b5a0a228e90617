/** The readings that bench/uplink.ts sends: what a scan of the simulated fleet gives, again and again with later times. */
import type { Reading } from "../common/reading/reading.ts";
import { measure } from "./measure.ts";
import { opendca, startFleet } from "./programs.ts";

const everyMs = 30 * 60_000;

/** `count` readings of 1,000 printers of five models, the last of them of now, with meters that went on. */
export async function realisticReadings(count: number): Promise<Reading[]> {
  await using simulator = await startFleet("read.yaml");
  const addresses = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(addresses, simulator.devices.map(({ address }) => address).join("\n"));
    const options = ["--rate", "0", "--format", "json", "--quiet"];
    const { stdout } = await measure([...opendca(), "scan", `@${addresses}`, ...options]);
    const { printers }: { printers: Reading[] } = JSON.parse(stdout);
    if (printers.length === 0) throw new Error("Cannot make readings as the scan found no printer");
    const rounds = Math.ceil(count / printers.length);
    return Array.from({ length: count }, (_, i) => {
      const round = Math.floor(i / printers.length);
      const reading = printers[i % printers.length]!;
      return {
        ...reading,
        observedAt: new Date(Date.now() - (rounds - 1 - round) * everyMs).toISOString(),
        meters: reading.meters.map((meter) => ({ ...meter, value: meter.value + 7 * round })),
      };
    });
  } finally {
    await Deno.remove(addresses);
  }
}
