/**
 * Sign-ins under way at a provider: in the store, as the answer may come to another process. Each has an end, counts once,
 * and only in the browser that began it, which has a cookie from then on.
 */
import type { Transaction } from "../store/store.ts";
import { countSource, sourceWaitMs } from "../users/failed_attempts.ts";
import { ProviderRefusal } from "./provider_refusal.ts";
import { openJson, sealJson, sha256, type SsoPlatform } from "./providers.ts";

/** `renew`: without questions, when a session must be vouched for again. */
export type Purpose = "signIn" | "renew" | "confirm" | "link";

export const flowMs = 10 * 60_000;
/* Of one source: an office has one address, and each of its people may have begun one. */
const mostOfSource = 500;

export interface Flow<Kept> {
  providerId: string;
  purpose: Purpose;
  /** What only the kind of provider knows, such as a nonce; or the identity that waits for its browser. */
  kept: Kept;
  /** A path of the portal. */
  next: string;
  /** Digest of the session that is confirmed or renewed. */
  session: Uint8Array | null;
  startedAt: number;
}

interface FlowRow {
  flow: Uint8Array;
  provider_id: string;
  purpose: Purpose;
  browser: Uint8Array;
  kept: Uint8Array;
  next_path: string;
  session: Uint8Array | null;
  source: string;
  ends_at: number;
}

export interface NewFlow {
  providerId: string;
  purpose: Purpose;
  /** What the provider gives back: state, or the id of a request. It cannot be guessed. */
  id: string;
  /** Of the browser's cookie. */
  browserSecret: string;
  kept: unknown;
  next: string;
  session?: Uint8Array | null | undefined;
  source: string;
}

/** Throws ProviderRefusal ("busy") if the source has too many. */
export function beginFlow(platform: SsoPlatform, flow: NewFlow): Promise<void> {
  const now = platform.clock.now().getTime();
  return platform.store.transaction(async (tx) => {
    await tx.run("DELETE FROM provider_flows WHERE ends_at < :now", { now });
    const { source } = flow;
    const found = await tx.get<{ count: number }>(
      "SELECT count(*) AS count FROM provider_flows WHERE source = :source",
      { source },
    );
    if (found!.count >= mostOfSource) {
      throw new ProviderRefusal("busy", `too many sign-ins are under way from ${source}`);
    }
    await addFlow(platform, tx, { ...flow, browser: sha256(flow.browserSecret), endsAt: now + flowMs });
  });
}

async function addFlow(
  { pepper }: Pick<SsoPlatform, "pepper">,
  tx: Transaction,
  flow: Omit<NewFlow, "browserSecret"> & { browser: Uint8Array; endsAt: number },
): Promise<void> {
  const digest = sha256(flow.id);
  await tx.run(
    `INSERT INTO provider_flows (flow, provider_id, purpose, browser, kept, next_path, session, source, ends_at)
     VALUES (:flow, :provider, :purpose, :browser, :kept, :next, :session, :source, :ends_at)`,
    {
      flow: digest,
      provider: flow.providerId,
      purpose: flow.purpose,
      browser: flow.browser,
      kept: sealJson(flow.kept, { pepper, of: digest.toHex() }),
      next: flow.next,
      session: flow.session ?? null,
      source: flow.source,
      ends_at: flow.endsAt,
    },
  );
}

function flowOf<Kept>({ pepper }: Pick<SsoPlatform, "pepper">, row: FlowRow): Flow<Kept> {
  return {
    providerId: row.provider_id,
    purpose: row.purpose,
    kept: openJson<Kept>(row.kept, { pepper, of: row.flow.toHex() }),
    next: row.next_path,
    session: row.session,
    startedAt: row.ends_at - flowMs,
  };
}

interface Asked {
  providerId: string;
  id: string;
}

