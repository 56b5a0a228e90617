import assert from "node:assert/strict";
import type { PlatformHost } from "../../platform/edge/cli/host.ts";
import { runPlatform } from "../../platform/edge/cli/run_platform.ts";
import { closeSession, listSessions, type ShownSession } from "../../platform/access/manage_sessions.ts";
import { listAudit } from "../../platform/audit/read_audit.ts";
import { noteBroker, notePresence } from "../../platform/agents/presence.ts";
import { cancelTask, listTasks } from "../../platform/tasks/manage_tasks.ts";
import { TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { forward, type SessionBench, signIn, startSessionBench, webAccess } from "../fixtures/ssh_sessions.ts";
import { maybeOpenedSecret } from "../../common/protocol/sealed_secret.ts";
import { until } from "../fixtures/until.ts";

/** `opendca-platform access open 10.1.0.7 …` on a terminal. */
function openCommand(scene: SessionBench, ...args: string[]) {
  return command(scene, "access", "open", "10.1.0.7", ...args);
}

function command({ bench }: SessionBench, ...args: string[]) {
  const { platform } = bench.platform;
  const ran = { stdout: "", stderr: "" };
  const host: PlatformHost = {
    clock: platform.clock,
    env: (name) => name === "USER" ? "eva" : undefined,
    account: "uid 7",
    columns: 200,
    tableWidth: 200,
    stdout: (text) => Promise.resolve(void (ran.stdout += text)),
    stderr: (text) => Promise.resolve(void (ran.stderr += text)),
    readTextFile: () => Promise.reject(new Deno.errors.NotFound("none in tests")),
    untilStopped: () => Promise.resolve(),
    openPlatform: () => Promise.resolve({ ...platform, [Symbol.asyncDispose]: () => Promise.resolve() }),
    serve: () => Promise.reject(new Error("not in this test")),
  };
  return { ran, code: runPlatform(args, host) };
}

const byPoll = /^the agent is not connected by MQTT and gets the task with its next poll, in about 5 minutes$/;

/** As the platform's own broker does when the agent connects. */
function connectByMqtt({ bench, by, agent: { agentId } }: SessionBench): Promise<void> {
  const { store, clock } = bench.platform.platform;
  return store.transaction(async (tx) => {
    const at = clock.now();
    await noteBroker(tx, { brokerId: "b1", at });
    await notePresence(tx.tenant(by.tenant), { agentId, isOnline: true, brokerId: "b1", at });
  });
}

slowInPostgres("access open says what is known: that the agent was asked, whatever its policy was", async () => {
  await using scene = await startSessionBench();
  await connectByMqtt(scene);
  await scene.poll({ webAccess: { ...webAccess, needsApproval: true } });
  const { ran, code } = openCommand(scene);
  assert.equal(await code, 0, ran.stderr);
  assert.match(ran.stdout, /^ses-\w+\n$/);
  assert.match(ran.stderr, /^next: the agent was asked; opendca-platform access show ses-\w+ says how far it is\n$/);
});

slowInPostgres("access open says that an agent without MQTT gets the task with its next poll", async () => {
  await using scene = await startSessionBench();
  await scene.poll({ webAccess });
  const { ran, code } = openCommand(scene);
  assert.equal(await code, 0, ran.stderr);
  assert.match(/^next: (.*); opendca-platform access show/.exec(ran.stderr)?.[1] ?? "", byPoll);
  const waiting = openCommand(scene, "--wait");
  await until("it says so", () => byPoll.test(/: (.*)\n$/.exec(waiting.ran.stderr)?.[1] ?? ""));
  // Both were made at the same moment: either may be the first of the list.
  const { platform } = scene.bench.platform;
  for (const { session_id: sessionId } of await listSessions(platform, scene.by)) {
    await closeSession(platform, scene.by, { sessionId, reason: "enough" });
  }
  assert.equal(await waiting.code, 69);
});

slowInPostgres("task --wait says how the agent gets the task, and when", async () => {
  await using scene = await startSessionBench();
  const { bench: { platform: { platform } }, agent: { agentId }, by } = scene;
  await scene.poll({});
  const polled = command(scene, "task", "ping", agentId, "10.1.0.7", "--wait");
  const said = ({ ran }: typeof polled) => /: waiting for the agent, at most 60 minutes(?:; (.*))?\n$/.exec(ran.stderr);
  await until("it says so", () => byPoll.test(said(polled)?.[1] ?? ""));
  await connectByMqtt(scene);
  const pushed = command(scene, "task", "ping", agentId, "10.1.0.7", "--wait");
  await until("it says nothing of it", () => said(pushed) !== null && said(pushed)![1] === undefined);
  for (const { task_id: taskId } of await listTasks(platform, by, { limit: 10 })) {
    await cancelTask(platform, by, { taskId }).catch(() => {});
  }
  assert.deepEqual([await polled.code, await pushed.code], [69, 69]);
});

slowInPostgres("access open --wait follows what the agent says, until the session is open", async () => {
  await using scene = await startSessionBench();
  await connectByMqtt(scene);
  const { ran, code } = openCommand(scene, "--wait");
  const { platform } = scene.bench.platform;
  await until("it was asked", () => /: the agent was asked\n$/.test(ran.stderr));
  const [order] = await scene.poll();
  const taskId = (await listSessions(platform, scene.by))[0]!.task_id;
  for (const [step, line] of [["waiting", "waiting for approval"], ["checking", "checking the device"]] as const) {
    const result = TaskResult.create({ taskId, state: TaskState.RUNNING, progress: { step } });
    await scene.poll({}, { taskResults: [result] });
    await until("it says so", () => ran.stderr.endsWith(`: ${line}\n`));
  }
  const { sessionId, sealedKey } = order!;
  const { privateKeyPem } = scene.agent.identity;
  const privateKey = maybeOpenedSecret(sealedKey, { privateKeyPem, context: sessionId })!;
  await forward(await signIn(scene, { sessionId, privateKey }), () => {});
  assert.equal(await code, 0, ran.stderr);
  assert.equal(ran.stdout, `${sessionId}\n`);
  assert.deepEqual(ran.stderr.split("\n").filter((line) => line !== "" && !line.startsWith(`${sessionId}: `)), []);
});

slowInPostgres("access show and the audit log name who approved a session at the agent", async () => {
  await using scene = await startSessionBench();
  const { platform } = scene.bench.platform;
  await scene.poll({});
  await openCommand(scene).code;
  await scene.poll();
  const [{ session_id: sessionId, task_id: taskId }] = await listSessions(platform, scene.by) as [ShownSession];
  const approver = async () => {
    const { ran, code } = command(scene, "access", "show", sessionId);
    assert.equal(await code, 0, ran.stderr);
    return /^approved +(.*)$/m.exec(ran.stdout)?.[1];
  };
  assert.equal(await approver(), undefined);
  const progress = { step: "open", approvedBy: "eva" };
  await scene.poll({}, { taskResults: [TaskResult.create({ taskId, state: TaskState.RUNNING, progress })] });
  assert.equal(await approver(), "by eva");
  const output = { $case: "webAccess", value: { end: "its time was over", approvedBy: "eva\u001b[1m" } } as const;
  const ended = TaskResult.create({ taskId, state: TaskState.SUCCEEDED, output });
  // The second time, as the first answer may have been lost.
  for (const _ of [1, 2]) await scene.poll({}, { taskResults: [ended] });
  assert.equal(await approver(), "by eva");
  const entries = (await listAudit(platform, scene.by, {})).filter(({ action }) => action === "accessSessionApproved");
  assert.deepEqual(entries.map(({ subject }) => subject), [taskId]);
});

slowInPostgres("access open --wait says why a session was refused", async () => {
  await using scene = await startSessionBench();
  await connectByMqtt(scene);
  const { ran, code } = openCommand(scene, "--wait", "--json");
  await until("it was asked", () => /: the agent was asked\n$/.test(ran.stderr));
  await scene.poll();
  const { platform } = scene.bench.platform;
  const taskId = (await listSessions(platform, scene.by))[0]!.task_id;
  await scene.poll({}, {
    taskResults: [TaskResult.create({ taskId, state: TaskState.REFUSED, message: "Refused by policy: no" })],
  });
  assert.equal(await code, 77);
  const { state, reason } = JSON.parse(ran.stdout);
  assert.deepEqual([state, reason], ["refused", "Refused by policy: no"]);
});
