/** What `release add` takes and refuses; nothing of a refused release stays in the store. */
import assert from "node:assert/strict";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { NotPermittedError, UsageError } from "../../common/core/errors.ts";
import { addSignature, type ReleaseManifest } from "../../common/release/release_manifest.ts";
import { addRelease } from "../../platform/releases/add_release.ts";
import { chunkBytes } from "../../platform/releases/chunk_bytes.ts";
import { findRelease, trustedKeys } from "../../platform/releases/find_release.ts";
import { rollOut, showRelease, withdrawRelease } from "../../platform/releases/manage_releases.ts";
import { chunksOf } from "../../platform/releases/store_file.ts";
import { encodeReleaseKeys } from "../../common/release/release_keys.ts";
import { withPlatform } from "./commands.ts";
import { isPostgres, slowInPostgres } from "../fixtures/each_database.ts";
import { startTestPlatform, type TestPlatform } from "../fixtures/platform_fixture.ts";
import {
  fileBytesOf,
  type MadeRelease,
  madeRelease,
  operator,
  releaseKeys,
  type ReleaseOptions,
  trustedReleaseKeys,
  writeRelease,
} from "../fixtures/release_folder.ts";

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const add = (platform: TestPlatform, path: string) =>
  addRelease(platform.platform, operator, { ...findRelease(path), keys: trustedReleaseKeys });

async function counts({ queries }: TestPlatform): Promise<number[]> {
  const found = [];
  for (const table of ["releases", "release_files", "release_chunks"]) {
    found.push((await queries.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))!.n);
  }
  return found;
}

/** The stored file, decoded. */
async function storedOf({ queries }: TestPlatform, target: string): Promise<Uint8Array> {
  const rows = await queries.all<{ bytes: Uint8Array }>(
    `SELECT bytes FROM release_chunks JOIN release_files USING (file_id)
     WHERE version IS NOT NULL AND target = :target ORDER BY number`,
    { target },
  );
  assert(rows.slice(0, -1).every(({ bytes }) => bytes.length === chunkBytes));
  return new Uint8Array(zstdDecompressSync(new Uint8Array(rows.flatMap(({ bytes }) => [...bytes]))));
}

const content = { "linux-x64": fileBytesOf(chunkBytes * 9 + 1), "windows-x64": fileBytesOf(10, 2) };

slowInPostgres(
  "files are stored as NAME.zst byte for byte, or as NAME compressed, and a target may lack its file",
  async () => {
    await using platform = await startTestPlatform();
    await withFolder(async (folder) => {
      const release = madeRelease({ content });
      const path = await writeRelease(folder, release, { packed: false });
      await Deno.remove(`${folder}/opendca-0.2.0-windows-x64`);
      assert.deepEqual(await add(platform, path), {
        version: "0.2.0",
        manifest: "added",
        stored: ["linux-x64"],
        missing: ["windows-x64"],
      });
      assert.deepEqual(await storedOf(platform, "linux-x64"), new Uint8Array(content["linux-x64"]));
      const before = await counts(platform);
      assert.deepEqual(await add(platform, folder), {
        version: "0.2.0",
        manifest: "known",
        stored: [],
        missing: ["windows-x64"],
      });
      assert.deepEqual(await counts(platform), before, "twice is as good as once");
      const packed = zstdCompressSync(content["windows-x64"]);
      await Deno.writeFile(`${folder}/opendca-0.2.0-windows-x64.zst`, packed);
      assert.deepEqual((await add(platform, folder)).stored, ["windows-x64"]);
      const [row] = await platform.queries.all<{ bytes: Uint8Array }>(
        "SELECT bytes FROM release_chunks JOIN release_files USING (file_id) WHERE target = 'windows-x64'",
      );
      assert.deepEqual(new Uint8Array(row!.bytes), new Uint8Array(packed));
    });
  },
);

