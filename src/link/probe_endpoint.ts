/**
 * Probes an endpoint step by step, to find what a failed gRPC call does not report: name, TCP, proxy, TLS, HTTP/2,
 * gRPC. It sends only an empty gRPC call.
 */
import "reflect-metadata";
import http2 from "node:http2";
import type { Socket } from "node:net";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { PemConverter, X509Certificate } from "@peculiar/x509";
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { dial, type Endpoint, type StepObserver, within } from "../../common/host/dial.ts";
import { type Proxy, proxyFor } from "../../common/host/proxy.ts";
import {
  chainOf,
  type ClientCertificate,
  identityCheck,
  isForHost,
  secureContextOf,
  type TrustConfig,
} from "../../common/host/trust.ts";
import type { ProbeReport, ProbeStepName, ShownCertificate } from "./probe_report.ts";

export interface ProbeOptions {
  trust: TrustConfig;
  client?: ClientCertificate | undefined;
  proxy: Proxy | null;
  clock: Pick<Clock, "monotonicMs" | "now">;
  /** Longest time for one step. */
  stepTimeoutMs: number;
  /** Null: the probe ends after TLS, for other protocols. Default: "h2". */
  protocol?: "h2" | null;
  /** Aborts the present step and the probe. */
  signal?: AbortSignal | undefined;
}

/** Never throws: failures are in the report. */
export async function probeEndpoint(endpoint: Endpoint, options: ProbeOptions): Promise<ProbeReport> {
  const { trust, clock, signal, stepTimeoutMs, protocol = "h2" } = options;
  const { host, port } = endpoint;
  const proxy = proxyFor(endpoint, options.proxy);
  const report = emptyReport(endpoint, { proxy, trust, protocol });
  const step = recordedSteps(report, clock);
  let socket: Socket | undefined;
  try {
    const secure = socket = await dial(endpoint, {
      proxy,
      tls: {
        trust,
        context: secureContextOf(trust, options.client),
        protocol,
        judge: (socket) => judgePeer(socket, report, { trust, now: clock.now() }),
      },
      stepTimeoutMs,
      signal,
      onProxyAnswer({ status, date }) {
        report.proxyStatus = status;
        report.peerTime = date;
      },
      observe: (name, action, detail) =>
        step(name, action, (result) => detail(result) + (name === "tls" ? `, ${issueOf(report)}` : "")),
    });
    if (protocol === null) {
      // There is no HTTP Date header to compare the clock with.
      if (report.distrust !== null) await step("tls", () => Promise.reject(distrusted(report)), () => "");
      return report;
    }
    await step("http2", async () => {
      if (report.alpn !== "h2") throw new Error(`The negotiated protocol (ALPN) is ${report.alpn ?? "none"}`);
      const answer = await within(callHttp2(secure, `${host}:${port}`), { timeoutMs: stepTimeoutMs, signal });
      report.peerTime = answer.date ?? report.peerTime;
      report.grpc = answer.grpc;
    }, () => "h2");
    await step("grpc", () => {
      const type = report.grpc?.contentType ?? "none";
      return type.startsWith("application/grpc")
        ? Promise.resolve(type)
        : Promise.reject(new Error(`Content type ${type}`));
    }, (type) => type);
  } catch (error) {
    if (report.error === null) throw error;
  } finally {
    socket?.destroy();
  }
  return report;
}

function emptyReport(
  { host, port }: Endpoint,
  { proxy, trust, protocol }: { proxy: Proxy | undefined; trust: TrustConfig; protocol: "h2" | null },
): ProbeReport {
  return {
    host,
    port,
    proxy: proxy === undefined ? null : formatEndpoint(proxy.host, proxy.port),
    steps: [],
    failed: null,
    error: null,
    proxyStatus: null,
    certificate: null,
    distrust: null,
    expectedIssuers: trust.ca === null ? [] : issuerNames(trust.ca.pem),
    protocol,
    alpn: null,
    peerTime: null,
    grpc: null,
  };
}

/** Records each step, and the one that fails. */
function recordedSteps(report: ProbeReport, clock: Pick<Clock, "monotonicMs">): StepObserver<ProbeStepName> {
  return async (name, action, detail) => {
    const startedMs = clock.monotonicMs();
    const took = () => Math.round(clock.monotonicMs() - startedMs);
    try {
      const result = await action();
      report.steps.push({ name, durationMs: took(), detail: detail(result) });
      return result;
    } catch (error) {
      report.failed = name;
      report.error = { code: codeOf(error), message: textOf(error) };
      report.steps.push({ name, durationMs: took(), detail: report.error.message });
      throw error;
    }
  };
}

/** Records the certificate even if it is not trusted. */
function judgePeer(socket: TLSSocket, report: ProbeReport, { trust, now }: { trust: TrustConfig; now: Date }): void {
  const certificate = socket.getPeerCertificate(true);
  report.certificate = shownCertificate(certificate, report.host);
  report.distrust = socket.authorized
    ? codeOf(identityCheck(trust)(report.host, certificate))
    : distrustOf(socket.authorizationError);
  report.alpn = typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : null;
  // With a certificate of another time the probe continues, to get the peer's time.
  if (report.distrust !== null && isOfNow(report.certificate, now)) {
    throw distrusted(report);
  }
}

