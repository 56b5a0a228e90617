/** Permissions of the process and ownership of the files: observation and verdict. */
import { messageOf } from "../../common/core/errors.ts";
import { type DoctorMachine, tryFacts } from "./doctor_machine.ts";
import type { DoctorFault } from "./doctor_step.ts";

export interface FileFacts {
  name: string;
  isDirectory: boolean;
  /** Null on Windows, as is `mode`. */
  uid: number | null;
  mode: number | null;
}

export interface PermissionsObservation {
  stateDirectory: string;
  /** Null if the system has no user ids. */
  userId: number | null;
  /** Permissions that the runtime was not given, such as "net". */
  missing: readonly string[];
  /** The state directory itself; null if it does not exist yet. */
  directory: FileFacts | null;
  files: readonly FileFacts[];
  /** Why the directory could not be listed. */
  listError: string | null;
}

export function observePermissions(stateDirectory: string, machine: DoctorMachine): PermissionsObservation {
  const wanted: Deno.PermissionDescriptor[] = [
    { name: "net" },
    { name: "read", path: stateDirectory },
    { name: "write", path: stateDirectory },
    // One entry is checked for each list of allowed names: docs/permissions.md.
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

/** Files with a key: only their owner may read them. */
const secretFiles = ["key.pem", "agent.json"];

const othersMask = 0o077;

export function diagnosePermissions(seen: PermissionsObservation): { detail: string; faults: DoctorFault[] } {
  const { stateDirectory, userId, missing, directory, files } = seen;
  const who = userId === null ? "this user" : userId === 0 ? "root" : `user ${userId}`;
  if (missing.length > 0) {
    return failed(`runs as ${who}`, {
      name: "runtime-permissions",
      message: `Cannot work as the runtime was started without the permissions ${missing.join(", ")}`,
      advice: "use the executable as it is, or deno task opendca, which grants them",
    });
  }
  if (directory === null) return { detail: `runs as ${who}; no files yet`, faults: [] };
  if (seen.listError !== null) {
    const owner = directory.uid === null ? "the agent's user" : `user ${directory.uid}`;
    return failed(`runs as ${who}`, {
      name: "state-not-permitted",
      message: `Cannot list "${stateDirectory}" as ${who}: ${seen.listError}`,
      advice: `run as ${owner}, its owner, or as root: sudo opendca doctor`,
    });
  }
  const foreign = files.filter(({ uid }) => uid !== null && directory.uid !== 0 && uid !== directory.uid);
  const faults: DoctorFault[] = [];
  if (foreign.length > 0) {
    const names = foreign.map(({ name }) => name).sort().join(", ");
    faults.push({
      name: "foreign-files",
      severity: "failed",
      message:
        `Cannot run as user ${directory.uid}, the owner of "${stateDirectory}", as other users own ${names} in it`,
      advice: `chown -R ${directory.uid} "${stateDirectory}"; then run opendca as that user only`,
      exitCode: 77,
    });
  }
  const open = files.filter(({ name, mode }) => secretFiles.includes(name) && ((mode ?? 0) & othersMask) !== 0);
  if (open.length > 0) {
    const names = open.map(({ name }) => name).sort();
    faults.push({
      name: "open-secrets",
      severity: "warning",
      message: `Cannot keep the agent's key to itself as other users may read ${
        names.join(", ")
      } in "${stateDirectory}"`,
      advice: `chmod 600 ${names.map((name) => `"${stateDirectory}/${name}"`).join(" ")}`,
      exitCode: 77,
    });
  }
  const owner = directory.uid === null || directory.uid === userId ? "" : `; the state is of user ${directory.uid}`;
  return { detail: `runs as ${who}${owner}`, faults };
}

function failed(detail: string, fault: Pick<DoctorFault, "name" | "message" | "advice">) {
  return { detail, faults: [{ ...fault, severity: "failed" as const, exitCode: 77 as const }] };
}
