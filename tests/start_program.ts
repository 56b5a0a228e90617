/** The project's own programs as processes, with the permissions that their tasks have. */
import project from "../deno.json" with { type: "json" };
import { taskGrants } from "../demo/task_grants.ts";
import { patienceMs } from "./until.ts";

const root = new URL("../", import.meta.url).pathname;
const decoder = new TextDecoder();

export interface ProcessOutput {
  code: number;
  out: string;
  err: string;
}

/** A program of the project with arguments, until it ends. */
export async function runProgram(
  entry: "main.ts" | "platform/main.ts",
  args: readonly string[],
  env: Record<string, string> = {},
  within: readonly string[] = [],
): Promise<ProcessOutput> {
  const output = await command(entry, args, env, within).output();
  return { code: output.code, out: decoder.decode(output.stdout), err: decoder.decode(output.stderr) };
}

/** Those of the tasks, as a feature that needs more works for nobody but us. */
const permissions = {
  "main.ts": taskGrants(project.tasks.opendca),
  "platform/main.ts": taskGrants(project.tasks.platform),
};

function command(
  entry: "main.ts" | "platform/main.ts",
  args: readonly string[],
  env: Record<string, string>,
  within: readonly string[],
): Deno.Command {
  const [program, ...rest] = [...within, Deno.execPath(), "run", "--no-prompt", "--no-check", ...permissions[entry]];
  return new Deno.Command(program!, {
    args: [...rest, root + entry, ...args],
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

export interface RunningProgram extends AsyncDisposable {
  pid: number;
  /** Lines of standard output so far. */
  lines: readonly string[];
  /** Standard error so far. */
  err(): string;
  /** The first line, from `from` on, that passes; rejects when the program ends before. */
  line(test: (line: string) => boolean, from?: number): Promise<string>;
  kill(signal: Deno.Signal): Promise<Deno.CommandStatus>;
  status: Promise<Deno.CommandStatus>;
}

export function startProgram(
  entry: "main.ts" | "platform/main.ts",
  args: readonly string[],
  env: Record<string, string> = {},
  within: readonly string[] = [],
): RunningProgram {
  const child = command(entry, args, env, within).spawn();
  const lines: string[] = [];
  let err = "", ended = false;
  let changed = Promise.withResolvers<void>();
  const wake = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const reading = Promise.all([
    (async () => {
      let rest = "";
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        const parts = (rest + text).split("\n");
        rest = parts.pop()!;
        lines.push(...parts);
        wake();
      }
    })(),
    (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) err += text;
    })(),
  ]).then(() => {
    ended = true;
    wake();
  });
  let dead = false;
  const status = child.status.then(async (result) => {
    dead = true;
    await reading;
    return result;
  });
  const kill = (signal: Deno.Signal) => {
    if (!dead) {
      try {
        child.kill(signal);
      } catch (error) {
        // It ended in this moment.
        if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return status;
  };
  return {
    pid: child.pid,
    lines,
    err: () => err,
    status,
    kill,
    async line(test, from = 0) {
      const late = Promise.withResolvers<never>();
      const why = (what: string) => new Error(`${what}:\n${lines.slice(-20).join("\n")}\n${err}`);
      const timer = setTimeout(() => late.reject(why("the line did not come in time")), patienceMs);
      try {
        for (let at = from;;) {
          for (; at < lines.length; at++) if (test(lines[at]!)) return lines[at]!;
          if (ended) throw why("the program ended before the line came");
          await Promise.race([changed.promise, late.promise]);
        }
      } finally {
        clearTimeout(timer);
      }
    },
    async [Symbol.asyncDispose]() {
      await kill("SIGKILL");
    },
  };
}
