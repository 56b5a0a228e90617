import { BerSyntaxError } from "../snmp/ber.ts";
import type { DatagramHub } from "../snmp/datagram_hub.ts";
import { decodeMessage, PduType, type SnmpMessage } from "../snmp/message.ts";
import { discoveryProbe, maxProbeId, minProbeId, probeFor } from "../snmp/probe.ts";

export interface DiscoverOptions {
  timeoutMs: number;
  /** Further tries after the first. */
  retries: number;
}

/** The hexadecimal id of the SNMPv3 engine there (RFC 3414 section 4), or null for silence. Rejects when refused to send. */
export async function discoverEngine(
  hub: DatagramHub,
  target: { address: string; port: number },
  { timeoutMs, retries }: DiscoverOptions,
): Promise<string | null> {
  const template = discoveryProbe();
  const ids = new Set<number>();
  const found = Promise.withResolvers<string | null>();
  const stop = hub.listenTo(target.address, target.port, (bytes) => {
    const message = maybeMessage(bytes);
    if (message?.version !== 3 || !ids.has(message.msgId) || message.engineId.length === 0) return false;
    if (message.scopedPdu?.pdu.type !== PduType.report) return false;
    found.resolve(message.engineId.toHex());
    return true;
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    for (let attempt = 0; attempt <= retries; attempt++) {
      const id = minProbeId + crypto.getRandomValues(new Uint32Array(1))[0]! % (maxProbeId - minProbeId);
      ids.add(id);
      await hub.send(probeFor(template, id), target.address, target.port);
      const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), timeoutMs));
      const engineId = await Promise.race([found.promise, late]);
      clearTimeout(timer);
      if (engineId !== undefined) return engineId;
    }
    return null;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

function maybeMessage(bytes: Uint8Array): SnmpMessage | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (error instanceof BerSyntaxError) return undefined;
    throw error;
  }
}
