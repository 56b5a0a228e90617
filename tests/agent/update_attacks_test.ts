/**
 * Each attack on software updates that the TUF specification names (1.5.2, and "Protection against …"), by a platform, or
 * somebody in its place, against the agent; and by an agent in other hands against root, which believes nobody.
 *
 * Extraneous dependencies: a release is one file without any, so that there is nothing to add.
 */
import assert from "node:assert/strict";
import type { ReleaseManifest } from "../../common/release/release_manifest.ts";
import { UpdateEncoding, UpdatePhase } from "../../proto/gen/opendca/v1/update.ts";
import { check, confirm, install } from "../../src/update/root_steps.ts";
import { createRootScene, type RootScene, type StagedFiles } from "../fixtures/update_root_scene.ts";
import {
  makeRelease,
  offerOf,
  partsOf,
  releaseKeys,
  strangers,
  type TestRelease,
  twoKeys,
  withUpdater,
} from "../fixtures/update_scene.ts";

const size = 20_000;

interface Attack {
  /** As TUF calls it. */
  name: string;
  /** What the platform offers and the agent asks root for. */
  release: () => TestRelease;
  /** What the platform sends, and the agent's file has; default: what the release says. */
  bytes?: (release: TestRelease) => Uint8Array;
  staged?: (release: TestRelease) => StagedFiles;
  why: RegExp;
  /** What root says, where it is another sentence. */
  rootWhy?: RegExp;
  /** Whether anything is downloaded. */
  asked?: boolean;
  before?: (scene: RootScene) => Promise<void>;
}

const released = (more: Partial<ReleaseManifest> & { keys?: typeof twoKeys } = {}) => makeRelease({ size, ...more });
const altered = (release: TestRelease, from: string, to: string): TestRelease => ({
  ...release,
  manifest: release.manifest.replace(from, to),
});
/** Root and agent know 0.5.0 already. */
async function withNewer(scene: RootScene): Promise<void> {
  await scene.begin(makeRelease({ version: "0.5.0", size, issuedAt: "2026-11-30T12:00:00Z" }));
  confirm(scene.parts());
}

