/**
 * Joins the parts of the agent, from the bottom up: stores, the link to the platform, scans, tasks. They are closed in
 * reverse order, so that scans stop before the uplink, and the spool closes last. Being offline is normal: everything
 * starts at once and keeps trying in the background.
 */
import { keepSigningKey, markRevoked, readAgentIdentity } from "./activation/agent_identity.ts";
import { machineFingerprint } from "./activation/machine_identity.ts";
import type { StateStoreOptions } from "./activation/state_store.ts";
import type { ColorChoice } from "../common/core/color.ts";
import { messageOf, type NotPermittedError } from "../common/core/errors.ts";
import { createWake } from "../common/core/wake.ts";
import type { JsonValue } from "./store/canonical_json.ts";
import { DamagedDatabaseError, tryStore } from "../common/host/sqlite.ts";
import { maskAddresses } from "../common/reading/mask_addresses.ts";
import { openWebAccess } from "./access/open_web_access.ts";
import type { WebAccess } from "./access/web_access.ts";
import type { AgentConfig } from "./config/agent_config.ts";
import type { ConfigWatch } from "./config/watch_config.ts";
import type { AgentApi } from "./link/agent_api.ts";
import { createBatchSigner } from "./link/batch_signer.ts";
import { createGrpcAgentApi } from "./link/grpc_agent_api.ts";
import { identityFiles } from "./link/identity_files.ts";
import { ledgeredApi } from "./link/ledgered_api.ts";
import { createMqttLink, type MqttLink } from "./link/mqtt_link.ts";
import { startPoller } from "./link/poller.ts";
import { startRenewal } from "./link/renewal.ts";
import { recordOfTaskResult } from "./link/spool_reading.ts";
import { startUplink } from "./link/uplink.ts";
import { openLog } from "./log/open_log.ts";
import { createAccessMemory } from "./service/access_memory.ts";
import { maybeRuntimeFault } from "./service/affected_runtime.ts";
import type { AgentMachine, CommonMachine } from "./service/agent_machine.ts";
import { describeAgent } from "./service/agent_status.ts";
import { createAgentTasks } from "./service/agent_tasks.ts";
import { openAgentFaults } from "./service/fault_list.ts";
import { openLiveConfig, watchOwnFile } from "./service/live_config.ts";
import { openDatabases } from "./store/open_databases.ts";
import { openPlatformTime } from "./service/platform_time.ts";
import { createReadingIntake } from "./service/reading_intake.ts";
import { createReports, databaseReport } from "./service/reports.ts";
import { openSchedule } from "./service/schedule.ts";
import { startScheduler } from "./service/scheduler.ts";
import { damageError } from "./store/quarantine_database.ts";
import { openSiteMarks } from "./service/site_marks.ts";
import { createSiteIdentity } from "./service/scan_site.ts";
import { createSiteScans } from "./service/site_scans.ts";
import { takeStateLock } from "./service/state_lock.ts";
import { startStatusWriter, statusFileName } from "./service/status_file.ts";
import { startMaintenance } from "./service/maintenance.ts";
import { openTaskMemory } from "./store/task_memory.ts";
import { createHostNames } from "./targets/host_names.ts";
import { type OpenUpdater, openUpdater } from "./update/open_updater.ts";
import { startTaskRunner } from "./tasks/task_runner.ts";

export interface AgentParts {
  /** The machine's own file. */
  config: AgentConfig;
  store: StateStoreOptions;
  machine: CommonMachine & AgentMachine;
  version: string;
  /** Options of the command line; they override the file. */
  log?: Partial<Pick<AgentConfig["log"], "format" | "level">> & { color?: ColorChoice };
  random?: () => number;
  /** Default: gRPC. */
  connect?: typeof createGrpcAgentApi;
}

/** Why an agent ended without being stopped. */
export type AgentEnd =
  /** Only a new activation code helps. */
  | { kind: "revoked"; error: NotPermittedError }
  /** A defect of the agent. */
  | { kind: "failed"; error: unknown }
  /** A setting has changed that is only read at the start: dispose of the agent and start it with `config`. */
  | { kind: "restart"; config: AgentConfig };

export interface Agent extends AsyncDisposable {
  /** Never rejects; pending while the agent runs. */
  readonly ended: Promise<AgentEnd>;
}

/** What every step below uses. */
interface Run extends AgentParts {
  runId: string;
  startedAt: Date;
  /** Closes the parts that were added to it, the last one first. */
  built: AsyncDisposableStack;
  end(end: AgentEnd): void;
  /** Reports a defect of the agent or a damaged database: the agent must start again. */
  fail(error: unknown): void;
}

