/** Scans a simulated network with the real command, threads and sockets. */
import type { ScanDocument } from "../../common/reading/reading.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { parseFleet } from "../../simulator/fleet_file.ts";
import { type Simulator, startSimulator } from "../../simulator/simulator.ts";
import type { DeviceOptions } from "../../simulator/device.ts";
import { type TestHost, testHost } from "../fakes/test_host.ts";

/**
 * Port of the simulated devices. The tests of one file use one network of 127/8 each, so that files can run at once; the
 * process decides the port, so that two runs of all tests on one machine do not meet.
 */
export const port = 20_000 + Deno.pid % 12_000;

/** A printer of a maker that no profile knows, with everything in the standard MIB, at `address`. */
export function standardPrinter(address: string, changes: Partial<DeviceOptions> = {}): DeviceOptions {
  const [device] = parseFleet(`
printers:
  - name: ${address}
    address: ${address}
    port: ${port}
    maker: Example
    model: Laser 9000
    serial: ZZ${address.replaceAll(".", "")}
    description: Example Laser 9000
    hostname: prn-${address.replaceAll(".", "-")}
    mac: 02:00:5e:10:00:01
    location: Test room
    meters: { total: 64299 }
    supplies:
      - { type: toner, description: Black Toner Cartridge, colorant: black, unit: impressions, capacity: 5300, level: 1484 }
      - { type: wasteToner, description: Waste Toner Box, class: receptacle, unit: impressions, capacity: -2, level: -3 }
    trays: [{ name: Tray 1, capacity: 250, level: 125 }]
`);
  return { ...device!, ...changes };
}

export interface Scanned {
  exitCode: number;
  host: TestHost;
  /** Parsed standard output, when the format was JSON. */
  document: ScanDocument;
  simulator: Simulator;
}

/** Runs `opendca scan` with quick timeouts against these devices; the devices are gone afterwards. */
export async function scan(
  devices: DeviceOptions[],
  args: string[],
  options: { host?: TestHost; during?: (simulator: Simulator, host: TestHost) => Promise<void> } = {},
): Promise<Scanned> {
  const host = options.host ?? testHost();
  await using simulator = await startSimulator({ devices, log: true });
  const running = runCli(
    ["scan", "--port", String(port), "--timeout", "200", "--rate", "0", "--format", "json", "--quiet", ...args],
    host,
  );
  await options.during?.(simulator, host);
  const exitCode = await running;
  const document = host.out.startsWith("{") && host.out.includes('"schema"') ? JSON.parse(host.out) : undefined;
  return { exitCode, host, document, simulator };
}
