/** More time for a session of web access: who may ask for it, when, and what the agent's answer does. */
import assert from "node:assert/strict";
import { extendSession, extensionOf } from "../../platform/access/extend_session.ts";
import { closeSession, showSession } from "../../platform/access/manage_sessions.ts";
import { setApprovalRules } from "../../platform/tasks/approval_rules.ts";
import { showTask } from "../../platform/tasks/manage_tasks.ts";
import { type ExtendWebAccess, RefusalReason, Task, TaskResult, TaskState } from "../../proto/gen/opendca/v1/task.ts";
import { UsageError } from "../../common/core/errors.ts";
import { slowInPostgres } from "../fixtures/each_database.ts";
import { call, pollOf } from "../fixtures/platform_fixture.ts";
import {
  forward,
  type SessionBench,
  signIn,
  startSessionBench,
  tunnelOf,
  webAccess,
} from "../fixtures/ssh_sessions.ts";
import { until } from "../fixtures/until.ts";

const minute = 60_000;

/** A session that is open for five minutes, of an agent that permits two hours. */
async function openScene(scene: SessionBench, longestSeconds = 7200) {
  await scene.poll({ webAccess: { ...webAccess, longestSeconds } });
  const session = await scene.open({ lastsMs: 5 * minute });
  const client = await signIn(scene, session);
  await forward(client, () => {});
  const tunnel = await tunnelOf(scene, session.sessionId), { sessionId } = session;
  const { platform } = scene.bench.platform;
  await until("it is open", async () => (await showSession(platform, scene.by, { sessionId })).state === "open");
  return { sessionId, session, tunnel, client };
}

/** The extensions that the agent is sent now. */
async function extensions({ bench }: SessionBench): Promise<(ExtendWebAccess & { taskId: string })[]> {
  const { agent, client } = bench;
  const request = pollOf(agent, {}, { webAccess: { ...webAccess, longestSeconds: 7200 } });
  const { tasks } = await call(client, { method: client.poll, request });
  return tasks.flatMap(({ task }) => {
    const { payload, taskId } = Task.decode(task);
    return payload?.$case === "extendWebAccess" ? [{ ...payload.value, taskId }] : [];
  });
}

async function answer({ bench, poll }: SessionBench, result: Partial<TaskResult>): Promise<void> {
  const at = bench.platform.clock.now();
  await poll({}, { taskResults: [TaskResult.fromPartial({ at, state: TaskState.SUCCEEDED, ...result })] });
}

const granted = (endsAt: Date) => ({ output: { $case: "extendWebAccess" as const, value: { endsAt } } });

slowInPostgres(
  "a session ends later once its agent has granted it, at the gateway as well, and it is audited",
  async () => {
    await using scene = await startSessionBench();
    const { bench, by } = scene, { platform, clock, queries } = bench.platform;
    const { sessionId, tunnel, session } = await openScene(scene), other = await openScene(scene);
    clock.advance(2 * minute);
    const asked = await extendSession(platform, by, { sessionId });
    assert.equal(asked.endsAt.getTime(), clock.now().getTime() + 30 * minute);
    const endsAt = async () => (await showSession(platform, by, { sessionId })).ends_at;
    assert.equal(await endsAt(), session.endsAt.getTime(), "not before the agent has granted it");
    assert.equal((await extensionOf(platform, by, { sessionId })).kind, "asked");
    await assert.rejects(extendSession(platform, by, { sessionId }), /was asked for it already/);
    const [order] = await extensions(scene);
    assert.deepEqual(
      [order!.sessionId, order!.deviceKey, order!.askedBy, order!.endsAt!.getTime()],
      [sessionId, "device-1", "operator:eva", asked.endsAt.getTime()],
    );
    // The agent's hours end before: it grants less.
    const until = new Date(clock.now().getTime() + 20 * minute);
    await answer(scene, { taskId: order!.taskId, ...granted(until) });
    assert.equal(await endsAt(), until.getTime());
    clock.advance(10 * minute);
    // The gateway has looked at its sessions: one that was not extended is over.
    assert.equal(await other.tunnel.closed, "its time was over");
    assert.equal((await showSession(platform, by, { sessionId })).state, "open", "after its first end");
    assert(scene.gateway.tunnels.of(sessionId) !== undefined);
    clock.advance(11 * minute);
    assert.equal(await tunnel.closed, "its time was over");
    const entries = await queries.all<{ action: string; actor: string; detail: string }>(
      "SELECT action, actor, detail FROM audit_log WHERE subject = :id AND action LIKE '%xten%' ORDER BY entry",
      { id: sessionId },
    );
    assert.deepEqual(entries.map(({ action, actor }) => [action, actor]), [
      ["accessExtensionAsked", "operator:eva"],
      ["accessSessionExtended", `agent:${bench.agent.agentId}`],
    ]);
    assert.equal(JSON.parse(entries[1]!.detail).until, until.toISOString());
    assert.match((await showTask(platform, by, { taskId: order!.taskId })).state, /succeeded/);
  },
);

