/** Looks at the state directory: its disk, its files, the spool and the activation. */
import { type ClientIdentity, identityFiles } from "../link/identity_files.ts";
import { judgeState, type StateStoreOptions } from "../activation/state_store.ts";
import type { CopiesVerdict } from "../activation/judge_copies.ts";
import { messageOf } from "../../common/core/errors.ts";
import { hasCode, isDenied } from "../../common/core/system_error.ts";
import { DamagedDatabaseError, StorageError } from "../../common/host/sqlite.ts";
import { denoSpoolFiles } from "../store/spool_files.ts";
import { statsOf } from "../store/spool_stats.ts";
import type { DiskObservation, SpoolObservation } from "./diagnose_disk.ts";
import type { PermissionsObservation } from "./diagnose_permissions.ts";
import type { DoctorMachine } from "./doctor_machine.ts";

export function observeDisk(stateDirectory: string, machine: DoctorMachine): DiskObservation {
  const facts = tryFacts(stateDirectory, machine);
  const kind = facts === null ? "absent" : facts.isDirectory ? "directory" : "other";
  const writeError = kind === "directory" ? tryWrite(stateDirectory, machine) : null;
  return {
    stateDirectory,
    kind,
    writeError,
    freeBytes: machine.freeBytes(kind === "directory" ? stateDirectory : existingParent(stateDirectory, machine)),
    spool: kind === "directory" ? observeSpool(`${stateDirectory}/spool.db`) : { kind: "absent" },
  };
}

function tryWrite(directory: string, machine: DoctorMachine): DiskObservation["writeError"] {
  try {
    machine.tryWrite(directory);
    return null;
  } catch (error) {
    const reason = hasCode(error, "EROFS")
      ? "readOnly"
      : hasCode(error, "ENOSPC", "EDQUOT")
      ? "full"
      : isDenied(error)
      ? "denied"
      : "other";
    return { message: messageOf(error), reason };
  }
}

/** Read only: the agent may have it open, and nothing is mended here. */
export function observeSpool(path: string): SpoolObservation {
  try {
    if (!denoSpoolFiles.exists(path)) return { kind: "absent" };
    const db = denoSpoolFiles.openDatabase(path, { readOnly: true });
    try {
      const check = db.get<{ quick_check: string }>("PRAGMA quick_check(1)")?.quick_check;
      if (check !== "ok") return { kind: "damaged", message: (check ?? "").replaceAll("\n", " ") };
      return { kind: "sound", stats: statsOf(db, { diskFull: false }) };
    } finally {
      db.close();
    }
  } catch (error) {
    if (error instanceof DamagedDatabaseError) return { kind: "damaged", message: messageOf(error) };
    if (error instanceof StorageError || isDenied(error)) return { kind: "unread", message: messageOf(error) };
    // Tables that are missing or of another form.
    return { kind: "damaged", message: messageOf(error) };
  }
}

export function observePermissions(stateDirectory: string, machine: DoctorMachine): PermissionsObservation {
  const wanted: Deno.PermissionDescriptor[] = [
    { name: "net" },
    { name: "read", path: stateDirectory },
    { name: "write", path: stateDirectory },
    // Lists, of which these stand for the whole: docs/permissions.md.
    { name: "env", variable: "OPENDCA_CONFIG" },
    { name: "sys", kind: "hostname" },
  ];
  const directory = tryFacts(stateDirectory, machine);
  let files: PermissionsObservation["files"] = [];
  let listError: string | null = null;
  try {
    if (directory?.isDirectory === true) files = machine.list(stateDirectory);
  } catch (error) {
    listError = messageOf(error);
  }
  return {
    stateDirectory,
    userId: machine.userId(),
    missing: wanted.filter((permission) => !machine.granted(permission)).map(({ name }) => name),
    directory: directory?.isDirectory === true ? directory : null,
    files,
    listError,
  };
}

export type ActivationFound =
  | { kind: "unreadable"; message: string }
  | { verdict: CopiesVerdict; identity: ClientIdentity | undefined };

export async function observeActivation(store: StateStoreOptions): Promise<ActivationFound> {
  try {
    const verdict = judgeState(store);
    const activated = verdict.kind === "known" && verdict.record.state.phase === "activated";
    const identity = activated ? await identityFiles(store.disk, store.stateDirectory).read() : undefined;
    return { verdict, identity };
  } catch (error) {
    if (isDenied(error)) {
      return { kind: "unreadable", message: messageOf(error) };
    }
    throw error;
  }
}

/** A directory that may not be looked at is there, as far as can be told. */
function tryFacts(path: string, machine: DoctorMachine) {
  try {
    return machine.facts(path);
  } catch {
    return { name: path, isDirectory: true, uid: null, mode: null };
  }
}

function existingParent(path: string, machine: DoctorMachine): string {
  let parent = path;
  while (parent.includes("/")) {
    parent = parent.slice(0, parent.lastIndexOf("/"));
    if (parent !== "" && tryFacts(parent, machine)?.isDirectory === true) return parent;
  }
  return "/";
}
