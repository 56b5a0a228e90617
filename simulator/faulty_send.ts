/** The last step of an answer: what happens to the datagram on its way. */
import { type Fault, maybeFault } from "./faults.ts";
import { randomOctets } from "./random.ts";

export interface FaultySendOptions {
  faults: readonly Fault[];
  random: () => number;
  clock: { sleep(ms: number, signal: AbortSignal): Promise<void> };
  signal: AbortSignal;
  /** `astray`: from another address than the one that was asked. */
  send: (octets: Uint8Array, astray: boolean) => Promise<void>;
}

/** Sends an answer, damaged, late, from elsewhere or not at all. */
export async function sendWithFaults(answer: Uint8Array, options: FaultySendOptions): Promise<void> {
  const { faults, random, clock, signal, send } = options;
  if (faults.length === 0) return await send(answer, false);
  if (["silence", "loss", "drop-bulk"].some((kind) => faults.some((fault) => fault.kind === kind))) return;
  const delay = maybeFault(faults, "delay");
  if (delay) await clock.sleep(delay.ms ?? 400, signal);
  let octets = answer;
  if (maybeFault(faults, "garbage")) octets = randomOctets(random, 1 + Math.floor(random() * 200));
  if (maybeFault(faults, "truncate")) octets = octets.subarray(0, octets.length >> 1);
  await send(octets, maybeFault(faults, "wrong-address") !== undefined);
}

/** Another loopback address for answers from elsewhere; for IPv6, which has one only, another port must do. */
export function siblingAddress(address: string): string {
  if (address.includes(":")) return address;
  const octets = address.split(".").map(Number);
  octets[2] = octets[2]! ^ 0x80;
  return octets.join(".");
}
