/** The server's side of a WebSocket (RFC 6455) that sends back each short text and binary message. */
import { createHash } from "node:crypto";

/** The value of Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2). */
export function acceptKey(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/**
 * What is to be sent for what arrived, and how many octets of it were whole frames. Messages of up to 64 KiB in one
 * frame; anything else is `undefined`: close the connection.
 */
export function echoFrames(octets: Uint8Array): { answer: Uint8Array; used: number; closed: boolean } | undefined {
  const answers: Uint8Array[] = [];
  let used = 0, closed = false;
  while (!closed && octets.length - used >= 2) {
    const opcode = octets[used]! & 0x0f, short = octets[used + 1]! & 0x7f;
    const isMasked = (octets[used + 1]! & 0x80) !== 0, isWhole = (octets[used]! & 0xf0) === 0x80;
    if (!isMasked || !isWhole || short === 127) return undefined;
    const headLength = short === 126 ? 4 : 2;
    if (octets.length - used < headLength) break;
    const length = short === 126 ? octets[used + 2]! << 8 | octets[used + 3]! : short;
    const end = used + headLength + 4 + length;
    if (octets.length < end) break;
    const mask = octets.subarray(used + headLength, used + headLength + 4);
    const content = octets.slice(used + headLength + 4, end).map((octet, i) => octet ^ mask[i & 3]!);
    if (opcode === opcodes.text || opcode === opcodes.binary) answers.push(frame(opcode, content));
    else if (opcode === opcodes.ping) answers.push(frame(opcodes.pong, content));
    else if (opcode === opcodes.close) answers.push(frame(opcodes.close, content));
    else if (opcode !== opcodes.pong) return undefined;
    closed = opcode === opcodes.close;
    used = end;
  }
  return { answer: joined(answers), used, closed };
}

function frame(opcode: number, content: Uint8Array): Uint8Array {
  const head = content.length < 126
    ? [0x80 | opcode, content.length]
    : [0x80 | opcode, 126, content.length >> 8, content.length & 0xff];
  return joined([Uint8Array.from(head), content]);
}

/** The parts one after another. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
