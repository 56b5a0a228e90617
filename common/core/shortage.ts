/** Exhausted resources of the system or this process: caused by limits, not by the file or the peer. */

export interface Shortage {
  /** Ends the sentence "Cannot … as …". */
  what: string;
  hint: string;
}

/** This process has too many open files, sockets and pipes. */
export const descriptorShortage: Shortage = {
  what: "the process has no free file descriptors",
  hint: "raise its limit: LimitNOFILE= of the service, or ulimit -n in the shell",
};

/** This machine resolves too many addresses of its own links at once. */
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
    // EAGAIN has many other meanings, so only its text for a thread or a program is matched.
    codes: [],
    phrase: /(?:failed to )?(?:spawn|thread).*Resource temporarily unavailable/i,
    shortage: {
      what: "the system does not let this process start another thread or program",
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

/** The shortage that an error of the runtime or of a library reports, by its code or its text. */
export function maybeShortage(error: unknown): Shortage | undefined {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return shortages.find(({ codes, phrase }) => codes.some((one) => one === code) || phrase.test(message))?.shortage;
}

/** The text with the system's words for a shortage replaced by plain ones. */
export function nameShortages(message: string): string {
  for (const { phrase, shortage } of shortages) {
    if (phrase.test(message)) return message.replace(phrase, `${shortage.what} (${shortage.hint})`);
  }
  return message;
}
