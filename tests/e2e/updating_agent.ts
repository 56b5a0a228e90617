/**
 * An agent that was activated here, as far as updates go: it polls, and downloads what it is offered with the agent's own
 * code. (The agent from source does not update itself.) Arguments: JSON of `UpdatingAgent`. It prints a line of JSON for
 * each step, and its waits take a two-hundredth of the time.
 */
import { systemClock } from "../../common/core/clock.ts";
import { denoDisk } from "../../common/host/disk.ts";
import { parseReleaseKeys } from "../../common/release/release_keys.ts";
import { AgentStatus, PollRequest } from "../../proto/gen/opendca/v1/agent_service.ts";
import { UpdatePhase } from "../../proto/gen/opendca/v1/update.ts";
import { denoUpdateDisk } from "../../src/host/update_disk.ts";
import { createGrpcAgentApi } from "../../src/link/grpc_agent_api.ts";
import { identityFiles } from "../../src/link/identity_files.ts";
import { startUpdater } from "../../src/update/updater.ts";

export interface UpdatingAgent {
  stateDirectory: string;
  port: number;
  /** Path of the platform's authority. */
  ca: string;
  /** Path of the release keys. */
  keys: string;
  installationId: string;
}

const options: UpdatingAgent = JSON.parse(Deno.args[0]!);
const { stateDirectory, installationId } = options;
const clock = { ...systemClock, sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 200, signal) };
using api = createGrpcAgentApi({
  endpoints: [{ host: "localhost", port: options.port }],
  trust: { ca: { pem: await Deno.readTextFile(options.ca) }, pins: [] },
  proxy: null,
  clock,
});
const identity = (await identityFiles(denoDisk, stateDirectory).read())!;
api.useCertificate({ ...identity, notAfter: identity.facts.notAfter });
await Deno.mkdir(`${stateDirectory}/root`, { recursive: true });

const runId = crypto.randomUUID();
const line = (event: string, fields: object) => console.log(JSON.stringify({ event, ...fields }));
let shown = "";
const updater = startUpdater({
  api,
  clock,
  machineClock: clock,
  disk: denoUpdateDisk,
  folder: `${stateDirectory}/update`,
  rootFolder: `${stateDirectory}/root`,
  keys: parseReleaseKeys(await Deno.readTextFile(options.keys)),
  installed: { product: "opendca", target: "linux-x64", version: "0.1.0" },
  installationId,
  runId,
  policy: () => ({ allowed: true, pin: null, allowedHours: [] }),
  reserveBytes: () => 0,
  log: { info: line, warn: line, debug: line },
  changed() {
    const { phase, bytesDone = 0n } = updater.status() ?? {};
    const text = JSON.stringify({ phase: UpdatePhase[phase ?? 0], bytesDone: Number(bytesDone) });
    if (text !== shown) console.log(shown = text);
  },
});
while (true) {
  const status = AgentStatus.create({
    runId,
    installationId,
    agentVersion: "0.1.0",
    updateTarget: "linux-x64",
    update: updater.status(),
  });
  try {
    updater.polled((await api.poll(PollRequest.create({ status }))).update);
  } catch (error) {
    line("pollFailed", { message: String(error) });
  }
  // The platform answers 20 polls a minute.
  await systemClock.sleep(3000);
}
