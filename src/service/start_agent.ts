/**
 * Builds the agent downstream first. Disposal runs in reverse, so that scans stop before the uplink does, and the spool
 * closes last. Being offline is normal: everything starts at once and keeps trying in the background.
 */
import { keepSigningKey, markRevoked, readAgentIdentity } from "../activation/agent_identity.ts";
import { identityFiles } from "../link/identity_files.ts";
import { machineFingerprint } from "../activation/machine_identity.ts";
import { startRenewal } from "../link/renewal.ts";
import type { StateStoreOptions } from "../activation/state_store.ts";
import type { AgentConfig } from "../config/agent_config.ts";
import { readAgentConfig } from "../config/read_config.ts";
import { roundDuration } from "../../common/core/duration.ts";
import { watchConfig } from "../config/watch_config.ts";
import type { Clock } from "../../common/core/clock.ts";
import type { ColorChoice } from "../../common/core/color.ts";
import { openClockBook } from "../store/clock_book.ts";
import { createWake } from "../../common/core/wake.ts";
import { messageOf, NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import { DamagedDatabaseError, tryStore } from "../../common/host/sqlite.ts";
import { openLog } from "../log/open_log.ts";
import { startPoller } from "../link/poller.ts";
import { openTaskMemory } from "../store/task_memory.ts";
import { startTaskRunner } from "../tasks/task_runner.ts";
import { createHostNames } from "../targets/host_names.ts";
import { createGrpcAgentApi } from "../link/grpc_agent_api.ts";
import { maskAddresses } from "../../common/reading/mask_addresses.ts";
import { recordOfTaskResult } from "../link/spool_reading.ts";
import { startUplink } from "../link/uplink.ts";
import { maybeRuntimeFault } from "./affected_runtime.ts";
import type { AgentMachine, CommonMachine } from "./agent_machine.ts";
import { describeAgent } from "./agent_status.ts";
import { createTaskHandler } from "../tasks/task_handler.ts";
import { takeStateLock } from "./state_lock.ts";
import { knownAddresses } from "./known_addresses.ts";
import { faultKindOf } from "./fault_kinds.ts";
import { createFaultList } from "./fault_list.ts";
import { flushingSpool } from "../link/flushing_spool.ts";
import { ledgeredApi } from "../link/ledgered_api.ts";
import { needsRestart, openLiveConfig } from "./live_config.ts";
import { openStores } from "./open_stores.ts";
import { createAccessMemory } from "./access_memory.ts";
import { createReadingIntake } from "./reading_intake.ts";
import { createReports } from "./reports.ts";
import { createStatusSaver } from "./save_status.ts";
import { type Scheduler, startScheduler } from "./scheduler.ts";
import { damageError } from "./quarantine_database.ts";
import { openSchedule } from "./schedule.ts";
import { openSiteMarks } from "./site_marks.ts";
import { createSiteScans, type SiteScans } from "./site_scans.ts";
import { heartbeatMs, statusFileName } from "./status_file.ts";
import { startStatusWriter } from "./status_writer.ts";
import { startUpkeep } from "./upkeep.ts";

export interface AgentParts {
  /** The machine's own file. */
  config: AgentConfig;
  store: StateStoreOptions;
  machine: CommonMachine & AgentMachine;
  version: string;
  /** What the command line says over the file. */
  log?: Partial<Pick<AgentConfig["log"], "format" | "level">> & { color?: ColorChoice };
  random?: () => number;
  /** Default: gRPC. */
  connect?: typeof createGrpcAgentApi;
}

/** Why an agent ended that nobody asked to. */
export type AgentEnd =
  /** Only a new activation code helps. */
  | { kind: "revoked"; error: NotPermittedError }
  /** A defect of ours. */
  | { kind: "failed"; error: unknown }
  /** The file has changed in what is opened once: to be disposed of and started again with this. */
  | { kind: "restart"; config: AgentConfig };

export interface Agent extends AsyncDisposable {
  /** Never rejects; pending while all is well. */
  readonly ended: Promise<AgentEnd>;
}

const clockMark = "clock";
/** After a step of the wall clock the platform is asked for its time, but not more often than this. */
const measureAgainMs = 5 * 60_000;

/** What has its own message when it works again. */
/** Throws `NotPermittedError` for a second agent on one state directory, and for one that is not activated. */
export async function startAgent(parts: AgentParts): Promise<Agent> {
  const { store, machine, version } = parts;
  const { clock } = machine;
  const { stateDirectory } = parts.config;
  const startedAt = clock.now(), runId = crypto.randomUUID();
  const ended = Promise.withResolvers<AgentEnd>();
  await using built = new AsyncDisposableStack();
  const inState = (name: string) => `${stateDirectory}/${name}`;

  built.use(await takeStateLock(store.disk, { stateDirectory, clock }));
  const { state, identity } = await readAgentIdentity(store);
  const openedLog = built.use(openLog({ ...parts.config.log, ...parts.log }, {
    ...machine,
    disk: machine.logDisk,
    color: parts.log?.color,
  }));
  const log = openedLog.logger;
  // Made before all that wakes them: the poller and the writer of the status begin further down.
  const polls = createWake(clock), statusChanges = createWake(clock);
  // What is built further down and used by what is built first.
  const later: { scans?: SiteScans; scheduler?: Scheduler } = {};
  const faults = createFaultList({
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    changed: statusChanges.wake,
    // The last line about a thing is its present state, whatever the thing is.
    ended: ({ code, message, firstAt, count }, lastedMs) =>
      log.info(faultKindOf(code).endEvent ?? "faultEnded", {
        code,
        was: message,
        since: firstAt.toISOString(),
        lasted: roundDuration(lastedMs),
        lastedMs: Math.round(lastedMs),
        count,
      }),
  });
  const runtimeFault = maybeRuntimeFault(machine.facts.runtimeVersion);
  if (runtimeFault !== undefined) {
    const { code, event, message } = runtimeFault;
    faults.add(code, message);
    log.warn(event, { message });
  }

  const { ledger, inventory, spool, tasks: tasksDb, truncateJournals } = built.use(openStores({
    stateDirectory,
    customer: state.customer ?? "",
    agentId: state.agentId,
    clock,
    files: machine.spoolFiles,
    spoolLimits: parts.config.limits.spool,
    faults,
    log,
  }));

  const { resolve } = createHostNames({
    lookUp: machine.lookUp,
    clock,
    known: knownAddresses(inventory),
    // So that no name server takes the agent for a flood.
    pace: { perSecond: 20, sleep: (ms) => clock.sleep(ms) },
  });
  let stepped = () => {};
  const book = openClockBook({
    now: () => clock.now(),
    uptimeMs: machine.uptimeMs,
    kept: inventory.mark(clockMark),
    // What cannot be kept is known until the next start.
    save: (text) => void tryStore(() => inventory.setMark(clockMark, text)),
    since: identity.facts.notBefore,
    onStep: () => stepped(),
  });
  /** The platform's time, as far as it is known. */
  const trueClock: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    now: () => book.now(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };

  const live = await openLiveConfig({
    local: parts.config,
    readTextFile: machine.readTextFile,
    replaceTextFile: machine.replaceTextFile,
    onChange({ config, refusals, from }) {
      openedLog.setLevel(parts.log?.level ?? config.log.level);
      if (config.poll.intervalMs !== pollIntervalMs) polls.wake();
      pollIntervalMs = config.poll.intervalMs;
      log.info("configApplied", { from, refusals });
      faults.keepSites("scan-failed", config.sites.map(({ name }) => name));
      later.scans?.configChanged();
      later.scheduler?.configChanged();
      statusChanges.wake();
    },
  });
  if (live.refusals().length > 0) log.warn("configRefused", { refusals: live.refusals() });

  let pollIntervalMs = live.current().poll.intervalMs;
  const cleanText = (text: string) => maskAddresses(text, live.current().policy.mask);

  function fail(error: unknown): void {
    ended.resolve({ kind: "failed", error: error instanceof DamagedDatabaseError ? damageError(error) : error });
  }

  let isRevoked = false;
  const reports = createReports({
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
      ended.resolve({ kind: "revoked", error });
    },
  });

  const grpc = built.use((parts.connect ?? createGrpcAgentApi)({
    endpoints: parts.config.platform.endpoints,
    trust: parts.config.platform,
    proxy: parts.config.proxy,
    clock,
  }));
  let certificateNotAfter = identity.facts.notAfter, signingKey = state.signingKey;
  grpc.useCertificate({ ...identity, notAfter: certificateNotAfter });
  const api = ledgeredApi(grpc, {
    ledger,
    clock: trueClock,
    machineClock: clock,
    onLost(error) {
      faults.add("ledger-incomplete", messageOf(error));
      log.error("ledgerEntryLost", { reason: messageOf(error) });
      if (error instanceof DamagedDatabaseError) fail(error);
    },
    onKept: () => faults.clear("ledger-incomplete"),
  });

  const marks = openSiteMarks(inventory);
  const { random } = parts;
  const schedule = openSchedule({
    clock: trueClock,
    config: live.current,
    inventory,
    marks,
    ...(random === undefined ? {} : { random }),
  });

  const status = describeAgent({
    clock,
    version,
    runId,
    startedAt,
    state,
    spool,
    ledger,
    cleanText,
    live,
    faults,
    contact: reports.contact,
    facts: machine.facts,
    fingerprint: machineFingerprint(store.machineIdentity),
    residentBytes: machine.residentBytes,
    endpoint: () => grpc.lastEndpoint,
    certificateNotAfter: () => certificateNotAfter,
    schedule,
  });
  const saveStatus = createStatusSaver({ path: inState(statusFileName), machine, log });
  built.use(startStatusWriter({
    clock,
    wake: statusChanges,
    heartbeatMs,
    write: (phase) => saveStatus(JSON.stringify(status.forFile(phase), null, 2)),
  }));

  const stopping = new AbortController();
  built.defer(() => stopping.abort(new Error("The agent is stopping")));
  let measuredAtMs = -Infinity;
  const timeKnown = Promise.withResolvers<void>();
  const uplinkSpool = flushingSpool(spool);
  const uplink = built.use(startUplink({
    spool: uplinkSpool,
    api,
    clock,
    installationId: state.installationId,
    runId,
    report: reports.uplink,
    time: { ...book, isKnown: () => book.isMeasured() || reports.isPollRefused() },
  }));
  const flush = () => {
    uplinkSpool.flush();
    uplink.wake();
  };

  stepped = () => {
    log.warn("clockStepped", { now: clock.now().toISOString(), platformTime: trueClock.now().toISOString() });
    // Not for each of many steps; until then nothing new is put into a batch.
    const waitMs = measuredAtMs + measureAgainMs - clock.monotonicMs();
    clock.sleep(Math.max(0, waitMs), stopping.signal).then(() => {
      if (!book.isMeasured()) polls.wake();
    }, () => {}); // The agent is stopping.
  };

  const intake = createReadingIntake({
    inventory,
    spool,
    clock,
    time: book,
    mask: () => live.current().policy.mask,
    onHeard: schedule.heard,
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
  intake.tellMerges();
  const scans = later.scans = createSiteScans({
    machine: { ...machine, resolve, clock: trueClock },
    machineClock: clock,
    config: live.current,
    intake,
    access: createAccessMemory(trueClock, inventory.devices()),
    log,
    devices: (site) => inventory.devices().filter((device) => device.site === site).length,
    faults,
    onPassed: flush,
  });

  const memory = openTaskMemory(tasksDb);
  tryStore(() => memory.recover(trueClock.now()));
  const handler = createTaskHandler({
    policy: () => live.current().policy,
    scan: {
      config: live.current,
      clock: trueClock,
      places: (site) =>
        inventory.devices().filter((device) => device.site === site).flatMap(({ place }) => place ?? []),
      async scan(task) {
        const site = task.site.name;
        try {
          const outcome = await scans.scan({ ...task, kind: "task", scope: "full" });
          reports.schedule({ event: "readEnded", site });
          return outcome;
        } catch (error) {
          // What keeps a scan of the platform from being done does the same to those of the schedule.
          if (error instanceof UnavailableError) reports.schedule({ event: "scanFailed", site, error });
          throw error;
        }
      },
    },
    ping: { config: live.current, clock: trueClock, resolve, ping: machine.ping, cleanText },
    diagnostics: {
      config: live.current,
      clock: trueClock,
      status: () => status.forFile("running"),
      readTextFile: machine.readTextFile,
      cleanText,
    },
    setConfig: live,
  });
  const runner = built.use(startTaskRunner({
    memory,
    clock: trueClock,
    agentId: state.agentId,
    signingKeys: () => signingKey === null ? [] : [signingKey],
    handler,
    spoolResult(result) {
      spool.append([recordOfTaskResult(result, { observedAt: clock.now(), mark: book.mark() })]);
      flush();
    },
    report: reports.task,
    cleanText,
    onResult: polls.wake,
  }));

  built.use(startPoller({
    api,
    clock: trueClock,
    wake: polls,
    beginMeasure: book.beginMeasure,
    intervalMs: () => live.current().poll.intervalMs,
    status: status.forPoll,
    config: live,
    // What could not be noted is reported again.
    results: { ...memory, acknowledge: (ids) => void tryStore(() => memory.acknowledge(ids)) },
    onTasks: runner.take,
    report(event) {
      reports.poll(event);
      if (event.event === "pollSucceeded") measuredAtMs = clock.monotonicMs();
      if (book.isMeasured() || reports.isPollRefused()) timeKnown.resolve();
      // What waited for the platform's time can go now.
      uplink.wake();
    },
  }));

  built.use(startRenewal(identity, {
    files: identityFiles(store.disk, stateDirectory),
    api,
    clock: trueClock,
    timeKnown: timeKnown.promise,
    installationId: state.installationId,
    onRenewed(renewed, key) {
      certificateNotAfter = renewed.facts.notAfter;
      grpc.useCertificate({ ...renewed, notAfter: certificateNotAfter });
      if (key === null) return;
      signingKey = key;
      keepSigningKey(store, key);
    },
    report: reports.renewal,
  }));

  later.scheduler = built.use(startScheduler({
    clock: trueClock,
    config: live.current,
    schedule,
    marks,
    inventory,
    scan: scans.scan,
    onOffline: (device) => intake.notePresence(device, "offline"),
    report: reports.schedule,
    onDefect: fail,
  }));

  built.use(startUpkeep({ clock: trueClock, ledger, inventory, truncateJournals, onDefect: fail }));

  built.use(watchConfig({
    path: parts.config.file,
    initial: parts.config,
    read: (path) => readAgentConfig(path, machine),
    clock,
    watch(path, callback) {
      try {
        return machine.watchFile(path, callback);
      } catch (error) {
        // Too many watches on this machine; SIGHUP still works.
        log.warn("configUnwatched", { reason: messageOf(error) });
        return () => {};
      }
    },
    signals: machine.onHangUp,
    onChange({ config, changes }) {
      log.info("configChanged", { changes });
      faults.clear("config-broken");
      if (needsRestart(changes)) return ended.resolve({ kind: "restart", config });
      if (changes.includes("stateDirectory")) log.warn("changeIgnored", { change: "stateDirectory", until: "restart" });
      live.setLocal({ ...config, stateDirectory });
    },
    onRecovered: () => faults.clear("config-broken"),
    onProblem(error) {
      faults.add("config-broken", messageOf(error));
      log.error("configRefused", { reason: messageOf(error) });
    },
  }));

  log.info("agentStarted", { version, agentId: state.agentId, customer: state.customer, site: state.site, runId });
  built.defer(() => void log.info("agentStopped", { runId }));
  const stack = built.move();
  return { ended: ended.promise, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