/** Uses it up. Undefined if there is none, it has ended, or another browser began it, which leaves it as it is. */
export function maybeFlow<Kept>(
  platform: SsoPlatform,
  { providerId, id, browserSecret }: Asked & { browserSecret: string | undefined },
): Promise<Flow<Kept> | undefined> {
  if (browserSecret === undefined) return Promise.resolve(undefined);
  return platform.store.transaction(async (tx) => {
    const row = await tx.get<FlowRow>(
      `DELETE FROM provider_flows
       WHERE flow = :flow AND provider_id = :provider AND browser = :browser AND ends_at > :now RETURNING *`,
      {
        flow: sha256(id),
        provider: providerId,
        browser: sha256(browserSecret),
        now: platform.clock.now().getTime(),
      },
    );
    return row && flowOf<Kept>(platform, row);
  });
}

/** Without using it up, no matter who asks: for an answer that comes by a form of another origin, without cookies. */
export function lookAtFlow<Kept>(
  platform: SsoPlatform,
  { providerId, id, browserSecret }: Asked & { browserSecret?: string | undefined },
): Promise<Flow<Kept> | undefined> {
  return platform.store.transaction(async (tx) => {
    const row = await tx.get<FlowRow>(
      "SELECT * FROM provider_flows WHERE flow = :flow AND provider_id = :provider AND ends_at > :now",
      { flow: sha256(id), provider: providerId, now: platform.clock.now().getTime() },
    );
    const isOther = row && browserSecret !== undefined && sha256(browserSecret).toHex() !== row.browser.toHex();
    return row === undefined || isOther ? undefined : flowOf<Kept>(platform, row);
  }, { readOnly: true });
}

/**
 * Encrypted answers are opened while the source has sent few that were refused: thousands would be needed to open what was
 * encrypted for somebody else by how it is refused. Throws ProviderRefusal ("busy").
 */
export async function refuseGuesses(
  { store, clock }: Pick<SsoPlatform, "store" | "clock">,
  { providerId, source }: { providerId: string; source: string },
): Promise<void> {
  const ms = await store.transaction((tx) => sourceWaitMs(tx, guessesOf(providerId, source), clock.now()), {
    readOnly: true,
  });
  if (ms > 0) throw new ProviderRefusal("busy", `too many encrypted answers from ${source} were refused`);
}

const guessesOf = (providerId: string, source: string) => `${providerId} ${source}`;

/** An encrypted answer was refused: it counts, and there is one try for each request. */
export async function dropFlow(
  { store, clock }: Pick<SsoPlatform, "store" | "clock">,
  { providerId, id, source }: Asked & { source: string },
): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.run("DELETE FROM provider_flows WHERE flow = :flow AND provider_id = :provider", {
      flow: sha256(id),
      provider: providerId,
    });
    await countSource(tx, guessesOf(providerId, source), clock.now());
  });
}

/**
 * Uses a flow up by an answer that was checked, and puts another in its place, which waits for the same browser. False if
 * it was used in the meantime, or the assertion was used before.
 */
export function answerFlow(
  platform: SsoPlatform,
  { providerId, id, nextId, kept, assertion }: Asked & {
    nextId: string;
    kept: unknown;
    assertion?: { id: string; endsAt: number };
  },
): Promise<boolean> {
  const now = platform.clock.now().getTime();
  return platform.store.transaction(async (tx) => {
    const row = await tx.get<FlowRow>(
      "DELETE FROM provider_flows WHERE flow = :flow AND provider_id = :provider AND ends_at > :now RETURNING *",
      { flow: sha256(id), provider: providerId, now },
    );
    if (row === undefined) return false;
    if (assertion !== undefined) {
      await tx.run("DELETE FROM used_assertions WHERE ends_at < :now", { now });
      const used = await tx.run(
        `INSERT INTO used_assertions (provider_id, assertion, ends_at) VALUES (:provider, :assertion, :ends_at)
         ON CONFLICT DO NOTHING`,
        { provider: providerId, assertion: sha256(assertion.id), ends_at: assertion.endsAt },
      );
      if (used === 0) return false;
    }
    const { purpose, browser, next_path: next, session, source, ends_at: endsAt } = row;
    await addFlow(platform, tx, { providerId, purpose, id: nextId, browser, kept, next, session, source, endsAt });
    return true;
  });
}
