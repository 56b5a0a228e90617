import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { RejectedError, UnavailableError } from "../../common/core/errors.ts";
import { UpdateEncoding, UpdatePhase } from "../../proto/gen/opendca/v1/update.ts";
import { parseDayWindows } from "../config/allowed_hours.ts";
import {
  makeRelease,
  offerOf,
  partsOf,
  releaseKeys,
  type UpdateScene,
  withUpdater,
} from "../../tests/fixtures/update_scene.ts";
import { denoUpdateDisk } from "../host/update_disk.ts";
import { maybeRequest, type RootState, type UpdateResult } from "./update_files.ts";

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

function requestIn({ folder }: Pick<UpdateScene, "folder">) {
  return maybeRequest(Deno.readTextFileSync(`${folder}/request`));
}

function writeResult({ rootFolder }: UpdateScene, more: Partial<UpdateResult>): void {
  const result: UpdateResult = {
    schema: "opendca.update-result/1",
    request: "0",
    version: "0.2.0",
    sha256: "ab".repeat(32),
    outcome: "failed",
    message: "The disk is full",
    at: "2026-12-01T10:00:00.000Z",
    ...more,
  };
  Deno.writeTextFileSync(`${rootFolder}/result.json`, JSON.stringify(result));
}

function writeState({ rootFolder }: UpdateScene, more: Partial<RootState>): void {
  const state: RootState = {
    schema: "opendca.update-state/1",
    highestVersion: "0.1.0",
    newestIssuedAt: null,
    previous: null,
    returned: [],
    ...more,
  };
  Deno.writeTextFileSync(`${rootFolder}/state.json`, JSON.stringify(state));
}

for (const encoding of [UpdateEncoding.ZSTD, UpdateEncoding.UNSPECIFIED]) {
  Deno.test(`an offer is downloaded, verified and asked for (${UpdateEncoding[encoding]})`, async () => {
    const release = makeRelease();
    await withUpdater(async (scene) => {
      scene.send = (request) => partsOf(encoding === UpdateEncoding.ZSTD ? release.packed : release.bytes, request);
      scene.updater.polled(offerOf(release, encoding));
      await scene.until(UpdatePhase.INSTALLING);
      assert.deepEqual(names(scene.folder), ["opendca", "opendca.manifest", "polled", "request"]);
      assert.equal(sha256(Deno.readFileSync(`${scene.folder}/opendca`)), release.sha256);
      assert.equal(Deno.readTextFileSync(`${scene.folder}/opendca.manifest`), release.manifest);
      const { version, sha256: wanted } = requestIn(scene)!;
      assert.deepEqual({ version, wanted }, { version: "0.2.0", wanted: release.sha256 });
      assert.deepEqual(scene.log.map(({ event }) => event), ["updateBegun", "updateRequested"]);
      // Once: root works.
      const { id } = requestIn(scene)!;
      await scene.pass(60_000);
      assert.equal(requestIn(scene)!.id, id);
    });
  });
}

Deno.test("the first answered poll of a run is noted for root, and no other", async () => {
  await withUpdater(async (scene) => {
    scene.updater.polled(undefined);
    const noted = Deno.readTextFileSync(`${scene.folder}/polled`);
    assert.match(noted, /^0\.1\.0 11111111-2222-4333-8444-555555555555 2026-12-01T10:00:00\.000Z\n$/);
    await scene.pass(60_000);
    scene.updater.polled(undefined);
    assert.equal(Deno.readTextFileSync(`${scene.folder}/polled`), noted);
  });
});

Deno.test("a refused offer is not downloaded, and is one line of the log however often it comes", async () => {
  const release = makeRelease({ version: "0.2.0", keys: releaseKeys.slice(0, 1) });
  await withUpdater(async (scene) => {
    for (let poll = 0; poll < 5; poll++) {
      scene.updater.polled(offerOf(release));
      await scene.pass(300_000);
      scene.updater.configChanged();
      await scene.pass(1000);
    }
    assert.match(await scene.until(UpdatePhase.REFUSED, "0.2.0"), /signed by 1 of 3 known keys/);
    assert.equal(scene.asked.length, 0);
    assert.deepEqual(scene.log.filter(({ level }) => level !== "debug").map(({ event }) => event), ["updateRefused"]);
  });
});

