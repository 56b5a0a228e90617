import assert from "node:assert/strict";
import { makeRelease } from "../../tests/fixtures/update_scene.ts";
import {
  CrashError,
  crashingDisk,
  createRootScene,
  type RootScene,
  wholeUpdate,
} from "../../tests/fixtures/update_root_scene.ts";
import { denoUpdateDisk } from "../host/update_disk.ts";
import { accept, check, confirm, excuse, fail, goBack, install, resume } from "./root_steps.ts";
import { maybePending } from "./update_files.ts";

const small = (version = "0.2.0") => makeRelease({ version, size: 4000 });
const run = "11111111-2222-4333-8444-555555555555";

Deno.test("an update is installed, becomes current, and is confirmed by its poll", async () => {
  using scene = createRootScene();
  const release = small();
  const next = await scene.begin(release, { polled: `0.1.0 ${run} 2026-12-01T10:00:00Z\n` });
  assert.deepEqual(next, { step: "wait", version: "0.2.0", polledBefore: run });
  assert.deepEqual([scene.current(), scene.confirmed()], ["0.2.0", "0.1.0"]);
  assert.deepEqual(scene.names(`${scene.lib}/0.2.0`), ["opendca", "opendca.manifest"]);
  assert.equal(Deno.statSync(`${scene.lib}/0.2.0/opendca`).mode! & 0o7777, 0o755);
  assert.equal(Deno.statSync(`${scene.lib}/0.2.0`).mode! & 0o7777, 0o755);
  confirm(scene.parts());
  assert.deepEqual([scene.current(), scene.confirmed()], ["0.2.0", "0.2.0"]);
  assert.equal(scene.result()?.outcome, "installed");
  const { highestVersion, newestIssuedAt, previous } = scene.rootState()!;
  assert.deepEqual({ highestVersion, newestIssuedAt, previous }, {
    highestVersion: "0.2.0",
    newestIssuedAt: "2026-11-29T12:00:00Z",
    previous: "0.1.0",
  });
  assert.deepEqual(scene.names(scene.state), ["result.json", "state.json"]);
  // The agent and everybody may read them.
  for (const name of scene.names(scene.state)) {
    assert.equal(Deno.statSync(`${scene.state}/${name}`).mode! & 0o777, 0o644);
  }
  scene.assertWhole();
});

Deno.test("one version before is kept, and older ones are removed", async () => {
  using scene = createRootScene();
  for (const version of ["0.2.0", "0.3.0"]) {
    await scene.begin(small(version));
    confirm(scene.parts());
    resume(scene.parts());
  }
  assert.deepEqual(scene.names(scene.lib), ["0.2.0", "0.3.0", "confirmed", "current"]);
});

Deno.test("a version that does not poll is returned from, and not tried again", async () => {
  using scene = createRootScene();
  const release = small();
  await scene.begin(release);
  assert.deepEqual(goBack(scene.parts(), { why: "it did not poll", again: false }), { step: "restart" });
  assert.deepEqual([scene.current(), scene.confirmed()], ["0.1.0", "0.1.0"]);
  const { outcome, message } = scene.result()!;
  assert.deepEqual({ outcome, message }, {
    outcome: "returned",
    message: "0.2.0 was installed, and 0.1.0 runs again as it did not poll",
  });
  assert.equal(scene.rootState()!.highestVersion, "0.1.0");
  resume(scene.parts());
  assert.deepEqual(scene.names(scene.lib), ["0.1.0", "confirmed", "current"]);
  const staging = scene.staging(release, { id: "abc" });
  assert.throws(() => check(scene.parts(), staging), /was installed before, and did not poll in time/);
  fail(scene.parts(), staging, "It was installed before");
  assert.equal(scene.result()!.outcome, "returned");
  // The next release is.
  assert.equal((await scene.begin(small("0.2.1"))).step, "wait");
});

Deno.test("a version that nobody could poll with is tried again, three times in all, whatever the platform does", async () => {
  using scene = createRootScene();
  const release = small();
  for (const outcome of ["failed", "failed", "returned"]) {
    await scene.begin(release);
    goBack(scene.parts(), { why: "it did not poll", again: false });
    // Until the version before has had its time, it counts.
    assert.throws(() => check(scene.parts(), scene.staging(release)), /did not poll in time/);
    excuse(scene.parts());
    excuse(scene.parts());
    assert.deepEqual([scene.current(), scene.confirmed(), scene.result()!.outcome], ["0.1.0", "0.1.0", outcome]);
    if (outcome === "failed") {
      assert.match(scene.result()!.message, /did not poll; 0\.1\.0 did not poll either, so the platform could not be/);
    }
    resume(scene.parts());
  }
  assert.throws(() => check(scene.parts(), scene.staging(release)), /did not poll in time/);
  // Another release in between gives it no further try.
  await scene.begin(small("0.2.1"));
  goBack(scene.parts(), { why: "it did not poll", again: false });
  excuse(scene.parts());
  assert.throws(() => check(scene.parts(), scene.staging(release)), /did not poll in time/);
  await scene.begin(small("0.2.1"));
  confirm(scene.parts());
  assert.equal(scene.rootState()!.highestVersion, "0.2.1");
});

