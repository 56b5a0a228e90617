import { basename, dirname } from "node:path";

/**
 * Calls back when a file may have changed, until the returned function is called. Its directory is watched, as editors
 * put a new file in the place of the old; so are names that begin with "..", as Kubernetes replaces mounted files by
 * such a link.
 */
export function watchFile(path: string, changed: () => void): () => void {
  const watcher = Deno.watchFs(dirname(path), { recursive: false });
  const name = basename(path);
  void (async () => {
    for await (const { kind, paths } of watcher) {
      const isOurs = paths.some((touched) => basename(touched) === name || basename(touched).startsWith(".."));
      if (isOurs && kind !== "access") changed();
    }
    // A watcher that the system ends must not end the agent; SIGHUP still works.
  })().catch(() => {});
  return () => watcher.close();
}

/** Calls back for each SIGHUP, until the returned function is called; never on Windows, which has none. */
export function onHangUp(callback: () => void): () => void {
  if (Deno.build.os === "windows") return () => {};
  Deno.addSignalListener("SIGHUP", callback);
  return () => Deno.removeSignalListener("SIGHUP", callback);
}
