/**
 * Challenges that a passkey signs (WebAuthn, 13.4.3). They are in the store, so that any process can check the answer;
 * each is good for one answer, for one purpose, from the browser that asked.
 */
import { randomBytes } from "node:crypto";
import type { Transaction } from "../store/store.ts";
import { secretDigest } from "./second_factor.ts";

export type Purpose = "register" | "signIn" | "secondFactor" | "confirm";

/** A person may have to look for a security key. */
export const challengeMs = 5 * 60_000;
/* Strangers may ask as well: the oldest of a source make place, so that nobody fills the store. */
const mostOfSource = 200;

interface Asked {
  purpose: Purpose;
  /** The secret of the browser's cookie. */
  boundTo: string;
  at: Date;
}

export async function newChallenge(
  tx: Transaction,
  { purpose, boundTo, at, source }: Asked & { source: string },
): Promise<Uint8Array<ArrayBuffer>> {
  const challenge = new Uint8Array(randomBytes(32)), now = at.getTime();
  await forgetChallenges(tx, at);
  await tx.run(
    `DELETE FROM user_challenges WHERE digest IN
       (SELECT digest FROM user_challenges WHERE source = :source ORDER BY ends_at DESC LIMIT 1000 OFFSET :most)`,
    { source, most: mostOfSource - 1 },
  );
  await tx.run(
    `INSERT INTO user_challenges (digest, purpose, bound_to, source, ends_at)
     VALUES (:digest, :purpose, :bound_to, :source, :ends_at)`,
    {
      digest: digestOf(challenge),
      purpose,
      bound_to: secretDigest(boundTo),
      source,
      ends_at: now + challengeMs,
    },
  );
  return challenge;
}

/** Uses up a challenge, for one of two processes that get its answer at the same time. False if there is none such. */
export async function useChallenge(
  tx: Transaction,
  { challenge, purpose, boundTo, at }: Asked & { challenge: string },
): Promise<boolean> {
  const used = await tx.run(
    `DELETE FROM user_challenges WHERE digest = :digest AND purpose = :purpose AND bound_to = :bound_to
       AND ends_at > :now AND ends_at <= :latest`,
    {
      digest: secretDigest(challenge),
      purpose,
      bound_to: secretDigest(boundTo),
      now: at.getTime(),
      // A clock that was set back makes no challenge last longer.
      latest: at.getTime() + challengeMs,
    },
  );
  return used === 1;
}

export async function forgetChallenges(tx: Transaction, at: Date): Promise<void> {
  await tx.run("DELETE FROM user_challenges WHERE ends_at <= :now", { now: at.getTime() });
}

/** Of its base64url text, as answers have it. */
function digestOf(challenge: Uint8Array): Uint8Array {
  return secretDigest(challenge.toBase64({ alphabet: "base64url", omitPadding: true }));
}
