/**
 * Whether a version of Deno corrupts memory in node:http2, which gRPC rests on: 2.9.4 to 2.9.6
 * (https://github.com/denoland/deno/issues/36788). The process then dies at any moment, and no code of ours can catch it.
 */
export function isAffectedRuntime(version: string): boolean {
  const [, patch] = /^2\.9\.(\d+)(?:$|[^\d])/.exec(version) ?? [];
  return patch !== undefined && Number(patch) >= 4 && Number(patch) <= 6;
}
