/** Result of `opendca doctor` for one link of the chain, and the exit code. */

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

/** `skipped`: not tried or not judged, because an earlier step failed or it is not needed. */
export type StepStatus = "ok" | "warning" | "failed" | "skipped";

/** One fault: a sentence, and what to do about it. */
export interface DoctorFault {
  /** Stable, for scripts: such as `proxy-credentials` or `wrong-privacy-protocol`. */
  name: string;
  severity: "warning" | "failed";
  message: string;
  advice: string;
  /** Exit code for a failure: 69 unreachable, 77 not permitted, 78 configuration; for a warning it is 0. */
  exitCode: 69 | 77 | 78;
}

export interface DoctorStep {
  name: StepName;
  /** What was checked: HOST:PORT, a file, a directory. */
  subject: string | null;
  status: StepStatus;
  /** Part of a sentence, without secrets; may contain text of a peer and must be escaped for a terminal. */
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
 * 0 if nothing failed. Of several failures, those that are fixed on this machine come first: 78, then 77, then 69, as
 * an unreachable platform is often a consequence of the others.
 */
export function doctorExitCode(steps: readonly DoctorStep[]): number {
  const codes = steps.flatMap(({ faults }) => faults)
    .filter(({ severity }) => severity === "failed").map(({ exitCode }) => exitCode);
  return Math.max(0, ...codes);
}
