/** The repository that is built from: its folder, its commit, and the cache of packages. */
import { ReleaseError } from "./release_error.ts";
import { runTool } from "./run_tool.ts";

export const root = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");

export interface Source {
  commit: string;
  /** Seconds since 1970. */
  epoch: number;
}

export async function sourceOf(): Promise<Source> {
  const git = (args: string[]) => runTool(["git", ...args], { cwd: root, to: "read the commit" });
  const [commit, time, status] = await Promise.all([
    git(["rev-parse", "HEAD"]),
    git(["log", "-1", "--format=%ct"]),
    git(["status", "--porcelain"]),
  ]);
  const given = Deno.env.get("SOURCE_DATE_EPOCH") ?? "";
  if (given !== "" && !/^\d{1,10}$/.test(given)) {
    throw new ReleaseError(`Cannot use SOURCE_DATE_EPOCH as a time in seconds: current value is "${given}"`);
  }
  return { commit: commit.trim() + (status === "" ? "" : "-dirty"), epoch: Number(given === "" ? time : given) };
}

/** The DENO_DIR of this user. */
export async function ownCache(): Promise<string> {
  const info = await runTool([Deno.execPath(), "info", "--json"], { to: "find the cache of packages" });
  return (JSON.parse(info) as { denoDir: string }).denoDir;
}
