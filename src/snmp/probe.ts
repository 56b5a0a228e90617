/**
 * The sweep's probes as byte templates: only the four octets of the request-id (or msgID) change from one address to
 * the next, so a probe needs no encoding. The id always has four octets and is positive, as strict agents require
 * minimal encoding.
 */
import { encodeCommunityMessage, encodeScopedPdu, encodeV3Message, MsgFlag, PduType } from "./message.ts";
import { putId } from "./request_template.ts";
import { Tag } from "./value.ts";

export const sysDescr = "1.3.6.1.2.1.1.1.0";
export const sysObjectId = "1.3.6.1.2.1.1.2.0";

/** Smallest and largest id that `probeFor` writes. */
export const minProbeId = 0x01000000;
export const maxProbeId = 0x7effffff;

export interface ProbeTemplate {
  bytes: Uint8Array;
  idOffset: number;
}

const marker = 0x5a5b5c5d;

/** GET of sysDescr.0 and sysObjectID.0 with a community; version 0 is SNMPv1, 1 is v2c. */
export function communityProbe(version: 0 | 1, community: string): ProbeTemplate {
  const bytes = encodeCommunityMessage({
    version,
    community: new TextEncoder().encode(community),
    pdu: {
      type: PduType.get,
      requestId: marker,
      errorStatus: 0,
      errorIndex: 0,
      varbinds: [{ oid: sysDescr, tag: Tag.null, value: null }, { oid: sysObjectId, tag: Tag.null, value: null }],
    },
  });
  return { bytes, idOffset: findMarker(bytes) };
}

/** Engine discovery without credentials (RFC 3414 section 4): an agent answers with a Report that names its engine. */
export function discoveryProbe(): ProbeTemplate {
  const empty = new Uint8Array();
  const scoped = encodeScopedPdu({
    contextEngineId: empty,
    contextName: empty,
    pdu: { type: PduType.get, requestId: 1, errorStatus: 0, errorIndex: 0, varbinds: [] },
  });
  const { packet } = encodeV3Message({
    msgId: marker,
    msgMaxSize: 65507,
    msgFlags: MsgFlag.reportable,
    securityModel: 3,
    engineId: empty,
    engineBoots: 0,
    engineTime: 0,
    userName: empty,
    authParameters: empty,
    privParameters: empty,
  }, scoped);
  return { bytes: packet, idOffset: findMarker(packet) };
}

/** The probe for one address; a fresh copy. */
export function probeFor(template: ProbeTemplate, id: number): Uint8Array {
  const bytes = template.bytes.slice();
  putId(bytes, template.idOffset, id);
  return bytes;
}

/** Provides a buffer for each probe of a burst; buffers are reused for the next burst. */
export interface ProbeBuffers {
  probeFor(template: ProbeTemplate, id: number): Uint8Array;
  /** The burst has been sent; with false its buffers are still in use, and new ones are allocated. */
  next(mayReuse: boolean): void;
}

export function createProbeBuffers(): ProbeBuffers {
  let kept = new Map<ProbeTemplate, { buffers: Uint8Array[]; used: number }>();
  return {
    probeFor(template, id) {
      let own = kept.get(template);
      if (own === undefined) kept.set(template, own = { buffers: [], used: 0 });
      const bytes = own.buffers[own.used++] ?? copyOf(template.bytes);
      own.buffers[own.used - 1] = bytes;
      putId(bytes, template.idOffset, id);
      return bytes;
    },
    next(mayReuse) {
      if (!mayReuse) kept = new Map();
      for (const own of kept.values()) own.used = 0;
    },
  };
}

/** A copy with memory outside the heap, where a send needs it; otherwise each send would move it there. */
function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function findMarker(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i + 4 <= bytes.length; i++) {
    if (view.getUint32(i) === marker) return i;
  }
  throw new RangeError("Cannot find the id in a probe template");
}
