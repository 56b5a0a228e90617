/** Renders a diagnosis: one line for each step, then a sentence and a hint for each fault; or JSON. Pure. */
import stringWidth from "string-width";
import { hanging } from "../../common/core/terminal_text.ts";
import { visibleJson } from "../../common/core/visible_json.ts";
import { safeText } from "../../common/core/safe_text.ts";
import { doctorExitCode, type DoctorStep, type StepStatus } from "./doctor_step.ts";

export interface DoctorScreen {
  color: boolean;
  unicode: boolean;
  /** Width of a line in cells; Infinity if the output is not a terminal. */
  width: number;
}

const words: Record<StepStatus, string> = { ok: "ok", warning: "warning", failed: "failed", skipped: "skipped" };
const marks: Record<StepStatus, string> = { ok: "✓", warning: "!", failed: "✗", skipped: "–" };
/** SGR of ECMA-48: green, yellow, red, faint. */
const colors: Record<StepStatus, string> = { ok: "32", warning: "33", failed: "31", skipped: "2" };

const nameWidth = "configuration".length;

export function renderStep(step: DoctorStep, screen: DoctorScreen): string {
  const { status, name, subject, detail } = step;
  const mark = screen.unicode ? `${marks[status]} ${words[status].padEnd(7)}` : words[status].padEnd(7);
  const shown = screen.color ? `\x1b[${colors[status]}m${mark}\x1b[0m` : mark;
  const what = subject === null ? detail : `${subject}: ${detail}`;
  const before = `${shown}  ${name.padEnd(nameWidth)}  `;
  return `${hanging(before + safeText(what), { indent: stringWidth(before), width: screen.width })}\n`;
}

/** The part after the steps: one sentence for each fault, what to do, and a count. */
export function renderFaults(steps: readonly DoctorStep[], { width }: Pick<DoctorScreen, "width">): string {
  const faults = steps.flatMap((step) => step.faults);
  const order = [...faults.filter(isFailure), ...faults.filter((fault) => !isFailure(fault))];
  const lines = order.flatMap(({ severity, message, advice }) => [
    hanging(`${severity}: ${safeText(message, 1000)}`, { indent: 2, width }),
    ...(advice === "" ? [] : [hanging(`  hint: ${safeText(advice, 1000)}`, { indent: 4, width })]),
  ]);
  const failures = faults.filter(isFailure).length;
  const warnings = faults.length - failures;
  const skipped = steps.filter(({ status }) => status === "skipped").length;
  const rest = [
    ...(warnings > 0 ? [counted(warnings, "warning")] : []),
    ...(skipped > 0 ? [`${counted(skipped, "step")} skipped`] : []),
  ];
  lines.push([failures === 0 ? "nothing failed" : `${counted(failures, "fault")} found`, ...rest].join(", "));
  return "\n" + lines.join("\n") + "\n";
}

/** The keys of "opendca.doctor/1" do not change; new ones may be added. */
export function renderDoctorJson(steps: readonly DoctorStep[], times: { startedAt: Date; finishedAt: Date }): string {
  const document = {
    schema: "opendca.doctor/1",
    startedAt: times.startedAt.toISOString(),
    finishedAt: times.finishedAt.toISOString(),
    exitCode: doctorExitCode(steps),
    steps: steps.map(({ name, subject, status, detail }) => ({ name, subject, status, detail })),
    faults: steps.flatMap(({ name: step, subject, faults }) =>
      faults.map(({ name, severity, message, advice }) => ({ step, subject, name, severity, message, advice }))
    ),
  };
  return `${visibleJson(document, 2)}\n`;
}

function isFailure({ severity }: { severity: string }): boolean {
  return severity === "failed";
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
