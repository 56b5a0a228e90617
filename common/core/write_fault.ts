/** Why a write failed, in plain words: by the system's error code, or by its text if a library gives no code. */

export interface WriteFault {
  /** Ends the sentence "Cannot write … as …". */
  what: string;
  /** What to do about it. */
  hint: string;
  /** True for faults of the disk, which may be fixed while a program waits; the others concern rights and names. */
  isOfDisk: boolean;
}

const faults: { codes: readonly string[]; phrase: RegExp; fault: WriteFault }[] = [
  {
    codes: ["EROFS"],
    phrase: /read-only file system/i,
    fault: { what: "the file system is read-only", hint: "mount it writable (mount -o remount,rw)", isOfDisk: true },
  },
  {
    codes: ["ENOSPC"],
    phrase: /no space left on device/i,
    fault: { what: "the disk is full", hint: "free space on it (df -h, df -i)", isOfDisk: true },
  },
  {
    codes: ["EDQUOT"],
    phrase: /disk quota exceeded|quota exceeded/i,
    fault: { what: "the disk quota of this user is used up", hint: "free space, or have it raised", isOfDisk: true },
  },
  {
    codes: ["EIO"],
    phrase: /input\/output error/i,
    fault: { what: "the disk has an I/O error", hint: "see the system's log for errors of it (dmesg)", isOfDisk: true },
  },
  {
    codes: ["EFBIG"],
    phrase: /file too large/i,
    fault: {
      what: "the file would be larger than the system permits",
      hint: "raise the limit: LimitFSIZE= of the service, or ulimit -f in the shell",
      isOfDisk: true,
    },
  },
  {
    codes: ["EACCES", "EPERM"],
    phrase: /permission denied|operation not permitted/i,
    fault: { what: "permission is denied", hint: "run as the user that it belongs to", isOfDisk: false },
  },
  {
    codes: ["ELOOP", "EISDIR", "ENOTDIR", "EEXIST"],
    phrase: /too many (levels of )?symbolic links|is a directory|not a directory|something else than a file/i,
    fault: { what: "another kind of file has its name", hint: "move or rename it", isOfDisk: false },
  },
];

/** The write fault that an error of the runtime or of `node:fs` reports; undefined for other errors. */
export function maybeWriteFault(error: unknown): WriteFault | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return faults.find(({ codes, phrase }) => code === undefined ? phrase.test(error.message) : codes.includes(code))
    ?.fault;
}

/** The path that an error of the runtime names, or undefined. */
export function pathOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("path" in error && typeof error.path === "string") return error.path;
  return /(?:^|[:,] )\w+ '([^']+)'/.exec(error.message)?.[1];
}