Deno.test("what was not returned from cannot be excused, and the state of an older version is read", async () => {
  using scene = createRootScene();
  const release = small();
  const state = { highestVersion: "0.1.0", newestIssuedAt: null, previous: null, returned: [release.sha256] };
  const write = (name: string, value: object) =>
    Deno.writeTextFileSync(`${scene.state}/${name}`, JSON.stringify(value));
  write("state.json", { schema: "opendca.update-state/1", ...state });
  excuse(scene.parts());
  assert.throws(() => check(scene.parts(), scene.staging(release)), /did not poll in time/);
  const staging = scene.staging(small("0.3.0"), { id: "9" });
  fail(scene.parts(), staging, "The disk is full");
  excuse(scene.parts());
  assert.deepEqual(scene.rootState()!.returned, [release.sha256]);
  assert.equal(scene.result()!.message, "The disk is full");
  await scene.begin(small("0.4.0"));
  confirm(scene.parts());
  excuse(scene.parts());
  assert.deepEqual([scene.current(), scene.result()!.outcome], ["0.4.0", "installed"]);
});

Deno.test("a version that was stopped by its administrator before it polled may be tried again", async () => {
  using scene = createRootScene();
  const release = small();
  await scene.begin(release);
  goBack(scene.parts(), { why: "the service was stopped", again: true });
  assert.equal(scene.result()!.outcome, "failed");
  resume(scene.parts());
  assert.equal((await scene.begin(release)).step, "wait");
});

Deno.test("a request is done once", () => {
  using scene = createRootScene();
  const release = small();
  const staging = scene.staging(release, { id: "7" });
  fail(scene.parts(), staging, "The disk is full");
  assert.deepEqual(check(scene.parts(), staging), { step: "idle" });
  assert.deepEqual(check(scene.parts(), scene.staging(release, { id: "8" })), { step: "copy", bytes: 4000 });
  for (const request of ["", "x", "1 0.2.0", `1 0.2.0 ${"ab".repeat(32)} more`, `1 ../x ${"ab".repeat(32)}`]) {
    assert.deepEqual(check(scene.parts(), scene.staging(release, { request })), { step: "idle" });
  }
});

Deno.test("a disk without room is said before anything is copied", () => {
  using scene = createRootScene();
  const parts = scene.parts({ ...denoUpdateDisk, freeBytes: () => 1_000_000 });
  assert.throws(() => check(parts, scene.staging(small())), /has 1 MB free: 17 MB are needed/);
});

Deno.test("install.sh ends what was under way, and lets what was returned from be tried again", async () => {
  using scene = createRootScene();
  const release = small();
  await scene.begin(release);
  goBack(scene.parts(), { why: "it did not poll", again: false });
  resume(scene.parts());
  await scene.begin(small("0.3.0"));
  accept(scene.parts(), { version: "0.4.0", previous: "0.1.0" });
  const { highestVersion, returned, previous } = scene.rootState()!;
  assert.deepEqual({ highestVersion, returned, previous }, {
    highestVersion: "0.4.0",
    returned: [],
    previous: "0.1.0",
  });
  assert.equal(maybePending(Deno.readTextFileSync(`${scene.state}/state.json`)), undefined);
  assert.equal(resume(scene.parts()).step, "idle");
});

Deno.test("the wait for a poll begins three times at most", async () => {
  using scene = createRootScene();
  await scene.begin(small());
  assert.equal(resume(scene.parts()).step, "wait");
  assert.equal(resume(scene.parts()).step, "wait");
  assert.equal(resume(scene.parts()).step, "restart");
  assert.equal(scene.current(), "0.1.0");
  assert.match(scene.result()!.message, /was started 3 times and did not poll/);
});