const attacks: Attack[] = [
  {
    name: "arbitrary installation: what nobody signed",
    release: () => released({ keys: [] }),
    why: /signed by 0 of 3/,
  },
  {
    name: "arbitrary installation: what others signed",
    release: () => released({ keys: strangers }),
    why: /signed by 0 of 3/,
  },
  {
    name: "arbitrary installation: another file under a signed manifest",
    release: released,
    bytes: () => new Uint8Array(size).fill(1),
    why: /another file than was signed/,
    rootWhy: /the file is not the one that was signed/,
    asked: true,
  },
  {
    name: "endless data: a file without end",
    release: released,
    bytes: ({ bytes }) => new Uint8Array([...bytes, ...new Uint8Array(1_000_000)]),
    why: /sends more than was signed/,
    rootWhy: /the file is not the one that was signed/,
    asked: true,
  },
  {
    name: "endless data: a manifest without end",
    release: () => ({ ...released(), manifest: `{${" ".repeat(10_000_000)}` }),
    why: /longer than/,
    staged: () => ({ version: "0.2.0" }),
  },
  {
    name: "fast-forward: a version so high that no release comes after it",
    release: () => altered(released(), '"version": "0.2.0"', '"version": "999999.0.0"'),
    why: /signature by key .* is not valid/,
  },
  {
    name: "fast-forward: a version that is no number",
    release: () => released({ version: "1e9.0.0" }),
    why: /"version" is missing or not valid/,
    staged: () => ({ version: "0.2.0" }),
  },
  {
    name: "indefinite freeze: a release that has expired",
    release: () => released({ issuedAt: "2026-01-01T00:00:00Z", expiresAt: "2026-06-01T00:00:00Z" }),
    why: /its manifest expired/,
  },
  {
    name: "indefinite freeze: an expiry that was moved",
    release: () =>
      altered(
        released({ issuedAt: "2026-01-01T00:00:00Z", expiresAt: "2026-06-01T00:00:00Z" }),
        '"2026-06-01',
        '"2036-06-01',
      ),
    why: /signature by key .* is not valid/,
  },
  {
    name: "mix-and-match: the file of another signed release",
    release: released,
    bytes: () => makeRelease({ version: "0.1.9", size }).bytes,
    why: /another file than was signed/,
    rootWhy: /the file is not the one that was signed/,
    asked: true,
  },
  {
    name: "mix-and-match: the signatures of another release",
    release: () => {
      const [good, other] = [released(), released({ version: "0.1.9" })];
      const signatures = (text: string) => text.slice(text.indexOf("\n}\n") + 3);
      return { ...good, manifest: good.manifest.replace(signatures(good.manifest), signatures(other.manifest)) };
    },
    why: /signature by key .* is not valid/,
  },
  {
    name: "rollback: a release that is older than what runs",
    release: () => released({ version: "0.0.9", minimumVersion: "0.0.1" }),
    why: /0\.1\.0 is installed/,
  },
  {
    name: "rollback: a release that is older than the newest that was ever here",
    release: () => released({ version: "0.3.0" }),
    why: /0\.5\.0 is installed|older than 0\.5\.0, which was here before/,
    before: async (scene) => {
      await withNewer(scene);
      // By hand.
      scene.parts().disk.replaceLink(`${scene.lib}/current`, "0.1.0");
    },
  },
  {
    name: "rollback: a jump over a version that has to come between",
    release: () => released({ minimumVersion: "0.1.5" }),
    why: /needs 0\.1\.5 or newer/,
  },
  {
    name: "key compromise: one key of three",
    release: () => released({ keys: releaseKeys.slice(0, 1) }),
    why: /signed by 1 of 3/,
  },
  {
    name: "key compromise: one key of three, twice",
    release: () => {
      const one = released({ keys: releaseKeys.slice(0, 1) });
      return { ...one, manifest: one.manifest + one.manifest.slice(one.manifest.indexOf("\n}\n") + 3) };
    },
    why: /two signatures of the same key/,
  },
  {
    name: "key compromise: one key of three, and others",
    release: () => released({ keys: [releaseKeys[0]!, ...strangers.slice(0, 2)] }),
    why: /signed by 1 of 3/,
  },
  {
    name: "wrong software: the platform's",
    release: () => released({ product: "opendca-platform" }),
    why: /as this is opendca/,
  },
  {
    name: "wrong software: that of another processor",
    release: () =>
      released({
        files: [{ target: "linux-arm64", name: "opendca-0.2.0-linux-arm64", size, sha256: "ab".repeat(32) }],
      }),
    why: /no file for linux-x64/,
  },
];

for (const { name, release: make, bytes, staged, why, rootWhy = why, asked = false, before } of attacks) {
  Deno.test(`${name}: the agent`, async () => {
    const release = make();
    await withUpdater(async (scene) => {
      if (before !== undefined) {
        const state = {
          schema: "opendca.update-state/1",
          highestVersion: "0.5.0",
          newestIssuedAt: null,
          previous: null,
          returned: [],
        };
        await Deno.writeTextFile(`${scene.rootFolder}/state.json`, JSON.stringify(state));
      }
      scene.send = (request) => partsOf(bytes?.(release) ?? release.bytes, request);
      scene.updater.polled(offerOf(release, UpdateEncoding.UNSPECIFIED));
      assert.match(await scene.until(asked ? UpdatePhase.FAILED : UpdatePhase.REFUSED), why);
      assert.equal(scene.asked.length, asked ? 1 : 0);
      assert.deepEqual([...Deno.readDirSync(scene.folder)].map((each) => each.name), ["polled"]);
    });
  });

  Deno.test(`${name}: root`, async () => {
    using scene = createRootScene();
    await before?.(scene);
    const current = scene.current(), release = make();
    const staging = scene.staging(release, {
      version: "0.2.0",
      bytes: bytes?.(release) ?? release.bytes,
      ...versionOf(release),
      ...staged?.(release),
    });
    await assert.rejects(async () => {
      check(scene.parts(), staging);
      await install(scene.parts(), staging);
    }, (error) => {
      assert.ok(error instanceof Error && error.name === "NotPermittedError", String(error));
      assert.match(error.message, rootWhy);
      return true;
    });
    assert.equal(scene.current(), current);
    scene.assertWhole();
  });
}

