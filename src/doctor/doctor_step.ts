/** What `opendca doctor` says of one link of the chain, and what that means for its exit code. */

/** In the order in which they are shown. */
export const stepNames = [
  "configuration",
  "clock",
  "dns",
  "tcp",
  "proxy",
  "tls",
  "http2",
  "grpc",
  "mqtt",
  "credentials",
  "disk",
  "permissions",
  "agent",
  "snmp",
] as const;
export type StepName = (typeof stepNames)[number];

/** `skipped`: not tried, or not to be judged, as an earlier step failed or as nothing asks for it. */
export type StepStatus = "ok" | "warning" | "failed" | "skipped";

/** One thing that is wrong: a sentence, and what to do about it. */
export interface DoctorFault {
  /** Stable, for scripts: such as `proxy-credentials` or `wrong-privacy-protocol`. */
  name: string;
  severity: "warning" | "failed";
  message: string;
  advice: string;
  /** What a failure ends with: 69 unreachable, 77 not permitted, 78 configuration; a warning ends with 0. */
  exitCode: 69 | 77 | 78;
}

export interface DoctorStep {
  name: StepName;
  /** What was looked at: HOST:PORT, a file, a directory. */
  subject: string | null;
  status: StepStatus;
  /** Part of a sentence, without a secret; may hold what a peer said, so that it is hostile to a terminal. */
  detail: string;
  faults: readonly DoctorFault[];
}

/** A step whose status follows from its faults. */
export function judgedStep(
  name: StepName,
  subject: string | null,
  verdict: { detail: string; faults: readonly DoctorFault[] },
): DoctorStep {
  const { detail, faults } = verdict;
  const status = faults.some(({ severity }) => severity === "failed") ? "failed" : faults.length > 0 ? "warning" : "ok";
  return { name, subject, status, detail, faults };
}

export function skippedStep(name: StepName, subject: string | null, detail: string): DoctorStep {
  return { name, subject, status: "skipped", detail, faults: [] };
}

/**
 * 0 when nothing failed. Of several failures, what a person at this machine mends comes first: 78, then 77, then 69, as
 * a platform that cannot be reached often follows from the others.
 */
export function doctorExitCode(steps: readonly DoctorStep[]): number {
  const codes = steps.flatMap(({ faults }) => faults)
    .filter(({ severity }) => severity === "failed").map(({ exitCode }) => exitCode);
  return Math.max(0, ...codes);
}
