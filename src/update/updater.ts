/**
 * Brings what the platform offers and the release keys signed as far as the agent may: judged, downloaded, verified, and
 * asked for in the hours in which updates are allowed. Root does the rest (`root_steps.ts`).
 */
import type { Clock } from "../../common/core/clock.ts";
import { messageOf, NotPermittedError, RejectedError, UnavailableError } from "../../common/core/errors.ts";
import { createWake } from "../../common/core/wake.ts";
import { replaceFile, tryRead } from "../../common/host/disk.ts";
import type { Product } from "../../common/release/release_manifest.ts";
import type { ReleaseKeys } from "../../common/release/release_keys.ts";
import { type UpdateOffer, UpdatePhase, type UpdateStatus } from "../../proto/gen/opendca/v1/update.ts";
import type { UpdatePolicy } from "../config/agent_config.ts";
import { periodAt } from "../config/allowed_hours.ts";
import type { AgentApi } from "../link/agent_api.ts";
import { jitteredBackoff } from "../link/retry.ts";
import type { EventName, LogFields } from "../log/log_record.ts";
import { download, GarbageError, isDownloaded } from "./download.ts";
import { type JudgedOffer, judgeOffer } from "./judge_offer.ts";
import {
  maybePending,
  maybeRequest,
  maybeResult,
  maybeRootState,
  polledText,
  requestText,
  type RootState,
  type UpdateResult,
} from "./update_files.ts";
import type { UpdateDisk } from "./update_disk.ts";

export interface UpdaterOptions {
  api: Pick<AgentApi, "fetchUpdate">;
  /** The platform's time. */
  clock: Clock;
  machineClock: Pick<Clock, "now">;
  disk: UpdateDisk;
  /** `STATE/update` */
  folder: string;
  /** Root's, which the agent only reads. */
  rootFolder: string;
  keys: ReleaseKeys;
  installed: { product: Product; target: string; version: string };
  installationId: string;
  runId: string;
  policy(): UpdatePolicy & { allowed: boolean };
  /** Bytes that an update must leave free. */
  reserveBytes(): number;
  log: { info: LogLine; warn: LogLine; debug: LogLine };
  /** The status has changed; `isStep`: by more than a number. */
  changed(isStep: boolean): void;
  random?: () => number;
}

type LogLine = (event: EventName, fields: LogFields) => void;

export interface Updater extends AsyncDisposable {
  /** A poll was answered, with or without an offer. */
  polled(offer: UpdateOffer | undefined): void;
  configChanged(): void;
  /** Undefined where nothing was ever offered. */
  status(): UpdateStatus | undefined;
}

const minuteMs = 60_000;
/** Between looks at root's result while it works. */
const lookMs = 5_000;
/** Root's copy and the five minutes for the first poll take less. */
const rootTimeMs = 30 * minuteMs;
const idleMs = 24 * 60 * minuteMs;
/** Refusals that are remembered, so that the log has each once. */
const mostTold = 64;

const events: Record<number, EventName> = {
  [UpdatePhase.REFUSED]: "updateRefused",
  [UpdatePhase.DOWNLOADING]: "updateBegun",
  [UpdatePhase.WAITING]: "updateHeld",
  [UpdatePhase.INSTALLING]: "updateRequested",
  [UpdatePhase.INSTALLED]: "updateInstalled",
  [UpdatePhase.FAILED]: "updateFailed",
  [UpdatePhase.RETURNED]: "updateReturned",
};

const outcomes = {
  installed: UpdatePhase.INSTALLED,
  failed: UpdatePhase.FAILED,
  returned: UpdatePhase.RETURNED,
} as const;

/** What the steps share. */
interface Run extends UpdaterOptions {
  offer: UpdateOffer | undefined;
  /** Whether the platform has said in this run what it offers. */
  hasPolled: boolean;
  /** When root was asked; undefined if it has not been. */
  requestedAtMs: number | undefined;
  tries: ReturnType<typeof createTries>;
  shown: ReturnType<typeof createShown>;
}

export function startUpdater(options: UpdaterOptions): Updater {
  const wake = createWake(options.clock);
  const stop = new AbortController();
  /** Of the present step: a change of offer or policy ends it. */
  let step = new AbortController();
  const parts: Run = {
    ...options,
    offer: undefined,
    hasPolled: false,
    requestedAtMs: undefined,
    tries: createTries(options),
    shown: createShown(options),
  };

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      wake.clear();
      step = new AbortController();
      const signal = AbortSignal.any([step.signal, stop.signal]);
      let waitMs: number;
      try {
        waitMs = await advance(parts, signal);
      } catch (error) {
        if (signal.aborted) continue;
        // A full disk, or a defect: an agent that cannot update must go on reading.
        options.log.warn("updateFailed", { version: "", message: messageOf(error) });
        waitMs = 60 * minuteMs;
      }
      await wake.wait(waitMs, stop.signal);
    }
  }

  function restart(): void {
    step.abort(new Error("There is another offer or policy"));
    wake.wake();
  }

  const running = run();
  return {
    polled(next) {
      if (!parts.hasPolled) tellRoot(options);
      const { offer, hasPolled } = parts;
      const isNew = !hasPolled || next?.manifest !== offer?.manifest || next?.encoding !== offer?.encoding;
      Object.assign(parts, { offer: next, hasPolled: true });
      if (isNew) restart();
    },
    configChanged: restart,
    status: () => parts.shown.status(),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The agent is stopping"));
      await running;
    },
  };
}