/** Throws `NotPermittedError` if another agent uses the state directory or this one is not activated. */
export async function startAgent(parts: AgentParts): Promise<Agent> {
  const { promise: ended, resolve: end } = Promise.withResolvers<AgentEnd>();
  await using built = new AsyncDisposableStack();
  const run: Run = {
    ...parts,
    runId: crypto.randomUUID(),
    startedAt: parts.machine.clock.now(),
    built,
    end,
    fail: (error) => end({ kind: "failed", error: error instanceof DamagedDatabaseError ? damageError(error) : error }),
  };
  const stores = await openStores(run);
  const link = openLink(run, stores);
  const scans = openScans(run, stores, link);
  const ownFile = built.use(watchOwnFile({
    ...stores,
    initial: run.config,
    machine: run.machine,
    restart: (config) => end({ kind: "restart", config }),
  }));
  const access = openAccess(run, { ...stores, ...scans });
  openTasks(run, { ...stores, ...link, ...scans, access, ownFile });

  const { log, state: { agentId, customer, site } } = stores;
  log.info("agentStarted", { version: parts.version, agentId, customer, site, runId: run.runId });
  built.defer(() => void log.info("agentStopped", { runId: run.runId }));
  const stack = built.move();
  return { ended, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

type Stores = Awaited<ReturnType<typeof openStores>>;

/** The stored data and what follows from it: identity, configuration, platform time, schedule. */
async function openStores({ config: local, store, machine, log: wanted, random, built, fail }: Run) {
  const { clock } = machine;
  const { stateDirectory } = local;
  built.use(await takeStateLock(store.disk, { stateDirectory, clock }));
  const { state, identity } = await readAgentIdentity(store);
  const { logger: log, setLevel } = built.use(openLog({ ...local.log, ...wanted }, {
    ...machine,
    disk: machine.logDisk,
    color: wanted?.color,
  }));
  /** The loops that these wake are started further down. */
  const statusChanges = createWake(clock), polls = createWake(clock);
  const faults = openAgentFaults({ clock, log, changed: statusChanges.wake });
  const runtimeFault = maybeRuntimeFault(machine.facts.runtimeVersion);
  if (runtimeFault !== undefined) {
    faults.add(runtimeFault.code, runtimeFault.message);
    log.warn(runtimeFault.event, { message: runtimeFault.message });
  }
  const databases = built.use(openDatabases({
    stateDirectory,
    customer: state.customer ?? "",
    agentId: state.agentId,
    clock,
    files: machine.spoolFiles,
    spoolLimits: local.limits.spool,
    report: databaseReport({ log, faults }),
  }));
  const { ledger, inventory, truncateJournals } = databases;
  const since = identity.facts.notBefore;
  const time = built.use(openPlatformTime({ clock, uptimeMs: machine.uptimeMs, inventory, since, polls, log }));
  const live = await openLiveConfig({ ...machine, local });
  if (live.refusals().length > 0) log.warn("configRefused", { refusals: live.refusals() });
  built.use(live.onChange(({ config, refusals, from }) => {
    setLevel(wanted?.level ?? config.log.level);
    log.info("configApplied", { from, refusals });
    faults.keepSites("scan-failed", config.sites.map(({ name }) => name));
    statusChanges.wake();
  }));
  const marks = openSiteMarks(inventory);
  const due = { clock: time.clock, config: live.current, inventory, marks };
  const schedule = openSchedule({ ...due, ...(random === undefined ? {} : { random }) });
  built.use(startMaintenance({ clock: time.clock, ledger, inventory, truncateJournals, onDefect: fail }));
  /** The text as it may be sent: addresses masked by the policy. */
  const cleanText = (text: string) => maskAddresses(text, live.current().policy.mask);
  return { ...databases, state, identity, log, faults, statusChanges, polls, time, live, marks, schedule, cleanText };
}

type Link = ReturnType<typeof openLink>;

/** Where the parts report what happens. A revocation ends the agent. */
function openReports({ machine: { clock }, store, end, fail }: Run, { log, faults, statusChanges }: Stores) {
  let isRevoked = false;
  return createReports({
    log,
    faults,
    clock,
    changed: statusChanges.wake,
    onDefect: fail,
    onRevoked(error) {
      if (isRevoked) return;
      isRevoked = true;
      log.error("agentRevoked", { message: error.message });
      try {
        markRevoked(store);
      } catch (reason) {
        log.error("stateUnsaved", { reason: messageOf(reason) });
      }
      end({ kind: "revoked", error });
    },
  });
}

/** The platform: calls, which the ledger records, their reports, uploads, and certificate renewal. */
function openLink(run: Run, stores: Stores) {
  const { config, store, machine, runId, built, fail } = run;
  const { state, identity, ledger, log, faults, time } = stores;
  const { clock } = machine;
  const reports = openReports(run, stores);
  const grpc = built.use((run.connect ?? createGrpcAgentApi)({
    endpoints: config.platform.endpoints,
    trust: config.platform,
    proxy: config.proxy,
    clock,
  }));
  /** Renewals replace both. */
  const keys = { certificateNotAfter: identity.facts.notAfter, signingKey: state.signingKey };
  let certificate = { ...identity, notAfter: keys.certificateNotAfter };
  grpc.useCertificate(certificate);
  const api = ledgeredApi(grpc, {
    ledger,
    clock: time.clock,
    machineClock: clock,
    onLost(error) {
      faults.add("ledger-incomplete", messageOf(error));
      log.error("ledgerEntryLost", { reason: messageOf(error) });
      if (error instanceof DamagedDatabaseError) fail(error);
    },
    onKept: () => faults.clear("ledger-incomplete"),
  });
  const mqtt = config.platform.mqtt.length === 0 ? undefined : built.use(createMqttLink({
    endpoints: config.platform.mqtt,
    trust: config.platform,
    proxy: config.proxy,
    clock,
    agentId: state.agentId,
    certificate: () => certificate,
    report: reports.mqtt,
  }));
  const update = openUpdates(run, stores, api);
  const status = openStatus(run, stores, { reports, endpoint: () => grpc.lastEndpoint, keys, mqtt, update });
  const uplink = built.use(startUplink({
    spool: stores.spool,
    api,
    clock,
    installationId: state.installationId,
    runId,
    sign: createBatchSigner({
      disk: store.disk,
      stateDirectory: config.stateDirectory,
      agentId: state.agentId,
      identity: () => certificate,
    }),
    report: reports.uplink,
    time,
  }));
  // Records from the last run.
  uplink.flush();
  built.use(startRenewal(identity, {
    files: identityFiles(store.disk, config.stateDirectory),
    api,
    clock: time.clock,
    timeKnown: time.known,
    installationId: state.installationId,
    onRenewed(renewed, signingKey) {
      keys.certificateNotAfter = renewed.facts.notAfter;
      certificate = { ...renewed, notAfter: keys.certificateNotAfter };
      grpc.useCertificate(certificate);
      mqtt?.renewed();
      if (signingKey === null) return;
      keys.signingKey = signingKey;
      keepSigningKey(store, signingKey);
    },
    report: reports.renewal,
  }));
  return { api, keys, mqtt, reports, status, update, uplink };
}

/** New versions of the agent, as the platform offers them. */
function openUpdates({ config, machine, built, ...run }: Run, stores: Stores, api: AgentApi): OpenUpdater {
  const update = built.use(openUpdater({
    ...run,
    ...stores,
    ...machine,
    api,
    installationId: stores.state.installationId,
    clock: stores.time.clock,
    machineClock: machine.clock,
    disk: machine.updateDisk,
    executable: machine.executable?.(),
    stateDirectory: config.stateDirectory,
    config: stores.live.current,
    statusChanged: stores.statusChanges.wake,
    poll: stores.polls.wake,
  }));
  built.use(stores.live.onChange(update.configChanged));
  return update;
}

/** The agent's status: in `status.json`, and to the platform with each poll. */
function openStatus(
  run: Run,
  stores: Stores,
  link: {
    reports: Pick<Link["reports"], "contact">;
    endpoint(): string | undefined;
    keys: { certificateNotAfter: Date };
    mqtt: Pick<MqttLink, "status"> | undefined;
    update: OpenUpdater;
  },
) {
  const { config, store, machine, built } = run;
  const status = describeAgent({
    ...run,
    ...stores,
    clock: machine.clock,
    contact: link.reports.contact,
    facts: machine.facts,
    fingerprint: machineFingerprint(store.machineIdentity),
    residentBytes: machine.residentBytes,
    endpoint: link.endpoint,
    certificateNotAfter: () => link.keys.certificateNotAfter,
    mqtt: () => link.mqtt?.status,
    update: link.update,
  });
  built.use(startStatusWriter({
    path: `${config.stateDirectory}/${statusFileName}`,
    machine,
    log: stores.log,
    clock: machine.clock,
    wake: stores.statusChanges,
    describe: (phase) => status.forFile(phase),
  }));
  return status;
}

/** Scans: finds and reads printers on schedule, recognises known ones, and puts readings into the spool. */
function openScans({ machine, built, fail }: Run, stores: Stores, { reports, uplink }: Link) {
  const { inventory, spool, log, faults, time, live, marks, schedule } = stores;
  const { clock } = machine;
  const { resolve } = createHostNames({
    lookUp: machine.lookUp,
    clock,
    known: marks.addresses,
    // Limits the load on name servers.
    pace: { perSecond: 20, sleep: (ms) => clock.sleep(ms) },
  });
  const intake = createReadingIntake({
    inventory,
    spool,
    clock,
    time,
    mask: () => live.current().policy.mask,
    onAnswer: schedule.answered,
    onMerged: schedule.forget,
    onSpooled(records) {
      faults.clear("readings-lost");
      if (log.isEnabled("debug")) log.debug("recordsSpooled", { ids: records.map(({ id }) => id) });
    },
    onLost(error, records) {
      faults.add("readings-lost", error.message);
      log.error("readingsLost", { records, reason: error.message });
      if (error instanceof DamagedDatabaseError) fail(error);
    },
  });
  intake.reportMerges();
  const access = createAccessMemory(time.clock, inventory.devices());
  const scans = createSiteScans({
    machine: { ...machine, resolve, clock: time.clock },
    machineClock: clock,
    config: live.current,
    intake,
    access,
    log,
    devices: (site) => inventory.devices().filter((device) => device.site === site).length,
    faults,
    onPassed: uplink.flush,
  });
  const scheduler = built.use(startScheduler({
    clock: time.clock,
    config: live.current,
    schedule,
    marks,
    inventory,
    scan: scans.scan,
    onOffline: (device) => intake.notePresence(device, "offline"),
    report: reports.schedule,
    onDefect: fail,
  }));
  built.use(live.onChange(() => {
    scans.configChanged();
    scheduler.configChanged();
  }));
  const siteIdentity = createSiteIdentity({
    config: live.current,
    machine: { ...machine, resolve, clock: time.clock },
    access,
  });
  return { resolve, scans, siteIdentity };
}

/** Sessions with the web pages of devices: each is ordered by a task, and shown and ended by `opendca sessions`. */
function openAccess(
  { config, store, machine, built }: Run,
  { state, identity, ledger, inventory, log, faults, time, live, siteIdentity }:
    & Stores
    & Pick<ReturnType<typeof openScans>, "siteIdentity">,
): WebAccess {
  function note(summary: string, details: { [name: string]: JsonValue }): void {
    try {
      ledger.append({ at: time.clock.now(), kind: "session", summary, bytes: new Uint8Array(0), details });
    } catch (error) {
      faults.add("ledger-incomplete", messageOf(error));
      throw error;
    }
  }
  const { access, files } = openWebAccess({
    ...siteIdentity,
    clock: time.clock,
    machineClock: machine.clock,
    note,
    config: live.current,
    inventory,
    privateKeyPem: identity.keyPem,
    stateDirectory: config.stateDirectory,
    agentId: state.agentId,
    disk: store.disk,
    replaceTextFile: machine.replaceTextFile,
    log,
  });
  // Sessions end first, and the file says so.
  built.use(files);
  built.use(access);
  built.use(live.onChange(() => {
    access.configChanged();
    files.changed();
  }));
  return access;
}

type TaskParts = Stores & Link & ReturnType<typeof openScans> & { access: WebAccess; ownFile: ConfigWatch };

/** Tasks of the platform: polls fetch them, the runner executes them, and polls report the results. */
function openTasks({ machine, built }: Run, parts: TaskParts) {
  const { state, spool, live, time, polls, cleanText, keys, api, reports, status, uplink } = parts;
  const { clock } = time;
  const config = live.current;
  const memory = openTaskMemory(parts.tasks);
  tryStore(() => memory.recover(clock.now()));
  const runner = built.use(startTaskRunner({
    memory,
    clock,
    agentId: state.agentId,
    signingKeys: () => keys.signingKey === null ? [] : [keys.signingKey],
    handler: createAgentTasks({ ...parts, machine, clock }),
    spoolResult(result) {
      spool.append([recordOfTaskResult(result, { observedAt: machine.clock.now(), mark: time.mark() })]);
      uplink.flush();
    },
    report: reports.task,
    cleanText,
    onResult: polls.wake,
    onProgress: parts.mqtt?.progress,
  }));
  parts.mqtt?.start({
    onWake: polls.wake,
    onTask(task, how) {
      // Expiry is judged by the platform's time; without it the task comes with a poll, which brings both.
      if (time.isKnown()) return runner.takePushed(task, clock.now(), how);
      polls.wake();
      return true;
    },
  });
  built.use(startPoller({
    api,
    clock,
    wake: polls,
    beginMeasure: time.beginMeasure,
    intervalMs: () => config().poll.intervalMs,
    status: status.forPoll,
    config: live,
    // If the acknowledgement cannot be stored, the results are reported again.
    results: { ...memory, acknowledge: (ids) => void tryStore(() => memory.acknowledge(ids)) },
    onTasks: runner.take,
    onUpdate: parts.update.polled,
    report(event) {
      reports.poll(event);
      time.polled(event);
      // Records that waited for the platform's time can be sent now.
      uplink.wake();
    },
  }));
  let { intervalMs } = config().poll;
  built.use(live.onChange(({ config: { poll } }) => {
    if (poll.intervalMs !== intervalMs) polls.wake();
    intervalMs = poll.intervalMs;
  }));
}
