/** Checks an order of the platform against the administrator's limits, as far as possible without the network. Pure. */
import type { OpenWebAccess } from "../../proto/gen/opendca/v1/task.ts";
import { RefusalReason, WebAccessScheme } from "../../proto/gen/opendca/v1/task.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import type { AgentConfig, Endpoint } from "../config/agent_config.ts";
import { sendWindowAt } from "../config/allowed_hours.ts";
import { isUnderRootDomain } from "../config/endpoint.ts";
import type { KnownDevice } from "../store/inventory.ts";
import { policyRefusal, TaskRefusal } from "../tasks/task_refusal.ts";

/** Upper limit, independent of order and configuration. */
const longestSessionMs = 30 * 60_000;
/** Ports where a printer prints any received data. */
const printingPorts = [9100, 631];

/** The limits of a session, which do not change later. */
export interface AllowedOrder {
  place: { address: string; port: number };
  gateways: Endpoint[];
  needsApproval: boolean;
  /** Bytes as they are: what is sent may be printed. */
  isRaw: boolean;
  /** Milliseconds from now. */
  lastsMs: number;
  /** Why it ends then. */
  lastsBecause: string;
  idleMs: number;
  maxBytes: number;
}

export interface OrderContext {
  config: AgentConfig;
  /** The device of the order's key, if the inventory has it. */
  device: KnownDevice | undefined;
  /** Whether the scanner may ask the device at its place: see `SiteIdentity.isInRange`. */
  isInRange(device: KnownDevice): Promise<boolean>;
  /** By the platform's clock. */
  now: Date;
}

/** Throws `TaskRefusal` if the order is not allowed. */
export async function checkOrder(order: OpenWebAccess, context: OrderContext): Promise<AllowedOrder> {
  const { config, device, now } = context, { policy } = config;
  if (
    !/^[a-z0-9-]{4,64}$/.test(order.sessionId) || order.hostKey.length === 0 || order.endsAt === undefined ||
    order.forwardPort > 65_535
  ) {
    throw new TaskRefusal(RefusalReason.MALFORMED, "Cannot open a session as the order is incomplete");
  }
  if (device === undefined) throw policyRefusal("the device is not in this agent's inventory");
  if (device.place === null) throw policyRefusal("another device answers where the device was last");
  const { address } = device.place;
  if (order.address !== "" && order.address !== address) {
    throw policyRefusal(`the device is not at ${order.address}: current value is ${address}`);
  }
  if (!await context.isInRange(device)) throw policyRefusal(`${address} is outside the configured ranges`);
  checkPort(order, config);
  const window = hoursOf(device, { config, now });
  const gateways = order.gateways.filter(({ host, port }) =>
    isUnderRootDomain(host, config.platform.rootDomain) && policy.ports.sshGateway.includes(port)
  );
  if (gateways.length === 0) {
    const named = order.gateways.map(({ host, port }) => formatEndpoint(host, port)).join(", ");
    throw policyRefusal(
      `the gateway is outside platform.rootDomain or policy.ports.sshGateway: current value is "${named}"`,
    );
  }
  const ends: [ms: number, why: string][] = [
    [Math.min(longestSessionMs, policy.webAccess.maxDurationMs), "its time was over"],
    [order.endsAt.getTime() - now.getTime(), "its time was over"],
    [window, "the allowed hours ended"],
  ];
  const [lastsMs, lastsBecause] = ends.sort(([a], [b]) => a - b)[0]!;
  if (!(lastsMs > 0)) throw new TaskRefusal(RefusalReason.EXPIRED, "Cannot open a session as its time is over");
  const isRaw = printingPorts.includes(order.port) || order.scheme === WebAccessScheme.RAW;
  return {
    place: device.place,
    gateways: gateways.map(({ host, port }) => ({ host, port })),
    needsApproval: policy.webAccess.approval || isRaw,
    isRaw,
    lastsMs,
    lastsBecause,
    idleMs: least(policy.webAccess.idleTimeoutMs, order.idleSeconds * 1000),
    maxBytes: least(policy.webAccess.maxBytes, Number(order.maxBytes)),
  };
}

function checkPort({ port, scheme }: OpenWebAccess, { policy }: AgentConfig): void {
  if (!policy.ports.webAccess.includes(port)) throw policyRefusal(`policy.ports.webAccess does not have port ${port}`);
  if (printingPorts.includes(port) && scheme !== WebAccessScheme.RAW) {
    throw policyRefusal(`port ${port} prints what it gets, and the order does not ask for it as such`);
  }
}

/** Milliseconds until the end of the hours in which the device may be contacted and sessions may be open. */
function hoursOf(device: KnownDevice, { config, now }: { config: AgentConfig; now: Date }): number {
  const site = config.sites.find(({ name }) => name === device.site);
  if (site === undefined) throw policyRefusal(`the site "${device.site}" is no longer configured`);
  const own = [...site.schedule.allowedHours, ...config.policy.webAccess.allowedHours];
  const window = sendWindowAt(own, now.getTime());
  if (window === undefined) throw policyRefusal("the allowed hours do not include this time");
  return window.untilMs - now.getTime();
}

/** The lower limit, where zero means none. */
function least(own: number, theirs: number): number {
  return theirs > 0 ? Math.min(own, theirs) : own;
}
