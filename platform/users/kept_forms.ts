/**
 * Forms that need a further proof of who somebody is wait in the store until it is given, and go on then. Each belongs to
 * the session that sent it, works once, and is sealed, as it may hold a secret.
 */
import { openSealed, seal } from "../keys/sealed.ts";
import type { Transaction } from "../store/store.ts";
import { newSecret, secretDigest } from "./second_factor.ts";
import type { UsersPlatform } from "./users.ts";

export interface KeptForm {
  /** With the query; of this portal. */
  path: string;
  contentType: string;
  body: Uint8Array<ArrayBuffer>;
}

const keptMs = 10 * 60_000;
const mostOfSession = 5;

type Parts = Pick<UsersPlatform, "store" | "clock" | "pepper">;

/** Returns what takes it. The oldest of a session make place. */
export function keepForm(
  { store, clock, pepper }: Parts,
  { sessionId, form: { path, contentType, body } }: { sessionId: string; form: KeptForm },
): Promise<string> {
  const token = newSecret(), now = clock.now().getTime();
  const head = new TextEncoder().encode(JSON.stringify({ path, contentType }) + "\n");
  const form = seal(new Uint8Array([...head, ...body]), { pepper, purpose: "form", of: sessionId });
  return store.transaction(async (tx) => {
    await forgetForms(tx, now);
    await tx.run(
      `DELETE FROM kept_forms WHERE digest IN (SELECT digest FROM kept_forms WHERE session_id = :session
         ORDER BY ends_at DESC LIMIT 1000 OFFSET :most)`,
      { session: sessionId, most: mostOfSession - 1 },
    );
    await tx.run(
      "INSERT INTO kept_forms (digest, session_id, form, ends_at) VALUES (:digest, :session, :form, :ends_at)",
      { digest: secretDigest(token), session: sessionId, form, ends_at: now + keptMs },
    );
    return token;
  });
}

/** Undefined for one that is unknown, too old, taken before, or another session's. */
export async function takeForm(
  { store, clock, pepper }: Parts,
  { sessionId, token }: { sessionId: string; token: string },
): Promise<KeptForm | undefined> {
  const row = await store.transaction((tx) =>
    tx.get<{ form: Uint8Array }>(
      "DELETE FROM kept_forms WHERE digest = :digest AND session_id = :session AND ends_at > :now RETURNING form",
      { digest: secretDigest(token), session: sessionId, now: clock.now().getTime() },
    )
  );
  if (row === undefined) return undefined;
  const opened = openSealed(row.form, { pepper, purpose: "form", of: sessionId }), end = opened.indexOf(10);
  const { path, contentType } = JSON.parse(new TextDecoder().decode(opened.subarray(0, end)));
  return { path, contentType, body: new Uint8Array(opened.subarray(end + 1)) };
}

export async function forgetForms(tx: Transaction, now: number): Promise<void> {
  await tx.run("DELETE FROM kept_forms WHERE ends_at <= :now", { now });
}
