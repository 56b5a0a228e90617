/**
 * Signing in by passkey: alone, after the password, or to prove again who somebody is. Alone and for the latter, the
 * authenticator must have verified the person (PIN, finger, face), so that it counts as both factors.
 */
import { generateAuthenticationOptions, verifyAuthenticationResponse } from "@simplewebauthn/server";
import { isoBase64URL } from "@simplewebauthn/server/helpers";
import { appendAudit } from "../audit/audit_log.ts";
import type { Transaction } from "../store/store.ts";
import { newChallenge, type Purpose, useChallenge } from "./challenges.ts";
import { countFailure, sourceWaitMs } from "./failed_attempts.ts";
import { descriptors, maybeAnswer, maybeRpId, type PasskeyRow, passkeysOf } from "./passkeys.ts";
import { maybeSession, type SessionRow, type SessionStep } from "./sessions.ts";
import { type Attempted, finish, firstFactor, knownBrowser, ofUser, type SignedIn } from "./sign_in.ts";
import { isOfOpen, maybeUser, type UserRow, type UsersPlatform } from "./users.ts";

type Use = Exclude<Purpose, "register">;

/** The session that each use is part of; the sign-in by passkey alone has none. */
const stepOf: Record<Use, SessionStep | undefined> = {
  signIn: undefined,
  secondFactor: "secondFactor",
  confirm: "full",
};

interface Asking extends Attempted {
  use: Use;
  /** The cookie that binds question and answer: of the session, or for the sign-in alone, one of its own. */
  secret: string;
  /** Of the portal. */
  origin: string;
}

/**
 * What the browser is asked for; undefined if the session is over. Credentials are named only after the password: before,
 * the browser asks for any of this portal, so that a stranger learns nothing.
 */
export function assertionOptions(
  { store, clock }: UsersPlatform,
  { use, secret, origin, source }: Asking,
): Promise<object | undefined> {
  const at = clock.now(), rpID = maybeRpId(origin), step = stepOf[use];
  return store.transaction(async (tx) => {
    const known = step && await maybeSession(tx, secret, { step: [step], at });
    if ((step !== undefined && known === undefined) || rpID === undefined) return undefined;
    const rows = known === undefined ? [] : await passkeysOf(tx, known.user.user_id);
    return await generateAuthenticationOptions({
      rpID,
      challenge: await newChallenge(tx, { purpose: use, boundTo: secret, at, source }),
      allowCredentials: descriptors(rows.filter(({ set_aside_at }) => set_aside_at === null)),
      userVerification: use === "secondFactor" ? "preferred" : "required",
    });
  });
}

/** `over`: the question is too old, was answered already, or was another browser's. */
export async function signInByPasskey(
  platform: UsersPlatform,
  { answer, ...asking }: { answer: string } & Omit<Asking, "use">,
): Promise<SignedIn | { kind: "over" }> {
  return await withAssertion(
    platform,
    { answer, use: "signIn", ...asking },
    (tx, { user, at }) => finish(tx, { user, at, client: asking, by: "passkey" }),
  );
}

/** After the password. */
export async function signInByPasskeyFactor(
  platform: UsersPlatform,
  { answer, ...asking }: { answer: string } & Omit<Asking, "use">,
): Promise<SignedIn | { kind: "over" }> {
  return await withAssertion(
    platform,
    { answer, use: "secondFactor", ...asking },
    (tx, { user, at, session }) =>
      finish(tx, { user, at, client: asking, by: `${firstFactor(session!)} and passkey`, before: session! }),
  );
}

/** Proves again who a signed-in person is, before something dangerous. */
export async function confirmByPasskey(
  platform: UsersPlatform,
  { answer, ...asking }: { answer: string } & Omit<Asking, "use">,
): Promise<{ kind: "full" | "refused" | "over" } | { kind: "wait"; ms: number }> {
  return await withAssertion(platform, { answer, use: "confirm", ...asking }, async (tx, { session, at }) => {
    await tx.run("UPDATE user_sessions SET confirmed_at = :now WHERE digest = :digest", {
      digest: session!.digest,
      now: at.getTime(),
    });
    return { kind: "full" } as const;
  });
}

interface Proven {
  user: UserRow;
  at: Date;
  /** Undefined for the sign-in by passkey alone. */
  session: SessionRow | undefined;
}

