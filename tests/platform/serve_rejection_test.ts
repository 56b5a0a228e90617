/** What fails where nobody waited for it: `serve` logs it, and goes on for everybody else. */
import assert from "node:assert/strict";
import { denoPlatformHost } from "../../platform/compose.ts";
import { runPlatform } from "../../platform/edge/cli/run_platform.ts";
import { until } from "../fixtures/until.ts";

Deno.test("serve logs a rejection that nobody waited for, and goes on", async () => {
  const folder = await Deno.makeTempDir(), stop = Promise.withResolvers<void>();
  let out = "", err = "";
  const code = runPlatform(["--data", folder, "serve", "--listen", "127.0.0.1:0"], {
    ...denoPlatformHost(),
    stdout: (text) => Promise.resolve(void (out += text)),
    stderr: (text) => Promise.resolve(void (err += text)),
    untilStopped: () => stop.promise,
  });
  try {
    await until("it is ready", () => out.includes('"ready"'));
    Promise.reject(new Error("forgotten"));
    await until("it is logged", () => err.includes("unhandledRejection"));
    const { event, message, stack } = JSON.parse(err.split("\n").find((line) => line.includes("unhandledRejection"))!);
    assert.deepEqual([event, message], ["unhandledRejection", "forgotten"]);
    assert.match(stack, /serve_rejection_test/);
  } finally {
    stop.resolve();
    assert.equal(await code, 0, err);
    await Deno.remove(folder, { recursive: true });
  }
});
