/** What the agent says of itself, as far as it can be read from its state directory. Pure. */
import { type Finding, findingsOf } from "../service/findings.ts";
import type { ShownStatus } from "../service/read_status.ts";
import { type DoctorFault, type DoctorStep, judgedStep, skippedStep } from "./doctor_step.ts";

/** All of them are warnings: that the agent has a fault is no reason why the chain from here should not hold. */
export function diagnoseRunning(
  status: ShownStatus,
  { now, told }: { now: Date; told: ReadonlySet<string> },
): DoctorStep {
  const { agent, state } = status;
  // Before the first start there is nothing to say, and doctor is what one runs then.
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
