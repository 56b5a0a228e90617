import { basename, dirname } from "node:path";

/**
 * Calls back when a file may have changed, until the returned function is called. Watches its directory, as editors
 * replace the file by a new one; names that begin with ".." count too, as Kubernetes replaces mounted files by such a
 * link.
 */
export function watchFile(path: string, changed: () => void): () => void {
  const watcher = Deno.watchFs(dirname(path), { recursive: false });
  const name = basename(path);
  void (async () => {
    for await (const { kind, paths } of watcher) {
      const isOurs = paths.some((touched) => basename(touched) === name || basename(touched).startsWith(".."));
      if (isOurs && kind !== "access") changed();
    }
    // If the system ends the watcher, the agent must continue; SIGHUP still works.
  })().catch(() => {});
  return () => watcher.close();
}

/** Calls back for each SIGHUP, until the returned function is called; never on Windows, which has none. */
export function onHangUp(callback: () => void): () => void {
  if (Deno.build.os === "windows") return () => {};
  Deno.addSignalListener("SIGHUP", callback);
  return () => Deno.removeSignalListener("SIGHUP", callback);
}
