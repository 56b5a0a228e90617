import assert from "node:assert/strict";
import { stateOfLock, tryLock, waitForLock } from "./file_lock.ts";

async function inFolder(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(`${folder}/lock`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("tryLock() is exclusive until it is disposed", () =>
  inFolder(async (path) => {
    assert.equal(stateOfLock(path), "free");
    {
      using lock = tryLock(path);
      assert.ok(lock);
      assert.equal(tryLock(path), undefined);
      assert.equal(stateOfLock(path), "held");
    }
    assert.equal(stateOfLock(path), "free");
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    using again = await waitForLock(path);
    assert.ok(again);
  }));

Deno.test("waitForLock() waits for another process, and gets the lock when that is killed", () =>
  inFolder(async (path) => {
    const holder = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { tryLock } from ${JSON.stringify(new URL("file_lock.ts", import.meta.url).href)};
         globalThis.held = tryLock(${JSON.stringify(path)});
         console.log(held !== undefined);
         setInterval(() => {}, 1000);`,
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    try {
      const { value } = await holder.stdout.values().next();
      assert.equal(new TextDecoder().decode(value), "true\n");
      assert.equal(stateOfLock(path), "held");
      assert.equal(tryLock(path), undefined);
      let isOurs = false;
      const waiting = waitForLock(path).then((lock) => {
        isOurs = true;
        return lock;
      });
      assert.equal(isOurs, false);
      holder.kill("SIGKILL");
      using lock = await waiting;
      assert.ok(lock);
    } finally {
      try {
        holder.kill("SIGKILL");
      } catch { /* it has ended */ }
      await holder.status;
    }
  }));

Deno.test("stateOfLock() does not know what is no file, and waits for nothing", () =>
  inFolder(async (path) => {
    await Deno.mkdir(path);
    assert.equal(stateOfLock(path), "unknown");
    assert.throws(() => tryLock(path));
  }));
