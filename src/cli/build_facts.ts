import { pinnedRuntime } from "../../common/core/pinned_runtime.ts";

/** Facts about this build and its runtime. */
export interface BuildFacts {
  /** Commit of the compiled file, with "-dirty" if files were changed; "source" if run from source. */
  commit: string;
  compiled: boolean;
  runtime: { deno: string; v8: string; typescript: string };
  os: string;
  arch: string;
  target: string;
}

export interface ProgramVersion {
  program: string;
  version: string;
}

/** Output of `--version`: one line, longer only if the runtime is not the pinned one. */
export function versionText({ program, version }: ProgramVersion, { runtime }: BuildFacts): string {
  const note = runtime.deno === pinnedRuntime ? "" : ` (on Deno ${runtime.deno}; made for ${pinnedRuntime})`;
  return `${program} ${version}${note}`;
}

/** Output of `--version --json`. */
export function versionJson(program: ProgramVersion, build: BuildFacts): string {
  const isPinned = build.runtime.deno === pinnedRuntime;
  return JSON.stringify({ ...program, ...build, pinnedRuntime, otherRuntime: !isPinned }, undefined, 2);
}