Deno.test("the policy is followed at once: never, and the hours, with the request taken back", async () => {
  const release = makeRelease();
  await withUpdater(async (scene) => {
    scene.send = (request) => partsOf(release.packed, request);
    scene.policy = { ...scene.policy, allowedHours: [{ timeZone: "UTC", windows: parseDayWindows("02:00-04:00") }] };
    scene.updater.polled(offerOf(release));
    assert.match(await scene.until(UpdatePhase.WAITING), /2026-12-02T02:00Z$/);
    assert.deepEqual(names(scene.folder), ["opendca", "opendca.manifest", "polled"]);
    await scene.pass(15 * 3_600_000);
    assert.equal(scene.updater.status()!.phase, UpdatePhase.WAITING);
    await scene.pass(2 * 3_600_000);
    await scene.until(UpdatePhase.INSTALLING);
    requestIn(scene);
    scene.policy = { ...scene.policy, allowed: false };
    scene.updater.configChanged();
    assert.match(await scene.until(UpdatePhase.REFUSED), /policy\.features\.update is false/);
    assert.deepEqual(names(scene.folder), ["polled"]);
  });
});

Deno.test("hours that never come are said to be none", async () => {
  const release = makeRelease();
  await withUpdater(async (scene) => {
    scene.send = (request) => partsOf(release.packed, request);
    scene.policy = { ...scene.policy, allowedHours: [{ timeZone: null, windows: [] }] };
    scene.updater.polled(offerOf(release));
    assert.match(await scene.until(UpdatePhase.WAITING), /there are none/);
  });
});

Deno.test("a download goes on after a restart of the agent, and after calls that fail", async () => {
  const release = makeRelease();
  await withUpdater(async (scene) => {
    const first = 2;
    scene.send = function* (request, calls) {
      const parts = [...partsOf(release.packed, request)];
      if (calls > 2) return yield* parts;
      yield* parts.slice(0, first);
      throw new UnavailableError("the connection was cut");
    };
    scene.updater.polled(offerOf(release));
    assert.match(
      await scene.until(UpdatePhase.FAILED),
      /^the connection was cut; it is tried again at 2026-12-01T10:02Z$/,
    );
    await scene.restart();
    scene.updater.polled(offerOf(release));
    await scene.until(UpdatePhase.FAILED);
    await scene.pass(300_000);
    await scene.until(UpdatePhase.INSTALLING);
    const part = 64 * 1024;
    assert.deepEqual(scene.asked.map(({ offset }) => Number(offset)), [0, first * part, 2 * first * part]);
    assert.equal(sha256(Deno.readFileSync(`${scene.folder}/opendca`)), release.sha256);
  });
});

Deno.test("another offer replaces a half file, and stops its download", async () => {
  const old = makeRelease(), next = makeRelease({ version: "0.3.0" });
  await withUpdater(async (scene) => {
    const gate = Promise.withResolvers<void>();
    scene.send = async function* (request) {
      if (request.sha256 === next.sha256) return yield* partsOf(next.packed, request);
      yield* [...partsOf(old.packed, request)].slice(0, 3);
      await gate.promise;
      yield* partsOf(old.packed, { offset: 3n * 65_536n });
    };
    scene.updater.polled(offerOf(old));
    while (scene.updater.status()?.bytesDone !== 3n * 65_536n) await scene.pass(100);
    assert.equal(scene.updater.status()!.bytesTotal, BigInt(old.packed.length));
    scene.updater.polled(offerOf(next));
    gate.resolve();
    await scene.until(UpdatePhase.INSTALLING, "0.3.0");
    assert.deepEqual(names(scene.folder), ["opendca", "opendca.manifest", "polled", "request"]);
    assert.equal(sha256(Deno.readFileSync(`${scene.folder}/opendca`)), next.sha256);
  });
});

