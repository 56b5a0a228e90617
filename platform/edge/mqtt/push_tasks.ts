/** Pushes open tasks to agents: each task once per connection, by one of the processes that share a broker. */
import { SignedTask } from "../../../proto/gen/opendca/v1/task.ts";
import type { Platform } from "../../agents/platform.ts";
import { customerOfAgent } from "../../agents/presence.ts";
import { claimPush, openTasks, releasePush, unsentAgents } from "../../tasks/tasks.ts";
import type { TaskBroker } from "./task_broker.ts";

export interface TaskPusher {
  /** The agent has a new task, or has just connected (`hasCome`), and may have lost earlier ones. */
  add(agentId: string, hasCome: boolean): void;
  /** Adds all agents with unsent tasks. */
  addUnsent(): void;
  /** The agent has a new connection. */
  forget(agentId: string): void;
  hasWork(): boolean;
  run(): Promise<void>;
  /** Resolves when all sends were acknowledged or have failed. */
  settled(): Promise<void>;
}

interface Parts extends Pick<Platform, "store" | "clock"> {
  broker(): TaskBroker;
  soon(): void;
}

export function createTaskPusher({ store, clock, broker, soon }: Parts): TaskPusher {
  const ready = new Map<string, boolean>();
  /** Tasks that were sent on the present connection of each agent. */
  const sent = new Map<string, Set<string>>();
  const sender = createSender({ store, clock, broker, soon });
  let isToFind = false;

  function add(agentId: string, hasCome: boolean): void {
    if (hasCome) sent.delete(agentId);
    ready.set(agentId, hasCome || (ready.get(agentId) ?? false));
    soon();
  }

  async function find(): Promise<void> {
    if (!isToFind) return;
    const found = await store.transaction((tx) => unsentAgents(tx, clock.now()), { readOnly: true });
    isToFind = false;
    for (const agentId of found) add(agentId, false);
  }

  async function push(agentId: string, hasCome: boolean): Promise<void> {
    const { isShared, isUp } = broker();
    // Not claimed, so that a process with a connection to the broker sends them; otherwise they are sent when it is
    // back.
    if (!isUp()) return;
    const tasks = await store.transaction(async (tx) => {
      const customerId = await customerOfAgent(tx, agentId);
      if (customerId === undefined) return [];
      const tenant = tx.tenant(customerId), at = clock.now();
      const open = await openTasks(tenant, { agentId, at });
      // Every process is notified of a new task, but only one may send it.
      return isShared ? await claimPush(tenant, open, { at, again: hasCome }) : open;
    }, { readOnly: !isShared });
    const before = sent.get(agentId);
    const now = new Set<string>();
    for (const { taskId, signed } of tasks) {
      now.add(taskId);
      if (!before?.has(taskId)) sender.send({ agentId, taskId, signed }, () => now.delete(taskId));
    }
    if (now.size > 0) sent.set(agentId, now);
    else sent.delete(agentId);
  }

  return {
    add,
    addUnsent() {
      isToFind = true;
      soon();
    },
    forget: (agentId) => void sent.delete(agentId),
    hasWork: () => isToFind || ready.size > 0 || sender.hasWork(),
    async run() {
      await sender.release();
      await find();
      for (const [agentId, hasCome] of [...ready]) {
        ready.delete(agentId);
        try {
          await push(agentId, hasCome);
        } catch (error) {
          ready.set(agentId, hasCome || (ready.get(agentId) ?? false));
          throw error;
        }
      }
    },
    settled: sender.settled,
  };
}

/** Sends tasks, and releases the claim of those that the broker did not accept. */
function createSender({ store, broker, soon }: Parts) {
  /** Agents by task. */
  const unsent = new Map<string, string>();
  const sending = new Set<Promise<void>>();
  return {
    /* Not awaited: a hanging broker is given up after a minute. */
    send(task: { agentId: string; taskId: string; signed: SignedTask }, failed: () => void): void {
      const { agentId, taskId, signed } = task;
      const done = broker().send(agentId, "task", SignedTask.encode(signed).finish())
        .catch(() => false)
        .then((isSent) => {
          sending.delete(done);
          if (isSent) return;
          failed();
          // The agent is not connected to the platform's own broker: it gets its tasks when it connects.
          if (!broker().isShared) return;
          unsent.set(taskId, agentId);
          soon();
        });
      sending.add(done);
    },
    async release(): Promise<void> {
      const released = [...unsent];
      if (released.length === 0) return;
      await store.transaction(async (tx) => {
        for (const [taskId, agentId] of released) {
          const customerId = await customerOfAgent(tx, agentId);
          if (customerId !== undefined) await releasePush(tx.tenant(customerId), { taskId, agentId });
        }
      });
      for (const [taskId] of released) unsent.delete(taskId);
    },
    hasWork: () => unsent.size > 0,
    async settled(): Promise<void> {
      await Promise.all(sending);
    },
  };
}
