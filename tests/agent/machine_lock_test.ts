/** The lock is of the machine: several state directories, platforms of an attacker's, and records of an older release. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { ActivateResponse, ActivationRefusalReason } from "../../proto/gen/opendca/v1/agent_service.ts";
import { maxAttempts, maxTakenBack } from "../../src/activation/activation_state.ts";
import { readAgentIdentity } from "../../src/activation/agent_identity.ts";
import { guardDirectories } from "../../src/activation/store_options.ts";
import { refuseWhenLocked } from "../../src/activation/lock_gate.ts";
import { holdState, judgeState, lockState, type StateStoreOptions } from "../../src/activation/state_store.ts";
import { unlock } from "../../src/activation/unlock.ts";
import { NotPermittedError, UnavailableError } from "../../common/core/errors.ts";
import {
  badCode,
  goodCode,
  judging,
  storeIn,
  tryCode,
  unlockKey,
  unlockTokenFor,
} from "../fixtures/activation_fixture.ts";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { startTestPlatform, type TestPlatform } from "../fixtures/test_platform.ts";

const authority = await createTestAuthority();
/** Codes that are no typing errors. */
const codes = Array.from({ length: 32 }, (_, at) => {
  const symbol = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[at]!;
  return `0000-0000-00${symbol}${symbol}`;
});

interface Machine {
  folder: string;
  platform: TestPlatform;
  /** Another one, with a key of its own. */
  foreign: TestPlatform;
  store(name: string): StateStoreOptions;
}

