/**
 * Pushes open tasks to agents: each once, by one of the processes that share a broker. What an agent has said nothing of
 * some seconds after it came back is sent again: until then the broker may still deliver what it has kept.
 */
import { SignedTask } from "../../../proto/gen/opendca/v1/task.ts";
import type { Platform } from "../../agents/platform.ts";
import { customerOfAgent } from "../../agents/presence.ts";
import { claimPush, openTasks, releasePush, unsentAgents } from "../../tasks/tasks.ts";
import type { TaskBroker } from "./task_broker.ts";

export interface TaskPusher {
  /** The agent has a new task, or has just connected (`hasCome`), and may have lost what was sent before. */
  add(agentId: string, hasCome: boolean): void;
  /** Adds all agents with unsent tasks. */
  addUnsent(): void;
  hasWork(): boolean;
  run(): Promise<void>;
  /** Resolves when all sends were acknowledged or have failed. */
  settled(): Promise<void>;
  stop(): void;
}

interface Parts extends Pick<Platform, "store" | "clock"> {
  broker(): TaskBroker;
  soon(): void;
  /** Milliseconds after which what an agent may have lost is sent again; default: 5,000. */
  againMs?: number | undefined;
}

const usualAgainMs = 5000;

export function createTaskPusher({ store, clock, broker, soon, againMs = usualAgainMs }: Parts): TaskPusher {
  /** Agents, and since when what was sent to them before counts as lost. */
  const ready = new Map<string, Date | undefined>();
  /** Open tasks that were sent to each agent by this process. */
  const sent = new Map<string, Map<string, Date>>();
  const sender = createSender({ store, clock, broker, soon });
  let isToFind = false;

  const later = createLater(put, againMs);

  function put(agentId: string, lostBefore: Date | undefined): void {
    ready.set(agentId, lostBefore ?? ready.get(agentId));
    soon();
  }

  function add(agentId: string, hasCome: boolean): void {
    put(agentId, undefined);
    if (hasCome) later.add(agentId, clock.now());
  }

  async function find(): Promise<void> {
    if (!isToFind) return;
    const found = await store.transaction((tx) => unsentAgents(tx, clock.now()), { readOnly: true });
    isToFind = false;
    for (const agentId of found) add(agentId, false);
  }

  async function push(agentId: string, lostBefore: Date | undefined): Promise<void> {
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
      return isShared ? await claimPush(tenant, open, { at, lostBefore }) : open;
    }, { readOnly: !isShared });
    const before = sent.get(agentId);
    const now = new Map<string, Date>();
    for (const { taskId, signed, isWaiting } of tasks) {
      const sentAt = isShared ? undefined : before?.get(taskId);
      const isSent = sentAt !== undefined && !(isWaiting && lostBefore !== undefined && sentAt < lostBefore);
      now.set(taskId, isSent ? sentAt : clock.now());
      if (!isSent) sender.send({ agentId, taskId, signed }, () => now.delete(taskId));
    }
    if (now.size > 0 && !isShared) sent.set(agentId, now);
    else sent.delete(agentId);
  }

  return {
    add,
    addUnsent() {
      isToFind = true;
      soon();
    },
    hasWork: () => isToFind || ready.size > 0 || sender.hasWork(),
    async run() {
      await sender.release();
      await find();
      for (const [agentId, lostBefore] of [...ready]) {
        ready.delete(agentId);
        try {
          await push(agentId, lostBefore);
        } catch (error) {
          ready.set(agentId, lostBefore ?? ready.get(agentId));
          throw error;
        }
      }
    },
    settled: sender.settled,
    stop: later.stop,
  };
}

/** Tells once, some time after an agent has come, and again each time it comes. */
function createLater(tell: (agentId: string, came: Date) => void, waitMs: number) {
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  return {
    add(agentId: string, came: Date): void {
      clearTimeout(timers.get(agentId));
      const timer = setTimeout(() => {
        timers.delete(agentId);
        tell(agentId, came);
      }, waitMs);
      timers.set(agentId, timer);
    },
    stop(): void {
      for (const timer of timers.values()) clearTimeout(timer);
    },
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
        const claims: { taskId: string; agentId: string; customerId: string }[] = [];
        for (const [taskId, agentId] of released) {
          const customerId = await customerOfAgent(tx, agentId);
          if (customerId !== undefined) claims.push({ taskId, agentId, customerId });
        }
        // In one order: processes that lose the broker at the same time would wait for each other.
        claims.sort((a, b) => a.customerId < b.customerId ? -1 : Number(a.customerId > b.customerId));
        for (const { customerId, ...claim } of claims) await releasePush(tx.tenant(customerId), claim);
      });
      for (const [taskId] of released) unsent.delete(taskId);
    },
    hasWork: () => unsent.size > 0,
    async settled(): Promise<void> {
      await Promise.all(sending);
    },
  };
}