Deno.test("an offer that is taken back is neither installed nor kept: while it comes, and while it waits", async () => {
  const release = makeRelease();
  await withUpdater(async (scene) => {
    scene.send = function* (request) {
      yield* [...partsOf(release.packed, request)].slice(0, 1);
      throw new RejectedError("The platform no longer offers this update");
    };
    scene.updater.polled(offerOf(release));
    assert.match(await scene.until(UpdatePhase.FAILED), /no longer offers this update/);
    assert.deepEqual(names(scene.folder), ["polled"]);
    scene.send = (request) => partsOf(release.packed, request);
    await scene.pass(300_000);
    await scene.until(UpdatePhase.INSTALLING);
    scene.updater.polled(undefined);
    while (scene.updater.status() !== undefined) await scene.pass(100);
    assert.deepEqual(names(scene.folder), ["polled"]);
  });
});

const bomb = zstdCompressSync(new Uint8Array(50_000_000));
const garbage: [
  name: string,
  send: (bytes: Uint8Array) => Iterable<Uint8Array>,
  why: RegExp,
  encoding?: UpdateEncoding,
][] = [
  ["another file", () => [zstdCompressSync(new Uint8Array(700_000))], /another file than was signed: 700000 bytes/],
  ["nothing", () => [], /cannot be unpacked|another file than was signed: 0 bytes/],
  ["no compressed data", () => [new Uint8Array(1000).fill(1)], /cannot be unpacked/],
  ["half of it", (packed) => [packed.subarray(0, packed.length >> 1)], /cannot be unpacked|another file/],
  ["a bomb", () => [bomb], /unpacks to more than was signed/],
  ["more than there can be", () => endless(), /sends more than was signed/],
  ["more than there can be, as it is", () => endless(), /sends more than was signed/, UpdateEncoding.UNSPECIFIED],
  [
    "another file of the same size, as it is",
    () => [new Uint8Array(700_000)],
    /another file/,
    UpdateEncoding.UNSPECIFIED,
  ],
];

function* endless() {
  for (;;) yield new Uint8Array(64 * 1024);
}

for (const [name, send, why, encoding = UpdateEncoding.ZSTD] of garbage) {
  Deno.test(`a platform that sends ${name} is asked with growing intervals, and nothing of it stays`, async () => {
    const release = makeRelease();
    await withUpdater(async (scene) => {
      scene.send = () => send(release.packed);
      scene.updater.polled(offerOf(release, encoding));
      assert.match(await scene.until(UpdatePhase.FAILED), why);
      assert.deepEqual(names(scene.folder), ["polled"]);
      for (let hour = 0; hour < 24; hour++) {
        await scene.pass(3_600_000);
        // A poll does not shorten it.
        scene.updater.polled(offerOf(release, encoding));
        await scene.pass(1000);
      }
      assert.ok(scene.asked.length >= 4 && scene.asked.length <= 14, `asked ${scene.asked.length} times in a day`);
      assert.ok(scene.asked.every(({ offset }) => offset === 0n));
      await scene.until(UpdatePhase.FAILED);
      assert.deepEqual(names(scene.folder), ["polled"]);
      // And takes what is right when it comes.
      scene.send = (request) => partsOf(encoding === UpdateEncoding.ZSTD ? release.packed : release.bytes, request);
      await scene.pass(6 * 3_600_000);
      await scene.until(UpdatePhase.INSTALLING);
    });
  });
}

Deno.test("neither a policy that changes nor offers by turns make a platform be asked more often", async () => {
  const [first, second] = [makeRelease(), makeRelease({ version: "0.3.0" })];
  await withUpdater(async (scene) => {
    scene.send = () => [new Uint8Array(1000)];
    for (let poll = 0; poll < 20; poll++) {
      scene.updater.polled(offerOf(poll % 2 === 0 ? first : second));
      await scene.until(UpdatePhase.FAILED, poll % 2 === 0 ? "0.2.0" : "0.3.0");
      scene.updater.configChanged();
      await scene.pass(5000);
    }
    // Each file after 0, 2 and perhaps 4 minutes more.
    assert.ok(scene.asked.length >= 2 && scene.asked.length <= 6, `asked ${scene.asked.length} times`);
  });
});

Deno.test("refused offers that come by turns are a line of the log each, not each time", async () => {
  const offers = ["0.2.0", "0.3.0"].map((version) => offerOf(makeRelease({ version, keys: releaseKeys.slice(0, 1) })));
  await withUpdater(async (scene) => {
    for (let poll = 0; poll < 20; poll++) {
      scene.updater.polled(offers[poll % 2]);
      await scene.until(UpdatePhase.REFUSED, poll % 2 === 0 ? "0.2.0" : "0.3.0");
    }
    assert.equal(scene.log.filter(({ level }) => level !== "debug").length, 2);
  });
});

