/** The simulated office on a network of a test's own, and the commands that ask one printer of it. */
import { parseFleet } from "../../simulator/fleet_file.ts";
import type { DeviceOptions } from "../../simulator/device.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { type TestHost, testHost } from "../fakes/test_host.ts";
import { port } from "../scan/scan_fixture.ts";

const fleet = new URL("../../simulator/fleet/", import.meta.url);

/** The office's printers on `network` ("127.95.0"), without their faults: what they hold is what matters here. */
export function officePrinters(network: string): DeviceOptions[] {
  const yaml = Deno.readTextFileSync(new URL("office.yaml", fleet))
    .replaceAll("127.77.0", network).replace("port: 1161", `port: ${port}`);
  return parseFleet(yaml)
    .filter(({ address }) => Number(address?.split(".")[3]) < 50)
    .map((device) => ({ ...device, faults: [] }));
}

/** Runs `opendca VERB ADDRESS` with the credentials of the office. */
export async function runAgainst(
  verb: string,
  args: string[],
  options: { credentials?: boolean } = {},
): Promise<TestHost & { exitCode: number }> {
  const host = testHost();
  const credentials = options.credentials === false
    ? []
    : ["--credentials", new URL("office_credentials.yaml", fleet).pathname];
  const exitCode = await runCli([verb, ...args, "--port", String(port), "--timeout", "500", ...credentials], host);
  return Object.assign(host, { exitCode });
}

/** Does the same with each item, four at a time, as most of a command's time is waiting; results in the order of items. */
export async function inTurns<T, R>(items: readonly T[], use: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += 4) results.push(...await Promise.all(items.slice(i, i + 4).map(use)));
  return results;
}
