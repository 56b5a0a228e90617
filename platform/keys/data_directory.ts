/**
 * The platform's folder, mode 0700:
 *   platform.db                     the store
 *   agent-authority.pem, .key       signs the certificates of agents
 *   server-authority.pem, .key      signs the server's certificate where the operator has none; agents trust it by `ca:`
 *   server.pem                      that certificate and its key, in one file so that they cannot differ
 *   signing.key                     Ed25519: tasks and unlock tokens
 *   ssh-host.key                    host key of the SSH gateway, which tasks of web access pin
 *   access.pem                      certificate and key of the pages of printers where the operator has none
 *   legacy-tls.cnf                  OpenSSL's configuration for --legacy-tls-helper, written with each start
 *   code-pepper.key                 key of the digests of activation codes
 *   lock                            held by a process while it makes or reads the keys
 * A file gets its name when it is complete and synced. The store is created last: if keys are missing beside a store,
 * they were lost, and new ones would lock out all agents.
 */
import { ConfigError, messageOf, UnavailableError, UsageError } from "../../common/core/errors.ts";
import { denoDisk, maybeText, replaceFile } from "../../common/host/disk.ts";
import { waitForLock } from "../../common/host/file_lock.ts";
import { makeDirectory } from "../../common/host/own_directory.ts";
import { maybeWriteFault } from "../../common/core/write_fault.ts";

export interface DataDirectory {
  path(name: string): string;
  has(name: string): boolean;
  /** The text of a file; undefined if it does not exist. */
  maybeText(name: string): string | undefined;
  /** Mode 0600. */
  write(name: string, text: string): void;
  /** Waits until no other process is starting; otherwise both could create keys. */
  lock(): Promise<Disposable>;
}

/** Creates the folder if necessary. Throws ConfigError if it cannot be used. */
export function openDataDirectory(folder: string): DataDirectory {
  const path = (name: string) => `${folder}/${name}`;
  try {
    makeDirectory(folder);
  } catch (error) {
    const hint = "name a folder of your own with --data, or make it and give it to the platform's user";
    throw folderError(`use "${folder}" as data directory`, error, hint);
  }
  return {
    path,
    has: (name) => read(path(name), denoDisk.size) !== undefined,
    maybeText: (name) => read(path(name), maybeText),
    write(name, text) {
      try {
        replaceFile(path(name), text, { durable: true });
      } catch (error) {
        throw folderError(`write "${path(name)}"`, error);
      }
    },
    async lock() {
      try {
        return await waitForLock(path("lock"));
      } catch (error) {
        throw folderError(`lock "${path("lock")}"`, error);
      }
    },
  };
}

/** The error for a failed write, which may be fixed: exit code 69; for a wrong folder: 78. */
function folderError(what: string, cause: unknown, hint?: string): Error {
  const fault = maybeWriteFault(cause);
  if (fault?.isOfDisk) return new UnavailableError(`Cannot ${what} as ${fault.what}`, fault.hint, 0, { cause });
  const why = fault === undefined ? `: ${messageOf(cause)}` : ` as ${fault.what}`;
  return new ConfigError(`Cannot ${what}${why}`, hint ?? fault?.hint, { cause });
}

function read<T>(path: string, how: (path: string) => T): T {
  try {
    return how(path);
  } catch (error) {
    throw new ConfigError(`Cannot read "${path}": ${messageOf(error)}`, undefined, { cause: error });
  }
}

/**
 * Copies certificates and keys into a new or empty folder; returns their names. Throws UsageError if it has something in
 * it.
 */
export function backUpKeys(from: DataDirectory, folder: string): string[] {
  makeDirectory(folder);
  if (denoDisk.list(folder).length > 0) {
    throw new UsageError(`Cannot back up into "${folder}" as it is not empty`, "name a new folder");
  }
  const names = denoDisk.list(from.path("")).filter((name) => /\.(key|pem)$/.test(name));
  for (const name of names) replaceFile(`${folder}/${name}`, from.maybeText(name)!, { durable: true });
  return names;
}
