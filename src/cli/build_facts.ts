import { pinnedRuntime } from "../../common/core/pinned_runtime.ts";

/** Which build this is, and what it runs on. */
export interface BuildFacts {
  /** Of the compiled file, with "-dirty" where files were changed; "source" where it is run from source. */
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

/** What `--version` prints: one line, longer only where the runtime is another than the pinned one. */
export function versionText({ program, version }: ProgramVersion, { runtime }: BuildFacts): string {
  const note = runtime.deno === pinnedRuntime ? "" : ` (on Deno ${runtime.deno}; made for ${pinnedRuntime})`;
  return `${program} ${version}${note}`;
}

/** What `--version --json` prints. */
export function versionJson(program: ProgramVersion, build: BuildFacts): string {
  const isPinned = build.runtime.deno === pinnedRuntime;
  return JSON.stringify({ ...program, ...build, pinnedRuntime, otherRuntime: !isPinned }, undefined, 2);
}
