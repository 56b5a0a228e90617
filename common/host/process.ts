/** The process and the machine that it runs on. */
import { userInfo } from "node:os";

export type OperatingSystem = typeof Deno.build.os;

/** From the runtime; constant while the process runs. */
export const { os, arch } = Deno.build;
/** Whether this is the compiled executable. */
export const isStandalone: boolean = Deno.build.standalone;

export function hostName(): string {
  return Deno.hostname();
}

export function environment(name: string): string | undefined {
  return Deno.env.get(name);
}

/** Null on Windows. */
export function userId(): number | null {
  return Deno.uid();
}

/**
 * The home directory by getpwuid(3), independent of `HOME`; undefined for a user id without an entry, as in some
 * containers.
 */
export function homeDirectory(): string | undefined {
  try {
    return userInfo().homedir || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Name of the person: who used sudo, else the user that the process runs as, or its number without an entry. Anyone who may
 * run it as another user can choose the variable.
 */
export function accountName(): string {
  const person = environment("SUDO_USER");
  if (person !== undefined && person !== "") return person;
  try {
    return userInfo().username || String(userId());
  } catch {
    return String(userId());
  }
}

/**
 * Calls back with what was rejected where nobody waited for it, until disposed of. Otherwise the runtime would end the
 * process.
 */
export function onUnhandledRejection(callback: (reason: unknown) => void): Disposable {
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    callback(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  return { [Symbol.dispose]: () => globalThis.removeEventListener("unhandledrejection", listener) };
}
