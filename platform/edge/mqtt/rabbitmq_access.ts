/**
 * Answers RabbitMQ's questions (`rabbitmq_auth_backend_http`) about what a name in a certificate may do: POST with form
 * fields to /user, /vhost, /resource and /topic, answered by `allow` or `deny`. Topics are routing keys here, with dots for
 * slashes and `*` for `+`; the queues of a session are named after its client id.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { messageOf } from "../../../common/core/errors.ts";
import { agentReads, agentWrites, parseMqttTopic } from "../../../common/protocol/mqtt.ts";
import { customerOfAgent } from "../../agents/presence.ts";
import type { Platform } from "../../agents/platform.ts";
import { acceptConnections, descriptorLimit, passTo } from "../connections/accept_connections.ts";
import { ConnectionGate, gateLimitsFor } from "../connections/connection_gate.ts";
import type { ListenAt } from "./agent_listener.ts";
import { platformUser } from "./external_broker.ts";

export interface RabbitmqAccess extends AsyncDisposable {
  port: number;
}

const mostBytes = 8192;
/** Nodes of the broker keep their connections. */
const gateLimits = { mostConnections: 1000, anonymousOfSource: 500, withoutCallMs: Infinity, anonymousMs: Infinity };

/** Throws UnavailableError if the port is in use. */
export async function listenForRabbitmq(platform: Platform, { host, port }: ListenAt): Promise<RabbitmqAccess> {
  const server = createServer((request, response) => void answer(platform, request, response));
  server.on("clientError", (_, socket) => socket.destroy());
  const acceptor = await acceptConnections({
    option: "--mqtt-access-listen",
    host,
    port,
    gate: new ConnectionGate(gateLimitsFor(descriptorLimit(), gateLimits), () => performance.now()),
    take: passTo(server),
    log: platform.log,
  });
  return {
    port: acceptor.port,
    [Symbol.asyncDispose]() {
      acceptor.stop();
      acceptor.cutOff();
      return Promise.resolve();
    },
  };
}

async function answer(platform: Platform, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let isAllowed = false, status = 200;
  try {
    const fields = new URLSearchParams(await textOf(request));
    const name = fields.get("username") ?? "";
    isAllowed = mayDo((request.url ?? "").replace(/^\//, ""), fields) &&
      (name === platformUser || await isActive(platform, name));
  } catch (error) {
    // RabbitMQ refuses then as well.
    status = 503;
    platform.log("mqttFailed", { message: messageOf(error) });
  }
  response.writeHead(status, { "content-type": "text/plain" });
  response.end(isAllowed ? "allow" : "deny");
}

async function isActive({ store }: Platform, agentId: string): Promise<boolean> {
  return await store.transaction((tx) => customerOfAgent(tx, agentId), { readOnly: true }) !== undefined;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of request.setEncoding("latin1")) {
    text += part;
    if (text.length > mostBytes) throw new Error("The question is too long");
  }
  return text;
}

/** Whether it is allowed to a name that is the platform's, or that of an active agent. What is not known is not. */
export function mayDo(question: string, fields: URLSearchParams): boolean {
  const field = (name: string) => fields.get(name) ?? "";
  const name = field("username"), isPlatform = name === platformUser;
  if (!isPlatform && !/^[0-9A-Za-z-]{1,64}$/.test(name)) return false;
  // So that an agent cannot end another's session; the platform ends those of revoked agents.
  const isOwn = (clientId: string) => isPlatform ? clientId !== "" : clientId === name;
  switch (question) {
    case "user":
      // A client that sends a name and a password is signed in by them, and not by its certificate.
      return !fields.has("password");
    case "vhost":
      return isOwn(field("client_id"));
    case "resource":
      if (field("resource") === "exchange") return field("name") === "amq.topic" && field("permission") !== "configure";
      return field("resource") === "queue" && isOwn(/^mqtt-subscription-(.+)qos[01]$/.exec(field("name"))?.[1] ?? "");
    case "topic":
      return field("name") === "amq.topic" && ownsTopic(name, field("routing_key"), field("permission"));
    default:
      return false;
  }
}

function ownsTopic(name: string, routingKey: string, permission: string): boolean {
  if ((permission !== "read" && permission !== "write") || routingKey.includes("/")) return false;
  // The platform reads what agents write, of all agents only, and writes what they read.
  const isPlatform = name === platformUser;
  const kinds = (permission === "read") === isPlatform ? agentWrites : agentReads;
  if (isPlatform && permission === "read") return kinds.some((kind) => routingKey === `opendca.v1.a.*.${kind}`);
  const topic = parseMqttTopic(routingKey.replaceAll(".", "/"));
  return topic !== undefined && kinds.includes(topic.kind) && (isPlatform || topic.agentId === name);
}
