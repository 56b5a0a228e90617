/** What the system said to a call that failed, by its code; pure, so that callers need not know the runtime's classes. */

/** The runtime's classes that may come without a code. */
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

/** Not there, nor the folder that it would be in. */
export function isAbsent(error: unknown): boolean {
  return hasCode(error, "ENOENT", "ENOTDIR");
}

/** Not permitted, by the system or by what the runtime was started with. */
export function isDenied(error: unknown): boolean {
  return hasCode(error, "EACCES", "EPERM") || (error instanceof Error && error.name === "NotCapable");
}

/** Something else than a file has its name. */
export function isNoFile(error: unknown): boolean {
  return hasCode(error, "EEXIST", "ELOOP", "EISDIR");
}
