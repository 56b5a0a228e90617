/** Programs in network and mount namespaces of their own, with hosts, routes and a name server that a test chooses. */
import assert from "node:assert/strict";
import { succeeds, systemTest } from "../peers.ts";

export interface NamespaceProgram {
  /** Contents of /etc/hosts. */
  hosts: string;
  /** What the name server on 127.0.0.9 knows, as options of dnsmasq; without it nobody answers there. */
  nameServer?: readonly string[];
  /** Further shell commands before the program. */
  setUp?: string;
  /** Path of a module. */
  program: string;
  argument: unknown;
}

const setUpAll = `
cd "$1"
ip link set lo up
for file in hosts resolv.conf nsswitch.conf; do mount --bind "$file" "/etc/$file"; done
eval "$2"
server=
if [ -n "$3" ]; then
  # With -d it keeps its user, who is the only one of the namespace.
  eval exec dnsmasq -d -C /dev/null --no-resolv --no-hosts --listen-address=127.0.0.9 --bind-interfaces "$3" &
  server=$!
  until grep -q ' 0900007F:0035 ' /proc/net/udp; do kill -0 $server && sleep 0.05 || exit 1; done
fi
"$4" run --no-prompt --no-check --allow-all "$5" "$6"
code=$?
[ -z "$server" ] || kill $server
exit $code
`;

const namespaces = ["-U", "-r", "-n", "-m"];

const allowed = await succeeds(["unshare", ...namespaces, "mount", "-t", "tmpfs", "none", "/mnt"]);

export function namespaceTest(name: string, programs: string[], body: () => Promise<void>): void {
  systemTest(name, { needs: "network and mount namespaces", allowed, programs }, body);
}

/** What the program prints, as JSON. */
export async function runInNamespace<T>(given: NamespaceProgram): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/hosts`, given.hosts);
    await Deno.writeTextFile(`${folder}/nsswitch.conf`, "hosts: files dns\n");
    await Deno.writeTextFile(`${folder}/resolv.conf`, "nameserver 127.0.0.9\noptions timeout:1 attempts:1\n");
    const { setUp = "", nameServer = [], program, argument } = given;
    const args = [folder, setUp, nameServer.join(" "), Deno.execPath(), program, JSON.stringify(argument)];
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: [...namespaces, "sh", "-c", setUpAll, "sh", ...args],
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.equal(code, 0, text(stderr));
    return JSON.parse(text(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
