import type { UplinkSpool } from "./uplink.ts";

export interface FlushingSpool extends UplinkSpool {
  /** Has all that waits now sent without waiting for more. */
  flush(): void;
}

/** A spool that can be told to wait for nothing: after a sweep no further records come for long. Flushes at first. */
export function flushingSpool(spool: UplinkSpool): FlushingSpool {
  let flushing = true;
  return {
    ...spool,
    nextBatch(options) {
      const batch = spool.nextBatch(flushing ? { ...options, maxAgeMs: 0 } : options);
      // What may not be formed yet is still to be sent at once when it may.
      flushing &&= batch !== undefined || options.mayForm === false;
      return batch;
    },
    flush: () => void (flushing = true),
  };
}
