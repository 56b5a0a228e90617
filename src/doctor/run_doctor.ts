/**
 * Walks the chain from the configuration to a printer, one step after the other. Nothing is changed by it, neither here
 * nor on the platform nor on a printer; it works when the agent is locked, not activated, or running beside it.
 */
import type { HostNames } from "../targets/host_names.ts";
import type { StateStoreOptions } from "../activation/state_store.ts";
import { isLocked } from "../activation/activation_state.ts";
import { likelyStateDirectory } from "../activation/store_options.ts";
import type { ShownStatus } from "../service/read_status.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { NotPermittedError } from "../../common/core/errors.ts";
import type { Clock } from "../../common/core/clock.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { probeEndpoint } from "../link/probe_endpoint.ts";
import type { ProbeReport } from "../link/probe_report.ts";
import { askPlatform } from "./ask_platform.ts";
import { checkConfiguration } from "./check_configuration.ts";
import { checkPrinter, type PrinterOptions } from "./check_printer.ts";
import { type AgentObservation, diagnoseAgent } from "./diagnose_agent.ts";
import { diagnoseDisk } from "./diagnose_disk.ts";
import { diagnoseClock, diagnoseEndpoint, maybeEndpointFault } from "./diagnose_endpoint.ts";
import { diagnoseRunning } from "./diagnose_running.ts";
import { diagnosePermissions } from "./diagnose_permissions.ts";
import type { DoctorMachine } from "./doctor_machine.ts";
import { type DoctorStep, judgedStep, skippedStep, type StepName } from "./doctor_step.ts";
import { type ActivationFound, observeActivation, observeDisk, observePermissions } from "./observe_state.ts";

export interface DoctorOptions {
  configFile: string;
  /** Whether somebody named the file; without that, a printer can be asked where there is none. */
  configIsNamed: boolean;
  printer: PrinterOptions | null;
  /** Longest time for one step on the way to the platform. */
  stepTimeoutMs: number;
}

export interface DoctorParts {
  clock: Clock;
  env(name: string): string | undefined;
  readTextFile(path: string): Promise<string>;
  resolve: HostNames["resolve"];
  activationStore(stateDirectory: string): StateStoreOptions;
  machine: DoctorMachine;
  /** As `opendca status` shows it. Throws `NotPermittedError` when this user may not read it. */
  readStatus(store: StateStoreOptions): ShownStatus;
  /** What is being looked at now, for whoever waits. */
  onBusy(what: string): Promise<void>;
  onStep(step: DoctorStep): Promise<void>;
}

/** Answers with all steps, each of which was given to `onStep` before. Throws for a defect only. */
export async function runDoctor(options: DoctorOptions, parts: DoctorParts): Promise<DoctorStep[]> {
  const steps: DoctorStep[] = [];
  async function add(...found: DoctorStep[]): Promise<void> {
    for (const step of found) {
      steps.push(step);
      await parts.onStep(step);
    }
  }
  await parts.onBusy("reading the configuration");
  const { config, step, printerOnly } = await checkConfiguration(options, parts);
  await add(step);
  if (!printerOnly) {
    const stateDirectory = config?.stateDirectory ?? await likelyStateDirectory(options.configFile, parts);
    const store = parts.activationStore(stateDirectory);
    const found = await observeActivation(store);
    const way = config === null ? withoutConfiguration() : await walkToPlatform(config, found, { options, parts });
    await add(...way.steps);
    if (way.open.length > 0) await parts.onBusy("asking the platform about this agent");
    await add(...await stateSteps(found, { config, open: way.open, stateDirectory, parts }));
    await add(runningStep(store, steps, parts));
  }
  if (options.printer !== null) await add(await checkPrinter(options.printer, config, parts));
  return steps;
}

interface Way {
  steps: DoctorStep[];
  /** Endpoints that came through. */
  open: { host: string; port: number }[];
}

const waySteps: readonly StepName[] = ["clock", "dns", "tcp", "proxy", "tls", "http2", "grpc"];

function withoutConfiguration(): Way {
  return {
    steps: waySteps.map((name) => skippedStep(name, null, "no valid configuration names the platform")),
    open: [],
  };
}

