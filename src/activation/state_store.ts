/** Reads, compares and writes all copies of the activation state. */
import { isAbsolute } from "node:path";
import { NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import { StorageError } from "../../common/host/sqlite.ts";
import { maybeWriteFault } from "../../common/core/write_fault.ts";
import { type ActivationState, newActivationState } from "./activation_state.ts";
import { type CopiesVerdict, type CopyFault, judgeCopies } from "./judge_copies.ts";
import {
  codeDigestOf,
  decodeSealedRecord,
  encodeSealedRecord,
  type FoundRecord,
  type SealedRecord,
} from "./sealed_record.ts";
import { type Disk, saveFile } from "../../common/host/disk.ts";
import { hasCode, isAbsent, isDenied, isNoFile } from "../../common/core/system_error.ts";

export interface StateStoreOptions {
  stateDirectory: string;
  guardDirectories: readonly string[];
  /** See machine_identity.ts. */
  machineIdentity: string;
  disk: Disk;
  newId?: () => string;
}

/** The state while `lockState` is held; `state` is the last one that `save` wrote. */
export interface HeldState {
  readonly state: ActivationState;
  readonly faults: readonly CopyFault[];
  /** Guard directories that could be written at the last `save`. */
  readonly guarded: readonly string[];
  /** Keyed digest of an activation code. */
  codeDigest(code: string): string;
  /** Writes every copy with the next counter and syncs it; an attempt may be sent after it returns. */
  save(state: ActivationState): void;
}

/** Locks out other processes until disposed. Throws `UnavailableError` if another one holds the lock. */
export function lockState(options: StateStoreOptions): Disposable {
  const { disk, stateDirectory, guardDirectories } = options;
  using locks = new DisposableStack();
  makeStateDirectory(disk, stateDirectory);
  try {
    locks.use(takeLock(disk, `${stateDirectory}/activation.lock`));
  } catch (error) {
    throw error instanceof UnavailableError ? error : stateDirectoryError(stateDirectory, error);
  }
  attempt(() => disk.removeLeftovers(stateDirectory));
  // Two state directories may use one installation, so the guard is locked as well, if it is writable.
  for (const guard of guardDirectories) {
    if (attempt(() => disk.makeDirectory(guard))) {
      attempt(() => locks.use(takeLock(disk, `${guard}/activation.lock`)));
      attempt(() => disk.removeLeftovers(guard));
    }
  }
  return locks.move();
}

/** Judges the copies without changing anything. Throws an error that `isDenied` accepts for a state of another user. */
export function judgeState(options: StateStoreOptions): CopiesVerdict {
  const { disk, stateDirectory, guardDirectories, machineIdentity } = options;
  const own = find(disk, `${stateDirectory}/agent.json`, machineIdentity);
  const guards: FoundRecord[] = [];
  for (const guard of guardDirectories) {
    let names: string[] = [];
    attempt(() => names = disk.list(guard));
    for (const name of names) {
      if (!/^[0-9a-f-]{36}\.json$/.test(name)) continue;
      attempt(() => guards.push(find(disk, `${guard}/${name}`, machineIdentity)));
    }
  }
  const elsewhere: FoundRecord[] = [];
  const seen = new Set([stateDirectory]);
  // A record that is found this way may name further places.
  for (const found of iterateGrowing([own, ...guards], elsewhere)) {
    for (const place of found.kind === "valid" ? found.record.state.places : []) {
      if (seen.has(place) || seen.size > maxPlacesRead) continue;
      seen.add(place);
      attempt(() => elsewhere.push(find(disk, `${place}/agent.json`, machineIdentity)));
    }
  }
  return judgeCopies({ own, guards, elsewhere }, machineIdentity);
}

const maxPlacesRead = 64;

function* iterateGrowing<T>(first: readonly T[], growing: readonly T[]): Generator<T> {
  yield* first;
  for (let at = 0; at < growing.length; at++) yield growing[at]!;
}

/** The state to work on; call it with `lockState` held. Throws `NotPermittedError` for a state of another machine. */
export function holdState(options: StateStoreOptions): HeldState {
  const verdict = judgeState(options);
  if (verdict.kind === "foreign") throw foreignError(options.stateDirectory, verdict);
  if (verdict.kind === "known") return held(options, verdict.record, verdict.faults);
  const fresh = freshRecord((options.newId ?? (() => crypto.randomUUID()))());
  return held(options, { ...fresh, state: { ...fresh.state, ...verdict.lock } }, []);
}

/** Replaces the state of another machine by a new one, which only an unlock token allows. */
export function replaceForeignState(
  options: StateStoreOptions,
  { installationId, lockNumber, unlockKeys }: { installationId: string; lockNumber: number; unlockKeys: string[] },
): void {
  const record = freshRecord(installationId);
  held(options, record, []).save({ ...record.state, unlocks: lockNumber, unlockKeys });
}

/** The error for a state that this machine did not write: exit code 77. */
export function foreignError(
  stateDirectory: string,
  { installationId, lockNumber }: { installationId: string; lockNumber: number },
): NotPermittedError {
  return new NotPermittedError(
    `Cannot use the state directory "${stateDirectory}" as it was edited or comes from another machine`,
    `ask the platform for an unlock token for installation ${installationId}, lock ${lockNumber}; ` +
      "then: opendca unlock TOKEN",
  );
}

function freshRecord(installationId: string): SealedRecord {
  return { secret: crypto.getRandomValues(new Uint8Array(32)), state: newActivationState(installationId) };
}

function held(options: StateStoreOptions, record: SealedRecord, faults: readonly CopyFault[]): HeldState {
  const { disk, stateDirectory, guardDirectories, machineIdentity } = options;
  let state = record.state;
  let guarded: string[] = [];
  return {
    get state() {
      return state;
    },
    faults,
    get guarded() {
      return guarded;
    },
    codeDigest: (code) => codeDigestOf(code, record.secret),
    save(next) {
      const saved = {
        ...next,
        counter: Math.max(next.counter, state.counter) + 1,
        platforms: next.platforms ?? [],
        places: [...new Set([...(isAbsolute(stateDirectory) ? [stateDirectory] : []), ...next.places])],
      };
      const text = encodeSealedRecord({ secret: record.secret, state: saved }, machineIdentity);
      makeStateDirectory(disk, stateDirectory);
      // The guard first: after a crash between the two, the higher count is in the place that is harder to delete.
      const written: string[] = [];
      for (const guard of guardDirectories) {
        const put = () => saveFile(disk, `${guard}/${saved.installationId}.json`, text);
        if (attempt(() => disk.makeDirectory(guard)) && attempt(put)) written.push(guard);
      }
      saveFile(disk, `${stateDirectory}/agent.json`, text);
      state = saved;
      guarded = written;
    },
  };
}

function find(disk: Disk, path: string, machineIdentity: string): FoundRecord {
  const text = disk.read(path);
  return text === undefined ? { kind: "absent" } : decodeSealedRecord(text, machineIdentity);
}

function makeStateDirectory(disk: Disk, path: string): void {
  try {
    disk.makeDirectory(path);
  } catch (error) {
    if (error instanceof NotPermittedError) throw error;
    throw stateDirectoryError(path, error);
  }
}

/** The error for a state directory that is not writable: exit code 77, with the system's reason. */
export function stateDirectoryError(path: string, cause: unknown): NotPermittedError {
  const fault = maybeWriteFault(cause);
  const first = fault?.isOfDisk ? `${fault.what}: ${fault.hint}` : "run as the user of the service";
  return new NotPermittedError(
    `Cannot use the state directory "${path}" as it cannot be written`,
    `${first}, or use another directory with stateDirectory: in agent.yaml`,
    { cause },
  );
}

function takeLock(disk: Disk, path: string): Disposable {
  const lock = disk.tryLock(path);
  if (lock === undefined) {
    throw new UnavailableError(
      `Cannot change the activation as another opendca is changing it: "${path}" is locked`,
      "wait until the other command has ended",
    );
  }
  return lock;
}

/** False if this user may not write, such as a service without rights outside its state directory. */
function attempt(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (
      error instanceof StorageError || error instanceof NotPermittedError || isDenied(error) || isAbsent(error) ||
      isNoFile(error) || hasCode(error, "EROFS", "ENOSPC", "EDQUOT", "EIO")
    ) return false;
    throw error;
  }
}
