/** Releases that install.sh takes in a machine of a test, and what tests look at there. */
import { toolOutput } from "../fixtures/started_peer.ts";
import type { Machine } from "./systemd_machine.ts";

const repository = new URL("../../", import.meta.url).pathname;

export interface Releases extends AsyncDisposable {
  publicKey: string;
  /** Replaces the release in /root/release of the machine by files: a path here, or a text. */
  make(files: Record<string, string>): Promise<void>;
}

export async function createReleases(machine: Machine): Promise<Releases> {
  const keys = await Deno.makeTempDir();
  await toolOutput("minisign", ["-G", "-W", "-p", `${keys}/release.pub`, "-s", `${keys}/release.key`]);
  const publicKey = (await Deno.readTextFile(`${keys}/release.pub`)).trim().split("\n").at(-1)!;
  const folder = `${machine.root}/root/release`;
  return {
    publicKey,
    async make(files) {
      await Deno.remove(folder, { recursive: true }).catch(() => {});
      await Deno.mkdir(folder);
      for (const [file, content] of Object.entries(files)) {
        if (content.startsWith("/")) await Deno.copyFile(content, `${folder}/${file}`);
        else await Deno.writeTextFile(`${folder}/${file}`, content);
      }
      const sums = await toolOutput("sh", ["-c", 'cd "$1" && sha256sum -- *', "-", folder]);
      await Deno.writeTextFile(`${folder}/SHA256SUMS`, sums);
      await toolOutput("minisign", ["-S", "-W", "-s", `${keys}/release.key`, "-m", `${folder}/SHA256SUMS`]);
      const script = await toolOutput("sh", [`${repository}install/linux/assemble.sh`, publicKey]);
      await Deno.writeTextFile(`${folder}/install.sh`, script);
    },
    [Symbol.asyncDispose]: () => Deno.remove(keys, { recursive: true }),
  };
}

/** Paths of what an installation could leave. */
export async function files(machine: Machine): Promise<string[]> {
  const found = await machine.ok(["find", "/etc", "/usr/local", "/var/lib", "/opt", "/srv", "/home"]);
  // Of systemd itself, and copies of the user database.
  const others =
    /^\/var\/lib\/(systemd|private)\b|^\/etc\/(\.pwd\.lock|(passwd|group|shadow|gshadow|subuid|subgid)-?)$/;
  const users = (await machine.ok(["cut", "-d:", "-f1", "/etc/passwd", "/etc/group"])).split("\n");
  return [...found.split("\n").filter((path) => !others.test(path)), ...users].sort();
}

export async function properties(machine: Machine, unit: string): Promise<Record<string, string>> {
  const lines = (await machine.ok(["systemctl", "show", unit])).split("\n");
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}
