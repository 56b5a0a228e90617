/** Releases for operators: views, and who is offered them. */
import { UsageError } from "../../common/core/errors.ts";
import type { ReleaseManifest } from "../../common/release/release_manifest.ts";
import { compareVersions } from "../../common/release/version_order.ts";
import { UpdatePhase } from "../../proto/gen/opendca/v1/update.ts";
import type { Platform } from "../agents/platform.ts";
import { actorText } from "../audit/audit_log.ts";
import { type By, type Change, changePlatform, readPlatform } from "../audit/use_case.ts";
import { customerOf, siteOf } from "../customers/customers.ts";
import { dealerNamed } from "../customers/dealers.ts";
import { takeLock, type Transaction } from "../store/store.ts";
import { manifestIn, noteChange } from "./catalogue.ts";
import { dropFile } from "./store_file.ts";

export interface ReleaseRow {
  version: string;
  manifest: string;
  state: "offered" | "paused" | "withdrawn";
  /** Why it is paused or withdrawn. */
  reason: string | null;
  changed_by: string;
  changed_at: number;
  added_at: number;
}

const columns = "version, manifest, state, reason, changed_by, changed_at, added_at";

/** How many agents are how far. */
export interface UpdateCounts {
  offered: number;
  installed: number;
  failed: number;
}

export interface ListedRelease extends ReleaseRow, UpdateCounts {
  targets: string[];
  bytes: number;
  /** Of all agents without a smaller group that has its own. */
  percent: number;
  /** Number of dealers, customers and sites with a percentage of their own. */
  groups: number;
  /** That the manifest permits. */
  permitted: number;
  expiresAt: string;
  /** Agents that run it. */
  running: number;
}

/** Newest version first. */
export function listReleases(platform: Platform, by: By): Promise<ListedRelease[]> {
  return readPlatform(platform, by, async (tx) => {
    const rows = await tx.all<ReleaseRow>(`SELECT ${columns} FROM releases`);
    const listed = [];
    const running = await versionsOf(tx);
    for (const row of rows) listed.push(await listedOf(tx, row, running));
    return listed.sort((a, b) => compareVersions(b.version, a.version));
  });
}

/** How many agents run each version. */
async function versionsOf(tx: Transaction): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.all<{ version: string; agents: number }>(
    "SELECT version, count(*) AS agents FROM agents WHERE state = 'active' GROUP BY version",
  );
  return new Map(rows.map(({ version, agents }) => [version, agents]));
}

async function listedOf(
  tx: Transaction,
  row: ReleaseRow,
  running: ReadonlyMap<string, number>,
): Promise<ListedRelease> {
  const { version } = row, manifest = manifestIn(row.manifest);
  const files = await filesOf(tx, version);
  const rollouts = await rolloutsOf(tx, version);
  const counts = await phasesOf(tx, version);
  const of = (phases: UpdatePhase[]) =>
    counts.filter(({ phase }) => phases.includes(phase)).reduce((n, c) => n + c.agents, 0);
  return {
    ...row,
    targets: files.map(({ target }) => target),
    bytes: files.reduce((sum, { encoded_bytes }) => sum + encoded_bytes, 0),
    percent: rollouts.find(({ scope }) => scope === "all")?.percent ?? 0,
    groups: rollouts.filter(({ scope }) => scope !== "all").length,
    permitted: manifest.rollout.percent,
    expiresAt: manifest.expiresAt,
    offered: counts.reduce((sum, { agents }) => sum + agents, 0),
    installed: of([UpdatePhase.INSTALLED]),
    failed: of([UpdatePhase.FAILED, UpdatePhase.RETURNED]),
    running: running.get(version) ?? 0,
  };
}

export interface ReleaseFileRow {
  target: string;
  sha256: string;
  encoded_bytes: number;
}

export interface RolloutRow {
  scope: string;
  percent: number;
  /** Of the dealer, customer or site; null for all, and for what is gone. */
  name: string | null;
}

/** An agent on which the update failed, was refused, or went back. */
export interface UpdateTrouble {
  customer_id: string;
  customer: string;
  agent_id: string;
  hostname: string;
  phase: number;
  message: string;
  told_at: number;
}

export interface ShownRelease {
  row: ListedRelease;
  manifest: ReleaseManifest;
  files: ReleaseFileRow[];
  rollouts: RolloutRow[];
  phases: { phase: number; agents: number }[];
  /** The latest ones. */
  troubles: UpdateTrouble[];
}

const mostTroubles = 50;

