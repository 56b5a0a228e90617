/** The process is killed at every step of an attempt: an attempt that the platform has seen is never forgotten. */
import assert from "node:assert/strict";
import { maxAttempts } from "../../src/activation/activation_state.ts";
import { readAgentIdentity } from "../../src/activation/agent_identity.ts";
import { judgeState } from "../../src/activation/state_store.ts";
import { NotPermittedError } from "../../common/core/errors.ts";
import { badCode, goodCode, judging, storeIn, tryCode } from "../fixtures/activation_fixture.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { startTestPlatform } from "../fixtures/test_platform.ts";

const authority = await createTestAuthority();
const child = new URL("activation_child.ts", import.meta.url).pathname;

function stateIn(folder: string): { phase: string; attempts: number } {
  const verdict = judgeState(storeIn(folder));
  assert.notEqual(verdict.kind, "foreign");
  return verdict.kind === "known" ? verdict.record.state : { phase: "new", attempts: 0 };
}

async function runChild(folder: string, port: number, code: string, dieAt: number): Promise<string> {
  const { stdout, stderr, signal } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-all", child, folder, String(port), `${folder}/ca.pem`, code, String(dieAt)],
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(signal === "SIGKILL" || signal === null, new TextDecoder().decode(stderr));
  return signal ?? new TextDecoder().decode(stdout).trim();
}

for (
  const { name, code, end, from, least } of [
    // Key, guard and state take 12 steps before the call and are the same for both.
    { name: "refused", code: badCode, end: "NotPermittedError", from: 13, least: 8 },
    { name: "accepted", code: goodCode, end: "activated", from: 1, least: 20 },
  ]
) {
  Deno.test(`activate() killed at each step of an attempt that is ${name} keeps what the platform has seen`, async () => {
    await using platform = await startTestPlatform({ activate: judging(authority) }, { authority });
    let steps = 0;
    for (let dieAt = from, last = ""; last !== end; dieAt++) {
      const folder = await Deno.makeTempDir();
      try {
        await Deno.writeTextFile(`${folder}/ca.pem`, authority.pem);
        const seenBefore = platform.calls.activate.length;
        last = await runChild(folder, platform.port, code, dieAt);
        assert.ok(last === "SIGKILL" || last === end, last);
        if (last === "SIGKILL") steps++;
        const seen = platform.calls.activate.length - seenBefore;
        assert.equal(seen, dieAt > 12 ? 1 : 0, `step ${dieAt}`);
        const { phase, attempts } = stateIn(folder);
        assert.ok(phase === "activated" || attempts >= seen, `step ${dieAt}: ${seen} seen, ${attempts} counted`);
        // What a crash left is never in the way of the right code.
        if (phase === "new") await tryCode(goodCode, storeIn(folder), platform);
        assert.equal((await readAgentIdentity(storeIn(folder))).state.attempts, 0);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }
    assert.ok(steps >= least, `${steps} steps`);
  });
}

Deno.test("activate() killed while the platform judges, five times, is locked", async () => {
  const folder = await Deno.makeTempDir();
  let judged = Promise.withResolvers<void>();
  await using platform = await startTestPlatform({
    activate: () => {
      judged.resolve();
      return "never";
    },
  }, { authority });
  try {
    await Deno.writeTextFile(`${folder}/ca.pem`, authority.pem);
    const codes = ["0000-0000-0011", "0000-0000-0022", "0000-0000-0033", "0000-0000-0044", "0000-0000-0055"];
    assert.equal(codes.length, maxAttempts);
    for (const code of codes) {
      judged = Promise.withResolvers<void>();
      const args = ["run", "--no-check", "--allow-all", child, folder, String(platform.port), `${folder}/ca.pem`, code];
      const process = new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).spawn();
      await judged.promise;
      process.kill("SIGKILL");
      await process.status;
    }
    assert.equal(platform.calls.activate.length, maxAttempts);
    await assert.rejects(tryCode(goodCode, storeIn(folder), platform), NotPermittedError);
    assert.equal(platform.calls.activate.length, maxAttempts);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
