/**
 * The first octets of each connection through a port of the gateway's loopback, which any program of that machine could
 * open or connect to. Platform: one octet for the kind, 16 random ones, and their HMAC. Agent: an HMAC of all these. The
 * key is derived from the session's private key, so that only the platform and the agent of the session have it.
 */
import { Buffer } from "node:buffer";
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** `session`: kept open for as long as the session is; `device`: connected to the device. */
export type ForwardKind = "session" | "device";

const octets: Record<ForwardKind, number> = { session: 1, device: 2 };
const headBytes = 17;
export const helloBytes = headBytes + 32;
export const answerBytes = 32;

export function forwardKeyOf(privateKey: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(`opendca forward\n${privateKey}`).digest());
}

export function createHello(kind: ForwardKind, key: Uint8Array): Buffer {
  const head = Buffer.concat([Buffer.of(octets[kind]), randomBytes(headBytes - 1)]);
  return Buffer.concat([head, mac("platform", head, key)]);
}

/** Undefined if it is not by the platform. */
export function maybeHelloKind(hello: Uint8Array, key: Uint8Array): ForwardKind | undefined {
  const head = hello.subarray(0, headBytes);
  if (!isEqual(hello.subarray(headBytes), mac("platform", head, key))) return undefined;
  return (Object.keys(octets) as ForwardKind[]).find((kind) => octets[kind] === head[0]);
}

export function createAnswer(hello: Uint8Array, key: Uint8Array): Buffer {
  return mac("agent", hello, key);
}

export function isAnswer(answer: Uint8Array, { hello, key }: { hello: Uint8Array; key: Uint8Array }): boolean {
  return isEqual(answer, mac("agent", hello, key));
}

function mac(side: "platform" | "agent", data: Uint8Array, key: Uint8Array): Buffer {
  return createHmac("sha256", key).update(side).update(data).digest();
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