/** One step towards what is offered; returns how long there is nothing to do. */
async function advance(run: Run, signal: AbortSignal): Promise<number> {
  const { pending, result, state } = rootSays(run);
  const { offer, shown } = run;
  if (pending !== undefined) {
    shown.set(UpdatePhase.INSTALLING, pending.version, "It is installed, and has to poll");
    return lookMs;
  }
  if (offer === undefined) return withoutOffer(run, result);
  let judged: JudgedOffer;
  try {
    judged = judge(offer.manifest, run, state);
  } catch (error) {
    if (!(error instanceof NotPermittedError)) throw error;
    clearFolder(run);
    shown.set(UpdatePhase.REFUSED, versionIn(offer.manifest), error.message);
    return idleMs;
  }
  const { manifest: { version }, file } = judged;
  if (state?.returned.includes(file.sha256) === true) {
    clearFolder(run);
    const why = result?.sha256 === file.sha256 ? result.message : "It was installed before, and did not poll in time";
    shown.set(UpdatePhase.RETURNED, version, why);
    return idleMs;
  }
  const before = run.tries.last(file.sha256);
  if (before !== undefined) {
    shown.set(UpdatePhase.FAILED, version, before.message);
    return before.waitMs;
  }
  try {
    readResult(run, file.sha256, result);
    await bring(run, { judged, offer, signal });
    return untilAllowed(run, version) || ask(run, version, file.sha256);
  } catch (error) {
    signal.throwIfAborted();
    return failed(run, judged, error);
  }
}

/** What root says; nothing of it is of another user, as the folder is root's. */
function rootSays({ disk, rootFolder }: Run) {
  const read = (name: string) => tryRead(disk, `${rootFolder}/${name}`) ?? "";
  return {
    pending: maybePending(read("pending.json")),
    result: maybeResult(read("result.json")),
    state: maybeRootState(read("state.json")),
  };
}

function judge(text: string, run: Run, state: RootState | undefined): JudgedOffer {
  const { installed, machineClock, clock } = run;
  return judgeOffer(text, {
    ...run,
    policy: run.policy(),
    installed: { ...installed, highestVersion: state?.highestVersion ?? installed.version },
    now: { clocks: [machineClock.now(), clock.now()], newestIssuedAt: state?.newestIssuedAt ?? null },
  });
}

function withoutOffer(run: Run, result: UpdateResult | undefined): number {
  // An offer that was taken back is not installed any more.
  if (run.hasPolled) clearFolder(run);
  if (result !== undefined) run.shown.set(outcomes[result.outcome], result.version, result.message);
  else if (run.hasPolled) run.shown.clear();
  return idleMs;
}

/** Throws what root says of the last request. */
function readResult(run: Run, sha256: string, result: UpdateResult | undefined): void {
  const { disk, folder } = run;
  const request = maybeRequest(tryRead(disk, `${folder}/request`) ?? "");
  if (result === undefined || request?.sha256 !== sha256 || request.id !== result.request) return;
  disk.remove(`${folder}/request`);
  run.requestedAtMs = undefined;
  // Whatever it was, the next try is not with a file that has changed since.
  if (disk.size(`${folder}/opendca`) === undefined || disk.digest(`${folder}/opendca`).sha256 !== sha256) {
    clearFolder(run);
  }
  if (result.outcome === "failed") throw new UnavailableError(result.message);
}

async function bring(
  run: Run,
  { judged: { manifest: { version }, file }, offer: { manifest, encoding, encodedBytes }, signal }: {
    judged: JudgedOffer;
    offer: UpdateOffer;
    signal: AbortSignal;
  },
): Promise<void> {
  const { disk, folder, shown } = run;
  if (isDownloaded({ disk, folder, manifest, file })) return;
  shown.set(UpdatePhase.DOWNLOADING, version, "It is being downloaded");
  await download({
    ...run,
    manifest,
    file,
    encoding,
    encodedBytes: Number(encodedBytes),
    reserveBytes: run.reserveBytes(),
    signal,
    progress: shown.progress,
  });
  signal.throwIfAborted();
}

/** Milliseconds until an update may be installed; 0 if it may be now. */
function untilAllowed(run: Run, version: string): number {
  const nowMs = run.clock.now().getTime();
  const { allowed, untilMs } = periodAt(run.policy().allowedHours, nowMs);
  if (allowed) return 0;
  run.disk.remove(`${run.folder}/request`);
  run.requestedAtMs = undefined;
  const when = Number.isFinite(untilMs)
    ? `It waits for the hours in which updates are allowed: ${minuteText(untilMs)}`
    : "It waits for hours in which updates are allowed, and there are none: see policy.update.allowedHours";
  run.shown.set(UpdatePhase.WAITING, version, when);
  return Math.min(untilMs - nowMs, idleMs);
}