/** Throws UsageError if there is no such release. */
export function showRelease(platform: Platform, by: By, { version }: { version: string }): Promise<ShownRelease> {
  return readPlatform(platform, by, async (tx) => {
    const row = await releaseOf(tx, version);
    const troubles = await tx.all<UpdateTrouble>(
      `SELECT u.customer_id, c.name AS customer, u.agent_id, a.hostname, u.phase, u.message, u.told_at
       FROM agent_updates u JOIN customers c ON c.customer_id = u.customer_id
         JOIN agents a ON a.customer_id = u.customer_id AND a.agent_id = u.agent_id
       WHERE u.version = :version AND u.phase IN (1, 6, 7) ORDER BY u.told_at DESC, u.agent_id LIMIT :most`,
      { version, most: mostTroubles },
    );
    return {
      row: await listedOf(tx, row, await versionsOf(tx)),
      manifest: manifestIn(row.manifest),
      files: await filesOf(tx, version),
      rollouts: await rolloutsOf(tx, version),
      phases: await phasesOf(tx, version),
      troubles,
    };
  });
}

async function releaseOf(tx: Transaction, version: string): Promise<ReleaseRow> {
  const row = await tx.get<ReleaseRow>(`SELECT ${columns} FROM releases WHERE version = :version`, { version });
  if (row !== undefined) return row;
  throw new UsageError(`Cannot find the release "${version}"`, "opendca-platform release list shows them");
}

function filesOf(tx: Transaction, version: string): Promise<ReleaseFileRow[]> {
  return tx.all("SELECT target, sha256, encoded_bytes FROM release_files WHERE version = :version ORDER BY target", {
    version,
  });
}

function rolloutsOf(tx: Transaction, version: string): Promise<RolloutRow[]> {
  return tx.all(
    `SELECT r.scope, r.percent, coalesce(d.name, c.name, s.name) AS name FROM release_rollouts r
       LEFT JOIN dealers d ON d.dealer_id = r.scope
       LEFT JOIN customers c ON c.customer_id = r.scope
       LEFT JOIN sites s ON s.site_id = r.scope
     WHERE r.version = :version ORDER BY r.scope`,
    { version },
  );
}

function phasesOf(tx: Transaction, version: string): Promise<{ phase: number; agents: number }[]> {
  return tx.all(
    "SELECT phase, count(*) AS agents FROM agent_updates WHERE version = :version GROUP BY phase ORDER BY phase",
    { version },
  );
}

/** Offers it to nobody until it is resumed. Throws UsageError unless it is offered. */
export function pauseRelease(platform: Platform, by: By, { version, reason }: Reasoned): Promise<void> {
  return changeRelease(platform, by, version, async (tx, { row, at }) => {
    if (row.state !== "offered") throw stateError("pause", row);
    await setState(tx, { version, state: "paused", reason, by, at });
    return { answer: undefined, audit: { action: "releasePaused", subject: version, detail: { reason } } };
  });
}

/** Offers it again, to whom it was offered before. Failures so far are not counted any more. */
export function resumeRelease(platform: Platform, by: By, { version }: { version: string }): Promise<void> {
  return changeRelease(platform, by, version, async (tx, { row, at }) => {
    if (row.state !== "paused") throw stateError("resume", row);
    await setState(tx, { version, state: "offered", reason: null, by, at });
    await tx.run("UPDATE releases SET counted_since = :at WHERE version = :version", { version, at: at.getTime() });
    return { answer: undefined, audit: { action: "releaseResumed", subject: version, detail: {} } };
  });
}

/** For good; its files are removed from the store. */
export function withdrawRelease(platform: Platform, by: By, { version, reason }: Reasoned): Promise<void> {
  return changeRelease(platform, by, version, async (tx, { row, at }) => {
    if (row.state === "withdrawn") throw stateError("withdraw", row);
    const files = await tx.all<{ file_id: string }>("SELECT file_id FROM release_files WHERE version = :version", {
      version,
    });
    for (const { file_id } of files) await dropFile(tx, file_id);
    await setState(tx, { version, state: "withdrawn", reason, by, at });
    return { answer: undefined, audit: { action: "releaseWithdrawn", subject: version, detail: { reason } } };
  });
}

interface Reasoned {
  version: string;
  reason: string;
}

/** Percentages of a roll-out to all, where none is given. */
export const stages = [1, 5, 25, 100];

export interface Rollout {
  version: string;
  /** Undefined: the next of the stages; null: no longer one of its own. */
  percent: number | null | undefined;
  dealer?: string | undefined;
  customer?: string | undefined;
  site?: string | undefined;
}

