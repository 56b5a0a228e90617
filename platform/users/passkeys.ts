/**
 * Passkeys (WebAuthn): registering, listing and removing them. The portal's origin is what they are bound to: its host
 * name is the "relying party", so none works for a portal of another name, nor on another site.
 */
import { generateRegistrationOptions, verifyRegistrationResponse } from "@simplewebauthn/server";
import { decodeAttestationObject, decodeCredentialPublicKey, isoBase64URL } from "@simplewebauthn/server/helpers";
import { randomBytes } from "node:crypto";
import { UsageError } from "../../common/core/errors.ts";
import { appendAudit } from "../audit/audit_log.ts";
import { newId } from "../store/new_id.ts";
import type { Transaction } from "../store/store.ts";
import { newChallenge, useChallenge } from "./challenges.ts";
import { maybeSession, type SessionRow, type Viewer } from "./sessions.ts";
import { type Attempted, finish, firstFactor, freshRecoveryCodes, needsSecondFactor, ofUser } from "./sign_in.ts";
import { hasSecondFactor, maybeUser, type UserRow, type UsersPlatform } from "./users.ts";

/**
 * Ed25519, ES256 and RS256 (RFC 9053, RFC 8812): what browsers and authenticators have in common. With the type of key
 * and the curve that each is for (labels 1 and -1).
 */
const keyOf: Record<number, { kty: number; crv?: number }> = {
  [-8]: { kty: 1, crv: 6 },
  [-7]: { kty: 2, crv: 1 },
  [-257]: { kty: 3 },
};
const algorithms = Object.keys(keyOf).map(Number);
const mostPasskeys = 20;

export interface PasskeyRow {
  passkey_id: string;
  user_id: string;
  credential_id: string;
  name: string;
  public_key: Uint8Array;
  counter: number;
  transports: string;
  created_at: number;
  used_at: number | null;
  set_aside_at: number | null;
}

