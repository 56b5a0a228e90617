/** Classifies failed system calls by error code; pure, so that callers need not know the runtime's classes. */

/** Codes for the runtime's error classes that may have none. */
const codesByName: Record<string, string> = {
  AlreadyExists: "EEXIST",
  FilesystemLoop: "ELOOP",
  IsADirectory: "EISDIR",
  NotADirectory: "ENOTDIR",
  NotFound: "ENOENT",
  PermissionDenied: "EACCES",
};

/** Whether a failure of the runtime or of a `node:` module has one of these codes, such as ENOENT. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : codesByName[error.name];
  return code !== undefined && codes.includes(code);
}

/** Whether the file, or its directory, does not exist. */
export function isAbsent(error: unknown): boolean {
  return hasCode(error, "ENOENT", "ENOTDIR");
}

/** Whether the system, or a permission of the runtime, denied the call. */
export function isDenied(error: unknown): boolean {
  return hasCode(error, "EACCES", "EPERM") || (error instanceof Error && error.name === "NotCapable");
}

/** Whether the path is not a file. */
export function isNoFile(error: unknown): boolean {
  return hasCode(error, "EEXIST", "ELOOP", "EISDIR");
}