function distrusted({ distrust }: ProbeReport): Error {
  return Object.assign(new Error(`The certificate is not trusted: ${distrust}`), { code: distrust });
}

/** Compares the dates, as the runtime has one error code for all reasons to distrust a certificate. */
function isOfNow(certificate: ShownCertificate | null, now: Date): boolean {
  return certificate === null || (certificate.notBefore <= now && now <= certificate.notAfter);
}

function issueOf({ certificate }: ProbeReport): string {
  return `${certificate?.subject} by ${certificate?.issuer}`;
}

/** Text of an error; if all of several addresses failed, the runtime's error has none of its own. */
function textOf(error: unknown): string {
  const message = messageOf(error);
  return message === "" && error instanceof AggregateError ? error.errors.map(messageOf).join("; ") : message;
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

function distrustOf(error: unknown): string {
  return codeOf(error) ?? (error === null || error === undefined ? "UNKNOWN" : messageOf(error));
}

const minRsaBits = 2048;

/** Facts about the certificate that a peer presented; null without one. */
function shownCertificate(certificate: PeerCertificate, host: string): ShownCertificate | null {
  if (certificate?.raw === undefined) return null;
  const shown = new X509Certificate(new Uint8Array(certificate.raw));
  const { subject, issuer, notBefore, notAfter } = shown;
  const matchesName = isForHost(certificate, host);
  const weakness = maybeWeakness(shown) ?? maybeWeakAuthority(certificate);
  return { subject, issuer, notBefore, notAfter, matchesName, weakness: weakness ?? null };
}

/** Weakness of the presented authorities; the self-signature of a root does not count. */
function maybeWeakAuthority(certificate: PeerCertificate): string | undefined {
  for (const der of chainOf(certificate).slice(1)) {
    const shown = new X509Certificate(new Uint8Array(der));
    const weakness = shown.subject === shown.issuer ? undefined : maybeWeakness(shown);
    if (weakness !== undefined) return `an authority "${shown.subject}" with ${weakness}`;
  }
  return undefined;
}

/** Weakness of a certificate, for which the runtime has no specific message. */
function maybeWeakness({ signatureAlgorithm, signature, publicKey }: X509Certificate): string | undefined {
  const { name, hash } = signatureAlgorithm as { name: string; hash?: { name: string } };
  if (hash?.name === "SHA-1") return "a signature with SHA-1";
  // RFC 8017, appendix A.2.4: MD2, MD4 and MD5 with RSA.
  if (/^1\.2\.840\.113549\.1\.1\.[234]$/.test(name)) return "a signature with MD5 or older";
  const bits = (publicKey.algorithm as { modulusLength?: number }).modulusLength ?? minRsaBits;
  if (bits < minRsaBits) return `an RSA key of ${bits} bits`;
  if (name.startsWith("RSA") && signature.byteLength * 8 < minRsaBits) {
    return `a signature with an RSA key of ${signature.byteLength * 8} bits`;
  }
  return undefined;
}

/** Subjects of the certificates in a PEM text. */
function issuerNames(pem: string): string[] {
  return PemConverter.decode(pem).map((der) => new X509Certificate(der).subject);
}

interface Http2Answer {
  date: Date | null;
  grpc: { contentType: string | null; status: number | null; reason: string | null };
}

/** An empty gRPC call on an open TLS connection: shows whether HTTP/2 works, what answers, and its time. */
function callHttp2(socket: Socket, authority: string): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`https://${authority}`, { createConnection: () => socket });
    const end = (action: () => void) => {
      action();
      session.destroy();
    };
    session.on("error", (error) => end(() => reject(error)));
    session.on("close", () => reject(new Error("The connection was closed during HTTP/2")));
    const stream = session.request({
      ":method": "POST",
      // There is no such method: a platform answers UNIMPLEMENTED, and nothing changes.
      ":path": "/opendca.v1.AgentService/Reach",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const answer: Http2Answer = { date: null, grpc: { contentType: null, status: null, reason: null } };
    const take = (headers: Record<string, unknown>) => {
      const text = (name: string) => typeof headers[name] === "string" ? headers[name] as string : null;
      const time = Date.parse(text("date") ?? "");
      if (!Number.isNaN(time)) answer.date = new Date(time);
      answer.grpc.contentType ??= text("content-type");
      answer.grpc.reason ??= text("opendca-reason");
      if (text("grpc-status") !== null) answer.grpc.status = Number(text("grpc-status"));
    };
    let answered = false;
    stream.on("response", (headers) => {
      answered = true;
      take(headers);
    });
    stream.on("trailers", take);
    stream.on("error", (error) => end(() => reject(error)));
    stream.on(
      "close",
      () => end(() => answered ? resolve(answer) : reject(new Error("HTTP/2 was closed without an answer"))),
    );
    stream.resume();
    // An empty message: five octets of prefix.
    stream.end(new Uint8Array(5));
  });
}