/** The relying party of a portal; undefined where browsers permit no passkeys: at an address in place of a name. */
export function maybeRpId(origin: string): string | undefined {
  const { hostname } = new URL(origin);
  return /^\[|^\d+(\.\d+){3}$/.test(hostname) ? undefined : hostname;
}

/** What is in `{"response": …}` of a browser, as far as it is looked at before it is verified. */
export interface PasskeyAnswer {
  id: string;
  challenge: string;
  // deno-lint-ignore no-explicit-any
  response: any;
}

/** Undefined for a text that is no answer, or is one of a page in another site's frame. */
export function maybeAnswer(text: string): PasskeyAnswer | undefined {
  try {
    const response = JSON.parse(text);
    const { challenge, crossOrigin } = JSON.parse(isoBase64URL.toUTF8String(response.response.clientDataJSON));
    if (typeof response.id !== "string" || typeof challenge !== "string" || crossOrigin === true) return undefined;
    return { id: response.id, challenge, response };
  } catch {
    return undefined;
  }
}

export function passkeysOf(tx: Transaction, userId: string): Promise<PasskeyRow[]> {
  return tx.all("SELECT * FROM user_passkeys WHERE user_id = :id ORDER BY created_at, passkey_id", { id: userId });
}

/** For `allowCredentials` and `excludeCredentials`: only ever shown to anyone who has proven to be the user. */
export function descriptors(rows: readonly PasskeyRow[]) {
  return rows.map(({ credential_id: id, transports }) => ({
    id,
    // deno-lint-ignore no-explicit-any
    transports: transports.split(" ").filter(Boolean) as any[],
  }));
}

interface Registering extends Attempted {
  /** The session's cookie. */
  secret: string;
  /** Of the session: a sign-in that needs a second factor to be set up, or somebody who is signed in. */
  step: "enrolment" | "full";
  /** Of the portal. */
  origin: string;
}

/** What the browser is asked for; undefined if the session is over. */
export function registrationOptions(
  platform: UsersPlatform,
  { secret, step, origin, source }: Registering,
): Promise<object | undefined> {
  const at = platform.clock.now(), rpID = maybeRpId(origin);
  return platform.store.transaction(async (tx) => {
    const known = await maybeSession(tx, secret, { step: [step], at });
    if (known === undefined || rpID === undefined) return undefined;
    const { user } = known, rows = await passkeysOf(tx, user.user_id);
    return await generateRegistrationOptions({
      rpName: "OpenDCA",
      rpID,
      userID: await handleOf(tx, user),
      userName: user.email,
      userDisplayName: user.name,
      challenge: await newChallenge(tx, { purpose: "register", boundTo: secret, at, source }),
      attestationType: "none",
      excludeCredentials: descriptors(rows),
      // A security key without a PIN is still good for the second factor.
      authenticatorSelection: { residentKey: "preferred", userVerification: "preferred" },
      supportedAlgorithmIDs: algorithms,
    });
  });
}

async function handleOf(tx: Transaction, { user_id: id, passkey_handle }: UserRow): Promise<Uint8Array<ArrayBuffer>> {
  if (passkey_handle !== null) return new Uint8Array(passkey_handle);
  const handle = new Uint8Array(randomBytes(32));
  await tx.run("UPDATE users SET passkey_handle = :handle WHERE user_id = :id", { id, handle });
  return handle;
}

/** `recoveryCodes`: if it is the user's first second factor. `secret`: of the session that the sign-in ends with. */
export type Registered =
  | { kind: "added"; recoveryCodes: string[] | undefined }
  | { kind: "full"; secret: string; browserSecret: string; recoveryCodes: string[] }
  | { kind: "refused" | "over" };

/** Throws UsageError for a name that cannot be used, and where there are too many. */
export async function registerPasskey(
  platform: UsersPlatform,
  { secret, step, origin, answer: text, name, ...client }: { answer: string; name: string } & Registering,
): Promise<Registered> {
  const { store } = platform, at = platform.clock.now();
  const answer = maybeAnswer(text), rpID = maybeRpId(origin), named = checkedPasskeyName(name);
  if (answer === undefined || rpID === undefined) return { kind: "refused" };
  const { challenge } = answer;
  const isOurs = await store.transaction(async (tx) =>
    await maybeSession(tx, secret, { step: [step], at }) !== undefined &&
    await useChallenge(tx, { challenge, purpose: "register", boundTo: secret, at })
  );
  if (!isOurs) return { kind: "over" };
  const credential = await maybeCredential(answer, { origin, rpID });
  if (credential === undefined) return { kind: "refused" };
  return await store.transaction(async (tx) => {
    const known = await maybeSession(tx, secret, { step: [step], at });
    if (known === undefined) return { kind: "over" };
    const { session, user } = known, { user_id: userId } = user;
    // Anyone who stole the password at this step must not add to the factors that there are.
    const isFirst = !await hasSecondFactor(tx, user);
    if (step === "enrolment" && !isFirst) return { kind: "over" };
    if (!await addRow(tx, { userId, named, credential, at })) return { kind: "refused" };
    await appendAudit(tx, { ...ofUser(user), at, action: "passkeyAdded", detail: { name: named } });
    const recoveryCodes = isFirst ? await freshRecoveryCodes(tx, userId) : undefined;
    if (step === "full") return { kind: "added", recoveryCodes };
    const done = await finish(tx, { user, at, client, by: `${firstFactor(session)} and passkey`, before: session });
    return { ...done, recoveryCodes: recoveryCodes! };
  });
}

interface NewCredential {
  id: string;
  publicKey: Uint8Array;
  counter: number;
  transports: string;
}

/** Undefined for an answer that is not by the rules, such as one for another site. */
async function maybeCredential(
  { response, challenge }: PasskeyAnswer,
  { origin, rpID }: { origin: string; rpID: string },
): Promise<NewCredential | undefined> {
  try {
    const attestation = decodeAttestationObject(isoBase64URL.toBuffer(response.response.attestationObject));
    // Browsers take certificates of the maker out, as none are asked for. Looking at them could mean to load lists of
    // revoked ones from wherever the certificate says.
    const format = attestation.get("fmt");
    if (format !== "none" && (format !== "packed" || attestation.get("attStmt").get("x5c") !== undefined)) {
      return undefined;
    }
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: rpID,
      requireUserVerification: false,
      supportedAlgorithmIDs: algorithms,
    });
    if (!verified) return undefined;
    const { id, publicKey, counter, transports } = registrationInfo.credential;
    // WebAuthn, 7.1: longer ids are refused.
    if (id !== response.id || isoBase64URL.toBuffer(id).length > 1023) return undefined;
    if (!isOfItsAlgorithm(publicKey)) return undefined;
    const known = ["usb", "nfc", "ble", "smart-card", "internal", "hybrid"];
    const said = Array.isArray(transports) ? transports : [];
    return { id, publicKey, counter, transports: known.filter((one) => said.includes(one as never)).join(" ") };
  } catch {
    return undefined;
  }
}

