/**
 * MQTT between the store and a broker: an agent that comes gets its open tasks, one that is there gets a new task at once,
 * and what agents say of themselves is kept. Whatever is lost here comes with the next poll.
 */
import { messageOf } from "../../../common/core/errors.ts";
import { SignedTask, TaskResult } from "../../../proto/gen/opendca/v1/task.ts";
import { appendAudit } from "../../audit/audit_log.ts";
import { revokedChannel, wakeChannel } from "../../agents/agents.ts";
import type { Platform } from "../../agents/platform.ts";
import { customerOfAgent, notePresence } from "../../agents/presence.ts";
import { limitMessage } from "../../devices/message_limits.ts";
import { claimPush, newTaskChannel, openTasks } from "../../tasks/tasks.ts";
import { agentNews } from "../../tasks/agent_news.ts";
import { takeProgress } from "../../tasks/task_results.ts";
import { rateLimit } from "../grpc/rate_limit.ts";
import type { Tenant } from "../../store/store.ts";
import type { Authority } from "../../keys/authority.ts";
import type { CertificateFiles } from "../../keys/server_certificate.ts";
import type { GateLimits } from "../grpc/connection_gate.ts";
import type { RunningServer, ServeOptions } from "../grpc/start_server.ts";
import type { ListenAt } from "./agent_listener.ts";
import { connectExternalBroker, type ExternalOptions } from "./external_broker.ts";
import { startEmbeddedBroker } from "./embedded_broker.ts";
import type { BrokerEvents, TaskBroker } from "./task_broker.ts";

export interface MqttOptions {
  /** Where to listen for MQTT over TLS, and in WebSockets over TLS. */
  tls?: ListenAt | undefined;
  wss?: ListenAt | undefined;
  /** Another program in place of the platform's own broker. */
  external?: ExternalOptions | undefined;
  connections?: Partial<GateLimits> | undefined;
  /** How often connected agents are checked again; default: 60,000. */
  checkEveryMs?: number | undefined;
}

export interface MqttPorts {
  /** Null where it does not listen. */
  tls: number | null;
  wss: number | null;
}

/** What `serve` is told and gives, with both listeners. */
export type PlatformServeOptions = ServeOptions & { mqtt?: MqttOptions | undefined };
export interface RunningPlatform extends RunningServer {
  /** Undefined without MQTT. */
  mqttPorts: MqttPorts | undefined;
}

/** Throws UnavailableError when a port is taken. */
export async function serveMqtt(
  platform: Platform,
  options: MqttOptions & Pick<ServeOptions, "proxies"> & { certificate: CertificateFiles; authority: Authority },
): Promise<AsyncDisposable & { ports: MqttPorts }> {
  const { external, authority } = options;
  if (external !== undefined) {
    const mqtt = await startMqtt(
      platform,
      (events) => connectExternalBroker(platform, events, { ...external, authority }),
    );
    return { ...mqtt, ports: { tls: null, wss: null } };
  }
  const mqtt = await startMqtt(platform, (events) => startEmbeddedBroker(platform, events, options));
  return { ...mqtt, ports: mqtt.broker.ports };
}

interface Work {
  presence: Map<string, { isOnline: boolean; at: Date }>;
  /** Agents that are to get their open tasks; true for one that has just come, and may have lost what was sent before. */
  ready: Map<string, boolean>;
  refused: Map<string, string>;
  progress: { agentId: string; result: TaskResult }[];
  /** Something happened to agents that are not known. */
  isBehind: boolean;
}

const flushMs = 200;
const mostProgress = 1000;
/** Between the clocks of two processes, and between the beginning and the end of a transaction. */
const slackMs = 5000;
const noPayload = new Uint8Array();

