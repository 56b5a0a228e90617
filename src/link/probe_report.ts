/** Results of probing an endpoint, step by step; see probe_endpoint.ts. */
export type ProbeStepName = "dns" | "tcp" | "proxy" | "tls" | "http2" | "grpc";

export interface ProbeReport {
  host: string;
  port: number;
  /** HOST:PORT of the proxy on the way. */
  proxy: string | null;
  /** Executed steps in order; the last one is the failed one, if any failed. */
  steps: { name: ProbeStepName; durationMs: number; detail: string }[];
  failed: ProbeStepName | null;
  /** Error of the failed step; `code` is Node's, such as ECONNREFUSED. */
  error: { code: string | null; message: string } | null;
  /** Status of the proxy's answer to CONNECT. */
  proxyStatus: number | null;
  /** As presented, whether trusted or not. */
  certificate: ShownCertificate | null;
  /** Why the certificate is not trusted, as Node's code, such as CERT_HAS_EXPIRED; null if it is trusted. */
  distrust: string | null;
  /** Common and organisation names of the configured authorities; empty for the system's. */
  expectedIssuers: string[];
  /** The protocol to negotiate; null for any. */
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
  /** Whether it is valid for the requested host. */
  matchesName: boolean;
  /** What makes it too weak to be trusted, such as "a signature with SHA-1"; null if nothing does. */
  weakness: string | null;
}