Deno.test("an installed file that a power cut has damaged is not made current", async () => {
  using scene = createRootScene();
  const release = small();
  await scene.begin(release);
  // Before the link was on the disk.
  denoUpdateDisk.replaceLink(`${scene.lib}/current`, "0.1.0");
  Deno.writeFileSync(`${scene.lib}/0.2.0/opendca`, release.bytes.subarray(1));
  assert.equal(resume(scene.parts()).step, "restart");
  assert.equal(scene.current(), "0.1.0");
  assert.match(scene.result()!.message, /files are incomplete/);
  resume(scene.parts());
  assert.equal((await scene.begin(release)).step, "wait", "it may be tried again");
});

const ofCrashes = small();

/** Whether the disk is gone before operation `at` of an update that is begun in `scene`; false: it has fewer. */
async function isCrashedAt(scene: RootScene, at: number, works: boolean): Promise<boolean> {
  try {
    await wholeUpdate(scene, { disk: crashingDisk(at), staging: () => scene.staging(ofCrashes), works });
    return false;
  } catch (error) {
    if (!(error instanceof CrashError)) throw error;
  }
  scene.assertWhole();
  return true;
}

/** What holds when nothing is under way any more. */
function assertSettled(scene: RootScene): void {
  scene.assertWhole();
  assert.ok(scene.names(scene.lib).every((name) => !name.startsWith(".update-")), scene.names(scene.lib).join());
  assert.ok(!scene.names(scene.state).includes("pending.json"));
  assert.equal(scene.current(), scene.confirmed());
}

for (const works of [true, false]) {
  Deno.test(`a crash before any operation leaves one whole version, if the new one ${works ? "polls" : "does not"}`, async () => {
    for (let at = 0;; at++) {
      using scene = createRootScene();
      if (!await isCrashedAt(scene, at, works)) return assert.ok(at > 20, `only ${at} operations`);
      await wholeUpdate(scene, { disk: denoUpdateDisk, staging: undefined, works });
      assertSettled(scene);
      // The agent asks again, unless it is told that there is no sense in it.
      if (works && scene.current() === "0.1.0") {
        await wholeUpdate(scene, { disk: denoUpdateDisk, staging: () => scene.staging(small(), { id: "99" }), works });
        assert.equal(scene.current(), "0.2.0");
        assertSettled(scene);
      }
      if (!works) assert.equal(scene.current(), "0.1.0");
    }
  });

  Deno.test(`a second crash before any operation of the recovery, too, if the new one ${works ? "polls" : "does not"}`, async () => {
    // Several operations leave the same on the disk, such as those that wait for it: the recovery is the same, too.
    const known = new Set<string>();
    let most = 0;
    for (let at = 0, isOver = false; !isOver; at++) {
      for (let second = 0, isCrashed = true; isCrashed; second++) {
        using scene = createRootScene();
        isOver = !await isCrashedAt(scene, at, works);
        const left = scene.contents();
        if (isOver || (second === 0 && known.has(left))) break;
        known.add(left);
        try {
          await wholeUpdate(scene, { disk: crashingDisk(second), staging: undefined, works });
          isCrashed = false;
        } catch (error) {
          if (!(error instanceof CrashError)) throw error;
          scene.assertWhole();
          most = Math.max(most, second);
        }
        await wholeUpdate(scene, { disk: denoUpdateDisk, staging: undefined, works });
        assertSettled(scene);
      }
    }
    assert.ok(known.size > 10 && most > 10, `only ${known.size} crashes and ${most} operations`);
  });
}

Deno.test("a return that was cut off is finished: the version that did not poll is not started once more", async () => {
  for (let at = 0, cut = 0;; at++) {
    using scene = createRootScene();
    await scene.begin(small());
    try {
      goBack(scene.parts(crashingDisk(at)), { why: "it did not poll", again: false });
      assert.ok(cut > 3, `only ${cut} operations`);
      break;
    } catch (error) {
      if (!(error instanceof CrashError)) throw error;
    }
    if (scene.current() !== "0.1.0" || !scene.names(scene.state).includes("pending.json")) continue;
    cut++;
    assert.equal(resume(scene.parts()).step, "restart");
    assert.equal(scene.current(), "0.1.0");
    assert.equal(scene.result()!.outcome, "returned");
  }
});

Deno.test("install() takes nothing that has changed since check()", async () => {
  using scene = createRootScene();
  const release = small();
  const staging = scene.staging(release);
  assert.equal(check(scene.parts(), staging).step, "copy");
  Deno.writeFileSync(`${staging}/opendca`, release.bytes.toReversed());
  await assert.rejects(install(scene.parts(), staging), /the file is not the one that was signed/);
  Deno.writeFileSync(`${staging}/opendca`, new Uint8Array([...release.bytes, 0]));
  await assert.rejects(install(scene.parts(), staging), /the file is not the one that was signed/);
  assert.equal(scene.current(), "0.1.0");
});
