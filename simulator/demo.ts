/** `deno task demo`: a simulated fleet on loopback and the real scan of it, in one command. Further arguments go to the scan. */
import { runCli } from "../src/cli/run_cli.ts";
import { denoHost } from "../src/compose.ts";
import { parseFleet } from "./fleet_file.ts";
import { startSimulator } from "./simulator.ts";

const fleet = new URL("fleet/office.yaml", import.meta.url);
const credentials = new URL("fleet/office_credentials.yaml", import.meta.url).pathname;

async function demo(args: string[]): Promise<number> {
  await using simulator = await startSimulator({
    devices: parseFleet(Deno.readTextFileSync(fleet), { file: fleet.pathname }),
  });
  const { length } = simulator.endpoints;
  console.error(`${length} simulated devices answer on loopback; the same scan of your own network would be`);
  console.error("  opendca scan 192.168.1.0/24 --credentials snmp.yaml\n");
  return await runCli(["scan", "127.77.0.0/24", "--port", "1161", "--credentials", credentials, ...args], denoHost());
}

if (import.meta.main) Deno.exitCode = await demo(Deno.args);