slowInPostgres("no agent gives a session more than was asked for, or without the order of that session", async () => {
  await using scene = await startSessionBench();
  const { bench, by } = scene, { platform, clock, queries } = bench.platform;
  const { sessionId, session } = await openScene(scene);
  const endsAt = async () => (await showSession(platform, by, { sessionId })).ends_at;
  const later = (minutes: number) => new Date(clock.now().getTime() + minutes * minute);
  clock.advance(2 * minute);
  await answer(scene, { taskId: session.taskId, ...granted(later(30)) });
  assert.equal(await endsAt(), session.endsAt.getTime(), "the result of another task");
  const first = await extendSession(platform, by, { sessionId });
  await answer(scene, {
    taskId: first.taskId,
    state: TaskState.REFUSED,
    refusal: RefusalReason.POLICY,
    message: "Cannot run the task as the allowed hours do not include this time",
  });
  assert.equal(await endsAt(), session.endsAt.getTime(), "refused");
  const extension = await extensionOf(platform, by, { sessionId });
  assert.equal(extension.kind, "possible");
  assert.match((extension as { refusal: string }).refusal, /the allowed hours/);
  const second = await extendSession(platform, by, { sessionId });
  await answer(scene, { taskId: first.taskId, ...granted(later(30)) });
  assert.equal(await endsAt(), session.endsAt.getTime(), "a task whose result is known");
  await answer(scene, { taskId: second.taskId, ...granted(later(24 * 60)) });
  assert.equal(await endsAt(), second.endsAt.getTime(), "longer than asked for");
  const { count } = (await queries.get<{ count: number }>(
    "SELECT count(*) AS count FROM audit_log WHERE action = 'accessSessionExtended'",
    {},
  ))!;
  assert.equal(count, 1);
});

slowInPostgres("an extension that cannot be is refused with its reason, and asks the agent nothing", async () => {
  await using scene = await startSessionBench();
  const { bench, by } = scene, { platform, clock } = bench.platform;
  const { sessionId } = await openScene(scene, 20 * 60);
  const refused = async (kind: string, message: RegExp, who = by) => {
    const error = await extendSession(platform, who, { sessionId }).then(() => undefined, (error) => error);
    assert(error instanceof UsageError, String(error));
    assert.match(error.message, message);
    assert.equal((await extensionOf(platform, who, { sessionId })).kind, kind);
  };
  await refused("notYours", /belongs to operator:eva/, { ...by, actor: { kind: "operator", name: "max" } });
  await setApprovalRules(platform, by, { kinds: ["openWebAccess"] });
  await refused("secondPerson", /requires the approval of a second person for each session/);
  await setApprovalRules(platform, by, { kinds: [] });
  await scene.poll({ webAccess });
  await refused("oldAgent", /does not know how: current value of its version is "0\.9\.0"/);
  await scene.poll({ webAccess: { ...webAccess, longestSeconds: 300 } });
  await refused("longest", /as long as the policy of the agent's machine permits: current value is 5m/);
  await scene.poll({ webAccess: { ...webAccess, longestSeconds: 7200, allowed: false } });
  await refused("noAgent", /has not allowed web access/);
  await scene.poll({ webAccess: { ...webAccess, longestSeconds: 1200 } });
  // The longest that the policy permits is less than half an hour from now.
  const extension = await extensionOf(platform, by, { sessionId });
  const { created_at } = await showSession(platform, by, { sessionId });
  assert.equal((extension as { endsAt: Date }).endsAt.getTime(), created_at + 20 * minute);
  assert.deepEqual(await extensions(scene), []);
  const full = await scene.open({ lastsMs: 30 * minute });
  await forward(await signIn(scene, full), () => {});
  await tunnelOf(scene, full.sessionId);
  await scene.poll({ webAccess: { ...webAccess, longestSeconds: 7200 } });
  await until("it is open", async () => (await showSession(platform, by, full)).state === "open");
  await assert.rejects(extendSession(platform, by, full), /nothing is gained yet/);
  await closeSession(platform, by, { sessionId: full.sessionId, reason: "done" });
  await assert.rejects(extendSession(platform, by, full), /is not open/);
  clock.advance(6 * minute);
  await scene.poll();
  await refused("notOpen", /is not open: current value of its state is "closed"/);
  await assert.rejects(extendSession(platform, by, { sessionId: "ses-other" }), /Cannot find the session/);
});
