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

Deno.test("a lock that is disposed is free at once, also while other threads start programs", () =>
  inFolder(async (path) => {
    const starter = `onmessage = async () => {
      postMessage("begun");
      while (true) await Promise.all([1, 2, 3, 4].map(() => new Deno.Command("true", { stdout: "null" }).output()));
    }`;
    const url = `data:application/javascript,${encodeURIComponent(starter)}`;
    const workers = [1, 2].map(() => new Worker(url, { type: "module" }));
    try {
      await Promise.all(workers.map((worker) =>
        new Promise((resolve) => {
          worker.onmessage = resolve;
          worker.postMessage("begin");
        })
      ));
      let refused = 0;
      for (let round = 0; round < 1500; round++) {
        if (stateOfLock(path) !== "free") refused++;
        using lock = tryLock(path);
        if (lock === undefined) refused++;
      }
      assert.equal(refused, 0);
    } finally {
      for (const worker of workers) worker.terminate();
    }
  }));
