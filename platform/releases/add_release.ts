import { NotPermittedError, UsageError } from "../../common/core/errors.ts";
import type { ReleaseKeys } from "../../common/release/release_keys.ts";
import { encodeManifest, type ReleaseManifest, verifyManifest } from "../../common/release/release_manifest.ts";
import type { Platform } from "../agents/platform.ts";
import { type By, changePlatform } from "../audit/use_case.ts";
import { actorText } from "../audit/audit_log.ts";
import { takeLock, type Transaction } from "../store/store.ts";
import { manifestIn, noteChange } from "./catalogue.ts";
import type { FoundRelease } from "./find_release.ts";
import { dropFile, dropLeftovers, type StagedFile, stageFile, takeFile } from "./store_file.ts";

export interface AddedRelease {
  version: string;
  /** Whether the manifest is new, replaced one of the same version, or was there. */
  manifest: "added" | "replaced" | "known";
  /** Targets whose file was stored now. */
  stored: string[];
  /** Targets of the manifest whose file is not in the store. */
  missing: string[];
}

/**
 * Verifies a release and stores it with the files that are there. It is offered to nobody yet. Throws NotPermittedError
 * if it is not what the keys signed, and UsageError if it cannot be used.
 */
export async function addRelease(
  platform: Platform,
  by: By,
  { text, folder, keys }: FoundRelease & { keys: ReleaseKeys },
): Promise<AddedRelease> {
  const { store, clock } = platform;
  const { manifest } = verifyManifest(text, keys);
  const { product, version } = manifest;
  if (product !== "opendca") {
    throw new UsageError(
      `Cannot add ${product} ${version}: agents are offered opendca alone`,
      "name a release of the agent",
    );
  }
  if (clock.now().getTime() >= Date.parse(manifest.expiresAt)) {
    throw new NotPermittedError(
      `Cannot add opendca ${version} as its manifest expired at ${manifest.expiresAt}`,
      "get the newest release, or check the clock of this machine",
    );
  }
  // Refused before any file is stored; decided below.
  const known = await store.transaction(async (tx) => {
    const next = await nextManifest(tx, { text, manifest, keys });
    const rows = await targetsOf(tx, version);
    return { next, targets: rows };
  }, { readOnly: true });
  await store.transaction((tx) => dropLeftovers(tx, clock.now()));
  const staged: StagedFile[] = [];
  try {
    for (const file of manifest.files) {
      if (known.targets.includes(file.target)) continue;
      const one = await stageFile(store, { folder, file, at: clock.now() });
      if (one !== undefined) staged.push(one);
    }
    if (staged.length === 0 && known.targets.length === 0) {
      const names = manifest.files.map(({ name }) => name).join(", ");
      throw new UsageError(
        `Cannot add opendca ${version} as none of its files is there`,
        `put at least one beside the manifest, as it is or with .zst: ${names}`,
      );
    }
    return await keepRelease(platform, by, { text, manifest, keys, staged });
  } catch (error) {
    await store.transaction(async (tx) => {
      for (const { fileId } of staged) await dropFile(tx, fileId);
    }).catch(() => {});
    throw error;
  }
}

interface NewRelease {
  text: string;
  manifest: ReleaseManifest;
  keys: ReleaseKeys;
}

function keepRelease(
  platform: Platform,
  by: By,
  release: NewRelease & { staged: StagedFile[] },
): Promise<AddedRelease> {
  const { manifest, staged } = release, { version } = manifest;
  return changePlatform(platform, by, async (tx, at) => {
    await takeLock(tx, "releases");
    const next = await nextManifest(tx, release);
    const stored: string[] = [];
    for (const file of staged) if (await takeFile(tx, file, version)) stored.push(file.target);
    await tx.run(
      `INSERT INTO releases (version, manifest, state, changed_by, changed_at, added_at, counted_since)
       VALUES (:version, :manifest, 'offered', :by, :at, :at, :at)
       ON CONFLICT (version) DO UPDATE SET manifest = :manifest`,
      { version, manifest: next.text, by: actorText(by.actor), at: at.getTime() },
    );
    await noteChange(tx);
    const there = await targetsOf(tx, version);
    const missing = manifest.files.map(({ target }) => target).filter((target) => !there.includes(target));
    return {
      answer: { version, manifest: next.is, stored, missing },
      customerId: null,
      audit: {
        action: "releaseAdded",
        subject: version,
        detail: {
          manifest: next.is,
          commit: manifest.commit,
          percent: manifest.rollout.percent,
          files: stored.join(", "),
        },
      },
    };
  });
}

async function targetsOf(tx: Transaction, version: string): Promise<string[]> {
  const rows = await tx.all<{ target: string }>("SELECT target FROM release_files WHERE version = :version", {
    version,
  });
  return rows.map(({ target }) => target);
}

/**
 * The manifest to store. One of a version that is there may have further signatures, or be a later one that differs in
 * the roll-out and the times alone. Throws NotPermittedError for any other.
 */
async function nextManifest(
  tx: Transaction,
  { text, manifest, keys }: NewRelease,
): Promise<{ text: string; is: AddedRelease["manifest"] }> {
  const { version } = manifest;
  const row = await tx.get<{ manifest: string; state: string }>(
    "SELECT manifest, state FROM releases WHERE version = :version",
    { version },
  );
  if (row === undefined) return { text, is: "added" };
  const refused = (why: string, hint: string) => new NotPermittedError(`Cannot add opendca ${version} as ${why}`, hint);
  if (row.state === "withdrawn") throw refused("it was withdrawn", "release a later version");
  const before = manifestIn(row.manifest);
  if (encodeManifest(before) === encodeManifest(manifest)) {
    const further = text.split("\n").filter((line) => line.startsWith("signature ") && !row.manifest.includes(line));
    if (further.length === 0) return { text: row.manifest, is: "known" };
    const both = `${row.manifest}${further.map((line) => `${line}\n`).join("")}`;
    verifyManifest(both, keys);
    return { text: both, is: "replaced" };
  }
  const { rollout, issuedAt, expiresAt } = before;
  if (encodeManifest({ ...manifest, rollout, issuedAt, expiresAt }) !== encodeManifest(before)) {
    throw refused(
      "another manifest of this version was added before",
      "a version is released once: only its roll-out may be signed again",
    );
  }
  const isLater = manifest.issuedAt > issuedAt ||
    (manifest.issuedAt === issuedAt && manifest.expiresAt === expiresAt && manifest.rollout.percent > rollout.percent);
  if (isLater) return { text, is: "replaced" };
  throw refused(
    "a later manifest of this version was added before",
    "the one of that release is in use; nothing to do",
  );
}
