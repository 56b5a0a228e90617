/** Finds the fault on the way to the platform, from the status of a gRPC call and the probe after it. */
import { status as Status } from "@grpc/grpc-js";
import { spanOf } from "../../common/core/clock.ts";
import type { ProbeReport } from "./probe_report.ts";
import { faultAdvice, type TransportFault, type TransportFaultName } from "./transport_fault.ts";

/** A failed call: numbers of google.rpc.Code, the text, and the trailer `opendca-reason` that only a platform sets. */
export interface CallFailure {
  code: number;
  details: string;
  reason: string | null;
}

export interface FailureContext {
  /** HOST:PORT that was called. */
  endpoint: string;
  now: Date;
  /** Whether HTTP/2 was established before the call failed. */
  connected: boolean;
  /** The probe after a failure that the platform did not explain; null if there was none. */
  probe: ProbeReport | null;
  /** End of the agent's own certificate; null before activation. */
  clientNotAfter: Date | null;
}

const reasons: Record<string, TransportFaultName> = {
  "agent-revoked": "revoked",
  "certificate-replaced": "copied",
  "certificate-required": "client-certificate-refused",
  "certificate-expired": "client-certificate-expired",
  "invalid-request": "request-refused",
  "too-many-requests": "platform-busy",
  "store-busy": "platform-busy",
  "internal": "platform-failed",
};

/** A smaller error of the clock is not the cause of a refused certificate. */
const clockToleranceMs = 60 * 60 * 1000;

/** Makers of inspecting proxies, as named in the certificates that these proxies generate. */
const inspectors =
  /fortinet|fortigate|zscaler|palo ?alto|sophos|blue ?coat|symantec web|netskope|umbrella|check ?point|watchguard|barracuda|mcafee|trellix|trend micro|kaspersky|eset ssl|bitdefender|avast|cato networks|iboss|smoothwall|untangle|sonicwall|lightspeed|squid|mitm|proxy|inspect|decrypt/i;

/** The fault that matches best; `unknown` with the raw text if none does. Pure. */
export function classifyTransportError(failure: CallFailure, context: FailureContext): TransportFault {
  const [name, detail] = verdict(failure, context);
  const failed = failure.reason === null ? "reach" : "go on with";
  return {
    name,
    message: `Cannot ${failed} the platform at ${context.endpoint}: ${detail}`,
    advice: faultAdvice[name],
  };
}

/**
 * Whether the connection ended during the call. gRPC reports UNAVAILABLE in most cases, and INTERNAL with a stream
 * reset if its own write failed first (EPIPE), or if HTTP/2 was closed regularly before the response.
 */
export function wasCut({ code, details, reason }: CallFailure): boolean {
  if (reason !== null) return false;
  if (code === Status.UNAVAILABLE) return !/HTTP status code/.test(details);
  return code === Status.CANCELLED || (code === Status.INTERNAL && /RST_STREAM/.test(details));
}

type Verdict = [name: TransportFaultName, detail: string];

/* The reason is that of every call which has to wait, as earlier agents know no other: the sentence tells the day's quota. */
function isOverQuota({ reason, details }: CallFailure): boolean {
  return reason === "too-many-requests" && /^Cannot store more of this (agent|customer) today/.test(details);
}

function verdict(failure: CallFailure, context: FailureContext): Verdict {
  if (failure.reason !== null) {
    const name = isOverQuota(failure) ? "over-quota" : reasons[failure.reason] ?? "platform-failed";
    return [name, `${failure.details} (${failure.reason})`];
  }
  const { probe } = context;
  if (probe !== null) {
    const found = ofProbe(probe, context);
    if (found !== undefined) return found;
  }
  if (/larger than max|Received message larger/i.test(failure.details)) {
    return ["message-too-large", "its answer is larger than 4 MB"];
  }
  if (failure.code === Status.DEADLINE_EXCEEDED) return ["deadline", "it did not answer in time"];
  if (wasCut(failure)) return ["connection-cut", failure.details];
  // A proxy's page, another service, or bytes that are not a message: gRPC maps HTTP 403, 404 and 502 to such codes.
  return ["not-the-platform", failure.details];
}

function ofProbe(probe: ProbeReport, context: FailureContext): Verdict | undefined {
  const message = probe.error?.message ?? "";
  if (probe.failed === "dns") return ofName(probe, message);
  if (probe.failed === "tcp") {
    if (probe.proxy !== null) return ["proxy-unreachable", `the proxy ${probe.proxy} does not answer: ${message}`];
    return ofConnection(probe.error?.code ?? null, message);
  }
  if (probe.failed === "proxy") return ofProxy(probe, message);
  return ofCertificate(probe, context) ?? ofSession(probe, context, message);
}

function ofName(probe: ProbeReport, message: string): Verdict {
  if (probe.proxy !== null) return ["proxy-unreachable", `the proxy's name cannot be found: ${message}`];
  if (probe.error?.code === "ENOTFOUND" || probe.error?.code === "ENODATA") return ["name-not-found", message];
  return ["name-server-silent", `no DNS server answers: ${message}`];
}

