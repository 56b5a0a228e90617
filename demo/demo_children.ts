/** The programs of the demo as processes: commands that are waited for, and servers that end with the demo. */
import project from "../deno.json" with { type: "json" };
import { UnavailableError } from "../common/core/errors.ts";
import { pingPrograms } from "../src/host/ping.ts";
import { taskGrants } from "./task_grants.ts";

export type Program = "opendca" | "opendca-platform";

export interface Children extends AsyncDisposable {
  /** Runs a command; returns what it printed. Throws `UnavailableError` with what it said when it fails. */
  run(program: Program, args: readonly string[]): Promise<string>;
  /** Starts a server; returns its first line when `untilLine`, which it prints when it is ready. */
  start(program: Program, args: readonly string[], options: { untilLine: boolean }): Promise<string>;
  /** Rejects when a server ends by itself. */
  readonly failed: Promise<never>;
}

export interface ChildrenOptions {
  /** Everything that they write is in it; nothing else may be written. */
  folder: string;
  env: Record<string, string>;
  signal: AbortSignal;
}

const entries: Record<Program, string> = { "opendca": "main.ts", "opendca-platform": "platform/main.ts" };
const root = new URL("../", import.meta.url).pathname;
const decoder = new TextDecoder();
/** What the tasks give each program of environment and machine. */
const grants: Record<Program, string[]> = {
  "opendca": ofMachine(taskGrants(project.tasks.opendca)),
  "opendca-platform": ofMachine(taskGrants(project.tasks.platform)),
};

/** A server that does not end by then is killed. */
const patienceMs = 10_000;

function ofMachine(grants: string[]): string[] {
  return grants.filter((word) => /^--(allow-env|ignore-env|allow-sys)\b/.test(word));
}

export function createChildren({ folder, env, signal }: ChildrenOptions): Children {
  const failed = Promise.withResolvers<never>();
  const over = new AbortController();
  failed.promise.catch((error) => over.abort(error));
  const servers: { end(): Promise<void> }[] = [];
  const flags: Record<Program, string[]> = {
    // Scanner threads get their own narrow list, which a parent can only give when it has the whole network.
    "opendca": ["--allow-net", `--allow-run=${pingPrograms.join(",")}`],
    "opendca-platform": ["--allow-net=127.0.0.1,localhost"],
  };

  function commandOf(program: Program, args: readonly string[], options: Deno.CommandOptions): Deno.Command {
    const common = ["run", "--no-prompt", "--no-check", "--allow-read", `--allow-write=${folder}`];
    return new Deno.Command(Deno.execPath(), {
      args: [...common, ...grants[program], ...flags[program], ...args],
      env: { ...env, NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
      ...options,
    });
  }

  return {
    failed: failed.promise,
    async run(program, args) {
      // A command without its server fails for a reason that is not the one to tell.
      const end = AbortSignal.any([signal, over.signal]);
      const command = commandOf(program, [root + entries[program], ...args], { stdin: "null", signal: end });
      const { code, stdout, stderr } = await command.output();
      end.throwIfAborted();
      if (code !== 0) throw failureOf(shownCommand(program, args), { code, signal: null }, decoder.decode(stderr));
      return decoder.decode(stdout);
    },
    async start(program, args, { untilLine }) {
      const entry = [`${root}demo/child/main.ts`, program, folder];
      const child = commandOf(program, [...entry, ...args], { stdin: "piped" }).spawn();
      let ending = false, said = "";
      const listening = (async () => {
        for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said = (said + text).slice(-4000);
      })();
      const ready = Promise.withResolvers<string>();
      const reading = (async () => {
        let first = "";
        for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
          if (first.includes("\n")) continue;
          first += text;
          if (first.includes("\n")) ready.resolve(first.slice(0, first.indexOf("\n")));
        }
      })();
      const gone = Promise.all([child.status, listening, reading]).then(([status]) => {
        if (!ending) failed.reject(failureOf(shownCommand(program, args), status, said));
      });
      servers.push({
        async end() {
          ending = true;
          await child.stdin.close().catch(() => {}); // It has ended by itself.
          const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
          await gone;
          clearTimeout(timer);
        },
      });
      if (!untilLine) return "";
      return await Promise.race([ready.promise, failed.promise, aborted(signal)]);
    },
    async [Symbol.asyncDispose]() {
      // The agent first: it would complain of a platform that is away.
      for (const server of servers.reverse()) await server.end();
    },
  };
}

/** As it is typed where the folders are those of an installation. */
export function shownCommand(program: Program, args: readonly string[]): string {
  const isFolder = (arg: string | undefined) => arg === "--data" || arg === "--config";
  const words = args.filter((arg, index) => !isFolder(arg) && !isFolder(args[index - 1]));
  return [program, ...words.map((word) => word.includes(" ") ? `"${word}"` : word)].join(" ");
}

/** Rejects when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  promise.catch(() => {});
  return promise;
}

function failureOf(
  command: string,
  { code, signal }: Pick<Deno.CommandStatus, "code" | "signal">,
  said: string,
): UnavailableError {
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
  const lines = said.trim().split("\n");
  const why = lines.findLast((line) => line.startsWith("error: "))?.slice("error: ".length);
  const hint = lines.findLast((line) => line.startsWith("hint: "))?.slice("hint: ".length);
  return new UnavailableError(
    `Cannot continue the demo as "${command}" ended ${how}${why === undefined ? "" : `: ${why}`}`,
    hint ?? "start it again: deno task demo",
  );
}
