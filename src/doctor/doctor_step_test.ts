import assert from "node:assert/strict";
import { doctorExitCode, type DoctorFault, judgedStep, skippedStep } from "./doctor_step.ts";
import { renderStep } from "./render_doctor.ts";

const fault = (exitCode: DoctorFault["exitCode"], severity: DoctorFault["severity"] = "failed"): DoctorFault => ({
  name: "x",
  severity,
  message: "m",
  advice: "a",
  exitCode,
});
const step = (...faults: DoctorFault[]) => judgedStep("dns", null, { detail: "", faults });

const cases = [
  { name: "no step", steps: [], want: 0 },
  { name: "warnings and skipped steps", steps: [step(fault(78, "warning")), skippedStep("tls", null, "")], want: 0 },
  { name: "a peer that is away", steps: [step(fault(69))], want: 69 },
  { name: "a lock beside it", steps: [step(fault(77)), step(fault(69))], want: 77 },
  { name: "a configuration beside both", steps: [step(fault(69), fault(78)), step(fault(77))], want: 78 },
];
for (const { name, steps, want } of cases) {
  Deno.test(`doctorExitCode() of ${name} is ${want}`, () => assert.equal(doctorExitCode(steps), want));
}

Deno.test("judgedStep() is failed by one failure among warnings", () => {
  assert.equal(step(fault(69, "warning"), fault(69)).status, "failed");
  assert.equal(step(fault(69, "warning")).status, "warning");
  assert.equal(step().status, "ok");
});

Deno.test("renderStep() shows what a peer said without its escape sequences, on one line", () => {
  const hostile = judgedStep("tls", "x:443", { detail: "CN=\x1b]0;owned\x07a\nok  forged", faults: [] });
  const line = renderStep(hostile, { color: false, unicode: false, width: Infinity });
  assert.equal(line, "ok       tls            x:443: CN=a ok forged\n");
});
