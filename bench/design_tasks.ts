/** Tasks of bench/design_load.ts: one for some agent each second, and what comes of them. */
import { Task, TaskResult, TaskState } from "../proto/gen/opendca/v1/task.ts";
import type { OpenPlatform } from "../platform/agents/platform.ts";
import { createTask } from "../platform/tasks/manage_tasks.ts";
import { pollOf } from "../tests/fixtures/platform_fixture.ts";
import { operator } from "../tests/platform/users_fixture.ts";
import { apiOf, type Platforms, pollPause, untilDone } from "./bench_session.ts";
import type { BenchAgent } from "./platform_agents.ts";

export interface TasksInput {
  agents: readonly BenchAgent[];
  platform: OpenPlatform;
  /** Where agents report to. */
  at: Platforms;
  /** Results are tried for so long. */
  reportMs: number;
}

export interface PushedTasks {
  /** How often each came to its agent. */
  came: ReadonlyMap<string, number>;
  /** Commands that failed. */
  refused(): number;
  /** A task has come to its agent; a second time, the agent's memory refuses it. */
  arrived(taskId: string, agentId: string): void;
  /** What an answer that was lost had brought comes again with the agent's next poll. */
  pollOnce(agentId: string): Promise<void>;
  /** No more of them. */
  end(): Promise<void>;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export function pushTasks({ agents, platform, at, reportMs }: TasksInput): PushedTasks {
  const came = new Map<string, number>(), byId = new Map(agents.map((agent) => [agent.agentId, agent]));
  let refused = 0, isOver = false;

  /* The result goes by gRPC, until it is taken. */
  async function report(taskId: string, agent: BenchAgent): Promise<void> {
    const result = TaskResult.create({ taskId, state: TaskState.SUCCEEDED, at: new Date() });
    using api = apiOf(agent, at);
    const until = Date.now() + reportMs;
    const send = async () => {
      const { acknowledgedTaskIds } = await api.poll(
        pollOf(agent, { taskResults: [result] }, { agentEpoch: agent.epoch }),
      );
      if (!acknowledgedTaskIds.includes(taskId)) throw new Error("not acknowledged");
    };
    // What is not reported in that time is found without a result.
    await untilDone(send, { pause: pollPause, mayGoOn: () => Date.now() < until }).catch(() => {});
  }

  function arrived(taskId: string, agentId: string): void {
    came.set(taskId, (came.get(taskId) ?? 0) + 1);
    const agent = byId.get(agentId);
    if (came.get(taskId) !== 1 || agent === undefined) return;
    void report(taskId, agent);
  }

  const made = (async () => {
    for (; !isOver; await sleep(1000)) {
      const { agentId, customerId } = agents[Math.floor(Math.random() * agents.length)]!;
      try {
        await createTask(platform, { ...operator, tenant: customerId }, {
          agentId,
          payload: { $case: "ping", value: { target: "10.1.0.7", count: 1 } },
          validMs: 3_600_000,
        });
      } catch {
        // The database is away; a task of it may have been made all the same, and is one of those that are compared.
        refused++;
      }
    }
  })();

  return {
    came,
    arrived,
    refused: () => refused,
    async pollOnce(agentId) {
      const agent = byId.get(agentId)!;
      try {
        using api = apiOf(agent, at);
        const { tasks } = await api.poll(pollOf(agent, {}, { agentEpoch: agent.epoch }));
        for (const { task } of tasks) arrived(Task.decode(task).taskId, agentId);
      } catch {
        // Again, with the next look.
      }
    },
    async end() {
      isOver = true;
      await made;
    },
  };
}
