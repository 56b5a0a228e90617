/** Judges the running agent by the status in its state directory. Pure. */
import { type Finding, findingsOf } from "../service/findings.ts";
import type { ShownStatus } from "../service/read_status.ts";
import { type DoctorFault, type DoctorStep, judgedStep, skippedStep } from "./doctor_step.ts";

/** All findings are warnings: a fault of the agent does not mean that a link of the checked chain is broken. */
export function diagnoseRunning(
  status: ShownStatus,
  { now, told }: { now: Date; told: ReadonlySet<string> },
): DoctorStep {
  const { agent, state } = status;
  // Not starting yet is no finding: doctor is often run before the first start.
  const findings = findingsOf(status, now).filter(({ code }) => code !== "agent-not-started" && !told.has(code));
  if (agent === null && findings.length === 0) {
    return state === "stopped"
      ? judgedStep("agent", null, { detail: "did not run yet", faults: [] })
      : skippedStep("agent", null, "cannot run, see credentials");
  }
  const runs = state === "running" || state === "unresponsive";
  const detail = findings.length === 0
    ? state
    : `${state}, ${findings.length} fault${findings.length === 1 ? "" : "s"}`;
  return judgedStep("agent", agent?.agentId ?? null, {
    detail,
    faults: findings.map((finding) => faultOf(finding, { runs })),
  });
}

function faultOf({ code, message, advice, about, count = 1 }: Finding, { runs }: { runs: boolean }): DoctorFault {
  const when = about !== "fault" ? "" : runs ? "The running agent reports: " : "The agent last reported: ";
  const times = count > 1 ? ` (${count} times)` : "";
  const sentence = when === "" ? message[0]!.toUpperCase() + message.slice(1) : when + message;
  return { name: code, severity: "warning", message: `${sentence}${times}`, advice, exitCode: 69 };
}
