/** Which of the configured credentials opens a device that has answered the sweep. */
import type { Credential } from "../credentials/credential.ts";
import type { Problem } from "../printers/reading.ts";
import type { DatagramHub } from "../snmp/datagram_hub.ts";
import { sysDescr, sysObjectId } from "../snmp/probe.ts";
import { readObjects } from "../snmp/read_objects.ts";
import { openSession, SnmpError } from "../snmp/session.ts";
import type { SnmpSession } from "../snmp/session.ts";
import { usmReasons } from "../snmp/usm_reasons.ts";
import type { Varbind } from "../snmp/value.ts";
import type { Target } from "../targets/address_space.ts";
import type { ReadSlot } from "./read_limiter.ts";
import { createAnswerWait } from "./round_trip.ts";
import type { RoundTrip } from "./round_trip.ts";
import type { Found } from "./sweep_shard.ts";

export interface NegotiateOptions {
  hub: DatagramHub;
  credentials: readonly Credential[];
  /** Of all devices of the worker; learns from this one as well. */
  roundTrip: RoundTrip;
  /** How long a request may wait for its answer while nothing is known of the device. */
  timeoutMs: number;
  retries: number;
  /** Told when the device keeps us waiting and when it answers again. */
  slot: ReadSlot;
  pace: () => Promise<void> | undefined;
}

/**
 * A lost packet must not cost half a reading: what a device that has answered before is asked, it is asked so many times
 * again. At 15 % loss each way, one question in 30,000 stays unanswered.
 */
const readRetries = 7;
/** Shortest wait for an answer; a printer looks up some objects faster than others. */
const floorMs = 250;
/** Longest wait for one answer, however slow the others were. */
const maxWaitMs = 8_000;

export type Opened = { session: SnmpSession; varbinds: Varbind[] } | { problems: Problem[] };

/** Tries the credentials in their order; a wrong one only costs its own time. */
export async function negotiate(
  found: Found,
  options: NegotiateOptions,
  expired: () => boolean,
  onOpen: (session: SnmpSession) => void,
): Promise<Opened> {
  const { target } = found;
  const failures: string[] = [];
  const wait = createAnswerWait({
    floorMs: Math.min(floorMs, options.timeoutMs),
    firstMs: Math.max(options.roundTrip.timeoutMs(), found.heard?.afterMs ?? 0),
    patientMs: options.timeoutMs,
    maxMs: Math.max(maxWaitMs, options.timeoutMs),
  });
  if (found.heard?.certain === true) wait.observe(found.heard.afterMs);
  for (const candidate of candidatesFor(found, options.credentials)) {
    if (expired()) break;
    const session = openSession(options.hub, target, candidate.credential, {
      timeoutMs: wait.waitMs,
      retries: candidate.retries === undefined ? Math.max(readRetries, options.retries) : candidate.retries,
      pace: options.pace,
      onRetransmit: options.slot.stall,
      onAnswer(ms) {
        options.slot.move();
        if (ms === undefined) return;
        wait.observe(ms);
        options.roundTrip.observe(ms);
      },
      ...(candidate.version === undefined ? {} : { version: candidate.version }),
    });
    onOpen(session);
    if (candidate.proven) return { session, varbinds: found.varbinds };
    try {
      return { session, varbinds: (await readObjects(session, [sysDescr, sysObjectId])).varbinds };
    } catch (error) {
      session.close();
      if (!(error instanceof SnmpError)) throw error;
      failures.push(`${candidate.credential.name}: ${whyRefused(error, session, candidate.credential)}`);
    }
  }
  return { problems: [noCredentialProblem(target, found, failures)] };
}

/** Agents answer a wrong privacy key or protocol with silence, so silence after the engine was discovered has a reason. */
function whyRefused(error: SnmpError, session: SnmpSession, credential: Credential): string {
  if (error.detail.usm !== undefined) return usmReasons[error.detail.usm];
  const discovered = credential.kind === "usm" && credential.priv !== null && session.engineId() !== null;
  if (error.failure === "timeout" && discovered) return "silent, so the privacy key or protocol is probably wrong";
  return error.failure;
}

interface Candidate {
  credential: Credential;
  version?: "1" | "2c";
  retries?: number;
  /** The sweep has its answer already. */
  proven: boolean;
}

/** Credentials in order, without the communities that the sweep has tried and the device did not answer. */
function candidatesFor(found: Found, credentials: readonly Credential[]): Candidate[] {
  const candidates: Candidate[] = [];
  for (const credential of credentials) {
    if (credential.kind === "usm") {
      candidates.push({ credential, proven: false });
    } else if (found.community === undefined) {
      for (const version of credential.versions) candidates.push({ credential, version, retries: 0, proven: false });
    } else if (found.community.name === credential.community.reveal()) {
      const { version } = found.community;
      // The v2c probe may only have been lost, and GetBulk is worth one more question.
      if (version === "1" && credential.versions.includes("2c")) {
        candidates.push({ credential, version: "2c", retries: 0, proven: false });
      }
      candidates.push({ credential, version, proven: true });
    }
  }
  return candidates;
}

function noCredentialProblem(target: Target, found: Found, failures: string[]): Problem {
  const who = found.community === undefined ? "an SNMPv3 engine answers" : "a device answers";
  const tried = failures.length === 0 ? "none is configured for it" : failures.join("; ");
  return {
    code: "no-credential",
    message: `Cannot read ${target.address} port ${target.port} as ${who} but no credential works: ${tried}`,
    address: target.address,
  };
}
