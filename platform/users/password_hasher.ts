/** Rates passwords and hashes them with Argon2id in a thread without permissions, one after another. */
import { UnavailableError, UsageError } from "../../common/core/errors.ts";

export type ToHasher =
  & { id: number; password: string }
  & ({ type: "hash"; known: readonly string[] } | { type: "verify"; hash: string });
export type FromHasher =
  & { id: number }
  & ({ hash: string } | { isWeak: true } | { isRight: boolean } | { failure: string });

export interface PasswordHasher extends Disposable {
  /**
   * Argon2id, in PHC format. `known`: what an attacker would try first, such as name and address. Throws UsageError for a
   * password that is too short or easily guessed, UnavailableError if too many wait.
   */
  hash(password: string, known: readonly string[]): Promise<string>;
  /** Without a hash, it takes as long and is wrong, so that nobody learns who is known here. */
  isRight(password: string, hash: string | null): Promise<boolean>;
}

/** Compiled in by `--include`. */
const entry = new URL("../../workers/password_hasher.ts", import.meta.url);
/** Characters. NIST SP 800-63B asks for 8 with a second factor, and for no rules about kinds of characters. */
export const passwordLength = { min: 12, max: 128 };
/* Some seconds of waiting; more would time out in the browser anyway. */
const mostWaiting = 40;
/* Of a random password that nobody has. */
const nobodys = "$argon2id$v=19$m=19456,t=2,p=1$w8lMy/iooU4WYg9JPq2pTA$Oufb6Eo/vCz//a1zzPSvQwb3REoPeBGW42BKpXrM4qk";

export function createPasswordHasher(): PasswordHasher {
  const waiting = new Map<number, { resolve(message: FromHasher): void; reject(error: Error): void }>();
  let worker: Worker | undefined;
  let lastId = 0;

  function stop(error: Error): void {
    worker?.terminate();
    worker = undefined;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  /** Started with the first password: commands that hash none do without the thread. */
  function started(): Worker {
    if (worker !== undefined) return worker;
    worker = new Worker(entry.href, { type: "module", deno: { permissions: "none" } });
    worker.onmessage = ({ data }: MessageEvent<FromHasher>) => {
      waiting.get(data.id)?.resolve(data);
      waiting.delete(data.id);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      stop(new Error(`Cannot hash passwords as the thread failed: ${event.message}`));
    };
    return worker;
  }

  async function ask(message: ToHasher): Promise<FromHasher> {
    if (waiting.size >= mostWaiting) {
      throw new UnavailableError(
        "Cannot check the password as too many people sign in at this moment",
        "try again soon",
      );
    }
    const answer = await new Promise<FromHasher>((resolve, reject) => {
      waiting.set(message.id, { resolve, reject });
      // The same characters, however the keyboard composed them.
      started().postMessage({ ...message, password: message.password.normalize("NFC") });
    });
    if ("failure" in answer) throw new Error(`Cannot hash the password: ${answer.failure}`);
    return answer;
  }

  return {
    async hash(password, known) {
      const { min, max } = passwordLength, length = [...password].length;
      if (length < min || length > max) {
        throw new UsageError(
          `Cannot use a password of ${length} characters: it has ${min} to ${max}`,
          "use a few words",
        );
      }
      const answer = await ask({ id: ++lastId, type: "hash", password, known });
      if ("hash" in answer) return answer.hash;
      throw new UsageError(
        "Cannot use this password as it is easily guessed: it is like one that was stolen before, or like your name",
        "use a few words that have nothing to do with one another, or a password manager",
      );
    },
    async isRight(password, hash) {
      if (password === "" || password.length > 4 * passwordLength.max) return false;
      const answer = await ask({ id: ++lastId, type: "verify", password, hash: hash ?? nobodys });
      return hash !== null && (answer as { isRight: boolean }).isRight;
    },
    [Symbol.dispose]: () => stop(new UnavailableError("Cannot check the password as the server stops")),
  };
}