async function walkToPlatform(
  config: AgentConfig,
  found: ActivationFound,
  { options, parts }: { options: DoctorOptions; parts: DoctorParts },
): Promise<Way> {
  const { clock } = parts;
  const { endpoints } = config.platform;
  const client = usableIdentity(found, clock.now());
  await parts.onBusy(`testing ${endpoints.map(({ host, port }) => formatEndpoint(host, port)).join(", ")}`);
  const reports = await Promise.all(endpoints.map((endpoint) =>
    probeEndpoint(endpoint, {
      trust: config.platform,
      client,
      proxy: config.proxy,
      clock,
      stepTimeoutMs: options.stepTimeoutMs,
    })
  ));
  const context = { now: clock.now(), clientNotAfter: client?.facts.notAfter ?? null };
  const isOpen = (report: ProbeReport) => maybeEndpointFault(report, context) === undefined;
  const another = reports.some(isOpen);
  return {
    steps: [
      diagnoseClock(reports, context),
      ...reports.flatMap((report) => diagnoseEndpoint(report, { ...context, another })),
    ],
    open: reports.filter(isOpen).map(({ host, port }) => ({ host, port })),
  };
}

/** An ended certificate is told by itself, and would only make the walk fail for a second reason. */
function usableIdentity(found: ActivationFound, now: Date) {
  if ("kind" in found || found.identity === undefined) return undefined;
  const { notBefore, notAfter } = found.identity.facts;
  return notBefore <= now && now <= notAfter ? found.identity : undefined;
}

interface StateContext {
  config: AgentConfig | null;
  open: Way["open"];
  stateDirectory: string;
  parts: DoctorParts;
}

/** What may not be looked at is told once, by the step of permissions. */
async function stateSteps(found: ActivationFound, context: StateContext): Promise<DoctorStep[]> {
  const { stateDirectory, parts } = context;
  const permissions = judgedStep(
    "permissions",
    null,
    diagnosePermissions(observePermissions(stateDirectory, parts.machine)),
  );
  const seen = observeDisk(stateDirectory, parts.machine);
  const disk = judgedStep("disk", stateDirectory, diagnoseDisk(seen, parts.clock.now()));
  const unseen = (step: DoctorStep) => skippedStep(step.name, step.subject, "not permitted, see permissions");
  const agent = await agentStep(found, context);
  const denied = permissions.status === "failed";
  return [
    denied && "kind" in found ? unseen(agent) : agent,
    denied && seen.writeError?.reason === "denied" ? unseen(disk) : disk,
    permissions,
  ];
}

/** What the agent says of itself; what a step before this has told is not told twice. */
function runningStep(
  store: StateStoreOptions,
  before: readonly DoctorStep[],
  { clock, readStatus }: DoctorParts,
): DoctorStep {
  let status: ShownStatus;
  try {
    status = readStatus(store);
  } catch (error) {
    if (!(error instanceof NotPermittedError)) throw error;
    return skippedStep("agent", null, "not permitted, see permissions");
  }
  const told = new Set(before.flatMap(({ faults }) => faults.map(({ name }) => name)));
  return diagnoseRunning(status, { now: clock.now(), told });
}

async function agentStep(
  found: ActivationFound,
  { config, open, stateDirectory, parts }: StateContext,
): Promise<DoctorStep> {
  const now = parts.clock.now();
  const seen = await observeAgent();
  return judgedStep("credentials", null, diagnoseAgent(seen, { stateDirectory, now }));

  async function observeAgent(): Promise<AgentObservation> {
    if ("kind" in found) return found;
    const { verdict } = found;
    if (verdict.kind !== "known") return verdict;
    const { state } = verdict.record;
    const identity = usableIdentity(found, now);
    const mayAsk = config !== null && identity !== undefined && open.length > 0 && !isLocked(state);
    return {
      kind: "known",
      state,
      faults: verdict.faults,
      certificate: found.identity?.facts ?? null,
      refusal: mayAsk
        ? await askPlatform(identity, {
          endpoints: open,
          trust: config.platform,
          proxy: config.proxy,
          clock: parts.clock,
          callTimeoutMs: 10_000,
        })
        : null,
    };
  }
}
