/** The agent and the platform as programs on loopback: readings arrive, whatever is killed, and the status is true. */
import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { type AgentScene, spooledIds, startScene, totalAt, totalOf } from "../fixtures/agent_fixture.ts";
import { assertExactlyOnce, type StoredRecord, storedRecordsSql } from "../fixtures/exactly_once.ts";
import { systemClock } from "../../common/core/clock.ts";
import { makeStatement } from "../../platform/billing/make_statement.ts";
import { openPlatform } from "../../platform/compose.ts";
import { peerTest } from "../fixtures/peers.ts";
import { runProgram } from "../fixtures/start_program.ts";
import { until } from "../fixtures/until.ts";

const ignore = Deno.build.os !== "linux";

/** Every id is there once, with the counter of its printer. */
function assertAllThere(scene: AgentScene, ids: readonly string[]): void {
  assertExactlyOnce(scene.store<StoredRecord>(storedRecordsSql), ids, totalAt);
}

/** TCP sockets of a process that listen (proc(5): state 0A). Fails when it sees no socket at all, as that proves nothing. */
function listeningSockets(pid: number): string[] {
  const owned = [...Deno.readDirSync(`/proc/${pid}/fd`)].flatMap(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/${pid}/fd/${name}`).match(/^socket:\[(\d+)\]$/)?.[1] ?? [];
    } catch {
      return []; // Closed between the listing and the look.
    }
  });
  const rows = ["tcp", "tcp6"].flatMap((protocol) =>
    Deno.readTextFileSync(`/proc/${pid}/net/${protocol}`).trim().split("\n").slice(1).map((row) =>
      row.trim().split(/\s+/)
    )
  ).filter((fields) => owned.includes(fields[9]!));
  assert(rows.length > 0, "the connection to the platform was not seen");
  return rows.filter((fields) => fields[3] === "0A").map((fields) => fields[1]!);
}

/** What both agents read is billed, and is proved without the platform; a row that was altered in its store is named. */
async function proveStatement(scene: AgentScene, certificates: readonly string[]): Promise<void> {
  // The period is over two days later.
  const clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + 2 * 86_400_000) };
  await using platform = await openPlatform({
    dataDirectory: `${scene.folder}/platform`,
    clock,
    log() {},
    pollSeconds: 30,
  });
  const [{ customer_id: tenant }] = scene.store<{ customer_id: string }>("SELECT customer_id FROM customers") as [
    { customer_id: string },
  ];
  const by = { actor: "platform" as const, tenant };
  const today = Temporal.Now.plainDateISO("UTC");
  const wanted = { fromDay: `${today.subtract({ days: 1 })}`, toDay: `${today}`, meters: ["total"] };
  const verified = async (supersede?: number) => {
    const { number } = await makeStatement(platform, by, { ...wanted, supersede });
    const path = `${scene.folder}/statement-${number}.json`;
    await scene.admin("billing", "export", String(number), "--as", "json", "--output", path);
    return await runProgram("main.ts", ["verify-statement", path, "--strict", "--agent", ...certificates]);
  };
  const sound = await verified();
  assert.equal(sound.code, 0, sound.out + sound.err);
  assert.match(sound.out, /^5 rows: 5 proved, 0 not proved, 0 wrong$/m);
  const rows: { device: { address: string }; billed: number }[] = JSON.parse(
    await scene.admin("--json", "billing", "show", "1"),
  );
  assert.deepEqual(rows.map(({ device, billed }) => [device.address, billed]), [
    ["127.230.0.1", 0],
    ["127.230.0.2", 0],
    ["127.230.0.3", 480],
    ["127.230.0.4", 0],
    ["127.230.0.5", 0],
  ]);
  await platform.store.transaction((tx) =>
    tx.tenant(tenant).run(
      `UPDATE samples SET value = value + 7 WHERE customer_id = :customer AND kind = 'meter' AND name = 'total'
         AND value = :last`,
      { last: totalOf(2) + 480 },
    )
  );
  const altered = await verified(1);
  assert.equal(altered.code, 77, altered.out + altered.err);
  assert.match(
    altered.out,
    new RegExp(
      `^wrong: row 3, ZZ12723003, total 487: .*the agent read ${totalOf(2) + 480}, and the statement says`,
      "m",
    ),
  );
  assert.match(altered.out, /^5 rows: 4 proved, 0 not proved, 1 wrong$/m);
}

/** Exit code and state of `opendca status --check`. */
async function checkedStatus(scene: AgentScene, ...options: string[]): Promise<[number, string]> {
  const { code, out, err } = await scene.opendca("status", "--check", ...options);
  assert.equal(err, "");
  assert.match(out, /^OPENDCA [^\n|]+( \| [^\n|]+)?\n$/);
  return [code, out.slice("OPENDCA ".length, out.indexOf(" -"))];
}

async function assertPrintersListed(scene: AgentScene): Promise<void> {
  const devices: { address: string; total: number; serial: string }[] = JSON.parse(
    await scene.admin("--json", "device", "list"),
  );
  assert.deepEqual(
    devices.map(({ address, total }) => [address, total]).sort(),
    [0, 1, 2, 3, 4].map((i) => [`127.230.0.${i + 1}`, totalOf(i)]),
  );
  assert.match(
    await scene.admin("reading", "list"),
    /^127\.230\.0\.1 +- +Example Laser 9000 +idle +10000 +[-0-9]{10} [:0-9]{8} +black toner 60 %$/m,
  );
}

/** A new activation is a new agent: nothing of the former one is missed, or taken for a copy. */
async function activateAgain(scene: AgentScene, formerId: string): Promise<void> {
  const renewed = await scene.opendca("activate", await scene.admin("code", "create"));
  assert.equal(renewed.code, 0, renewed.err);
  const newId = (await scene.status()).agentId!;
  assert.notEqual(newId, formerId);
  assert.doesNotMatch((await scene.opendca("status")).out, /^fault/m);
  const printed = { oid: "1.3.6.1.2.1.43.10.2.1.4.1.1", tag: 0x41, value: totalOf(2) + 480 } as const;
  scene.simulator.setObjects("127.230.0.3", [printed]);
  await scene.admin("task", "scan", newId);
  await using revived = await scene.startAgent();
  await revived.line((line) => line.includes('"batchSent"'));
  await revived.line((line) => line.includes('"pollAnswered"'));
  assert.deepEqual((await scene.status()).agent?.faults, []);
  assert.equal(revived.lines.find((line) => line.includes("epochBegun")), undefined);
  assert.deepEqual(await checkedStatus(scene), [0, "OK"]);
  const agents: { agentId: string; state: string; suspectedCloneAt: unknown; ledgerRewoundAt: unknown }[] = JSON
    .parse(await scene.admin("--json", "agent", "list"));
  assert.deepEqual(agents.map((each) => [each.agentId, each.state, each.suspectedCloneAt, each.ledgerRewoundAt]), [
    [formerId, "revoked", null, null],
    [newId, "active", null, null],
  ]);
  await until("the second reading of the printer that printed is there", () => {
    const sql = `SELECT 1 FROM samples WHERE kind = 'meter' AND name = 'total' AND value = ${totalOf(2) + 480}`;
    return scene.store(sql).length > 0;
  });
  await revived.kill("SIGTERM");
}

Deno.test({
  name: "opendca run brings the readings of every printer to the platform, and opendca status tells the truth",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 230, printers: 5, activated: false });
    const check = (...options: string[]) => checkedStatus(scene, ...options);
    assert.equal((await scene.status()).state, "not-activated");
    assert.deepEqual(await check(), [2, "CRITICAL"]);
    const early = await scene.opendca("run");
    assert.deepEqual([early.code, /not activated/.test(early.err)], [77, true], early.err);
    await using _platform = await scene.startPlatform();
    const activation = await scene.opendca("activate", await scene.admin("code", "create"));
    assert.equal(activation.code, 0, activation.err);
    const { state, agentId, customer } = await scene.status();
    assert.deepEqual([state, customer], ["stopped", "Acme"]);

    await scene.admin("task", "scan", agentId!);
    const certificates = [`${scene.folder}/first.pem`, `${scene.folder}/state/certificate.pem`] as const;
    await Deno.copyFile(certificates[1], certificates[0]);
    await using agent = await scene.startAgent();
    await agent.line((line) => line.includes('"batchSent"'));
    await assertPrintersListed(scene);
    const running = await scene.status();
    assert.equal(running.state, "running");
    assert.deepEqual(listeningSockets(agent.pid), [], "promise P1: nothing listens");
    await until("the status has it all", async () => {
      const { agent: own, spool } = await scene.status();
      return own?.devices.awake === 5 && spool?.depth === 0 && own.platform.lastAnswerAt !== null;
    });
    assert.deepEqual((await scene.status()).agent?.faults, []);
    assert.deepEqual(await check(), [0, "OK"]);
    assert.deepEqual(await check("--warn-away", "1ms"), [1, "WARNING"]);
    assert.deepEqual(await check("--warn-away", "5"), [3, "UNKNOWN"]);

    const second = await scene.opendca("run");
    assert.equal(second.code, 77);
    assert.match(second.err, /another agent runs on this state directory/);
    assert.equal((await scene.status()).state, "running", "the second agent has disturbed the first");

    await agent.kill("SIGKILL");
    assert.equal((await scene.status()).state, "crashed");
    assert.deepEqual(await check(), [2, "CRITICAL"]);
    await using next = await scene.startAgent();
    assert.equal((await scene.status()).state, "running");
    assert.equal((await next.kill("SIGTERM")).code, 0);
    assert.match(next.lines.at(-1)!, /"agentStopped"/);
    assert.equal((await scene.status()).state, "stopped");

    await scene.admin("agent", "revoke", agentId!, "--reason", "test");
    await using last = await scene.startAgent();
    assert.equal((await last.status).code, 77);
    assert.match(last.err(), /revoked/);
    assert.equal((await scene.status()).state, "revoked");
    const again = await scene.opendca("run");
    assert.deepEqual([again.code, /revoked/.test(again.err)], [77, true], again.err);
    assert.deepEqual(await check(), [2, "CRITICAL"]);

    await activateAgain(scene, agentId!);
    await proveStatement(scene, certificates);
    await using readable = scene.spawnAgent(scene.config, "--log-format", "text");
    const started = await readable.line((line) => line.includes("agentStarted"));
    assert.match(started, /^\d\d:\d\d:\d\d INFO {2}agentStarted version=\S+ agentId=agt-\w+ customer=Acme /);
  },
});

Deno.test({
  name: "opendca run loses and doubles nothing when it is killed 5 times and the platform once",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 231, printers: 6 });
    let platform = await scene.startPlatform();
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) {
      await scene.admin("task", "scan", scene.agentId);
      await using agent = await scene.startAgent();
      // Another moment each round: while the scan runs, when readings are durable, and while or after they are sent.
      const moments = ["taskReceived", "recordsSpooled", "taskFinished", "batchSent", "recordsSpooled"];
      await agent.line((line) => line.includes(`"${moments[round]}"`));
      if (round === 2) {
        await platform.kill("SIGKILL");
        platform = await scene.startPlatform();
      }
      await agent.kill("SIGKILL");
      ids.push(...spooledIds(agent));
    }
    await scene.admin("task", "scan", scene.agentId);
    await using agent = await scene.startAgent();
    await agent.line((line) => line.includes('"taskFinished"'));
    await until("the spool is empty", async () => (await scene.status()).spool?.depth === 0);
    ids.push(...spooledIds(agent));
    await agent.kill("SIGTERM");
    assert(ids.length >= 12, `only ${ids.length} records were made, so little was proven`);
    assertAllThere(scene, ids);
    const { code, out } = await scene.opendca("ledger", "--verify");
    assert.equal(code, 0, out);
    const entries = (await scene.opendca("ledger", "--json", "--all")).out.trimEnd().split("\n");
    const chain = new Map(entries.map((line) => JSON.parse(line)).map(({ number, hash }) => [number, hash]));
    const heads: { number: number; hash: string; rewound: string | null }[] = JSON.parse(
      await scene.admin("--json", "agent", "ledger-heads", scene.agentId),
    );
    assert(heads.length >= 3, `${heads.length} heads of the ledger were told`);
    for (const { number, hash, rewound } of heads) assert.deepEqual([chain.get(number), rewound], [hash, null]);
    await platform[Symbol.asyncDispose]();
  },
});

Deno.test({
  name: "opendca run survives a platform that is away, and says so",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 232, printers: 4 });
    const before = await scene.startPlatform();
    await scene.admin("task", "scan", scene.agentId);
    await using agent = await scene.startAgent();
    await agent.line((line) => line.includes('"taskReceived"'));
    await before.kill("SIGKILL");
    await agent.line((line) => line.includes('"uploadFailed"'));
    await until("the status shows it", async () => {
      const { state, spool, agent: own } = await scene.status();
      return state === "running" && (spool?.depth ?? 0) > 0 &&
        own!.faults.some(({ code }) => code === "upload-failed");
    });
    await using _after = await scene.startPlatform();
    await agent.line((line) => line.includes('"batchSent"'));
    await until("the spool is empty", async () => (await scene.status()).spool?.depth === 0);
    assertAllThere(scene, spooledIds(agent));
    await agent.kill("SIGTERM");
  },
});

Deno.test({
  name: "opendca run takes a changed file without a restart, keeps a bad one out, and starts over where it must",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 233, printers: 1 });
    await using agent = await scene.startAgent();
    const text = await Deno.readTextFile(scene.config);
    await Deno.writeTextFile(scene.config, text.replace("level: debug", "level: shout"));
    await agent.line((line) => line.includes('"configRefused"'));
    await Deno.writeTextFile(scene.config, text.replace("workers: 1", "workers: 2"));
    assert.match(await agent.line((line) => line.includes('"configChanged"')), /limits\.workers/);
    const seen = agent.lines.length;
    await Deno.writeTextFile(scene.config, text.replace("workers: 1", "spool: { maxAge: 30d }"));
    Deno.kill(agent.pid, "SIGHUP");
    await agent.line((line) => line.includes('"agentStarted"'), seen);
    assert.equal((await scene.status()).agent?.pid, agent.pid);
    assert.equal((await agent.kill("SIGTERM")).code, 0);
  },
});

Deno.test({
  name: "opendca status works on a locked agent and on a copied state, and opendca run does not",
  ignore,
  async fn() {
    await using scene = await startScene({ network: 235, printers: 1, activated: false });
    await using _platform = await scene.startPlatform();
    // Its check digit is right, and nobody made it.
    for (let attempt = 0; attempt < 5; attempt++) await scene.opendca("activate", "0829-M29P-1G7Q");
    const { state, lock, installationId } = await scene.status();
    assert.deepEqual([state, lock, typeof installationId], ["locked", 1, "string"]);
    const locked = await scene.opendca("run");
    assert.deepEqual([locked.code, /locked/.test(locked.err)], [77, true], locked.err);
    const shown = await scene.opendca("status");
    assert.match(shown.out, new RegExp(`unlock token for installation ${installationId}, lock 1`));

    const file = `${scene.folder}/state/agent.json`;
    await Deno.remove(`${scene.folder}/guard`, { recursive: true });
    await Deno.writeTextFile(file, (await Deno.readTextFile(file)).replace(/"attempts": ?5/, '"attempts":0'));
    assert.equal((await scene.status()).state, "foreign");
    assert.equal((await scene.opendca("run")).code, 77);
  },
});

peerTest("opendca run does every kind of task, and refuses what the policy refuses", ["ping"], async () => {
  await using scene = await startScene({ network: 234, printers: 2 });
  await using _platform = await scene.startPlatform();
  const document = `${scene.folder}/platform-config.json`;
  await Deno.writeTextFile(
    document,
    JSON.stringify({ pollIntervalSeconds: 90, maskedFields: ["serial", "address", "nonsense"] }),
  );
  const tasks = [
    ["set-config", scene.agentId, "--file", document],
    ["scan", scene.agentId, "--target", "127.234.0.2"],
    ["scan", scene.agentId, "--known"],
    ["scan", scene.agentId, "--target", "127.235.0.1"],
    ["ping", scene.agentId, "127.234.0.1", "--count", "1"],
    ["ping", scene.agentId, "192.0.2.1"],
    ["diagnostics", scene.agentId],
  ];
  const ids: string[] = [];
  for (const task of tasks) ids.push(await scene.admin("task", ...task));
  await using agent = await scene.startAgent();
  for (const id of ids) await agent.line((line) => line.includes('"taskFinished"') && line.includes(id));
  type Task = { taskId: string; state: string; message: string; result: Record<string, Record<string, unknown>> };
  let results: Task[] = [];
  await until("the platform has all results", async () => {
    const list: Task[] = JSON.parse(await scene.admin("--json", "task", "list"));
    results = ids.map((id) => list.find(({ taskId }) => taskId === id)!);
    return results.every(({ state }) => ["succeeded", "failed", "refused"].includes(state));
  });
  assert.deepEqual(results.map(({ state }) => state), [
    "succeeded",
    "succeeded",
    "succeeded",
    "refused",
    "succeeded",
    "refused",
    "succeeded",
  ], JSON.stringify(results, null, 1));
  const [configured, targeted, known, , pinged, , diagnosed] = results;
  assert.match(JSON.stringify(configured!.result), /nonsense/);
  assert.deepEqual([targeted!.result.scan!.printers, known!.result.scan!.printers], [1, 1]);
  const { address, sent, received, roundTripMs } = pinged!.result.ping!;
  assert.deepEqual([address, sent, received, (roundTripMs as number[]).length], ["[masked]", 1, 1, 1]);
  assert.match(await scene.admin("task", "list"), / ping +succeeded .*: 1 of 1 answered, /);
  const bundle = gunzipSync(Uint8Array.fromBase64(diagnosed!.result.diagnostics!.bundle as string)).toString();
  assert.match(bundle, /"schema": "opendca.status\/1"/);
  assert.doesNotMatch(bundle, /127\.234\./);
  // The serial number is masked from the first reading on.
  const devices: { serial: string | null }[] = JSON.parse(await scene.admin("--json", "device", "list"));
  // The schedule's own sweep may have found the other printer meanwhile.
  assert.deepEqual([...new Set(devices.map(({ serial }) => serial))], [null]);
  const shown = await scene.opendca("config", "show");
  assert.match(shown.out, /poll\.interval +90s? +platform|poll\.interval +\S+ +platform/);
  const ledger = await scene.opendca("ledger");
  assert.equal(ledger.out.split("\n").filter((line) => line.includes("Received task")).length, tasks.length);
  await agent.kill("SIGTERM");
});
