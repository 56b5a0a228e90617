/** Converts a probe of an endpoint to steps: each fault belongs to one step, and later steps are skipped. Pure. */
import { formatEndpoint } from "../../common/core/ip.ts";
import { classifyTransportError } from "../link/classify_transport_error.ts";
import type { ProbeReport } from "../link/probe_report.ts";
import type { TransportFault, TransportFaultName } from "../link/transport_fault.ts";
import { type DoctorFault, type DoctorStep, judgedStep, skippedStep, type StepName } from "./doctor_step.ts";

const walkSteps = ["dns", "tcp", "proxy", "tls", "http2", "grpc"] as const;

/** UNAVAILABLE of google.rpc.Code: the peer cannot be reached. */
const unavailable = 14;

/** Tasks and schedules tolerate more, but a synchronised clock never differs by this much. */
const clockToleranceMs = 2 * 60 * 1000;

const tlsFaults: readonly TransportFaultName[] = [
  "server-certificate-expired",
  "tls-inspected",
  "unknown-authority",
  "weak-certificate",
  "wrong-name",
  "pin-mismatch",
  "tls-failed",
];

export interface EndpointContext {
  now: Date;
  /** End of the client certificate that was presented; null without one. */
  clientNotAfter: Date | null;
}

/** The fault that a probe found; undefined if it reached the endpoint. */
export function maybeEndpointFault(report: ProbeReport, context: EndpointContext): TransportFault | undefined {
  if (report.failed === null && report.distrust === null) return undefined;
  return classifyTransportError({ code: unavailable, details: report.error?.message ?? "", reason: null }, {
    endpoint: formatEndpoint(report.host, report.port),
    connected: false,
    probe: report,
    ...context,
  });
}

/** Steps from name to gRPC. `another`: another endpoint was reached, so that a fault here is only a warning. */
export function diagnoseEndpoint(
  report: ProbeReport,
  context: EndpointContext & { another: boolean },
): DoctorStep[] {
  const subject = formatEndpoint(report.host, report.port);
  const fault = maybeEndpointFault(report, context);
  // A clock that is wrong is reported at its own step; the certificate cannot be judged by it.
  const at = fault?.name === "clock-wrong" ? "tls" : fault && stepOfFault(fault.name, report);
  const atIndex = at === undefined ? walkSteps.length : walkSteps.indexOf(at);
  return walkSteps.map((name, index) => {
    if (index < atIndex) return judgedStep(name, subject, { detail: detailOf(name, report), faults: [] });
    if (index > atIndex) return skippedStep(name, subject, `not tried as ${at} failed`);
    if (fault!.name === "clock-wrong") {
      return skippedStep(name, subject, "the certificate cannot be checked with a wrong clock");
    }
    const faults = [doctorFault(fault!, context.another ? "warning" : "failed")];
    return judgedStep(name, subject, { detail: report.error?.message ?? faults[0]!.message, faults });
  });
}

/**
 * A broker, up to TLS: an MQTT session would end the running agent's session. A fault is a warning, as polling works
 * without it.
 */
export function diagnoseBroker(report: ProbeReport, subject: string, context: EndpointContext): DoctorStep {
  const fault = maybeEndpointFault(report, context);
  if (fault === undefined) {
    const tookMs = report.steps.reduce((sum, { durationMs }) => sum + durationMs, 0);
    return judgedStep("mqtt", subject, {
      detail: `reached, ${tookMs} ms; the session itself is not tested`,
      faults: [],
    });
  }
  const faults = [doctorFault(fault, "warning")];
  return judgedStep("mqtt", subject, { detail: report.error?.message ?? fault.message, faults });
}

/** Compares with the Date of a platform or proxy, or with the validity of a certificate if there is no Date. */
export function diagnoseClock(reports: readonly ProbeReport[], context: EndpointContext): DoctorStep {
  for (const report of reports) {
    const fault = maybeEndpointFault(report, context);
    if (fault?.name !== "clock-wrong") continue;
    return judgedStep("clock", null, {
      detail: `here it is ${context.now.toISOString()}`,
      faults: [doctorFault(fault, "failed")],
    });
  }
  const told = reports.find(({ peerTime }) => peerTime !== null);
  if (told !== undefined) return comparedClock(told, context.now);
  if (reports.some(({ certificate }) => certificate !== null)) {
    return judgedStep("clock", null, { detail: "within the validity of the platform's certificate", faults: [] });
  }
  return skippedStep("clock", null, "nothing that reports the time was reached");
}

function comparedClock({ host, port, peerTime }: ProbeReport, now: Date): DoctorStep {
  const aheadMs = now.getTime() - peerTime!.getTime();
  const off = `${durationText(Math.abs(aheadMs))} ${aheadMs > 0 ? "ahead of" : "behind"} ${formatEndpoint(host, port)}`;
  if (Math.abs(aheadMs) <= clockToleranceMs) {
    const detail = Math.abs(aheadMs) < 5000 ? `agrees with ${formatEndpoint(host, port)}` : off;
    return judgedStep("clock", null, { detail, faults: [] });
  }
  return judgedStep("clock", null, {
    detail: off,
    faults: [{
      name: "clock-off",
      severity: "warning",
      message: `Cannot rely on the clock of this machine as it is ${off}`,
      advice: "set the clock and have it synchronised (NTP): readings, schedules and certificates depend on it",
      exitCode: 69,
    }],
  });
}

function stepOfFault(name: TransportFaultName, report: ProbeReport): (typeof walkSteps)[number] {
  if (name === "http2-blocked") return "http2";
  if (tlsFaults.includes(name)) return "tls";
  return report.failed ?? "grpc";
}

function doctorFault({ name, message, advice }: TransportFault, severity: DoctorFault["severity"]): DoctorFault {
  return { name, severity, message, advice, exitCode: name.startsWith("client-certificate") ? 77 : 69 };
}

function detailOf(name: StepName, report: ProbeReport): string {
  if (name === "proxy" && report.proxy === null) return "no proxy";
  const { detail, durationMs } = report.steps.find((step) => step.name === name) ?? { detail: "", durationMs: 0 };
  if (name === "tls" && report.failed === "tls") return "the handshake fails when HTTP/2 is requested";
  const through = report.proxy === null || !(name === "dns" || name === "tcp") ? "" : `the proxy ${report.proxy}: `;
  return `${through}${detail}, ${durationMs} ms`;
}

/** Such as "3 s", "7 min", "26 h" or "12 days". */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
