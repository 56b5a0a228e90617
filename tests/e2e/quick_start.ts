/** The quick start of README.md, done as it stands there, on a machine without its own simulator. */
import assert from "node:assert/strict";
import { until } from "../fixtures/until.ts";
import type { Machine, Output } from "./systemd_machine.ts";

interface Step {
  command: string;
  /** Lines that it prints, in this order; others may be between them. */
  lines: string[];
}

/** The commands of the section that begin with `$`, and what stands below each. */
export function quickStartSteps(readme: string): Step[] {
  const section = readme.split("\n## Quick start\n")[1]?.split("\n## ")[0] ?? "";
  const steps: Step[] = [];
  for (const block of section.split("```").filter((text) => text.startsWith("\n$ "))) {
    for (const line of block.trim().split("\n")) {
      if (line.startsWith("$ ")) steps.push({ command: line.slice(2), lines: [] });
      else if (line !== "…") steps.at(-1)!.lines.push(line);
    }
  }
  assert(steps.length > 5, "README.md has no quick start");
  return steps;
}

/** Without what differs from one time to the next: ids, codes, days, ages and the width of columns. */
export function withoutNews(line: string): string {
  return line.replace(/\b(cus|sit|agt)-\w{12}/g, "$1-ID").replace(/\b\w{4}-\w{4}-\w{4}\b/g, "CODE")
    .replace(/\d{4}-\d\d-\d\d/g, "DAY").replace(/\b\d+ (s|min)\b/g, "AGE").replace(/ +/g, " ").trim();
}

const sudo = `#!/bin/sh
[ "$1" = -u ] || exec "$@"
user=$2
shift 2
exec setpriv --reuid="$user" --regid="$user" --init-groups "$@"
`;

/** In the folder /root/release of the machine, while printers of simulator/fleet/office.yaml are in its network. */
export async function quickStart(machine: Machine, readme: string): Promise<void> {
  const command = "/usr/local/bin/sudo";
  await machine.ok(["install", "-m", "755", "/dev/stdin", command], sudo);
  let code = "";
  for (const step of quickStartSteps(readme)) {
    let output: Output | undefined;
    await until(`it is as README.md says: ${step.command}`, async () => {
      // As in a terminal of this width, since pipes get all columns.
      const script = `cd /root/release && stty cols 116 && ${step.command}`;
      output = step.command.includes("activate")
        ? await machine.run(["sh", "-c", `cd /root/release && ${step.command}`], `${code}\n`)
        : await machine.run(["script", "--quiet", "--return", "--command", script, "/dev/null"]);
      // The readings come when the first scan has ended.
      return /\blist\b/.test(step.command) ? missing(step, output).length === 0 : true;
    });
    assert.equal(output!.code, 0, `${step.command}: ${output!.said}`);
    assert.deepEqual(missing(step, output!), [], `${step.command} printed: ${output!.said}`);
    code = /\b\w{4}-\w{4}-\w{4}\b/.exec(output!.said)?.[0] ?? code;
  }
  await machine.ok(["rm", command]);
}

/** Lines of README.md that were not printed, or not in this order. */
function missing({ lines }: Step, { said }: Output): string[] {
  const printed = said.split(/\r?\n/).map(withoutNews);
  let from = 0;
  return lines.filter((line) => {
    const at = printed.indexOf(withoutNews(line), from);
    if (at >= 0) from = at + 1;
    return at < 0;
  });
}
