/** The sandbox of a thread: `net` and nothing else. One with `ffi` or `run` could get round its net list. */
export function threadPermissions(net: string[] | true): Deno.PermissionOptionsObject {
  return { net, read: false, write: false, env: false, run: false, ffi: false, sys: false, import: false };
}
