import { pinnedRuntime } from "../../common/core/pinned_runtime.ts";

/**
 * Whether a version of Deno corrupts memory in node:http2, which gRPC rests on: 2.9.4 to 2.9.6
 * (https://github.com/denoland/deno/issues/36788). The process then dies at any moment, and no code of ours can catch it.
 */
export function isAffectedRuntime(version: string): boolean {
  const [, patch] = /^2\.9\.(\d+)(?:$|[^\d])/.exec(version) ?? [];
  return patch !== undefined && Number(patch) >= 4 && Number(patch) <= 6;
}

/** A warning about a version that is not the tested one; undefined for the tested one. */
export function maybeRuntimeFault(version: string) {
  if (version === pinnedRuntime) return undefined;
  if (isAffectedRuntime(version)) {
    const message = `Deno ${version} corrupts memory in HTTP/2 and may crash at any time: use ${pinnedRuntime}`;
    return { code: "runtime-affected", event: "runtimeAffected", message } as const;
  }
  const message = `Deno ${version} is not the tested version, which is ${pinnedRuntime}`;
  return { code: "runtime-untested", event: "runtimeUntested", message } as const;
}
