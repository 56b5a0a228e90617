import assert from "node:assert/strict";
import { classifyTransportError } from "./classify_transport_error.ts";
import type { ProbeReport } from "./probe_report.ts";
import { faultAdvice, type TransportFaultName } from "./transport_fault.ts";

// What loopback cannot be made to do; tests/faults/transport_faults_test.ts makes the others happen.
const now = new Date("2026-06-01T00:00:00Z");
const certificate = {
  subject: "CN=dca.example",
  issuer: "CN=Good CA",
  notBefore: new Date("2026-01-01"),
  notAfter: new Date("2027-01-01"),
  matchesName: true,
  weakness: null,
};
const sound: ProbeReport = {
  host: "dca.example",
  port: 443,
  proxy: null,
  steps: [],
  failed: null,
  error: null,
  proxyStatus: null,
  certificate,
  distrust: null,
  expectedIssuers: [],
  protocol: "h2",
  alpn: "h2",
  peerTime: null,
  grpc: null,
};
const early = { ...certificate, notBefore: new Date("2026-07-01") };
const late = { ...certificate, notAfter: new Date("2026-05-31") };
const bad = { failed: "tls", distrust: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" } as const;

const cases: { name: string; probe: Partial<ProbeReport>; clientNotAfter?: Date; fault: TransportFaultName }[] = [
  {
    name: "EAI_AGAIN",
    probe: { failed: "dns", error: { code: "EAI_AGAIN", message: "" } },
    fault: "name-server-silent",
  },
  { name: "ENOTFOUND", probe: { failed: "dns", error: { code: "ENOTFOUND", message: "" } }, fault: "name-not-found" },
  { name: "ENODATA", probe: { failed: "dns", error: { code: "ENODATA", message: "" } }, fault: "name-not-found" },
  { name: "ETIMEDOUT", probe: { failed: "tcp", error: { code: "ETIMEDOUT", message: "" } }, fault: "connect-timeout" },
  {
    name: "EHOSTUNREACH",
    probe: { failed: "tcp", error: { code: "EHOSTUNREACH", message: "" } },
    fault: "unreachable",
  },
  { name: "ENETUNREACH", probe: { failed: "tcp", error: { code: "ENETUNREACH", message: "" } }, fault: "unreachable" },
  {
    name: "a proxy whose name is not found",
    probe: { proxy: "proxy:8080", failed: "dns", error: { code: "ENOTFOUND", message: "" } },
    fault: "proxy-unreachable",
  },
  {
    name: "an early certificate, peer an hour apart",
    probe: { ...bad, certificate: early, peerTime: new Date(+now + 3_600_000) },
    fault: "server-certificate-expired",
  },
  {
    name: "an early certificate, peer more than an hour apart",
    probe: { ...bad, certificate: early, peerTime: new Date(+now + 3_600_001) },
    fault: "clock-wrong",
  },
  {
    name: "a late certificate, peer more than an hour behind",
    probe: { ...bad, certificate: late, peerTime: new Date(+now - 3_600_001) },
    fault: "clock-wrong",
  },
  {
    name: "a late certificate, no time of the peer",
    probe: { ...bad, certificate: late },
    fault: "server-certificate-expired",
  },
  {
    name: "an agent's certificate that ended",
    probe: { failed: "http2", error: { code: null, message: "alert" } },
    clientNotAfter: new Date("2026-05-31"),
    fault: "client-certificate-expired",
  },
  {
    name: "an agent's certificate that is good",
    probe: { failed: "http2", error: { code: null, message: "alert" } },
    clientNotAfter: now,
    fault: "client-certificate-refused",
  },
  {
    name: "a certificate by nobody who is known, and HTTP/2",
    probe: { ...bad, alpn: "h2" },
    fault: "unknown-authority",
  },
  {
    name: "a certificate by nobody who is known, and no HTTP/2",
    probe: { ...bad, alpn: null },
    fault: "tls-inspected",
  },
  {
    name: "a self-signed certificate, and no HTTP/2",
    probe: { ...bad, certificate: { ...certificate, issuer: certificate.subject }, alpn: null },
    fault: "unknown-authority",
  },
  {
    name: "a weak certificate",
    probe: { ...bad, certificate: { ...certificate, weakness: "a signature with SHA-1" } },
    fault: "weak-certificate",
  },
  { name: "a walk that finds nothing", probe: {}, fault: "connection-cut" },
];
for (const { name, probe, clientNotAfter, fault } of cases) {
  Deno.test(`classifyTransportError() names ${name}: ${fault}`, () => {
    const found = classifyTransportError({ code: 14, details: "raw", reason: null }, {
      endpoint: "dca.example:443",
      now,
      connected: false,
      probe: { ...sound, ...probe },
      clientNotAfter: clientNotAfter ?? null,
    });
    assert.equal(found.name, fault, found.message);
    assert.match(found.message, /^Cannot reach the platform at dca\.example:443: /);
    assert.equal(found.advice, faultAdvice[fault]);
  });
}

const ends: { code: number; details: string; fault: TransportFaultName }[] = [
  { code: 14, details: "Connection dropped", fault: "connection-cut" },
  {
    code: 13,
    details: "Received RST_STREAM with code 2 triggered by internal client error: write EPIPE",
    fault: "connection-cut",
  },
  { code: 13, details: "Received RST_STREAM with code 0 (Call ended without gRPC status)", fault: "connection-cut" },
  { code: 1, details: "Call cancelled", fault: "connection-cut" },
  { code: 14, details: "Received HTTP status code 502", fault: "not-the-platform" },
  { code: 13, details: "Response message parsing error: index out of range", fault: "not-the-platform" },
  { code: 4, details: "Deadline exceeded", fault: "deadline" },
];
for (const { code, details, fault } of ends) {
  Deno.test(`classifyTransportError() names ${code} "${details}": ${fault}`, () => {
    const context = { endpoint: "dca.example:443", now, connected: true, probe: sound, clientNotAfter: null };
    assert.equal(classifyTransportError({ code, details, reason: null }, context).name, fault);
  });
}
