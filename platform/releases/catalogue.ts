/**
 * The releases that can be offered, as each process knows them: read again only when the number in `release_revision`
 * is another one. A poll reads that number in the statement that it makes anyway, so that a change is seen by every
 * process with the next poll, and that polls cost nothing more where nothing has changed.
 */
import type { ReleaseManifest } from "../../common/release/release_manifest.ts";
import type { Store, Transaction } from "../store/store.ts";

export interface Catalogue {
  revision: number;
  /** Newest version first; without those that are withdrawn. */
  releases: OfferedRelease[];
}

export interface OfferedRelease {
  version: string;
  /** As it was signed. */
  text: string;
  manifest: ReleaseManifest;
  isPaused: boolean;
  /** By the id of a dealer, a customer or a site, and `all`. */
  percents: ReadonlyMap<string, number>;
  /** By target. */
  files: ReadonlyMap<string, OfferedFile>;
}

export interface OfferedFile {
  fileId: string;
  sha256: string;
  encodedBytes: number;
}

/* One for each store that is open in this process. */
const kept = new WeakMap<Store, Catalogue>();

/** What there is at this revision, or later. */
export async function catalogueAt(store: Store, tx: Transaction, revision: number): Promise<Catalogue> {
  const known = kept.get(store);
  if (known?.revision === revision) return known;
  // No release was ever added.
  if (revision === 0) return { revision, releases: [] };
  const catalogue = { revision, releases: await readReleases(tx) };
  kept.set(store, catalogue);
  return catalogue;
}

/** Every process reads the releases again. Call it last in a transaction: it waits for others that change them. */
export async function noteChange(tx: Transaction): Promise<void> {
  await tx.run(
    `INSERT INTO release_revision (whose, revision) VALUES ('all', 1)
     ON CONFLICT (whose) DO UPDATE SET revision = release_revision.revision + 1`,
  );
}

/** The manifest of a text that was verified before it was stored. */
export function manifestIn(text: string): ReleaseManifest {
  return JSON.parse(text.slice(0, text.indexOf("\n}\n") + 3));
}

async function readReleases(tx: Transaction): Promise<OfferedRelease[]> {
  const rows = await tx.all<{ version: string; manifest: string; state: string }>(
    "SELECT version, manifest, state FROM releases WHERE state <> 'withdrawn'",
  );
  if (rows.length === 0) return [];
  const files = await tx.all<{ file_id: string; version: string; target: string; sha256: string; bytes: number }>(
    "SELECT file_id, version, target, sha256, encoded_bytes AS bytes FROM release_files WHERE version IS NOT NULL",
  );
  const rollouts = await tx.all<{ version: string; scope: string; percent: number }>(
    "SELECT version, scope, percent FROM release_rollouts",
  );
  const filesOf = Map.groupBy(files, ({ version }) => version);
  const rolloutsOf = Map.groupBy(rollouts, ({ version }) => version);
  return rows.map(({ version, manifest: text, state }) => ({
    version,
    text,
    manifest: manifestIn(text),
    isPaused: state !== "offered",
    percents: new Map(rolloutsOf.get(version)?.map(({ scope, percent }) => [scope, percent])),
    files: new Map(
      filesOf.get(version)?.map((
        { file_id: fileId, target, sha256, bytes },
      ) => [target, { fileId, sha256, encodedBytes: bytes }]),
    ),
  }));
}
