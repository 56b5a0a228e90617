/**
 * Checks the chain from the configuration to a printer, step by step. It changes nothing on this machine, the platform
 * or a printer, and works while the agent is locked, not activated, or running.
 */
import type { HostNames } from "../targets/host_names.ts";
import type { StateStoreOptions } from "../activation/state_store.ts";
import { likelyStateDirectory } from "../activation/store_options.ts";
import type { ShownStatus } from "../service/read_status.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { ConfigError, NotPermittedError } from "../../common/core/errors.ts";
import type { Clock } from "../../common/core/clock.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { formatMqttEndpoint } from "../config/mqtt_endpoint.ts";
import { probeEndpoint } from "../link/probe_endpoint.ts";
import type { ProbeReport } from "../link/probe_report.ts";
import { checkPrinter, type PrinterOptions } from "./check_printer.ts";
import { type ActivationFound, agentStep, observeActivation, usableIdentity } from "./diagnose_agent.ts";
import { diagnoseDisk, observeDisk } from "./diagnose_disk.ts";
import { diagnoseBroker, diagnoseClock, diagnoseEndpoint, maybeEndpointFault } from "./diagnose_endpoint.ts";
import { diagnoseRunning } from "./diagnose_running.ts";
import { diagnosePermissions, observePermissions } from "./diagnose_permissions.ts";
import type { DoctorMachine } from "./doctor_machine.ts";
import { type DoctorStep, judgedStep, skippedStep, type StepName } from "./doctor_step.ts";
import { ConfigMistakesError } from "../config/config_mistakes.ts";
import { applyPlatformConfig } from "../config/platform_config.ts";
import { readAgentConfig } from "../config/read_config.ts";
import { storedPlatformConfigName, tryParseStoredPlatformConfig } from "../config/stored_platform_config.ts";
import { hasCode } from "../../common/core/system_error.ts";

export interface DoctorOptions {
  configFile: string;
  /** Whether the file was named explicitly; otherwise a printer can be checked without a file. */
  configIsNamed: boolean;
  printer: PrinterOptions | null;
  /** Timeout of one step on the way to the platform, in milliseconds. */
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
  /** Called with what is being checked now, for the progress display. */
  onBusy(what: string): Promise<void>;
  onStep(step: DoctorStep): Promise<void>;
}

/** Resolves with all steps, each of which was passed to `onStep` before. Throws only for a defect. */
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
  const brokers = await Promise.all(
    config.platform.mqtt.map((broker) =>
      probeEndpoint(broker, {
        trust: config.platform,
        client,
        proxy: config.proxy,
        clock,
        stepTimeoutMs: options.stepTimeoutMs,
        protocol: null,
      })
    ),
  );
  const context = { now: clock.now(), clientNotAfter: client?.facts.notAfter ?? null };
  const isOpen = (report: ProbeReport) => maybeEndpointFault(report, context) === undefined;
  const another = reports.some(isOpen);
  return {
    steps: [
      diagnoseClock(reports, context),
      ...reports.flatMap((report) => diagnoseEndpoint(report, { ...context, another })),
      ...brokers.map((report, i) => diagnoseBroker(report, formatMqttEndpoint(config.platform.mqtt[i]!), context)),
    ],
    open: reports.filter(isOpen).map(({ host, port }) => ({ host, port })),
  };
}

interface StateContext {
  config: AgentConfig | null;
  open: Way["open"];
  stateDirectory: string;
  parts: DoctorParts;
}

/** Files that may not be read are reported once, by the permissions step. */
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
  const agent = await agentStep(found, { ...context, clock: parts.clock });
  const denied = permissions.status === "failed";
  return [
    denied && "kind" in found ? unseen(agent) : agent,
    denied && seen.writeError?.reason === "denied" ? unseen(disk) : disk,
    permissions,
  ];
}

/** Findings of the running agent, without those that an earlier step has reported. */
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

interface ConfigurationCheck {
  /** Includes the platform's part; null if the file has mistakes. */
  config: AgentConfig | null;
  step: DoctorStep;
  /** No configuration was named, none exists, and a printer was given: only the printer is checked. */
  printerOnly: boolean;
}

/** Every mistake of the file is a separate fault. */
async function checkConfiguration(
  { configFile, configIsNamed, printer }: { configFile: string; configIsNamed: boolean; printer: object | null },
  parts: { env: (name: string) => string | undefined; readTextFile: (path: string) => Promise<string> },
): Promise<ConfigurationCheck> {
  let config: AgentConfig;
  try {
    config = await readAgentConfig(configFile, parts);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (printer !== null && !configIsNamed && isOutOfReach(error.cause)) {
      const step = skippedStep(
        "configuration",
        configFile,
        "not readable for this user, so only the printer is tested",
      );
      return { config: null, step, printerOnly: true };
    }
    const mistakes = error instanceof ConfigMistakesError ? error.mistakes : [error];
    const denied = hasCode(error.cause, "EACCES", "EPERM");
    const faults = mistakes.map(({ message, hint = "" }) => ({
      name: denied ? "configuration-denied" : "configuration",
      severity: "failed" as const,
      message,
      advice: denied ? "run as the agent's user, or as root: sudo opendca doctor" : hint,
      exitCode: denied ? 77 as const : 78 as const,
    }));
    const detail = mistakes.length === 1 ? "1 mistake" : `${mistakes.length} mistakes`;
    return { config: null, step: judgedStep("configuration", configFile, { detail, faults }), printerOnly: false };
  }
  const step = judgedStep("configuration", configFile, { detail: summaryOf(config), faults: [] });
  return { config: await withPlatform(config, parts.readTextFile), step, printerOnly: false };
}

function isOutOfReach(cause: unknown): boolean {
  return hasCode(cause, "ENOENT", "EACCES", "EPERM");
}

function summaryOf({ sites, platform, proxy }: AgentConfig): string {
  const where = platform.endpoints.map(({ host, port }) => formatEndpoint(host, port)).join(", ");
  const through = proxy === null ? "" : ` through the proxy ${formatEndpoint(proxy.host, proxy.port)}`;
  return `valid, ${sites.length} ${sites.length === 1 ? "site" : "sites"}, reports to ${where}${through}`;
}

async function withPlatform(
  config: AgentConfig,
  readTextFile: (path: string) => Promise<string>,
): Promise<AgentConfig> {
  let text: string;
  try {
    text = await readTextFile(`${config.stateDirectory}/${storedPlatformConfigName}`);
  } catch {
    return config; // Nothing received yet, or not permitted to read it, which a later step reports.
  }
  const stored = tryParseStoredPlatformConfig(text);
  return stored === undefined ? config : applyPlatformConfig(config, stored.document).config;
}
