/** What the system gives to nobody, or to this process, any more: a matter of limits, not of the file or the peer. */

export interface Shortage {
  /** Ends the sentence "Cannot … as …". */
  what: string;
  hint: string;
}

/** Of this process: too many files, sockets and pipes are open. */
export const descriptorShortage: Shortage = {
  what: "the process has no free file descriptors",
  hint: "raise its limit: LimitNOFILE= of the service, or ulimit -n in the shell",
};

/** Of this machine: it looks for too many addresses of its own links at once. */
export const fullNeighbourTable: Shortage = {
  what: "the neighbour table of this machine may be full",
  hint: "raise net.ipv4.neigh.default.gc_thresh3, for IPv6 net.ipv6.neigh.default.gc_thresh3",
};

const shortages: { codes: readonly string[]; phrase: RegExp; shortage: Shortage }[] = [
  {
    codes: ["ENFILE"],
    phrase: /Too many open files in system/,
    shortage: {
      what: "the whole system has no free file descriptors",
      hint: "find out what keeps so many files open, or raise fs.file-max",
    },
  },
  {
    codes: ["EMFILE"],
    phrase: /Too many open files/,
    shortage: descriptorShortage,
  },
  {
    codes: ["ENOBUFS"],
    phrase: /No buffer space available/,
    shortage: fullNeighbourTable,
  },
  {
    codes: ["ENOMEM"],
    phrase: /Cannot allocate memory/,
    shortage: {
      what: "the system has no free memory",
      hint: "find out what uses it, or raise MemoryMax= of the service",
    },
  },
  {
    // EAGAIN means many other things as well, but for its text with a thread or a program.
    codes: [],
    phrase: /(spawn|thread).*Resource temporarily unavailable/i,
    shortage: {
      what: "the system lets this process start no further thread or program",
      hint: "raise its limit: TasksMax= of the service, or ulimit -u in the shell",
    },
  },
  {
    codes: ["EADDRNOTAVAIL"],
    phrase: /(Cannot|Can't) assign requested address/,
    shortage: {
      what: "this machine has no address or no free port to send from",
      hint: "see the addresses and routes of this machine: ip address, ip route",
    },
  },
];

/** The shortage that an error of the runtime or of a library tells of, by its code or its text. */
export function maybeShortage(error: unknown): Shortage | undefined {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return shortages.find(({ codes, phrase }) => codes.some((one) => one === code) || phrase.test(message))?.shortage;
}

/** The same text with the shortage in plain words in the place of the system's. */
export function nameShortages(message: string): string {
  for (const { phrase, shortage } of shortages) {
    if (phrase.test(message)) return message.replace(phrase, `${shortage.what} (${shortage.hint})`);
  }
  return message;
}
