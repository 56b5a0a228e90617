/**
 * The header of the PROXY protocol (HAProxy's doc/proxy-protocol.txt), in which a balancer sends the source of a
 * connection. npm:proxy-protocol-js needs the whole header and does not distinguish an incomplete one from an invalid
 * one; the header arrives in pieces of any size, from a network that may be hostile.
 */
import { formatIpv4, formatIpv6, tryParseIp, tryParseIpv4 } from "../../../common/core/ip.ts";

export type ProxyHeader =
  /** More bytes are needed. */
  | "incomplete"
  | { invalid: string }
  /** Length of the header in bytes; without a peer, it is the proxy's own connection, as for a health check. */
  | { bytes: number; peer: string | undefined };

/** Section 2.1: the longest possible line has 107 bytes. */
const mostOfText = 107;
/** Section 2.2 allows 64 KiB; extensions such as names and identifiers take some hundreds of bytes. */
export const mostHeaderBytes = 4096;

const signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const textStart = [..."PROXY "].map((letter) => letter.charCodeAt(0));

const families: Record<string, (text: string) => boolean> = {
  TCP4: (text) => tryParseIpv4(text) !== undefined,
  TCP6: (text) => text.includes(":") && tryParseIp(text) !== undefined,
};

/** Parses the first bytes of a connection. */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  const begins = (with_: number[]) => bytes.subarray(0, with_.length).every((byte, i) => byte === with_[i]);
  if (begins(signature)) return bytes.length < 16 ? "incomplete" : parseBinary(bytes);
  if (begins(textStart)) return bytes.length < textStart.length ? "incomplete" : parseText(bytes);
  return { invalid: "it does not begin with a PROXY header" };
}

function parseText(bytes: Uint8Array): ProxyHeader {
  const text = String.fromCharCode(...bytes.subarray(0, mostOfText));
  const end = text.indexOf("\r\n");
  if (end < 0) {
    return bytes.length < mostOfText ? "incomplete" : { invalid: "the line of its PROXY header is too long" };
  }
  const line = text.slice(0, end), length = end + 2;
  if (/^PROXY UNKNOWN( |$)/.test(line)) return { bytes: length, peer: undefined };
  const [, family = "", source = "", target = "", ...ports] = line.split(" ");
  const isAddress = families[family] ?? (() => false);
  const arePorts = ports.length === 2 &&
    ports.every((port) => /^(0|[1-9]\d{0,4})$/.test(port) && Number(port) < 65_536);
  if (!isAddress(source) || !isAddress(target) || !arePorts) return { invalid: "its PROXY header is invalid" };
  return { bytes: length, peer: `${source}:${ports[0]}` };
}

function parseBinary(bytes: Uint8Array): ProxyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[12]! >> 4, command = bytes[12]! & 15, kind = bytes[13]!;
  const length = 16 + view.getUint16(14);
  if (version !== 2 || command > 1) return { invalid: "its PROXY header is of a version or command that is not known" };
  if (length > mostHeaderBytes) return { invalid: `its PROXY header has ${length} bytes, at most ${mostHeaderBytes}` };
  if (bytes.length < length) return "incomplete";
  // LOCAL, or a connection of a kind that the proxy does not know.
  if (command === 0 || kind === 0) return { bytes: length, peer: undefined };
  if (kind === 0x11 && length >= 16 + 12) {
    return { bytes: length, peer: `${formatIpv4(view.getUint32(16))}:${view.getUint16(24)}` };
  }
  if (kind === 0x21 && length >= 16 + 36) {
    const address = view.getBigUint64(16) << 64n | view.getBigUint64(24);
    return { bytes: length, peer: `${formatIpv6(address)}:${view.getUint16(48)}` };
  }
  return { invalid: "its PROXY header is not of TCP over IPv4 or IPv6" };
}
