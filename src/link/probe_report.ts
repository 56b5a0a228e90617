/** What a walk to an endpoint found, step by step; see probe_endpoint.ts. */
export type ProbeStepName = "dns" | "tcp" | "proxy" | "tls" | "http2" | "grpc";

export interface ProbeReport {
  host: string;
  port: number;
  /** HOST:PORT of the proxy on the way. */
  proxy: string | null;
  /** Steps that were done, in order; the last one is the one that failed, if any did. */
  steps: { name: ProbeStepName; durationMs: number; detail: string }[];
  failed: ProbeStepName | null;
  /** Of the failed step: `code` as node names it, such as ECONNREFUSED. */
  error: { code: string | null; message: string } | null;
  /** Status of the proxy's answer to CONNECT. */
  proxyStatus: number | null;
  /** As shown, whether believed or not. */
  certificate: ShownCertificate | null;
  /** Why the certificate is not believed, as node names it, such as CERT_HAS_EXPIRED; null when it is. */
  distrust: string | null;
  /** Common and organisation names of the authorities that are configured; empty for the system's. */
  expectedIssuers: string[];
  /** What the peer was to agree to; null for anything. */
  protocol: "h2" | null;
  alpn: string | null;
  /** From a Date header of the platform or the proxy. */
  peerTime: Date | null;
  /** What answered a gRPC call: its content type, and the status and reason where it was gRPC. */
  grpc: { contentType: string | null; status: number | null; reason: string | null } | null;
}

export interface ShownCertificate {
  subject: string;
  issuer: string;
  notBefore: Date;
  notAfter: Date;
  /** Whether it is for the host that was asked. */
  matchesName: boolean;
  /** What makes it too weak to be believed, such as "a signature with SHA-1"; null where nothing does. */
  weakness: string | null;
}