function ofConnection(code: string | null, message: string): Verdict {
  if (code === "ECONNREFUSED") return ["connection-refused", message];
  if (code === "ETIMEDOUT") return ["connect-timeout", message];
  if (code === "ECONNRESET" || code === "EPIPE") return ["connection-cut", message];
  return ["unreachable", message];
}

function ofProxy({ proxyStatus, proxy }: ProbeReport, message: string): Verdict {
  if (proxyStatus === 407) return ["proxy-credentials", `the proxy ${proxy} asks for user and password (407)`];
  if (proxyStatus === null) return ["proxy-unreachable", `the proxy ${proxy} does not answer as a proxy: ${message}`];
  // 5xx: the proxy tried and failed; anything else is the proxy's decision.
  if (proxyStatus >= 500) return ["proxy-failed", `the proxy ${proxy} answers ${proxyStatus}`];
  return ["proxy-forbidden", `the proxy ${proxy} answers ${proxyStatus}`];
}

function ofCertificate(probe: ProbeReport, { now }: FailureContext): Verdict | undefined {
  const { certificate, distrust } = probe;
  if (certificate === null || distrust === null) return undefined;
  const shown = `its certificate "${certificate.subject}" was issued by "${certificate.issuer}"`;
  if (distrust === "OPENDCA_PIN_MISMATCH") return ["pin-mismatch", `none of its keys is pinned; ${shown}`];
  const early = now < certificate.notBefore, late = now > certificate.notAfter;
  if (early || late) {
    const valid = `is valid from ${certificate.notBefore.toISOString()} to ${certificate.notAfter.toISOString()}`;
    const here = `the clock here says ${now.toISOString()}`;
    // The peer's Date shows whose clock is wrong; without it, a certificate from the future means that ours is slow.
    const peer = probe.peerTime;
    const clockIsWrong = peer === null ? early : Math.abs(peer.getTime() - now.getTime()) > clockToleranceMs;
    if (clockIsWrong) {
      const offMs = now.getTime() - (peer ?? certificate.notBefore).getTime();
      const off = `${peer === null ? "at least " : ""}${spanOf(Math.abs(offMs))} ${offMs < 0 ? "behind" : "ahead"}`;
      return [
        "clock-wrong",
        `this machine's clock is ${off}: the certificate there ${valid}, ${here}${
          peer === null ? "" : `, there ${peer.toISOString()}`
        }`,
      ];
    }
    return ["server-certificate-expired", `its certificate ${valid}, ${here}`];
  }
  if (certificate.weakness !== null) return ["weak-certificate", `${shown}, and has ${certificate.weakness}`];
  if (!certificate.matchesName) return ["wrong-name", shown];
  if (isInspected(probe)) {
    const trusting = probe.alpn === probe.protocol
      ? ""
      : "; it does not support HTTP/2, so trusting it would not be enough";
    return ["tls-inspected", `${shown}${trusting}`];
  }
  return ["unknown-authority", shown];
}

function isInspected({ certificate, expectedIssuers, protocol, alpn }: ProbeReport): boolean {
  const { issuer, subject } = certificate!;
  if (inspectors.test(issuer)) return true;
  // A platform always supports HTTP/2: the name is right, but this is not the platform.
  if (issuer !== subject && protocol === "h2" && alpn !== "h2") return true;
  // An intermediary created a certificate for the same name, with an authority other than the configured one.
  return issuer !== subject && expectedIssuers.length > 0 && !expectedIssuers.includes(issuer);
}

function ofSession(probe: ProbeReport, context: FailureContext, message: string): Verdict | undefined {
  const { clientNotAfter, now } = context;
  const clientEnded: Verdict | undefined = clientNotAfter !== null && clientNotAfter < now
    ? ["client-certificate-expired", `the certificate of this agent expired at ${clientNotAfter.toISOString()}`]
    : undefined;
  if (probe.failed === "tls") {
    if (probe.error?.code === "ECONNRESET" || probe.error?.code === "ETIMEDOUT") {
      return ["connection-cut", `the connection ends during the TLS handshake: ${message}`];
    }
    if (/no ?application ?protocol|alpn/i.test(message)) return ["http2-blocked", message];
    // The runtime's message if the key of a certificate is too weak to verify the handshake.
    if (/unable to verify/i.test(message)) {
      return ["weak-certificate", `its signature cannot be checked, as with an RSA key of 1024 bits: ${message}`];
    }
    if (/ProtocolVersion/.test(message)) return ["tls-failed", `it does not support TLS 1.2 or newer: ${message}`];
    if (/HandshakeFailure/.test(message)) return clientEnded ?? ["tls-failed", `no cipher in common: ${message}`];
    return clientEnded ?? ["tls-failed", message];
  }
  if (probe.failed === "http2") {
    if (context.connected) return ["connection-cut", message];
    if (/certificate|bad record|alert/i.test(message)) return clientEnded ?? ["client-certificate-refused", message];
    return clientEnded ?? ["http2-blocked", `${message}; its certificate was issued by "${probe.certificate?.issuer}"`];
  }
  if (probe.failed === "grpc") return ["not-the-platform", `the peer is not a gRPC service: ${message}`];
  return clientEnded;
}
