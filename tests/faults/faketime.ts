/** Programs whose wall clock is wrong, by libfaketime; uptime and timers are the machine's own. */
import { maybeLibfaketime, peerTest } from "../fixtures/peers.ts";

/** A command line behind which a program has a clock that is off by `offset`, such as "-300d". */
export function withClock(offset: string): string[] {
  return ["/usr/bin/env", `LD_PRELOAD=${maybeLibfaketime()}`, "FAKETIME_DONT_FAKE_MONOTONIC=1", `FAKETIME=${offset}`];
}

export interface SetClock {
  within: string[];
  /** Sets it while programs run, as a person or NTP does. */
  set(offset: string): void;
}

/** A clock that can be set; `file` keeps what it is set to. */
export function settableClock(file: string, offset: string): SetClock {
  const set = (to: string) => {
    Deno.writeTextFileSync(`${file}.new`, to);
    Deno.renameSync(`${file}.new`, file);
  };
  set(offset);
  const within = [
    "/usr/bin/env",
    `LD_PRELOAD=${maybeLibfaketime()}`,
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
    "FAKETIME_NO_CACHE=1",
    `FAKETIME_TIMESTAMP_FILE=${file}`,
  ];
  return { within, set };
}

/** Registers a test with a wrong clock. */
export function clockTest(name: string, body: () => Promise<void>): void {
  if (Deno.build.os === "linux") peerTest(name, ["faketime"], body);
}
