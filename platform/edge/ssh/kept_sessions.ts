/** The sessions of a gateway, and what it does with them whatever its SSH server is. */
import { messageOf } from "../../../common/core/errors.ts";
import { type AdmittedSession, closeLostSessions, noteEnd, presentAmong } from "../../access/gateway_sessions.ts";
import { type Gateway, sayEveryMs, sayGone, sayHere } from "../../access/gateways.ts";
import type { Acceptor } from "../connections/accept_connections.ts";
import { createTunnels, type OwnTunnels, type Tunnels } from "../../access/tunnels.ts";
import type { Platform } from "../../agents/platform.ts";

export interface KeptSessions {
  platform: Platform;
  gatewayId: string;
  tunnels: OwnTunnels;
  sessions: Map<string, AdmittedSession>;
  /** Ends of sessions that are being stored. */
  ending: Set<Promise<void>>;
}

export interface CarriedBytes {
  toDevice: number;
  fromDevice: number;
}

const lostEveryMs = 60_000;

export function keptSessions(platform: Platform, gatewayId: string): KeptSessions {
  return { platform, gatewayId, tunnels: createTunnels(), sessions: new Map(), ending: new Set() };
}

export interface SshGateway extends AsyncDisposable {
  port: number;
  gatewayId: string;
  tunnels: Tunnels;
}

/** A gateway whose listener runs: stops the listener again if the gateway cannot be registered. */
export async function runGateway(
  sessions: KeptSessions,
  { acceptor, gateway, lookMs, stopping = () => Promise.resolve() }: {
    acceptor: Acceptor;
    gateway: Gateway;
    /** How often to check whether sessions were closed. */
    lookMs?: number | undefined;
    /** Ends what could still begin a session. */
    stopping?: () => Promise<void>;
  },
): Promise<SshGateway> {
  let stopLooking: () => void;
  try {
    stopLooking = await keepLooking(sessions, { gateway, lookMs });
  } catch (error) {
    acceptor.stop();
    throw error;
  }
  return {
    port: acceptor.port,
    gatewayId: gateway.gatewayId,
    tunnels: sessions.tunnels,
    async [Symbol.asyncDispose]() {
      stopLooking();
      acceptor.stop();
      await stopping();
      await endAll(sessions, () => acceptor.cutOff());
    },
  };
}

/** Registers the gateway, now and regularly, and ends closed sessions. Returns a function that stops it. */
async function keepLooking(
  { platform, tunnels, sessions }: KeptSessions,
  { gateway, lookMs = 1000 }: { gateway: Gateway; lookMs?: number | undefined },
): Promise<() => void> {
  const say = () => platform.store.transaction((tx) => sayHere(tx, { gateway, at: platform.clock.now() }));
  await say();
  let isLooking = false;
  async function look(): Promise<void> {
    if (isLooking || sessions.size === 0) return;
    isLooking = true;
    await trying(platform, async () => {
      for (const { sessionId, endsAt, closed } of await presentAmong(platform, [...sessions.values()])) {
        const session = sessions.get(sessionId);
        if (session !== undefined) session.endsAt = endsAt;
        if (closed !== undefined) tunnels.of(sessionId)?.close(closed);
      }
    });
    // Also while the store is busy.
    const now = platform.clock.now();
    for (const { sessionId, endsAt } of sessions.values()) {
      if (endsAt <= now) tunnels.of(sessionId)?.close("its time was over");
    }
    isLooking = false;
  }
  const timers = [
    setInterval(() => void look(), lookMs),
    setInterval(() => void trying(platform, say), sayEveryMs),
    setInterval(() => void trying(platform, () => closeLostSessions(platform)), lostEveryMs),
  ];
  void trying(platform, () => closeLostSessions(platform));
  return () => timers.forEach(clearInterval);
}

/** If the store is busy, the work is tried again in the next round. */
async function trying(platform: Platform, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    platform.log("storeBusy", { message: messageOf(error) });
  }
}

export function noteEnded(
  session: AdmittedSession,
  { bytes, reason }: { bytes: CarriedBytes; reason: string },
  { platform, ending }: KeptSessions,
): void {
  const { sessionId, agentId } = session;
  platform.log("accessEnded", { session: sessionId, agent: agentId, reason, ...bytes });
  const noted = trying(platform, () => noteEnd(platform, session, { reason, ...bytes }));
  ending.add(noted);
  void noted.then(() => ending.delete(noted));
}

/** When the gateway stops. */
async function endAll(
  { platform, gatewayId, tunnels, ending }: KeptSessions,
  cutOff: () => void,
): Promise<void> {
  const all = tunnels.all();
  for (const tunnel of all) tunnel.close("the gateway stopped");
  await Promise.all(all.map(({ closed }) => closed));
  cutOff();
  await Promise.all(ending);
  await trying(platform, () => platform.store.transaction((tx) => sayGone(tx, gatewayId)));
}