/** Calls `then` in the transaction that notes the use of the passkey; a failure is counted as a wrong password is. */
async function withAssertion<Done>(
  platform: UsersPlatform,
  { answer: text, use, secret, origin, ...client }: { answer: string } & Asking,
  then: (tx: Transaction, proven: Proven) => Promise<Done>,
): Promise<Done | { kind: "refused" | "over" } | { kind: "wait"; ms: number }> {
  const { store } = platform, at = platform.clock.now(), step = stepOf[use];
  const answer = maybeAnswer(text), rpID = maybeRpId(origin);
  const sessionOf = (tx: Transaction) => step && maybeSession(tx, secret, { step: [step], at });
  const begun = await store.transaction(async (tx) => {
    const waitMs = await sourceWaitMs(tx, client.source, at);
    if (waitMs > 0) return { kind: "wait", ms: waitMs } as const;
    if (step !== undefined && await sessionOf(tx) === undefined) return { kind: "over" } as const;
    const challenge = answer?.challenge ?? "";
    if (!await useChallenge(tx, { challenge, purpose: use, boundTo: secret, at })) {
      await countFailure(platform, tx, { user: undefined, at, source: client.source, browser: undefined });
      return { kind: "over" } as const;
    }
    return { kind: "begun", row: await maybePasskey(tx, answer!.id) } as const;
  });
  if (begun.kind !== "begun") return begun;
  const checks = { origin, rpID: rpID!, isVerified: use !== "secondFactor" };
  // Outside of transactions, as the signature takes a while.
  const signed = begun.row && await maybeSigned(begun.row, answer!, checks);
  return await store.transaction(async (tx) => {
    const known = await sessionOf(tx);
    if (step !== undefined && known === undefined) return { kind: "over" };
    const row = await maybePasskey(tx, answer!.id);
    const user = known?.user ?? (row && await maybeUser(tx, row.user_id));
    // Anyone who signs in by a provider must be known there at each sign-in.
    const mayTry = user?.state === "active" && (use === "secondFactor" || user.of_provider === null) &&
      await isOfOpen(tx, user);
    const browser = await knownBrowser(tx, user, client.browserSecret);
    const isRight = mayTry && row !== undefined && signed !== undefined && row.user_id === user.user_id &&
      isOfHandle(answer!.response.response.userHandle, { user, use }) &&
      await noteUse(tx, { row, user, counter: signed.counter, at });
    if (isRight) return await then(tx, { user, at, session: known?.session });
    await countFailure(platform, tx, { user: mayTry ? user : undefined, at, source: client.source, browser });
    return { kind: "refused" };
  });
}

function maybePasskey(tx: Transaction, credentialId: string): Promise<PasskeyRow | undefined> {
  return tx.get("SELECT * FROM user_passkeys WHERE credential_id = :id", { id: credentialId });
}

/** Undefined unless the passkey has signed this answer, for this portal, with the person present. */
async function maybeSigned(
  { credential_id: id, public_key }: PasskeyRow,
  { response, challenge }: NonNullable<ReturnType<typeof maybeAnswer>>,
  { origin, rpID, isVerified }: { origin: string; rpID: string; isVerified: boolean },
): Promise<{ counter: number } | undefined> {
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: rpID,
      requireUserVerification: isVerified,
      // The counter is looked at when it is noted, for two processes.
      credential: { id, publicKey: new Uint8Array(public_key), counter: 0 },
    });
    return verified ? { counter: authenticationInfo.newCounter } : undefined;
  } catch {
    return undefined;
  }
}

/** WebAuthn, 7.2, step 6: without a name before, the authenticator must say whose it is. */
function isOfHandle(said: unknown, { user: { passkey_handle: handle }, use }: { user: UserRow; use: Use }): boolean {
  if (said == null || said === "") return use === "secondFactor" || use === "confirm";
  return typeof said === "string" && handle !== null && said === isoBase64URL.fromBuffer(new Uint8Array(handle));
}

/**
 * Notes the use, for one of two processes. An authenticator that counts never counts back: then there is a copy of it
 * (WebAuthn, 6.1.1), and nobody knows which of both is the person's. So the passkey is set aside, and this is refused.
 */
async function noteUse(
  tx: Transaction,
  { row, user, counter, at }: { row: PasskeyRow; user: UserRow; counter: number; at: Date },
): Promise<boolean> {
  const now = at.getTime(), id = row.passkey_id;
  if (row.set_aside_at !== null) return false;
  const used = await tx.run(
    `UPDATE user_passkeys SET counter = :counter, used_at = :now
     WHERE passkey_id = :id AND set_aside_at IS NULL AND (counter < :counter OR (counter = 0 AND :counter = 0))`,
    { id, counter, now },
  );
  if (used === 1) return true;
  await tx.run("UPDATE user_passkeys SET set_aside_at = :now WHERE passkey_id = :id", { id, now });
  const detail = { name: row.name, counter, before: row.counter };
  await appendAudit(tx, { ...ofUser(user), actor: "platform", at, action: "passkeySetAside", detail });
  return false;
}
