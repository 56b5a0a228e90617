import type { SealOptions } from "./thread_seal.ts";

/** What a scanner and the packages in it cannot do without. */
export const scannerSeal: SealOptions = {
  deno: ["build", "errors", "inspect", "listenDatagram", "permissions", "version"],
  imports: ["buffer", "crypto", "events"],
  requires: ["assert", "buffer", "crypto", "dgram", "events", "fs", "net", "path", "perf_hooks", "stream", "util"],
};