const name = "opendca-0.2.0-linux-x64";
const wrong: {
  name: string;
  release?: ReleaseOptions;
  change?: (folder: string, release: MadeRelease) => Promise<unknown>;
  path?: (folder: string) => string;
  error: RegExp;
}[] = [
  {
    name: "a file of which one bit is another",
    change: async (folder) => {
      const bytes = new Uint8Array(content["linux-x64"]);
      bytes[300_000]! ^= 1;
      await Deno.writeFile(`${folder}/${name}.zst`, zstdCompressSync(bytes));
    },
    error: /as its SHA-256 is [0-9a-f]{64}: the manifest says/,
  },
  {
    name: "an altered file that is not compressed",
    change: async (folder) => {
      await Deno.remove(`${folder}/${name}.zst`);
      await Deno.writeFile(`${folder}/${name}`, fileBytesOf(content["linux-x64"].length, 7));
    },
    error: /as its SHA-256 is [0-9a-f]{64}: the manifest says/,
  },
  {
    name: "a release of which the second file is altered",
    change: (folder) => Deno.writeFile(`${folder}/opendca-0.2.0-windows-x64.zst`, zstdCompressSync(fileBytesOf(10, 3))),
    error: /windows-x64.zst" as its SHA-256 is/,
  },
  {
    name: "a file that is too short",
    change: (folder) => Deno.writeFile(`${folder}/${name}.zst`, zstdCompressSync(content["linux-x64"].subarray(1))),
    error: /as it has 2359296 bytes: the manifest says 2359297/,
  },
  {
    name: "a compressed file of gigabytes",
    change: async (folder) => {
      // 4 GiB of zeros in parts that are valid one after the other.
      const part = zstdCompressSync(new Uint8Array(64 * 1024 * 1024));
      await Deno.writeFile(`${folder}/${name}.zst`, new Uint8Array(Array(64).fill([...part]).flat()));
    },
    error: /as it has more than the 2359297 bytes of the manifest/,
  },
  {
    name: "a compressed file that is cut off",
    change: async (folder) => {
      const bytes = await Deno.readFile(`${folder}/${name}.zst`);
      await Deno.writeFile(`${folder}/${name}.zst`, bytes.subarray(0, bytes.length - 100));
    },
    error: /as it (cannot be decompressed|has \d+ bytes)/,
  },
  {
    name: "a compressed file that is none",
    change: (folder) => Deno.writeTextFile(`${folder}/${name}.zst`, "not zstd"),
    error: /as it cannot be decompressed/,
  },
  {
    name: "a folder without any of its files",
    change: (folder) =>
      Promise.all([`${name}.zst`, "opendca-0.2.0-windows-x64.zst"].map((file) => Deno.remove(`${folder}/${file}`))),
    error: /as none of its files is there/,
  },
  {
    name: "a folder in the place of its file",
    change: async (folder) => {
      await Deno.remove(`${folder}/${name}.zst`);
      await Deno.mkdir(`${folder}/${name}.zst`);
      await Deno.remove(`${folder}/opendca-0.2.0-windows-x64.zst`);
    },
    error: /as none of its files is there/,
  },
  {
    name: "a manifest of one key",
    release: { signers: releaseKeys.slice(0, 1) },
    error: /signed by 1 of 3 known keys/,
  },
  { name: "a manifest without a signature", release: { signers: [] }, error: /signed by 0 of 3/ },
  {
    name: "an expired manifest",
    release: { issuedAt: "2026-01-01T00:00:00Z", expiresAt: "2026-01-02T00:00:00Z" },
    error: /Cannot add opendca 0.2.0 as its manifest expired at 2026-01-02/,
  },
  {
    name: "a release of the platform",
    release: { product: "opendca-platform" },
    path: (folder) => `${folder}/opendca-platform-0.2.0.manifest`,
    error: /agents are offered opendca alone/,
  },
  {
    name: "a manifest of megabytes",
    change: (folder) => Deno.writeFile(`${folder}/opendca-0.2.0.manifest`, new Uint8Array(2_000_000)),
    error: /as a manifest as it has 2000000 bytes/,
  },
  { name: "an empty folder", path: (folder) => `${folder}/empty`, error: /Cannot find a manifest of the agent/ },
  { name: "what is not there", path: (folder) => `${folder}/none`, error: /Cannot find "/ },
  { name: "a file that is no manifest", path: (folder) => `${folder}/${name}.zst`, error: /Cannot/ },
  {
    name: "a folder with two releases",
    change: (folder, { text }) => Deno.writeTextFile(`${folder}/opendca-0.3.0.manifest`, text),
    error: /Cannot tell which release .* as there are 2/,
  },
];
slowInPostgres("release add refuses what is wrong, and stores nothing", async (t) => {
  await using platform = await startTestPlatform();
  for (const { name, release, change, path, error } of wrong) {
    await t.step(name, () =>
      withFolder(async (folder) => {
        const made = madeRelease({ content, ...release });
        await writeRelease(folder, made);
        await Deno.mkdir(`${folder}/empty`);
        await change?.(folder, made);
        await assert.rejects(async () => await add(platform, path?.(folder) ?? folder), (thrown: Error) => {
          assert(thrown instanceof UsageError || thrown instanceof NotPermittedError, String(thrown.stack));
          assert.match(thrown.message, error);
          return true;
        });
        assert.deepEqual(await counts(platform), [0, 0, 0]);
      }));
  }
});

const seconds = (ms: number) => new Date(Math.floor(ms / 1000) * 1000).toISOString().replace(".000", "");

slowInPostgres(
  "of a version that is there, only a further signature or a later roll-out that the keys signed is taken",
  async () => {
    await using platform = await startTestPlatform();
    const { platform: open } = platform;
    await withFolder(async (folder) => {
      const began = Date.now() - 60_000;
      const of = (more: Partial<ReleaseManifest> = {}) =>
        madeRelease({
          issuedAt: seconds(began),
          expiresAt: seconds(began + 86_400_000),
          rollout: { percent: 10 },
          ...more,
        });
      const path = await writeRelease(folder, of());
      const put = async (text: string) => {
        await Deno.writeTextFile(path, text);
        return (await add(platform, path)).manifest;
      };
      const stored = async () => (await showRelease(open, operator, { version: "0.2.0" })).row.manifest;
      await add(platform, path);
      const first = of();
      const third = addSignature(first.text, releaseKeys[2]!);
      assert.equal(await put(third), "replaced");
      assert.equal(await put(first.text), "known", "fewer signatures replace nothing");
      assert.equal(await stored(), third);
      for (const more of [{ commit: "f".repeat(40) }, { minimumVersion: "0.1.0" }]) {
        await assert.rejects(
          put(of({ issuedAt: seconds(began + 30_000), ...more }).text),
          /another manifest of this version/,
        );
      }
      const other = madeRelease({ ...of().manifest, content: { "linux-x64": fileBytesOf(5) } });
      await assert.rejects(put(other.text), /another manifest of this version/);
      const half = of({ issuedAt: seconds(began + 10_000), rollout: { percent: 50 } });
      await assert.rejects(put(madeRelease({ ...half.manifest, signers: [releaseKeys[0]!] }).text), /signed by 1 of 3/);
      assert.equal(await put(half.text), "replaced");
      await assert.rejects(put(first.text), /a later manifest of this version was added before/);
      await assert.rejects(put(third), /a later manifest/);
      assert.equal(await put(of({ issuedAt: seconds(began + 10_000), rollout: { percent: 60 } }).text), "replaced");
      // Also back to fewer, if that is what was signed last; it decides from then on.
      await rollOut(open, operator, { version: "0.2.0", percent: 60 });
      assert.equal(await put(of({ issuedAt: seconds(began + 20_000), rollout: { percent: 5 } }).text), "replaced");
      await assert.rejects(rollOut(open, operator, { version: "0.2.0", percent: 6 }), /permits 5 %/);

      await withdrawRelease(open, operator, { version: "0.2.0", reason: "test" });
      assert.deepEqual(await counts(platform), [1, 0, 0], "its files are gone");
      await assert.rejects(put(of({ issuedAt: seconds(began + 30_000) }).text), /as it was withdrawn/);
    });
  },
);

slowInPostgres("two commands that add a release at one moment store it once", async () => {
  await using platform = await startTestPlatform();
  // Two stores of one SQLite file in one process would wait for each other.
  await using second = isPostgres() ? await platform.another() : undefined;
  const other = second ?? platform;
  await withFolder(async (folder) => {
    await writeRelease(folder, madeRelease({ content }));
    const added = await Promise.all([platform, other, platform, other].map((one) => add(one, folder)));
    assert.equal(added.flatMap(({ stored }) => stored).length, 2);
    assert.deepEqual((await counts(platform)).slice(0, 2), [1, 2]);
    assert.deepEqual(await storedOf(platform, "linux-x64"), new Uint8Array(content["linux-x64"]));
  });
});

slowInPostgres(
  "what an interrupted command has left is removed a day later, and offered to nobody before",
  async () => {
    await using platform = await startTestPlatform();
    await platform.queries.run(
      `INSERT INTO release_files (file_id, version, target, sha256, encoded_bytes, added_at)
     VALUES ('fil-left', NULL, 'linux-x64', 'x', 0, :at)`,
      { at: platform.clock.now().getTime() },
    );
    await platform.queries.run("INSERT INTO release_chunks (file_id, number, bytes) VALUES ('fil-left', 0, :bytes)", {
      bytes: new Uint8Array(1),
    });
    await withFolder(async (folder) => {
      await writeRelease(folder, madeRelease({ expiresAt: seconds(Date.now() + 30 * 86_400_000) }));
      await add(platform, folder);
      assert.deepEqual(await counts(platform), [1, 2, 2], "another command may be at it");
      platform.clock.advance(86_400_001);
      await add(platform, folder);
      assert.deepEqual(await counts(platform), [1, 1, 1]);
    });
  },
);

slowInPostgres(
  "database check finds a file of a release of which a part is missing or too short",
  () =>
    withPlatform((run, { sql }) =>
      withFolder(async (folder) => {
        await writeRelease(folder, madeRelease({ content, issuedAt: "2026-03-01T00:00:00Z" }));
        await Deno.writeTextFile(`${folder}/trusted.keys`, encodeReleaseKeys(trustedReleaseKeys));
        assert.equal((await run("release", "add", folder, "--keys", `${folder}/trusted.keys`)).code, 0);
        const check = async () => {
          const { stdout } = await run("database", "check", "--json");
          return JSON.parse(stdout).find(({ what }: { what: string }) => what === "releases").fault;
        };
        assert.equal(await check() ?? null, null);
        await sql("UPDATE release_chunks SET number = 99 WHERE number = 4");
        assert.equal(await check(), "a file is incomplete: 0.2.0 for linux-x64");
        await sql("UPDATE release_chunks SET number = 4 WHERE number = 99");
        assert.equal(await check() ?? null, null);
        await sql("DELETE FROM release_chunks WHERE number = 0");
        assert.equal(await check(), "a file is incomplete: 0.2.0 for linux-x64, 0.2.0 for windows-x64");
      })
    ),
);

Deno.test("trustedKeys() wants keys that were named in a program that has none", () => {
  assert.throws(() => trustedKeys(undefined, undefined), /development build, which has no release keys/);
  assert.equal(trustedKeys(undefined, trustedReleaseKeys), trustedReleaseKeys);
  assert.throws(() => trustedKeys("/no/where", trustedReleaseKeys), /Cannot read the keys/);
  assert.throws(() => trustedKeys("/", trustedReleaseKeys), /Cannot read the keys/);
});

Deno.test("chunksOf() has the bytes of any parts in full chunks and a rest", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 50 })),
      fc.integer({ min: 1, max: 20 }),
      async (parts, size) => {
        const chunks: Uint8Array[] = [];
        for await (
          const chunk of chunksOf(
            (async function* () {
              yield* parts;
            })(),
            size,
          )
        ) chunks.push(chunk);
        assert.deepEqual(chunks.flatMap((chunk) => [...chunk]), parts.flatMap((part) => [...part]));
        assert(chunks.slice(0, -1).every(({ length }) => length === size));
        assert(chunks.every(({ length }) => length > 0));
      },
    ),
  ));
