import { systemClock } from "../../../common/core/clock.ts";
import { ownExecutable } from "../../../common/host/file_digest.ts";
import { environment, onUnhandledRejection, userId } from "../../../common/host/process.ts";
import {
  onInterrupt,
  readTextFile,
  standardError,
  standardOutput,
  terminalColumns,
} from "../../../common/host/terminal.ts";
import type { PlatformMachine } from "./host.ts";

/** The machine that the program runs on. */
export function denoMachine(): PlatformMachine {
  const stdout = standardOutput(), stderr = standardError();
  const columns = stdout.isTerminal ? terminalColumns() : undefined;
  const uid = userId();
  return {
    clock: systemClock,
    env: environment,
    account: uid === null ? "unknown" : `uid ${uid}`,
    columns: columns ?? 100,
    tableWidth: columns ?? Infinity,
    stdout: stdout.write,
    stderr: stderr.write,
    executable: ownExecutable,
    readTextFile,
    untilStopped() {
      const { promise, resolve } = Promise.withResolvers<void>();
      return promise.finally(onInterrupt(resolve));
    },
    onUnhandledRejection,
  };
}