Deno.test("a part that something has changed on disk is found out, and fetched again", async () => {
  const release = makeRelease();
  await withUpdater(async (scene) => {
    scene.send = (request, calls) =>
      calls === 1 ? [...partsOf(release.packed, request)].slice(0, 2) : partsOf(release.packed, request);
    const part = `${scene.folder}/${release.sha256}.1.part`;
    Deno.mkdirSync(scene.folder);
    Deno.writeFileSync(part, new Uint8Array(65_536).fill(9));
    scene.updater.polled(offerOf(release));
    await scene.until(UpdatePhase.FAILED);
    await scene.pass(300_000);
    await scene.until(UpdatePhase.INSTALLING);
    assert.equal(sha256(Deno.readFileSync(`${scene.folder}/opendca`)), release.sha256);
  });
});

Deno.test("links and folders in the place of the files are not written through", async () => {
  const release = makeRelease();
  await withUpdater(async (scene) => {
    const victim = `${scene.rootFolder}/victim`;
    Deno.writeTextFileSync(victim, "mine");
    Deno.mkdirSync(`${scene.folder}/opendca.manifest`, { recursive: true });
    Deno.symlinkSync(victim, `${scene.folder}/${release.sha256}.1.part`);
    Deno.symlinkSync(victim, `${scene.folder}/opendca.new`);
    Deno.symlinkSync(victim, `${scene.folder}/opendca`);
    scene.send = (request) => partsOf(release.packed, request);
    scene.updater.polled(offerOf(release));
    await scene.until(UpdatePhase.INSTALLING);
    assert.equal(Deno.readTextFileSync(victim), "mine");
    assert.equal(sha256(Deno.readFileSync(`${scene.folder}/opendca`)), release.sha256);
  });
});

