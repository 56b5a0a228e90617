/** `deno task demo`: a simulated fleet on loopback and the real scan of it, in one command. */
import { runCli } from "../src/cli/run_cli.ts";
import { denoHost } from "../src/compose.ts";
import { parseFleet } from "./fleet_file.ts";
import { startSimulator } from "./simulator.ts";

const fleet = new URL("fleet/office.yaml", import.meta.url);
const credentials = new URL("fleet/office_credentials.yaml", import.meta.url).pathname;