/** `open` connects or begins to listen; it is given what to call. */
export async function startMqtt<Broker extends TaskBroker>(
  platform: Platform,
  open: (events: BrokerEvents) => Promise<Broker>,
): Promise<AsyncDisposable & { broker: Broker }> {
  const { clock, log } = platform;
  const work: Work = { presence: new Map(), ready: new Map(), refused: new Map(), progress: [], isBehind: false };
  /** Tasks that went out on the present connection of each agent. */
  const sent = new Map<string, Set<string>>();
  const wakes = new Map<string, ReturnType<typeof setTimeout>>();
  const allowed = rateLimit({ burst: 30, perMinute: 60, monotonicMs: clock.monotonicMs });
  let running: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  /** Up to then all was told, or looked for. */
  let lookedAt = clock.now();

  /* At once while nothing runs, so that a task is not late; what comes meanwhile is done together. */
  function soon(waitMs = 0): void {
    if (timer !== undefined || running !== undefined || isStopped) return;
    timer = setTimeout(() => {
      timer = undefined;
      running = runAll().catch((error) => log("mqttFailed", { message: messageOf(error) })).finally(() => {
        running = undefined;
        if (hasWork(work)) soon(flushMs);
      });
    }, waitMs);
  }

  async function runAll(): Promise<void> {
    if (work.isBehind) await catchUp();
    const ready = [...work.ready];
    work.ready.clear();
    for (const [agentId, hasCome] of ready) await pushTasks(agentId, hasCome);
    await keepWhatAgentsSay(platform, work);
  }

  async function pushTasks(agentId: string, hasCome: boolean): Promise<void> {
    const isShared = broker.isShared && !hasCome;
    const tasks = await platform.store.transaction(async (tx) => {
      const customerId = await customerOfAgent(tx, agentId);
      if (customerId === undefined) return [];
      const tenant = tx.tenant(customerId);
      const open = await openTasks(tenant, { agentId, at: clock.now() });
      // Every process hears of a new task, and one of them is to send it.
      return isShared ? await claimPush(tenant, open, clock.now()) : open;
    }, { readOnly: !isShared });
    const before = sent.get(agentId);
    const now = new Set<string>();
    for (const { taskId, signed } of tasks) {
      if (before?.has(taskId) || broker.send(agentId, "task", SignedTask.encode(signed).finish())) now.add(taskId);
    }
    if (now.size > 0) sent.set(agentId, now);
    else sent.delete(agentId);
  }

  const broker = await open({
    onPresence(agentId, isOnline) {
      work.presence.set(agentId, { isOnline, at: clock.now() });
      sent.delete(agentId);
      soon(flushMs);
    },
    onReady(agentId) {
      sent.delete(agentId);
      work.ready.set(agentId, true);
      soon();
    },
    onProgress(agentId, payload) {
      if (allowed.waitMs(agentId) > 0 || work.progress.length >= mostProgress) return;
      const result = maybeResult(payload);
      if (result === undefined) return void noteRefused(agentId, "it sent a progress that cannot be read");
      work.progress.push({ agentId, result });
      soon();
    },
    onRefused: noteRefused,
  });

  function noteRefused(agentId: string, why: string): void {
    // The first of a flush; the server's log has them all.
    if (!work.refused.has(agentId)) work.refused.set(agentId, why);
    soon(flushMs);
  }

  const { store } = platform;
  const told = {
    task: (agentId: string) => {
      work.ready.set(agentId, work.ready.get(agentId) ?? false);
      soon();
    },
    wake: wakeSoon,
    revoked: (agentId: string) => broker.checkAgain(agentId),
  };
  const listen = (channel: string, tell: (agentId: string) => void) =>
    store.listen(channel, (agentId) => {
      // Without an id something was missed, and in SQLite each change by another process is told so.
      if (agentId !== undefined) return tell(agentId);
      work.isBehind = true;
      soon();
    });
  const channels = [
    listen(newTaskChannel, told.task),
    listen(wakeChannel, told.wake),
    listen(revokedChannel, told.revoked),
  ];

  /** What was not told. */
  async function catchUp(): Promise<void> {
    work.isBehind = false;
    const at = clock.now();
    const news = await store.transaction((tx) => agentNews(tx, new Date(lookedAt.getTime() - slackMs)), {
      readOnly: true,
    });
    lookedAt = at;
    for (const agentId of news.tasks) told.task(agentId);
    for (const agentId of news.configs) told.wake(agentId);
    for (const agentId of news.revoked) told.revoked(agentId);
  }

  function wakeSoon(agentId: string): void {
    if (wakes.has(agentId)) return;
    const timer = setTimeout(() => {
      wakes.delete(agentId);
      broker.send(agentId, "wake", noPayload);
    }, flushMs);
    wakes.set(agentId, timer);
  }

  return {
    broker,
    async [Symbol.asyncDispose]() {
      for (const stop of channels) stop();
      for (const timer of wakes.values()) clearTimeout(timer);
      await broker[Symbol.asyncDispose]();
      isStopped = true;
      clearTimeout(timer);
      await running;
      // Agents that have just been cut off.
      await keepWhatAgentsSay(platform, work).catch((error) => log("mqttFailed", { message: messageOf(error) }));
    },
  };
}

function hasWork({ presence, ready, refused, progress, isBehind }: Work): boolean {
  return isBehind || presence.size + ready.size + refused.size + progress.length > 0;
}

const mostOfOneTransaction = 500;

async function keepWhatAgentsSay(platform: Platform, work: Work): Promise<void> {
  const { clock } = platform;
  while (work.presence.size + work.refused.size + work.progress.length > 0) {
    const presence = takeSome(work.presence);
    const refused = takeSome(work.refused);
    const progress = work.progress.splice(0, mostOfOneTransaction);
    await platform.store.transaction(async (tx) => {
      const tenants = new Map<string, Tenant | undefined>();
      const tenantOf = async (agentId: string) => {
        if (!tenants.has(agentId)) {
          const customerId = await customerOfAgent(tx, agentId);
          tenants.set(agentId, customerId === undefined ? undefined : tx.tenant(customerId));
        }
        return tenants.get(agentId);
      };
      for (const [agentId, { isOnline, at }] of presence) {
        const tenant = await tenantOf(agentId);
        if (tenant !== undefined) await notePresence(tenant, { agentId, isOnline, at });
      }
      for (const [agentId, why] of refused) {
        const tenant = await tenantOf(agentId);
        if (tenant === undefined) continue;
        await appendAudit(tx, {
          at: clock.now(),
          customerId: tenant.customerId,
          actor: { kind: "agent", name: agentId },
          action: "mqttRefused",
          subject: agentId,
          detail: { why },
        });
      }
      for (const { agentId, result } of progress) {
        const tenant = await tenantOf(agentId);
        if (tenant !== undefined) await takeProgress(platform, { tenant, agentId }, result);
      }
    });
  }
}

function takeSome<Value>(map: Map<string, Value>): [string, Value][] {
  const taken = [...map].slice(0, mostOfOneTransaction);
  for (const [key] of taken) map.delete(key);
  return taken;
}

/** Checked like what comes by gRPC. */
function maybeResult(payload: Uint8Array): TaskResult | undefined {
  try {
    const result = TaskResult.decode(payload);
    return limitMessage("call", result) === undefined ? result : undefined;
  } catch {
    return undefined; // Not a TaskResult.
  }
}
