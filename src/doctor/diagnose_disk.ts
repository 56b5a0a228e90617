/** The state directory's disk and the spool: observation and verdict. */
import { messageOf } from "../../common/core/errors.ts";
import { hasCode, isDenied } from "../../common/core/system_error.ts";
import { DamagedDatabaseError, StorageError } from "../../common/host/sqlite.ts";
import { denoSpoolFiles } from "../store/spool_files.ts";
import { type SpoolStats, statsOf } from "../store/spool_stats.ts";
import { durationText } from "./diagnose_endpoint.ts";
import { type DoctorMachine, tryFacts } from "./doctor_machine.ts";
import type { DoctorFault } from "./doctor_step.ts";

export type SpoolObservation =
  | { kind: "absent" }
  | { kind: "sound"; stats: SpoolStats }
  | { kind: "damaged"; message: string }
  /** Not readable now or by this user; its condition is unknown. */
  | { kind: "unread"; message: string };

export interface DiskObservation {
  stateDirectory: string;
  kind: "absent" | "directory" | "other";
  /** Why a file could not be written; `denied`: the user may not write. */
  writeError: { message: string; reason: "denied" | "full" | "readOnly" | "other" } | null;
  freeBytes: number | null;
  spool: SpoolObservation;
}

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

/** Opens it read-only: the agent may have it open, and nothing is repaired here. */
function observeSpool(path: string): SpoolObservation {
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
    // Tables are missing or have another form.
    return { kind: "damaged", message: messageOf(error) };
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

/** Space for some days of readings of a large fleet, in addition to the spool's reserve of 2 MB. */
const lowBytes = 64 * 1024 * 1024;

export function diagnoseDisk(seen: DiskObservation, now: Date): { detail: string; faults: DoctorFault[] } {
  const { stateDirectory, freeBytes } = seen;
  const free = freeBytes === null ? "" : `, ${sizeText(freeBytes)} free`;
  if (seen.kind === "absent") {
    return { detail: `does not exist yet${free}; opendca activate creates it`, faults: [] };
  }
  if (seen.kind === "other") {
    return failed("no directory", {
      name: "state-no-directory",
      message: `Cannot use "${stateDirectory}" as the state directory: it is a file`,
      advice: "move it, or use another directory with stateDirectory: in agent.yaml",
      exitCode: 78,
    });
  }
  if (seen.writeError !== null) return failed(`not writable${free}`, writeFault(stateDirectory, seen.writeError));
  const faults = [...ofSpace(stateDirectory, freeBytes), ...ofSpool(stateDirectory, seen.spool)];
  return { detail: `writable${free}, ${spoolText(seen.spool, now)}`, faults };
}

function writeFault(
  stateDirectory: string,
  { message, reason }: NonNullable<DiskObservation["writeError"]>,
): Omit<DoctorFault, "severity"> {
  const cannot = `Cannot write to "${stateDirectory}"`;
  switch (reason) {
    case "full":
      return {
        name: "disk-full",
        message: `${cannot} as the disk is full`,
        advice: "free disk space: new readings are refused until then, what is spooled is kept",
        exitCode: 69,
      };
    case "readOnly":
      return {
        name: "disk-read-only",
        message: `${cannot} as its file system is read-only`,
        advice: "mount it for writing, or add it to ReadWritePaths= or StateDirectory= of the service",
        exitCode: 77,
      };
    case "denied":
      return {
        name: "disk-denied",
        message: `${cannot} as this user may not`,
        advice: "run as the agent's user, or give it the directory: chown USER",
        exitCode: 77,
      };
    case "other":
      return {
        name: "disk-failed",
        message: `${cannot}: ${message}`,
        advice: "see the system's log for errors of the disk",
        exitCode: 69,
      };
  }
}

function ofSpace(stateDirectory: string, freeBytes: number | null): DoctorFault[] {
  if (freeBytes === null || freeBytes >= lowBytes) return [];
  return [{
    name: "disk-nearly-full",
    severity: "warning",
    message: `Cannot store readings for long in "${stateDirectory}" as only ${sizeText(freeBytes)} are free`,
    advice: "free disk space",
    exitCode: 69,
  }];
}

function ofSpool(stateDirectory: string, spool: SpoolObservation): DoctorFault[] {
  const path = `"${stateDirectory}/spool.db"`;
  const warning = (name: string, message: string, advice: string): DoctorFault => ({
    name,
    severity: "warning",
    message,
    advice,
    exitCode: 69,
  });
  if (spool.kind === "damaged") {
    return [{
      name: "spool-damaged",
      severity: "failed",
      message: `Cannot read all of the spool ${path}: ${spool.message}`,
      advice:
        "start opendca run, which quarantines the damaged file and keeps the readable records; then check the disk",
      exitCode: 69,
    }];
  }
  if (spool.kind === "unread") {
    return [warning("spool-unread", `Cannot open the spool ${path}: ${spool.message}`, "run as the agent's user")];
  }
  if (spool.kind === "absent") return [];
  const { quarantinedRecords, dropped } = spool.stats;
  const faults: DoctorFault[] = [];
  if (quarantinedRecords > 0) {
    faults.push(warning(
      "spool-quarantine",
      `Cannot send ${quarantinedRecords} records of the spool ${path} as the platform rejected them`,
      "see their reasons in the log (batchQuarantined), and report them to the platform's operator",
    ));
  }
  if (dropped.meters + dropped.lastMeters > 0) {
    faults.push(warning(
      "spool-dropped",
      `Cannot restore ${
        dropped.meters + dropped.lastMeters
      } meter readings that were dropped from the full spool ${path}`,
      "raise limits.spool in agent.yaml, and find out why the platform was unreachable for so long",
    ));
  }
  return faults;
}

function spoolText(spool: SpoolObservation, now: Date): string {
  if (spool.kind !== "sound") return spool.kind === "absent" ? "no spool yet" : `spool ${spool.kind}`;
  const { depth, oldestObservedAt } = spool.stats;
  if (depth === 0 || oldestObservedAt === null) return "spool empty";
  const age = durationText(Math.max(0, now.getTime() - oldestObservedAt.getTime()));
  return `spool intact with ${depth} ${depth === 1 ? "record" : "records"}, the oldest ${age} old`;
}

function failed(detail: string, fault: Omit<DoctorFault, "severity">) {
  return { detail, faults: [{ ...fault, severity: "failed" as const }] };
}

function sizeText(bytes: number): string {
  if (bytes < 10 * 1024 ** 2) return `${Math.floor(bytes / 1024)} kB`;
  return bytes < 10 * 1024 ** 3 ? `${Math.floor(bytes / 1024 ** 2)} MB` : `${Math.floor(bytes / 1024 ** 3)} GB`;
}