Deno.test("nothing is asked for without room for it and for the spool", async () => {
  const release = makeRelease();
  let free = 2_000_000;
  const disk = { ...denoUpdateDisk, freeBytes: () => free };
  await withUpdater(async (scene) => {
    scene.send = (request) => partsOf(release.packed, request);
    scene.updater.polled(offerOf(release));
    assert.match(await scene.until(UpdatePhase.FAILED), /has 2 MB free: 12 MB are needed, with the spool's part/);
    assert.equal(scene.asked.length, 0);
    free = 20_000_000;
    await scene.pass(300_000);
    await scene.until(UpdatePhase.INSTALLING);
  }, { disk, reserveBytes: () => 10_000_000 });
});

Deno.test("a disk that becomes full fails the update, and nothing else", async () => {
  const release = makeRelease();
  let isFull = true;
  const disk = {
    ...denoUpdateDisk,
    async openPart(path: string) {
      const part = await denoUpdateDisk.openPart(path);
      const write = part.write;
      part.write = (bytes) =>
        isFull ? Promise.reject(Object.assign(new Error("No space left on device"), { code: "ENOSPC" })) : write(bytes);
      return part;
    },
  };
  await withUpdater(async (scene) => {
    scene.send = (request) => partsOf(release.packed, request);
    scene.updater.polled(offerOf(release));
    assert.match(await scene.until(UpdatePhase.FAILED), /No space left on device/);
    isFull = false;
    await scene.pass(300_000);
    await scene.until(UpdatePhase.INSTALLING);
  }, { disk });
});

Deno.test("what comes is paced", async () => {
  const release = makeRelease({ size: 8_000_000 });
  await withUpdater(async (scene) => {
    scene.send = (request) => partsOf(release.bytes, request);
    scene.updater.polled(offerOf(release, UpdateEncoding.UNSPECIFIED));
    const begun = scene.clock.monotonicMs();
    await scene.until(UpdatePhase.INSTALLING);
    assert.ok(scene.clock.monotonicMs() - begun >= 3_900, "at most 2 MB/s");
  });
});

Deno.test("a file that changes after it was verified is not asked for again", async () => {
  const release = makeRelease();
  await withUpdater(async (scene) => {
    scene.send = (request) => partsOf(release.packed, request);
    scene.updater.polled(offerOf(release));
    await scene.until(UpdatePhase.INSTALLING);
    Deno.writeFileSync(`${scene.folder}/opendca`, release.bytes.toReversed());
    writeResult(scene, { request: requestIn(scene)!.id, sha256: release.sha256, message: "Cannot trust it" });
    assert.match(await scene.until(UpdatePhase.FAILED), /Cannot trust it; it is tried again/);
    assert.deepEqual(names(scene.folder), ["polled"]);
    await scene.pass(300_000);
    await scene.until(UpdatePhase.INSTALLING);
    assert.equal(scene.asked.length, 2);
  });
});

Deno.test("what root could not install is asked for again, later and later", async () => {
  const release = makeRelease();
  await withUpdater(async (scene) => {
    scene.send = (request) => partsOf(release.packed, request);
    scene.updater.polled(offerOf(release));
    const asked = new Map<string, number>();
    for (let round = 0; round < 5; round++) {
      await scene.until(UpdatePhase.INSTALLING);
      const { id } = requestIn(scene)!;
      asked.set(id, scene.clock.monotonicMs());
      writeResult(scene, { request: id, sha256: release.sha256 });
      assert.match(await scene.until(UpdatePhase.FAILED), /The disk is full; it is tried again at/);
      await scene.pass(60_000);
      assert.deepEqual(names(scene.folder), ["opendca", "opendca.manifest", "polled"]);
      await scene.pass(2 ** (round + 1) * 60_000);
    }
    const times = [...asked.values()], waits = times.slice(1).map((at, i) => at - times[i]!);
    assert.equal(waits.length, 4);
    for (const [i, wait] of waits.entries()) assert.ok(wait >= 2 ** i * 120_000 - 60_000, waits.join());
    assert.equal(scene.asked.length, 1, "the file is there");
  });
});

Deno.test("root that does nothing is said to, and asked again", async () => {
  const release = makeRelease();
  await withUpdater(async (scene) => {
    scene.send = (request) => partsOf(release.packed, request);
    scene.updater.polled(offerOf(release));
    await scene.until(UpdatePhase.INSTALLING);
    const { id } = requestIn(scene)!;
    await scene.pass(31 * 60_000);
    assert.match(await scene.until(UpdatePhase.FAILED), /opendca-update\.service did not install it/);
    await scene.pass(300_000);
    await scene.until(UpdatePhase.INSTALLING);
    assert.notEqual(requestIn(scene)!.id, id);
  });
});

Deno.test("a release that was returned from is not downloaded again", async () => {
  const release = makeRelease();
  await withUpdater(async (scene) => {
    scene.send = (request) => partsOf(release.packed, request);
    writeState(scene, { returned: [release.sha256] });
    writeResult(scene, {
      sha256: release.sha256,
      outcome: "returned",
      message: "0.2.0 did not poll: 0.1.0 runs again",
    });
    scene.updater.polled(offerOf(release));
    assert.equal(await scene.until(UpdatePhase.RETURNED, "0.2.0"), "0.2.0 did not poll: 0.1.0 runs again");
    assert.equal(scene.asked.length, 0);
    // Another one is.
    const next = makeRelease({ version: "0.2.1" });
    scene.send = (request) => partsOf(next.packed, request);
    scene.updater.polled(offerOf(next));
    await scene.until(UpdatePhase.INSTALLING, "0.2.1");
  });
});

Deno.test("after the update: it is installing until root has confirmed it, then installed", async () => {
  await withUpdater(async (scene) => {
    Deno.writeTextFileSync(
      `${scene.rootFolder}/pending.json`,
      JSON.stringify({
        schema: "opendca.update-pending/1",
        request: "1",
        version: "0.1.0",
        sha256: "ab".repeat(32),
        previous: "0.0.9",
        issuedAt: "2026-11-29T12:00:00Z",
        polledBefore: "-",
        starts: 1,
        returning: null,
      }),
    );
    scene.updater.polled(undefined);
    await scene.until(UpdatePhase.INSTALLING, "0.1.0");
    writeResult(scene, { version: "0.1.0", outcome: "installed", message: "0.1.0 is installed" });
    Deno.removeSync(`${scene.rootFolder}/pending.json`);
    assert.equal(await scene.until(UpdatePhase.INSTALLED, "0.1.0"), "0.1.0 is installed");
  });
});
