/**
 * Connects the store and an MQTT broker: an agent that connects gets its open tasks, a connected one gets a new task at
 * once, and reports of agents are stored. Anything that is lost here is delivered with the next poll.
 */
import { messageOf } from "../../../common/core/errors.ts";
import { revokedChannel, wakeChannel } from "../../store/channels.ts";
import type { Platform } from "../../agents/platform.ts";
import { agentNews, newTaskChannel } from "../../tasks/tasks.ts";
import type { Authority } from "../../keys/authority.ts";
import type { GateLimits } from "../connections/connection_gate.ts";
import type { AgentListenerOptions, ListenAt } from "./agent_listener.ts";
import { createAgentReports } from "./agent_reports.ts";
import { connectExternalBroker, type ExternalOptions } from "./external_broker.ts";
import { startEmbeddedBroker } from "./embedded_broker.ts";
import { listenForRabbitmq } from "./rabbitmq_access.ts";
import { keepAccessList, keepRevocationList } from "./broker_files.ts";
import { createTaskPusher } from "./push_tasks.ts";
import type { BrokerEvents, TaskBroker } from "./task_broker.ts";
import { createWorkLoop } from "./work_loop.ts";

export interface MqttOptions {
  /** Addresses to listen on for MQTT over TLS, and in WebSockets over TLS. */
  tls?: ListenAt | undefined;
  wss?: ListenAt | undefined;
  /** An external broker instead of the platform's own. */
  external?: ExternalOptions | undefined;
  /** Address to listen on for RabbitMQ's questions about access. */
  access?: ListenAt | undefined;
  connections?: Partial<GateLimits> | undefined;
  /** Milliseconds between checks of connected agents; default: 60,000. */
  checkEveryMs?: number | undefined;
  /** Milliseconds after which a task that an agent may have lost is sent again; default: 5,000. */
  againMs?: number | undefined;
}

export interface MqttPorts {
  /** Null if it does not listen. */
  tls: number | null;
  wss: number | null;
  /** Undefined if RabbitMQ has nothing to ask. */
  access?: number;
}

/** Options of `serve`; without them, there is no MQTT. */
export interface MqttServeOptions {
  mqtt?: MqttOptions | undefined;
}

/** Throws UnavailableError if a port is in use. */
export async function serveMqtt(
  platform: Platform,
  options: MqttOptions & Pick<AgentListenerOptions, "proxies" | "certificate"> & { authority: Authority },
): Promise<AsyncDisposable & { ports: MqttPorts }> {
  const { external, access, authority } = options;
  if (external !== undefined) {
    await using built = new AsyncDisposableStack();
    if (external.crl !== undefined) built.use(await keepRevocationList(platform, external.crl));
    if (external.acl !== undefined) built.use(await keepAccessList(platform, external.acl));
    const answers = access === undefined ? undefined : built.use(await listenForRabbitmq(platform, access));
    const mqtt = await startMqtt(
      platform,
      (events) => connectExternalBroker(platform, events, { ...external, authority }),
      options,
    );
    built.use(mqtt);
    const all = built.move();
    return {
      ports: { tls: null, wss: null, ...(answers === undefined ? {} : { access: answers.port }) },
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    };
  }
  const mqtt = await startMqtt(platform, (events) => startEmbeddedBroker(platform, events, options), options);
  return { ...mqtt, ports: mqtt.broker.ports };
}

/** Wake-ups of one agent within this time are combined. */
const wakeMs = 200;
/** Tolerance for the clocks of two processes, and for the duration of a transaction. */
const slackMs = 5000;
const noPayload = new Uint8Array();

/** `open` connects or starts to listen; it gets the event handlers. */
export async function startMqtt<Broker extends TaskBroker>(
  platform: Platform,
  open: (events: BrokerEvents) => Promise<Broker>,
  { againMs }: Pick<MqttOptions, "againMs"> = {},
): Promise<AsyncDisposable & { broker: Broker }> {
  const { clock, log } = platform;
  /** Events may arrive before the broker is set. */
  const opened: { broker?: Broker } = {};
  const soon = (waitMs?: number) => opened.broker === undefined ? undefined : loop.soon(waitMs);
  const reports = createAgentReports(platform, { broker: () => opened.broker, soon });
  const pusher = createTaskPusher({ ...platform, broker: () => opened.broker!, soon, againMs });
  const wakes = createWakes((agentId) => void opened.broker?.send(agentId, "wake", noPayload));
  const missed = createMissed(platform, {
    task: (agentId) => pusher.add(agentId, false),
    wake: wakes.add,
    revoked: (agentId) => opened.broker?.checkAgain(agentId),
  }, soon);
  const loop = createWorkLoop({
    steps: [missed.catchUp, pusher.run, reports.run],
    hasWork: () => missed.hasWork() || pusher.hasWork() || reports.hasWork(),
    failed: (error) => log("mqttFailed", { message: messageOf(error) }),
  });
  const broker = opened.broker = await open({
    onPresence(agentId, isOnline) {
      reports.presence(agentId, { isOnline, at: clock.now() });
    },
    onReady: (agentId) => pusher.add(agentId, true),
    onUp: pusher.addUnsent,
    onProgress: reports.progress,
    onRefused: reports.refused,
  });
  // Handles what arrived while it was being opened.
  soon();
  return {
    broker,
    async [Symbol.asyncDispose]() {
      missed.stop();
      wakes.stop();
      pusher.stop();
      reports.stop();
      await broker[Symbol.asyncDispose]();
      await pusher.settled();
      // Includes agents that were just disconnected, and unsent tasks.
      await loop.stop();
    },
  };
}

function createWakes(send: (agentId: string) => void) {
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  return {
    add(agentId: string): void {
      if (timers.has(agentId)) return;
      const timer = setTimeout(() => {
        timers.delete(agentId);
        send(agentId);
      }, wakeMs);
      timers.set(agentId, timer);
    },
    stop(): void {
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}

/** Handles notifications of the store about agents, and finds missed ones. */
function createMissed(
  { store, clock }: Platform,
  tell: Record<"task" | "wake" | "revoked", (agentId: string) => void>,
  soon: () => void,
) {
  /** Notifications were missed: the affected agents are unknown. */
  let isBehind = false;
  /** Changes up to this time were notified or found. */
  let lookedAt = clock.now();
  const listen = (channel: string, told: (agentId: string) => void) =>
    store.listen(channel, (agentId) => {
      // Without an id notifications were missed; with SQLite, each change by another process is notified like this.
      if (agentId !== undefined) return told(agentId);
      isBehind = true;
      soon();
    });
  const channels = [
    listen(newTaskChannel, tell.task),
    listen(wakeChannel, tell.wake),
    listen(revokedChannel, tell.revoked),
  ];
  return {
    hasWork: () => isBehind,
    async catchUp(): Promise<void> {
      if (!isBehind) return;
      isBehind = false;
      const at = clock.now();
      try {
        const since = new Date(lookedAt.getTime() - slackMs);
        const news = await store.transaction((tx) => agentNews(tx, since), { readOnly: true });
        lookedAt = at;
        news.tasks.forEach(tell.task);
        news.configs.forEach(tell.wake);
        news.revoked.forEach(tell.revoked);
      } catch (error) {
        isBehind = true;
        throw error;
      }
    },
    stop: () => channels.forEach((stop) => stop()),
  };
}