function versionOf({ manifest }: TestRelease): { version?: string } {
  const version = /"version": "(\d+\.\d+\.\d+)"/.exec(manifest)?.[1];
  return version === undefined ? {} : { version };
}

Deno.test("indefinite freeze: the clock of this machine or the platform's is wrong, or both: the agent", async () => {
  const old = released({ issuedAt: "2026-01-01T00:00:00Z", expiresAt: "2026-06-01T00:00:00Z" });
  const at = (time: string) => ({ now: () => new Date(time) });
  // The fake clock, which is the platform's, is right; then the machine's is.
  for (const machineClock of [at("2026-03-01T00:00:00Z"), at("2026-12-01T00:00:00Z")]) {
    await withUpdater(async (scene) => {
      scene.updater.polled(offerOf(old));
      assert.match(await scene.until(UpdatePhase.REFUSED), /its manifest expired/);
    }, { machineClock });
  }
});

Deno.test("indefinite freeze: a clock before the newest manifest that was installed: root", async () => {
  using scene = createRootScene();
  await scene.begin(makeRelease({ size, issuedAt: "2026-11-29T12:00:00Z" }));
  confirm(scene.parts());
  const old = makeRelease({
    version: "0.3.0",
    size,
    issuedAt: "2026-01-01T00:00:00Z",
    expiresAt: "2026-06-01T00:00:00Z",
  });
  const inMarch = scene.parts(undefined, new Date("2026-03-01T00:00:00Z"));
  assert.throws(() => check(inMarch, scene.staging(old)), /its manifest expired/);
});

Deno.test("a mirror that prevents updates: an agent goes on, asks less and less, and says so", async () => {
  const release = released();
  await withUpdater(async (scene) => {
    scene.send = () => {
      throw Object.assign(new Error("the platform does not send it"));
    };
    scene.updater.polled(offerOf(release));
    assert.match(await scene.until(UpdatePhase.FAILED), /does not send it; it is tried again at/);
    for (let hour = 0; hour < 24; hour++) await scene.pass(3_600_000);
    assert.ok(scene.asked.length <= 14, `asked ${scene.asked.length} times in a day`);
  });
});

Deno.test("slow retrieval: a platform that sends next to nothing is left alone, with growing intervals", async () => {
  const release = released();
  await withUpdater(async (scene) => {
    scene.updater.polled(offerOf(release, UpdateEncoding.UNSPECIFIED));
    assert.match(await scene.until(UpdatePhase.FAILED), /only 100 bytes came in five minutes/);
    for (let hour = 0; hour < 24; hour++) await scene.pass(3_600_000);
    assert.ok(scene.asked.length <= 14, `asked ${scene.asked.length} times in a day`);
  }, {
    api: {
      // What a call gives whose time is over.
      async fetchUpdate({ request, take }) {
        slow.push(request());
        await take(new Uint8Array(100));
        return false;
      },
    },
  });
  assert.ok(slow.length > 2 && slow.length <= 14, `${slow.length} calls in a day`);
});
const slow: unknown[] = [];

Deno.test("rollback of the agent's own memory: root remembers by itself", async () => {
  using scene = createRootScene();
  await withNewer(scene);
  // The agent's folder is as it was before 0.5.0; it asks for what was right then.
  const staging = scene.staging(makeRelease({ version: "0.4.0", size }));
  assert.throws(() => check(scene.parts(), staging), /0\.5\.0 is installed/);
});

Deno.test("mix-and-match: a request for another file than its manifest names: root", () => {
  using scene = createRootScene();
  const release = released();
  for (const staged of [{ sha256: "cd".repeat(32) }, { version: "0.2.1" }]) {
    assert.throws(
      () => check(scene.parts(), scene.staging(release, staged)),
      /its manifest is of 0\.2\.0, or of another file/,
    );
  }
});