/** Asks root, once. */
function ask(run: Run, version: string, sha256: string): number {
  const { clock, disk, folder } = run;
  if (run.requestedAtMs === undefined) {
    const id = crypto.randomUUID();
    replaceFile(`${folder}/request`, requestText({ id, version, sha256 }), { durable: true, disk });
    run.requestedAtMs = clock.monotonicMs();
    run.shown.set(UpdatePhase.INSTALLING, version, "It is downloaded and verified: root installs it");
  } else if (clock.monotonicMs() - run.requestedAtMs > rootTimeMs) {
    disk.remove(`${folder}/request`);
    run.requestedAtMs = undefined;
    throw new UnavailableError(
      "opendca-update.service did not install it: systemctl status opendca-update.path opendca-update.service",
    );
  }
  return lookMs;
}

function failed(run: Run, { manifest: { version }, file: { sha256 } }: JudgedOffer, error: unknown): number {
  const leastMs = error instanceof UnavailableError ? error.retryAfterMs : 0;
  const reason = error instanceof GarbageError ? `Cannot use the download as ${error.message}` : messageOf(error);
  if (error instanceof RejectedError) clearFolder(run);
  const { waitMs, message } = run.tries.failed(sha256, { leastMs, reason });
  run.shown.set(UpdatePhase.FAILED, version, message);
  return waitMs;
}

/** Nothing that nobody offers stays, and nothing is asked for. */
function clearFolder(run: Run): void {
  const { disk, folder } = run;
  run.requestedAtMs = undefined;
  for (const name of disk.list(folder)) if (name !== "polled") disk.removeTree(`${folder}/${name}`);
}

function minuteText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

/** What is shown of the update; each change of more than numbers is a line of the log. */
function createShown({ clock, log, changed }: Pick<UpdaterOptions, "clock" | "log" | "changed">) {
  let shown: UpdateStatus | undefined;
  const told = new Set<string>();
  return {
    status: () => shown,
    set(phase: UpdatePhase, version: string, message: string): void {
      if (shown?.phase === phase && shown.version === version && shown.message === message) return;
      shown = { version, phase, message, bytesDone: 0n, bytesTotal: 0n, since: clock.now() };
      const key = `${phase} ${version} ${message}`;
      const isBad = phase === UpdatePhase.REFUSED || phase === UpdatePhase.FAILED || phase === UpdatePhase.RETURNED;
      // A platform that offers one thing after the other fills no disk.
      log[told.has(key) ? "debug" : isBad ? "warn" : "info"](events[phase]!, { version, message });
      if (told.size >= mostTold) told.clear();
      told.add(key);
      changed(true);
    },
    progress(done: number, total: number): void {
      if (shown !== undefined) Object.assign(shown, { bytesDone: BigInt(done), bytesTotal: BigInt(total) });
      changed(false);
    },
    clear(): void {
      if (shown === undefined) return;
      shown = undefined;
      changed(true);
    },
  };
}

/** That this version has polled, which root waits for after an update. */
function tellRoot({ disk, folder, installed: { version }, runId, clock, log }: UpdaterOptions): void {
  try {
    disk.makeDirectory(folder);
    replaceFile(`${folder}/polled`, polledText(version, runId, clock.now()), { durable: true, disk });
  } catch (error) {
    log.warn("updateFailed", { version, message: `Cannot note that this version has polled: ${messageOf(error)}` });
  }
}

/** Longer and longer waits for each file, so that neither a platform nor a disk is tried without end. */
function createTries({ clock, random = Math.random }: Pick<UpdaterOptions, "clock" | "random">) {
  const backoffMs = jitteredBackoff({ firstMs: 2 * minuteMs, maxMs: 6 * 60 * minuteMs, random });
  const files = new Map<string, { count: number; untilMs: number; message: string }>();
  return {
    /** Of the last try, while it is too early for another one. */
    last(sha256: string): { waitMs: number; message: string } | undefined {
      const { untilMs, message } = files.get(sha256) ?? { untilMs: 0, message: "" };
      const waitMs = untilMs - clock.monotonicMs();
      return waitMs > 0 ? { waitMs, message } : undefined;
    },
    failed(sha256: string, { leastMs, reason }: { leastMs: number; reason: string }) {
      const count = (files.get(sha256)?.count ?? 0) + 1;
      const waitMs = Math.max(backoffMs(count), leastMs);
      const message = `${reason}; it is tried again at ${minuteText(clock.now().getTime() + waitMs)}`;
      if (files.size >= 16) files.clear();
      files.set(sha256, { count, untilMs: clock.monotonicMs() + waitMs, message });
      return { waitMs, message };
    },
  };
}

/** For a person; the manifest may not be one that is trusted. */
function versionIn(manifest: string): string {
  return /"version": "(\d{1,6}\.\d{1,6}\.\d{1,6})"/.exec(manifest.slice(0, 4096))?.[1] ?? "";
}
