/**
 * Walks to an endpoint by itself, one step at a time, to find what a failed gRPC call does not tell: name, TCP, proxy,
 * TLS, HTTP/2, gRPC. It sends nothing but an empty gRPC call.
 */
import { lookup } from "node:dns/promises";
import net from "node:net";
import tls from "node:tls";
import type { Clock } from "../../common/core/clock.ts";
import { messageOf } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { callHttp2 } from "./call_http2.ts";
import { connectByProxy } from "./connect_by_proxy.ts";
import type { ProbeReport, ProbeStepName, ShownCertificate } from "./probe_report.ts";
import { type Proxy, proxyFor } from "./proxy_choice.ts";
import { issuerNames, shownCertificate } from "./shown_certificate.ts";
import { type ClientCertificate, identityCheck, secureContextOf, type TrustConfig } from "./trust.ts";

export interface ProbeOptions {
  trust: TrustConfig;
  client?: ClientCertificate | undefined;
  proxy: Proxy | null;
  clock: Pick<Clock, "monotonicMs" | "now">;
  /** Longest time for one step. */
  stepTimeoutMs: number;
  /** Ends the step that is under way, and the walk with it. */
  signal?: AbortSignal | undefined;
}

/** Never throws: what fails is in the report. */
export async function probeEndpoint(
  endpoint: { host: string; port: number },
  options: ProbeOptions,
): Promise<ProbeReport> {
  const { clock, stepTimeoutMs, trust } = options;
  const { host, port } = endpoint;
  const proxy = proxyFor(endpoint, options.proxy);
  const report: ProbeReport = {
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
    alpn: null,
    peerTime: null,
    grpc: null,
  };
  const sockets: net.Socket[] = [];
  async function step<T>(name: ProbeStepName, action: () => Promise<T>, detail: (result: T) => string): Promise<T> {
    const startedMs = clock.monotonicMs();
    const took = () => Math.round(clock.monotonicMs() - startedMs);
    try {
      const result = await within(action(), { timeoutMs: stepTimeoutMs, signal: options.signal });
      report.steps.push({ name, durationMs: took(), detail: detail(result) });
      return result;
    } catch (error) {
      report.failed = name;
      report.error = { code: codeOf(error), message: textOf(error) };
      report.steps.push({ name, durationMs: took(), detail: report.error.message });
      throw new ProbeEnd();
    }
  }
  try {
    const first = proxy ?? endpoint;
    const addresses = await step(
      "dns",
      () => lookup(first.host, { all: true }),
      (found) => found.map((a) => a.address).join(", "),
    );
    const socket = net.connect({ host: addresses[0]!.address, port: first.port, ...happy(addresses, first.host) });
    sockets.push(socket);
    await step(
      "tcp",
      () => once(socket, "connect"),
      () => formatEndpoint(socket.remoteAddress ?? first.host, first.port),
    );
    if (proxy !== undefined) {
      await step("proxy", async () => {
        const answer = await connectByProxy(socket, endpoint, proxy);
        report.proxyStatus = answer.status;
        report.peerTime = answer.date;
        if (answer.status !== 200) throw new Error(`The proxy answers ${answer.status} ${answer.reason}`.trimEnd());
      }, () => "200");
    }
    const secure = tls.connect({
      socket,
      servername: host,
      ALPNProtocols: ["h2"],
      secureContext: secureContextOf(trust, options.client),
      // The certificate is looked at also when it is not believed, to see whose it is.
      rejectUnauthorized: false,
    });
    sockets.push(secure);
    await step("tls", async () => {
      await once(secure, "secureConnect");
      const certificate = secure.getPeerCertificate(true);
      report.certificate = shownCertificate(certificate, host);
      report.distrust = secure.authorized
        ? codeOf(identityCheck(trust)(host, certificate)) ?? null
        : distrustOf(secure.authorizationError);
      report.alpn = typeof secure.alpnProtocol === "string" ? secure.alpnProtocol : null;
      // A certificate of another time is walked past, to ask what time it is there.
      if (report.distrust !== null && isOfNow(report.certificate, clock.now())) {
        throw Object.assign(new Error(`The certificate is not believed: ${report.distrust}`), {
          code: report.distrust,
        });
      }
    }, () => `${secure.getProtocol()}, ${report.certificate?.subject} by ${report.certificate?.issuer}`);
    await step("http2", async () => {
      if (report.alpn !== "h2") throw new Error(`The protocol that was agreed on is ${report.alpn ?? "none"}`);
      const answer = await callHttp2(secure, `${host}:${port}`);
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
    if (!(error instanceof ProbeEnd)) throw error;
  } finally {
    for (const socket of sockets.reverse()) socket.destroy();
  }
  return report;
}

/** The runtime has one name for every reason to distrust a certificate, so the dates are compared here. */
function isOfNow(certificate: ShownCertificate | null, now: Date): boolean {
  return certificate === null || (certificate.notBefore <= now && now <= certificate.notAfter);
}

/** The step that failed is in the report. */
class ProbeEnd extends Error {}

/** Where a name has several addresses, all are tried, as gRPC does. */
function happy(addresses: { address: string }[], host: string): { host: string; autoSelectFamily: boolean } | object {
  return addresses.length > 1 ? { host, autoSelectFamily: true } : {};
}

/** Resolves with the event; an error or the end of the socket rejects. */
function once(socket: net.Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.on("error", reject);
    socket.once("close", () => reject(Object.assign(new Error("The connection was closed"), { code: "ECONNRESET" })));
  });
}

async function within<T>(
  promise: Promise<T>,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined },
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const onAbort = () => late.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const timer = setTimeout(
    () => late.reject(Object.assign(new Error(`No answer within ${timeoutMs} ms`), { code: "ETIMEDOUT" })),
    timeoutMs,
  );
  promise.catch(() => {}); // After the timeout nobody waits for it; what it was is told already.
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Where each of several addresses failed, the runtime's error has no text of its own. */
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
