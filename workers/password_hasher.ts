/**
 * Thread entry of password hashing: a hash takes a quarter of a second of processor time, in which the server's thread
 * would answer nobody. The thread has no permissions.
 */
import { argon2id, argon2Verify } from "hash-wasm";
import type { FromHasher, ToHasher } from "../platform/users/password_hasher.ts";

const scope = globalThis as unknown as {
  postMessage(message: FromHasher): void;
  onmessage: ((event: MessageEvent<ToHasher>) => void) | null;
};

// RFC 9106 asks for more memory; these are OWASP's, for servers with many sign-ins at once.
const cost = { memorySize: 19_456, iterations: 2, parallelism: 1, hashLength: 32, outputType: "encoded" } as const;

scope.onmessage = async ({ data }) => {
  try {
    const { id, password } = data;
    if (data.type === "hash") {
      if (await isWeak(password, data.known)) return scope.postMessage({ id, isWeak: true });
      const salt = crypto.getRandomValues(new Uint8Array(16));
      scope.postMessage({ id, hash: await argon2id({ ...cost, password, salt }) });
    } else scope.postMessage({ id, isRight: await argon2Verify({ password, hash: data.hash }) });
  } catch (error) {
    scope.postMessage({ id: data.id, failure: error instanceof Error ? error.message : String(error) });
  }
};

/** About 10^8 guesses: what is on lists of stolen passwords or derived from them is below. */
const leastScore = 3;

async function isWeak(password: string, known: readonly string[]): Promise<boolean> {
  // A megabyte of lists, which sign-ins do without.
  const { ZxcvbnFactory } = await import("@zxcvbn-ts/core");
  const { adjacencyGraphs, dictionary } = await import("@zxcvbn-ts/language-common");
  return new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs }).check(password, [...known]).score < leastScore;
}
