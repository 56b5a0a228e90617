/**
 * What the library checks and then keeps to itself: which report came back, and the engine's boots and time in it. The
 * library takes over the values of an authentic message by itself, but never asks again on its first signed request, asks
 * again after any report on later ones, and refuses for ever an engine whose time has gone back at the same boots, as
 * that of a device that does not store its boots.
 */
import type { NetSnmpMessage, NetSnmpSession, UsmFailure } from "./net_snmp.ts";

/** snmpEngineBoots that latches: an engine that has it answers nothing that is signed (RFC 3414 section 2.2.2). */
export const maxEngineBoots = 0x7fffffff;

/** Reports that are not of USM: SNMP-TARGET-MIB (RFC 3413 section 3.2) and SNMP-MPD-MIB (RFC 3412 section 7.2). */
const otherReports: readonly [oid: string, failure: UsmFailure][] = [
  ["1.3.6.1.6.3.12.1.4", "unavailableContext"],
  ["1.3.6.1.6.3.12.1.5", "unknownContext"],
];

export interface V3Watch {
  /** The failure of a refused request as the message that refused it says it. */
  maybeFailure(usm: UsmFailure | undefined): UsmFailure | undefined;
  /**
   * Takes over what the engine said last of its id, boots and time. False when asking again cannot help. An unauthenticated
   * message never replaces what an authentic one has said (RFC 3414 section 3.2 step 7).
   */
  synchronise(failure: UsmFailure): boolean;
}

/** Watches a v3 session; the library asks `isInTimeWindow` of each message whose digest is right or that has none. */
export function watchV3(session: NetSnmpSession): V3Watch {
  let heard: NetSnmpMessage | undefined;
  const isInTimeWindow = session.isInTimeWindow;
  session.isInTimeWindow = (message) => {
    heard = message;
    return isInTimeWindow.call(session, message);
  };
  // Else it would also ask again, by itself, what was refused for its password.
  const sendV3Req = session.sendV3Req;
  session.sendV3Req = (pdu, feed, respond, options, port) =>
    sendV3Req.call(session, pdu, feed, respond, options, port, false);
  return {
    maybeFailure(usm) {
      if (heard === undefined) return usm;
      const { msgSecurityParameters: { msgAuthoritativeEngineBoots: boots }, pdu } = heard;
      if (usm === "notInTimeWindow") return boots === maxEngineBoots ? "bootsAtMaximum" : usm;
      if (usm !== "otherReport") return usm;
      const oid = pdu?.varbinds[0]?.oid ?? "";
      return otherReports.find(([base]) => oid.startsWith(`${base}.`))?.[1] ?? usm;
    },
    synchronise(failure) {
      if (heard === undefined) return false;
      // Whoever has answered a signed request is another device than the one with this new id.
      if (failure === "unknownEngineId") return session.engineTimeBoots == null;
      if (failure !== "notInTimeWindow") return false;
      if (!heard.hasAuthentication()) return session.engineTimeBoots == null;
      const { msgAuthoritativeEngineBoots: boots, msgAuthoritativeEngineTime: time } = heard.msgSecurityParameters;
      session.engineTimeBoots = boots;
      session.engineTimeBase = time;
      session.latestReceivedEngineTime = time;
      session.engineTimeReceivedAt = performance.now();
      return true;
    },
  };
}