export interface RolledOut {
  version: string;
  scope: string;
  percent: number | null;
  before: number | null;
}

/**
 * Sets to how many agents of all, or of one dealer, customer or site, it is offered. Throws UsageError, also for more than
 * the manifest permits.
 */
export function rollOut(platform: Platform, by: By, rollout: Rollout): Promise<RolledOut> {
  const { version } = rollout;
  return changeRelease(platform, by, version, async (tx, { row, at }) => {
    if (row.state === "withdrawn") throw stateError("roll out", row);
    const { rollout: { percent: permitted }, expiresAt } = manifestIn(row.manifest);
    if (at.getTime() >= Date.parse(expiresAt)) {
      throw new UsageError(
        `Cannot roll out ${version} as its manifest expired at ${expiresAt}`,
        "release a later version",
      );
    }
    const scope = await scopeOf(tx, rollout);
    const before = (await tx.get<{ percent: number }>(
      "SELECT percent FROM release_rollouts WHERE version = :version AND scope = :scope",
      { version, scope },
    ))?.percent ?? null;
    const percent = rollout.percent === undefined
      ? nextStage(version, { before: before ?? 0, permitted })
      : rollout.percent;
    if (percent !== null && percent > permitted) {
      throw new UsageError(
        `Cannot roll out ${version} to ${percent} % as its manifest permits ${permitted} %`,
        "the holders of the release keys sign a later manifest for more: opendca-platform release add FILE",
      );
    }
    if (percent === null) {
      await tx.run("DELETE FROM release_rollouts WHERE version = :version AND scope = :scope", { version, scope });
    } else {
      await tx.run(
        `INSERT INTO release_rollouts (version, scope, percent, changed_at) VALUES (:version, :scope, :percent, :at)
         ON CONFLICT (version, scope) DO UPDATE SET percent = :percent, changed_at = :at`,
        { version, scope, percent, at: at.getTime() },
      );
    }
    const detail = { scope, from: before ?? "none", to: percent ?? "none" };
    return {
      customerId: rollout.customer === undefined ? null : (await customerOf(tx, rollout.customer)).customer_id,
      answer: { version, scope, percent, before },
      audit: { action: "releaseRolledOut", subject: version, detail },
    };
  });
}

function nextStage(version: string, { before, permitted }: { before: number; permitted: number }): number {
  const next = Math.min(stages.find((stage) => stage > before) ?? 100, permitted);
  if (next > before) return next;
  throw new UsageError(
    `Cannot roll out ${version} further than to ${before} %${
      permitted < 100 ? " as its manifest permits no more" : ""
    }`,
    "name another percentage with --percent",
  );
}

async function scopeOf(tx: Transaction, { dealer, customer, site }: Rollout): Promise<string> {
  if (dealer !== undefined) {
    if (customer !== undefined || site !== undefined) {
      throw new UsageError("Cannot use --dealer with --customer or --site", "name the smallest group that is meant");
    }
    return (await dealerNamed(tx, dealer)).dealer_id;
  }
  if (customer === undefined) {
    if (site === undefined) return "all";
    throw new UsageError("Cannot use --site without --customer", "name the customer whose site it is");
  }
  const { customer_id } = await customerOf(tx, customer);
  return site === undefined ? customer_id : (await siteOf(tx.tenant(customer_id), site)).site_id;
}

/** Of a release that there is, one after the other. */
function changeRelease<T>(
  platform: Platform,
  by: By,
  version: string,
  work: (
    tx: Transaction,
    release: { row: ReleaseRow; at: Date },
  ) => Promise<Change<T> & { customerId?: string | null }>,
): Promise<T> {
  return changePlatform(platform, by, async (tx, at) => {
    await takeLock(tx, "releases");
    const row = await releaseOf(tx, version);
    const change = await work(tx, { row, at });
    await noteChange(tx);
    return { customerId: null, ...change };
  });
}

async function setState(
  tx: Transaction,
  { version, state, reason, by, at }: {
    version: string;
    state: ReleaseRow["state"];
    reason: string | null;
    by: By;
    at: Date;
  },
): Promise<void> {
  await tx.run(
    `UPDATE releases SET state = :state, reason = :reason, changed_by = :by, changed_at = :at WHERE version = :version`,
    { version, state, reason, by: actorText(by.actor), at: at.getTime() },
  );
}

function stateError(what: string, { version, state, reason }: ReleaseRow): UsageError {
  return new UsageError(
    `Cannot ${what} ${version} as it is ${state}${reason === null ? "" : `: ${reason}`}`,
    `opendca-platform release show ${version}`,
  );
}