function withMachine(name: string, body: (machine: Machine) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    await using platform = await startTestPlatform({ activate: judging(authority) }, { authority });
    await using foreign = await startTestPlatform({ activate: judging(authority) }, { authority });
    try {
      await body({ folder, platform, foreign, store: (state) => storeIn(folder, { state }) });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

function attemptsOf(store: StateStoreOptions): number {
  const verdict = judgeState(store);
  assert.ok(verdict.kind === "known", verdict.kind);
  return verdict.record.state.attempts;
}

function notJudged(): ActivateResponse {
  return ActivateResponse.fromPartial({
    outcome: { $case: "refusal", value: { reason: ActivationRefusalReason.AGENT_TOO_OLD, message: "Not judged" } },
  });
}

withMachine("four state directories that were made before have five attempts together", async (machine) => {
  const { platform, foreign, store } = machine;
  const stores = ["a", "b", "c", "d"].map(store);
  for (const one of stores) await tryCode(goodCode, one, foreign);
  // A revoked or expired agent may be activated again.
  for (const one of stores) await Deno.remove(`${one.stateDirectory}/certificate.pem`);
  for (let round = 0; round < 5; round++) {
    for (const one of stores) await assert.rejects(tryCode(badCode, one, platform), NotPermittedError);
  }
  assert.equal(platform.calls.activate.length, maxAttempts);
  for (const one of [...stores, store("fresh")]) {
    assert.throws(() => refuseWhenLocked("scan", one), NotPermittedError);
    await assert.rejects(tryCode(goodCode, one, platform), /locked/);
  }
});

withMachine("a state directory that was made beside the lock is not believed, by run either", async (machine) => {
  const { platform, foreign, store } = machine;
  await tryCode(goodCode, store("beside"), foreign);
  for (let i = 0; i < 5; i++) await assert.rejects(tryCode(badCode, store("own"), platform), NotPermittedError);
  await assert.rejects(readAgentIdentity(store("beside")), /locked/);
  assert.throws(() => refuseWhenLocked("scan", store("beside")), /locked/);
});

withMachine("a success at one platform does not end what another one refused, and its own does", async (machine) => {
  const { platform, foreign, store } = machine;
  for (let i = 0; i < 3; i++) await assert.rejects(tryCode(badCode, store("own"), platform), NotPermittedError);
  await tryCode(goodCode, store("own"), foreign);
  assert.equal(attemptsOf(store("own")), 3);
  await tryCode(goodCode, store("other"), platform);
  assert.equal(attemptsOf(store("own")), 0);
  assert.equal(attemptsOf(store("other")), 0);
});

withMachine("a lost answer of one platform is not ended by another one that answers the same code", async (machine) => {
  const { platform, foreign, store } = machine;
  platform.handlers.activate = () => "cut";
  for (const code of [...codes.slice(0, 3), goodCode]) {
    await assert.rejects(tryCode(code, store("own"), platform), UnavailableError);
  }
  foreign.handlers.activate = notJudged;
  await assert.rejects(tryCode(goodCode, store("own"), foreign), /Not judged/);
  assert.equal(attemptsOf(store("own")), 4);
  foreign.handlers.activate = judging(authority);
  await tryCode(goodCode, store("own"), foreign);
  assert.equal(attemptsOf(store("own")), 4);
});

withMachine("codes that a platform says it did not judge are taken back up to a number", async (machine) => {
  const { platform, store } = machine;
  platform.handlers.activate = notJudged;
  for (const code of codes.slice(0, maxTakenBack)) {
    await assert.rejects(tryCode(code, store("own"), platform), /Not judged/);
    assert.equal(attemptsOf(store("own")), 0);
  }
  // The same ones again, as a script does that waits for the platform.
  for (const code of codes.slice(0, 3)) await assert.rejects(tryCode(code, store("own"), platform), /Not judged/);
  assert.equal(attemptsOf(store("own")), 0);
  await assert.rejects(tryCode(codes[20]!, store("own"), platform), (error) => {
    assert.ok(error instanceof NotPermittedError);
    assert.match(error.hint!, /too many codes were sent and not judged, so this counts as an attempt: 4 left/);
    return true;
  });
  platform.handlers.activate = () => ({ code: 14, reason: "store-busy" });
  await assert.rejects(tryCode(codes[21]!, store("own"), platform), /counts as an attempt: 3 left/);
  for (const code of codes.slice(22, 25)) await assert.rejects(tryCode(code, store("own"), platform));
  assert.throws(() => refuseWhenLocked("scan", store("own")), NotPermittedError);
  assert.equal(platform.calls.activate.length, maxTakenBack + 3 + maxAttempts);
});

withMachine("two endpoints of one platform that are both busy take nothing from the attempts", async (machine) => {
  const { platform, foreign, store } = machine;
  for (const one of [platform, foreign]) one.handlers.activate = () => ({ code: 14, reason: "store-busy" });
  const { createGrpcAgentApi } = await import("../../src/link/grpc_agent_api.ts");
  const { activate } = await import("../../src/activation/activate.ts");
  const { systemClock } = await import("../../common/core/clock.ts");
  using api = createGrpcAgentApi({
    endpoints: [platform, foreign].map(({ port }) => ({ host: "localhost", port })),
    trust: { ca: { pem: authority.pem }, pins: [] },
    proxy: null,
    clock: systemClock,
  });
  const options = {
    store: store("own"),
    api,
    agentVersion: "0",
    unlockKeys: [],
    now: () => new Date(),
    isRefused: () => Promise.resolve(false),
  };
  const machineFacts = { hostname: "test", os: "linux", arch: "x86_64", fingerprint: "" };
  await assert.rejects(activate(goodCode, { ...options, machine: machineFacts }), UnavailableError);
  assert.deepEqual([platform.calls.activate.length, foreign.calls.activate.length], [1, 1]);
  assert.equal(attemptsOf(store("own")), 0);
  // The first one's answer is lost: whatever the second says, the first may have judged.
  platform.handlers.activate = () => "cut";
  foreign.handlers.activate = judging(authority);
  await activate(goodCode, { ...options, machine: machineFacts });
  assert.equal(attemptsOf(store("own")), 1);
});

withMachine(
  "a token lifts the lock of the machine, once, and only by a key that the tried ones knew",
  async (machine) => {
    const { platform, foreign, store } = machine;
    await tryCode(goodCode, store("beside"), foreign, { unlockKeys: [Buffer.alloc(32, 1).toString("base64")] });
    for (let i = 0; i < 5; i++) await assert.rejects(tryCode(badCode, store("own"), platform), NotPermittedError);
    const verdict = judgeState(store("beside"));
    assert.ok(verdict.kind === "known");
    assert.deepEqual(verdict.record.state.unlockKeys, [unlockKey]);
    const { installationId } = verdict.record.state;
    const options = { store: store("beside"), builtInUnlockKeys: [], now: new Date() };
    unlock(unlockTokenFor({ installationId, lockCount: 1 }), options);
    for (const name of ["own", "beside", "new"]) refuseWhenLocked("scan", store(name));
    for (let i = 0; i < 5; i++) await assert.rejects(tryCode(badCode, store("own"), platform), NotPermittedError);
    assert.throws(() => unlock(unlockTokenFor({ installationId, lockCount: 1 }), options), /another lock/);
    unlock(unlockTokenFor({ installationId, lockCount: 2 }), options);
    await tryCode(goodCode, store("own"), platform);
  },
);

withMachine("the count of another state directory is known without any guard", async (machine) => {
  const { platform, foreign, store, folder } = machine;
  for (let i = 0; i < 3; i++) await assert.rejects(tryCode(badCode, store("own"), platform), NotPermittedError);
  await tryCode(goodCode, store("other"), foreign);
  for (let i = 0; i < 2; i++) await assert.rejects(tryCode(badCode, store("own"), platform), NotPermittedError);
  await Deno.remove(`${folder}/guard`, { recursive: true });
  await assert.rejects(readAgentIdentity(store("other")), /locked/);
});

withMachine(
  "an agent that works is not locked by an update, whatever an older release counted beside it",
  async (own) => {
    const { platform, store, folder } = own;
    await tryCode(goodCode, store("own"), platform);
    await Deno.remove(`${folder}/guard`, { recursive: true });
    await Deno.mkdir(`${folder}/guard`);
    const { state } = await readAgentIdentity(store("own"));
    const old = { ...state, agentId: state.agentId as string | null, counter: 9 };
    await writeOldRecord(`${folder}/own/agent.json`, old);
    await writeOldRecord(`${folder}/guard/${state.installationId}.json`, old);
    const other = crypto.randomUUID();
    await writeOldRecord(`${folder}/guard/${other}.json`, {
      ...old,
      installationId: other,
      attempts: 5,
      phase: "new",
      agentId: null,
    });
    await readAgentIdentity(store("own"));
    {
      using _lock = lockState(store("own"));
      const held = holdState(store("own"));
      held.save(held.state);
    }
    await readAgentIdentity(store("own"));
    // What was locked stays so, as does a state directory that is empty.
    assert.throws(() => refuseWhenLocked("scan", store("empty")), NotPermittedError);
  },
);

/** A record as the release before had it. */
async function writeOldRecord(path: string, state: { [name: string]: unknown }): Promise<void> {
  const names = ["installationId", "counter", "attempts", "unlocks", "phase", "agentId", "customer", "site"];
  const kept = Object.fromEntries(
    [...names, "signingKey", "unlockKeys", "pending"].map((name) => [name, state[name] ?? null]),
  );
  const secret = Buffer.alloc(32, 7);
  const key = createHmac("sha256", secret).update("opendca.state/1\0machine-id:0123").digest();
  const mac = createHmac("sha256", key).update(JSON.stringify(kept)).digest("hex");
  await Deno.writeTextFile(
    path,
    JSON.stringify({ format: "opendca.state/1", secret: secret.toString("hex"), state: kept, mac }),
  );
}

Deno.test("guardDirectories() follows the user database, not the environment", async () => {
  const program = `import { homeDirectory } from "${import.meta.resolve("../../common/host/process.ts")}";
    console.log(homeDirectory());`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", program],
    env: { HOME: "/nowhere", XDG_STATE_HOME: "/nowhere", DENO_DIR: Deno.env.get("DENO_DIR") ?? await denoDirectory() },
  }).output();
  const home = new TextDecoder().decode(stdout).trim();
  assert.notEqual(home, "/nowhere");
  const env = (name: string) => ({ HOME: "/nowhere", OPENDCA_GUARD_DIRECTORY: "/nowhere" })[name];
  const directories = guardDirectories({ os: "linux", isStandalone: true, env, home });
  assert.deepEqual(directories, ["/var/lib/opendca-guard", `${home}/.local/state/opendca-guard`]);
  const windows = guardDirectories({
    os: "windows",
    isStandalone: true,
    env: (name) => name === "ProgramData" ? "D:\\nowhere" : undefined,
    home: "C:\\Users\\ann",
  });
  assert.ok(windows.includes("C:\\ProgramData\\opendca-guard"));
  assert.ok(windows.includes("C:\\Users\\ann\\AppData\\Local\\opendca-guard"));
});

async function denoDirectory(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return (JSON.parse(new TextDecoder().decode(stdout)) as { denoDir: string }).denoDir;
}
