/**
 * A request that is sent again does its work once: the answer is stored in the transaction of the work, under the token
 * and the key that the program chose, for a day.
 */
import { createHash } from "node:crypto";
import { openSealed, seal } from "../keys/sealed.ts";
import { type Store, takeLock, type Transaction } from "../store/store.ts";

export interface KeyedRequest {
  tokenId: string;
  key: string;
  /** All that decides what is done. */
  request: string;
  /** Key that the answer is sealed with. */
  pepper: Uint8Array;
  now(): Date;
}

export interface KeptAnswer {
  status: number;
  body: string;
}

/** The key was used for another request. */
export class KeyUsedError extends Error {}

class AnsweredBefore extends Error {
  readonly answer: KeptAnswer;
  constructor(answer: KeptAnswer) {
    super("answered before");
    this.answer = answer;
  }
}

/**
 * Runs `work` on a store whose first change also stores the answer, which `render` makes of what that change returns.
 * Throws KeyUsedError.
 */
export async function answerOnce<T>(
  store: Store,
  keyed: KeyedRequest,
  { work, render }: { work(store: Store): Promise<T>; render(answer: T): KeptAnswer },
): Promise<{ answer: KeptAnswer; isRepeated: boolean }> {
  let kept: KeptAnswer | undefined;
  const keeping: Store = {
    engine: store.engine,
    listen: (channel, listener) => store.listen(channel, listener),
    usedBytes: (tx) => store.usedBytes(tx),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    async transaction(change, options) {
      if (options?.readOnly === true || kept !== undefined) return await store.transaction(change, options);
      let rendered: KeptAnswer | undefined;
      const result = await store.transaction(async (tx) => {
        await takeLock(tx, `answer ${keyed.tokenId} ${keyed.key}`);
        const known = await maybeAnswer(tx, keyed);
        if (known !== undefined) throw new AnsweredBefore(known);
        const changed = await change(tx);
        rendered = render(changed as unknown as T);
        await keep(tx, keyed, rendered);
        return changed;
      });
      kept = rendered;
      return result;
    },
  };
  try {
    const known = await store.transaction((tx) => maybeAnswer(tx, keyed), { readOnly: true });
    if (known !== undefined) return { answer: known, isRepeated: true };
    const result = await work(keeping);
    return { answer: kept ?? render(result), isRepeated: false };
  } catch (error) {
    if (error instanceof AnsweredBefore) return { answer: error.answer, isRepeated: true };
    throw error;
  }
}

function digestOf({ request }: KeyedRequest): Uint8Array {
  return new Uint8Array(createHash("sha256").update(request).digest());
}

const sealing = ({ pepper, tokenId, key }: KeyedRequest) => ({
  pepper,
  purpose: "answer" as const,
  of: `${tokenId} ${key}`,
});

async function maybeAnswer(tx: Transaction, keyed: KeyedRequest): Promise<KeptAnswer | undefined> {
  const row = await tx.get<{ request: Uint8Array; status: number; body: Uint8Array }>(
    "SELECT request, status, body FROM api_answers WHERE token_id = :token AND idempotency_key = :key",
    { token: keyed.tokenId, key: keyed.key },
  );
  if (row === undefined) return undefined;
  const own = digestOf(keyed);
  if (!row.request.every((byte, i) => byte === own[i])) throw new KeyUsedError("The key was used for another request");
  return { status: row.status, body: new TextDecoder().decode(openSealed(row.body, sealing(keyed))) };
}

async function keep(tx: Transaction, keyed: KeyedRequest, { status, body }: KeptAnswer): Promise<void> {
  await tx.run(
    `INSERT INTO api_answers (token_id, idempotency_key, request, status, body, at)
     VALUES (:token, :key, :request, :status, :body, :at)`,
    {
      token: keyed.tokenId,
      key: keyed.key,
      request: digestOf(keyed),
      status,
      body: seal(new TextEncoder().encode(body), sealing(keyed)),
      at: keyed.now().getTime(),
    },
  );
}
