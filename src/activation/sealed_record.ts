/**
 * Format of the activation state on disk: `agent.json` in the state directory and a second copy in each guard
 * directory.
 *
 *     { "format": "opendca.state/1", "secret": hex(32), "state": { … }, "mac": hex(32) }
 *
 * mac = HMAC-SHA-256 of the canonical text of `state`, under HMAC-SHA-256(secret, "opendca.state/1" 00 machine
 * identity). `secret` is random and the same in every copy of one installation. A record that was edited, or made on
 * another machine, has a wrong mac. This does not stop somebody who can read the file and run code on this machine; see
 * docs/activation.md for the consequences. Files are replaced by rename after fsync: a crash leaves the old record or
 * the new one, never a part.
 */
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import type { ActivationState } from "./activation_state.ts";

export interface SealedRecord {
  secret: Uint8Array;
  state: ActivationState;
}

/** What was found in one place. `forged`: the file was not written by this machine. */
export type FoundRecord =
  | { kind: "absent" }
  | { kind: "valid"; record: SealedRecord }
  | { kind: "forged"; claimedId: string | null };

const format = "opendca.state/1";

/** The text of the file, with a line feed at its end. */
export function encodeSealedRecord(record: SealedRecord, machineIdentity: string): string {
  const mac = macOf(record, machineIdentity).toString("hex");
  const secret = Buffer.from(record.secret).toString("hex");
  return JSON.stringify({ format, secret, state: inOrder(record.state), mac }, null, 2) + "\n";
}

/**
 * Reads a file's text; anything that is not a record with the right mac is `forged`, including an empty or incomplete
 * file.
 */
export function decodeSealedRecord(text: string, machineIdentity: string): FoundRecord {
  const parsed = maybeObject(text);
  const state = maybeState(parsed?.state);
  const forged: FoundRecord = { kind: "forged", claimedId: state?.installationId ?? null };
  if (parsed === undefined || state === undefined || parsed.format !== format) return forged;
  if (!isHex(parsed.secret, 64) || !isHex(parsed.mac, 64)) return forged;
  const record = { secret: new Uint8Array(Buffer.from(parsed.secret, "hex")), state };
  const mac = Buffer.from(parsed.mac, "hex");
  return timingSafeEqual(mac, macOf(record, machineIdentity)) ? { kind: "valid", record } : forged;
}

/** Digest of a code for `PendingAttempt`; keyed, so that the file does not reveal the code. */
export function codeDigestOf(code: string, secret: Uint8Array): string {
  return createHmac("sha256", secret).update(`opendca.code/1\0${code}`).digest("hex");
}

function macOf(record: SealedRecord, machineIdentity: string): Buffer {
  const key = createHmac("sha256", record.secret).update(`${format}\0${machineIdentity}`).digest();
  return createHmac("sha256", key).update(JSON.stringify(inOrder(record.state))).digest();
}

/** Fixed order of the members, so that the mac does not depend on how the object was created. */
function inOrder(state: ActivationState) {
  return {
    installationId: state.installationId,
    counter: state.counter,
    attempts: state.attempts,
    unlocks: state.unlocks,
    phase: state.phase,
    agentId: state.agentId,
    customer: state.customer,
    site: state.site,
    signingKey: state.signingKey,
    unlockKeys: [...state.unlockKeys],
    pending: state.pending === null ? null : {
      // Without `platforms` the record has the older release's form, so that its mac stays valid.
      ...(state.platforms === null ? {} : { platform: state.pending.platform }),
      attemptId: state.pending.attemptId,
      codeDigest: state.pending.codeDigest,
    },
    ...(state.platforms === null ? {} : {
      platforms: state.platforms.map(({ key, successes, attempts, takenBack }) => ({
        key,
        successes,
        attempts,
        takenBack: [...takenBack],
      })),
      places: [...state.places],
    }),
  };
}

function maybeObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : undefined;
  } catch {
    return undefined; // Not JSON: the caller treats it as forged.
  }
}

function maybeState(value: unknown): ActivationState | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const state = value as Record<keyof ActivationState, unknown>;
  const counts = [state.counter, state.attempts, state.unlocks];
  const texts = [state.agentId, state.customer, state.site, state.signingKey];
  const pending = state.pending as Record<string, unknown> | null | undefined;
  const sound = typeof state.installationId === "string" && /^[0-9a-f-]{36}$/.test(state.installationId) &&
    counts.every((count) => Number.isSafeInteger(count) && (count as number) >= 0) &&
    texts.every((text) => text === null || typeof text === "string") &&
    ["new", "activated", "revoked"].includes(state.phase as string) &&
    Array.isArray(state.unlockKeys) && state.unlockKeys.every((key) => typeof key === "string") &&
    (pending === null ||
      (typeof pending === "object" && typeof pending.attemptId === "string" && typeof pending.codeDigest === "string" &&
        ["string", "undefined"].includes(typeof pending.platform))) &&
    (state.platforms === undefined
      ? state.places === undefined
      : arePlatforms(state.platforms) && areTexts(state.places));
  if (!sound) return undefined;
  const { platforms = null, places = [], pending: open, ...rest } = value as ActivationState;
  return { ...rest, platforms, places, pending: open === null ? null : { ...open, platform: open.platform ?? "" } };
}

function arePlatforms(value: unknown): boolean {
  return Array.isArray(value) &&
    value.every((one: Record<string, unknown> | null) =>
      typeof one === "object" && one !== null && typeof one.key === "string" && areTexts(one.takenBack) &&
      [one.successes, one.attempts].every((count) => Number.isSafeInteger(count) && (count as number) >= 0)
    );
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

function isHex(value: unknown, length: number): value is string {
  return typeof value === "string" && value.length === length && /^[0-9a-f]*$/.test(value);
}
