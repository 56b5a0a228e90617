/** Activation against a platform on loopback: what counts as an attempt, what locks, and what does not help against it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { markRevoked, readAgentIdentity } from "../../src/activation/agent_identity.ts";
import { refuseWhenLocked } from "../../src/activation/lock_gate.ts";
import { denoDisk, type Disk } from "../../common/host/disk.ts";
import { judgeState, type StateStoreOptions } from "../../src/activation/state_store.ts";
import { unlock } from "../../src/activation/unlock.ts";
import type { ActivationState } from "../../src/activation/activation_state.ts";
import { ActivateResponse, ActivationRefusalReason } from "../../proto/gen/opendca/v1/agent_service.ts";
import { NotPermittedError, UnavailableError, UsageError } from "../../common/core/errors.ts";
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

interface Installation {
  folder: string;
  store: StateStoreOptions;
  platform: TestPlatform;
}

function withInstallation(name: string, body: (installation: Installation) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    await using platform = await startTestPlatform({ activate: judging(authority) }, { authority });
    try {
      await body({ folder, store: storeIn(folder), platform });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

function stateOf(store: StateStoreOptions): ActivationState {
  const verdict = judgeState(store);
  assert.ok(verdict.kind === "known", verdict.kind);
  return verdict.record.state;
}

async function refusedTimes(times: number, { store, platform }: Installation): Promise<void> {
  for (let i = 0; i < times; i++) await assert.rejects(tryCode(badCode, store, platform), NotPermittedError);
}

withInstallation("activate() stores a certificate for a key of its own, readable by its owner alone", async (own) => {
  const result = await tryCode(goodCode, own.store, own.platform);
  assert.deepEqual([result.customer, result.site, result.guarded.length], ["Acme", "Berlin", 1]);
  const { state, identity } = await readAgentIdentity(own.store);
  assert.deepEqual([state.phase, state.attempts, state.signingKey], ["activated", 0, unlockKey]);
  assert.ok(identity.facts.isForKey);
  for (const file of ["key.pem", "certificate.pem", "agent.json"]) {
    assert.equal((await Deno.stat(`${own.store.stateDirectory}/${file}`)).mode! & 0o777, 0o600, file);
  }
  assert.equal((await Deno.stat(own.store.stateDirectory)).mode! & 0o777, 0o700);
  await assert.rejects(tryCode(goodCode, own.store, own.platform), UsageError);
  const request = own.platform.calls.activate[0]!;
  assert.doesNotMatch(JSON.stringify({ ...request, csr: request.csr.toString("latin1") }), /PRIVATE/);
});

withInstallation("activate() counts each refused code and locks after the fifth", async (own) => {
  for (let left = 4; left >= 1; left--) {
    await assert.rejects(tryCode(badCode, own.store, own.platform), (error) => {
      assert.ok(error instanceof NotPermittedError);
      assert.match(error.hint!, new RegExp(`^${left} attempt`));
      return true;
    });
    refuseWhenLocked("scan", own.store);
  }
  await refusedTimes(1, own);
  const sent = own.platform.calls.activate.length;
  await assert.rejects(tryCode(goodCode, own.store, own.platform), /locked/);
  assert.equal(own.platform.calls.activate.length, sent);
  for (const command of ["scan", "activate", "run", "config"]) {
    assert.throws(() => refuseWhenLocked(command, own.store), (error) => {
      assert.ok(error instanceof NotPermittedError);
      assert.match(error.hint!, /lock 1; then: opendca unlock TOKEN/);
      return true;
    });
  }
  for (const command of ["status", "doctor", "unlock", "update"]) refuseWhenLocked(command, own.store);
});

withInstallation("activate() does not count a typing error, nor send it", async (own) => {
  await assert.rejects(tryCode("0EY9-M29P-1G7V", own.store, own.platform), UsageError);
  assert.equal(own.platform.calls.activate.length, 0);
  assert.equal(judgeState(own.store).kind, "fresh");
});

withInstallation(
  "activate() does not count a platform that cannot be reached or says that it did not judge",
  async (own) => {
    const closed = await startTestPlatform({}, { authority });
    await closed[Symbol.asyncDispose]();
    await assert.rejects(tryCode(badCode, own.store, closed), UnavailableError);
    assert.equal(stateOf(own.store).attempts, 0);
    own.platform.handlers.activate = () => ({ code: 14, reason: "store-busy", retryAfterMs: 1 });
    await assert.rejects(tryCode(badCode, own.store, own.platform), UnavailableError);
    assert.equal(stateOf(own.store).attempts, 0);
    own.platform.handlers.activate = () =>
      ActivateResponse.fromPartial({
        outcome: { $case: "refusal", value: { reason: ActivationRefusalReason.AGENT_TOO_OLD, message: "Too old" } },
      });
    await assert.rejects(tryCode(badCode, own.store, own.platform), NotPermittedError);
    assert.equal(stateOf(own.store).attempts, 0);
  },
);

for (const fault of ["never", "cut"] as const) {
  withInstallation(
    `activate() counts an attempt whose answer is lost (${fault}), and goes on with it for the same code`,
    async (own) => {
      own.platform.handlers.activate = () => fault;
      await assert.rejects(
        tryCode(goodCode, own.store, own.platform, { callTimeoutMs: 300 }),
        /counts as an attempt: 4 left/,
      );
      assert.equal(stateOf(own.store).attempts, 1);
      await assert.rejects(tryCode(goodCode, own.store, own.platform, { callTimeoutMs: 300 }), UnavailableError);
      assert.equal(stateOf(own.store).attempts, 1);
      // Nothing is taken back when the platform is away the second time: the first may have been judged.
      own.platform.handlers.activate = () => ({ code: 14, reason: "store-busy" });
      await assert.rejects(tryCode(goodCode, own.store, own.platform), UnavailableError);
      assert.equal(stateOf(own.store).attempts, 1);
      own.platform.handlers.activate = () =>
        ActivateResponse.fromPartial({
          outcome: { $case: "refusal", value: { reason: ActivationRefusalReason.AGENT_TOO_OLD, message: "Too old" } },
        });
      await assert.rejects(tryCode(goodCode, own.store, own.platform), /Too old/);
      assert.equal(stateOf(own.store).attempts, 1);
      own.platform.handlers.activate = judging(authority);
      await tryCode(goodCode, own.store, own.platform);
      assert.equal(new Set(own.platform.calls.activate.map(({ attemptId }) => attemptId)).size, 1);
    },
  );
}

withInstallation("activate() refuses garbage for an answer and keeps the attempt", async (own) => {
  const other = await createTestAuthority();
  const foreignKey = await other.issue();
  const sound = judging(authority);
  const broken: TestPlatform["handlers"]["activate"][] = [
    () => ActivateResponse.fromPartial({}),
    async (request) => {
      const answer = await sound(request);
      if (answer.outcome?.$case === "activated") answer.outcome.value.certificates!.chain = [foreignKey.der as never];
      return answer;
    },
    async (request) => {
      const answer = await sound(request);
      if (answer.outcome?.$case === "activated") {
        answer.outcome.value.certificates!.chain = [new Uint8Array(9) as never];
      }
      return answer;
    },
  ];
  broken.push(async (request) => {
    const answer = await sound(request);
    if (answer.outcome?.$case === "activated") answer.outcome.value.certificates!.agentAuthority = Buffer.alloc(9);
    return answer;
  });
  for (const handler of broken) {
    own.platform.handlers.activate = handler!;
    await assert.rejects(tryCode(goodCode, own.store, own.platform), UnavailableError);
    assert.deepEqual([stateOf(own.store).phase, stateOf(own.store).attempts], ["new", 1]);
  }
});

withInstallation("activate() locks at once when the platform says that it has locked the installation", async (own) => {
  own.platform.handlers.activate = () =>
    ActivateResponse.fromPartial({
      outcome: { $case: "refusal", value: { reason: ActivationRefusalReason.INSTALLATION_LOCKED, message: "Locked" } },
    });
  await assert.rejects(tryCode(badCode, own.store, own.platform), /locked/);
  assert.throws(() => refuseWhenLocked("scan", own.store), NotPermittedError);
});

withInstallation(
  "activate() goes on with the attempts when the state directory is deleted or another one is named",
  async (own) => {
    await refusedTimes(4, own);
    await Deno.remove(own.store.stateDirectory, { recursive: true });
    assert.equal(stateOf(own.store).attempts, 4);
    const elsewhere = storeIn(own.folder, { state: "elsewhere" });
    await assert.rejects(tryCode(badCode, elsewhere, own.platform), /locked/);
    assert.throws(() => refuseWhenLocked("scan", own.store), NotPermittedError);
  },
);

withInstallation(
  "activate() goes on with the attempts of a revoked agent whose state directory is deleted",
  async (own) => {
    await tryCode(goodCode, own.store, own.platform);
    markRevoked(own.store);
    await refusedTimes(4, own);
    await Deno.remove(own.store.stateDirectory, { recursive: true });
    await refusedTimes(1, own);
    await assert.rejects(tryCode(goodCode, storeIn(own.folder, { state: "elsewhere" }), own.platform), /locked/);
  },
);

withInstallation("activate() locks when the answer to the fifth attempt is lost, and says so", async (own) => {
  await refusedTimes(4, own);
  own.platform.handlers.activate = () => "cut";
  await assert.rejects(tryCode(goodCode, own.store, own.platform), (error) => {
    assert.ok(error instanceof NotPermittedError);
    assert.match(error.message, /this was the last attempt/);
    assert.match(error.hint!, /unlock token for installation .*, lock 1/);
    return true;
  });
  assert.throws(() => refuseWhenLocked("scan", own.store), NotPermittedError);
});

withInstallation("activate() sends nothing when the attempt cannot be written, and says why", async (own) => {
  const full = Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
  for (const error of [full, new Deno.errors.IsADirectory("Is a directory (os error 21)")]) {
    const disk: Disk = {
      ...denoDisk,
      create(path, options) {
        if (path.includes("agent.json")) throw error;
        return denoDisk.create(path, options);
      },
    };
    await assert.rejects(tryCode(goodCode, storeIn(own.folder, { disk }), own.platform), UnavailableError);
  }
  assert.equal(own.platform.calls.activate.length, 0);
});

withInstallation("the lock holds when something else stands under the names of its files", async (own) => {
  await refusedTimes(5, own);
  const { installationId } = stateOf(own.store);
  const file = `${own.store.stateDirectory}/agent.json`, [guard = ""] = own.store.guardDirectories;
  const copy = await Deno.readTextFile(file);
  const places = [[file, copy], [`${guard}/${installationId}.json`, copy]] as const;
  for (const [path, text] of places) {
    for (const make of [() => Deno.mkdir(path), () => Deno.symlink(path, path), () => Deno.writeTextFile(path, "")]) {
      await Deno.remove(path);
      await make();
      assert.throws(() => refuseWhenLocked("scan", own.store), NotPermittedError);
    }
    await Deno.remove(path);
    await Deno.writeTextFile(path, text);
  }
  await Deno.remove(guard, { recursive: true });
  await Deno.writeTextFile(guard, "");
  assert.throws(() => refuseWhenLocked("scan", own.store), NotPermittedError);
  await Deno.remove(own.store.stateDirectory, { recursive: true });
  await refusedTimes(1, own);
});

withInstallation("activate() is not fooled by an older state directory or guard put back", async (own) => {
  await refusedTimes(1, own);
  const places = [own.store.stateDirectory, own.store.guardDirectories[0]!];
  for (const place of places) {
    await new Deno.Command("cp", { args: ["-a", place, `${place}.old`] }).output();
    await refusedTimes(1, own);
    await Deno.remove(place, { recursive: true });
    await Deno.rename(`${place}.old`, place);
  }
  assert.equal(stateOf(own.store).attempts, 3);
  await Deno.remove(own.store.guardDirectories[0]!, { recursive: true });
  await refusedTimes(2, own);
  assert.throws(() => refuseWhenLocked("scan", own.store), NotPermittedError);
});

withInstallation("activate() refuses a state that was edited or comes from another machine", async (own) => {
  await refusedTimes(2, own);
  const file = `${own.store.stateDirectory}/agent.json`;
  const text = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, text.replace('"attempts": 2', '"attempts": 0'));
  assert.equal(stateOf(own.store).attempts, 2);
  await Deno.remove(own.store.guardDirectories[0]!, { recursive: true });
  await assert.rejects(tryCode(goodCode, own.store, own.platform), /edited or comes from another machine/);
  await Deno.writeTextFile(file, text);
  const copied = storeIn(own.folder, { machine: "machine-id:9999" });
  await assert.rejects(tryCode(goodCode, copied, own.platform), /another machine/);
  assert.throws(() => refuseWhenLocked("scan", copied), NotPermittedError);
  const verdict = judgeState(copied);
  assert.ok(verdict.kind === "foreign");
  const token = unlockTokenFor({ installationId: verdict.installationId, lockCount: 1 });
  const options = { store: copied, builtInUnlockKeys: [unlockKey], now: new Date() };
  unlock(token, options);
  await refusedTimes(5, { ...own, store: copied });
  unlock(unlockTokenFor({ installationId: verdict.installationId, lockCount: 2 }), options);
  await tryCode(goodCode, copied, own.platform);
});

withInstallation(
  "unlock() takes one token for one lock of one installation, signed by a key that was known before",
  async (own) => {
    await refusedTimes(5, own);
    const { installationId } = stateOf(own.store);
    const options = { store: own.store, builtInUnlockKeys: [], now: new Date("2026-06-01") };
    const stranger = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
    const { KeyObject } = await import("node:crypto");
    const good = { installationId, lockCount: 1, expiresAt: new Date("2026-06-02") };
    const refused: [string, RegExp][] = [
      [unlockTokenFor(good, KeyObject.from(stranger.privateKey)), /not signed/],
      [unlockTokenFor({ ...good, installationId: crypto.randomUUID() }), /another installation/],
      [unlockTokenFor({ ...good, lockCount: 2 }), /another lock/],
      [unlockTokenFor({ ...good, expiresAt: new Date("2026-05-31") }), /expired/],
      [unlockTokenFor(good).slice(0, -2), /incomplete/],
    ];
    for (const [token, message] of refused) assert.throws(() => unlock(token, options), message);
    unlock(unlockTokenFor(good), options);
    assert.equal(stateOf(own.store).attempts, 0);
    assert.throws(() => unlock(unlockTokenFor(good), options), /not locked/);
    await refusedTimes(5, own);
    assert.throws(() => unlock(unlockTokenFor(good), options), /another lock/);
    unlock(unlockTokenFor({ installationId, lockCount: 2 }), options);
    await tryCode(goodCode, own.store, own.platform);
  },
);

withInstallation("unlock() does not believe a key that appeared after the first attempt", async (own) => {
  const none = { unlockKeys: [] };
  await assert.rejects(tryCode(badCode, own.store, own.platform, none), NotPermittedError);
  await refusedTimes(4, own);
  const { installationId } = stateOf(own.store);
  const token = unlockTokenFor({ installationId, lockCount: 1 });
  assert.throws(
    () => unlock(token, { store: own.store, builtInUnlockKeys: [unlockKey], now: new Date() }),
    /no unlock key/,
  );
});

withInstallation("activate() lets one process at a time try", async (own) => {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  own.platform.handlers.activate = async (request) => {
    asked.resolve();
    await answered.promise;
    return await judging(authority)(request);
  };
  const first = tryCode(goodCode, own.store, own.platform);
  await asked.promise;
  await assert.rejects(tryCode(badCode, own.store, own.platform), /another opendca is changing it/);
  answered.resolve();
  await first;
});