/** Signatures are verified by the type of the key: it must be that of the algorithm that it says. */
function isOfItsAlgorithm(publicKey: Uint8Array<ArrayBuffer>): boolean {
  const key = decodeCredentialPublicKey(publicKey) as Map<number, unknown>;
  const wanted = keyOf[key.get(3) as number];
  return wanted !== undefined && key.get(1) === wanted.kty &&
    (wanted.crv === undefined || key.get(-1) === wanted.crv);
}

/** False if somebody has the credential already. */
async function addRow(
  tx: Transaction,
  { userId, named, credential, at }: { userId: string; named: string; credential: NewCredential; at: Date },
): Promise<boolean> {
  const rows = await passkeysOf(tx, userId);
  if (rows.length >= mostPasskeys) {
    throw new UsageError(`Cannot add a passkey as there are ${mostPasskeys} already`, "remove one first");
  }
  const added = await tx.run(
    `INSERT INTO user_passkeys (passkey_id, user_id, credential_id, name, public_key, counter, transports, created_at)
     VALUES (:id, :user_id, :credential_id, :name, :public_key, :counter, :transports, :at) ON CONFLICT DO NOTHING`,
    {
      id: newId("pky"),
      user_id: userId,
      credential_id: credential.id,
      name: named,
      public_key: credential.publicKey,
      counter: credential.counter,
      transports: credential.transports,
      at: at.getTime(),
    },
  );
  return added === 1;
}

export function checkedPasskeyName(text: string): string {
  const name = text.trim();
  if (name.length >= 1 && name.length <= 60 && !/\p{Cc}/u.test(name)) return name;
  throw new UsageError("Cannot use the name of the passkey: it has 1 to 60 characters and no control characters");
}

export interface ListedPasskey {
  passkeyId: string;
  name: string;
  createdAt: number;
  usedAt: number | null;
  isSetAside: boolean;
}

export function listPasskeys({ store }: Pick<UsersPlatform, "store">, userId: string): Promise<ListedPasskey[]> {
  return store.transaction(async (tx) =>
    (await passkeysOf(tx, userId)).map((row) => ({
      passkeyId: row.passkey_id,
      name: row.name,
      createdAt: row.created_at,
      usedAt: row.used_at,
      isSetAside: row.set_aside_at !== null,
    })), { readOnly: true });
}

/** Throws UsageError if it is not the viewer's, or is the last second factor where the dealer requires one. */
export function removePasskey(
  { store, clock }: Pick<UsersPlatform, "store" | "clock">,
  { viewer, passkeyId }: { viewer: Viewer; passkeyId: string },
): Promise<void> {
  return store.transaction(async (tx) => {
    const user = (await maybeUser(tx, viewer.userId))!, id = user.user_id;
    const rows = await passkeysOf(tx, id), row = rows.find(({ passkey_id }) => passkey_id === passkeyId);
    if (row === undefined) throw new UsageError("Cannot find this passkey");
    const others = rows.filter((other) => other !== row);
    const isLast = user.totp_secret === null && others.every(({ set_aside_at }) => set_aside_at !== null);
    if (isLast && await needsSecondFactor(tx, user)) {
      throw new UsageError(
        `Cannot remove the passkey "${row.name}" as it is your last second factor`,
        "add another passkey first",
      );
    }
    await tx.run("DELETE FROM user_passkeys WHERE passkey_id = :passkey", { passkey: passkeyId });
    if (user.totp_secret === null && others.length === 0) {
      await tx.run("DELETE FROM user_recovery_codes WHERE user_id = :id", { id });
    }
    await appendAudit(tx, { ...ofUser(user), at: clock.now(), action: "passkeyRemoved", detail: { name: row.name } });
  });
}

/** Which kinds a person can choose from who has a session of these steps; undefined if it is over. */
export function factorsOf(
  { store, clock }: Pick<UsersPlatform, "store" | "clock">,
  { secret, step }: { secret: string; step: SessionRow["step"] },
): Promise<{ hasApp: boolean; hasPasskey: boolean } | undefined> {
  return store.transaction(async (tx) => {
    const known = await maybeSession(tx, secret, { step: [step], at: clock.now() });
    if (known === undefined) return undefined;
    const rows = await passkeysOf(tx, known.user.user_id);
    return {
      hasApp: known.user.totp_secret !== null,
      hasPasskey: rows.some(({ set_aside_at }) => set_aside_at === null),
    };
  }, { readOnly: true });
}
