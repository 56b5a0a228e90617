/** `ssh -R` of Debian's OpenSSH on loopback, with a server of this user and keys of its own. */
import { freePort } from "../tests/fixtures/free_port.ts";
import { until } from "../tests/fixtures/until.ts";
import { maybePeer } from "./programs.ts";

export interface SshForward extends AsyncDisposable {
  /** Where the server listens for what the client's end leads to. */
  port: number;
}

/** Undefined where OpenSSH is not installed, which is said. */
export async function maybeSshForward(
  folder: string,
  target: { host: string; port: number },
): Promise<SshForward | undefined> {
  const sshd = maybePeer("sshd", "openssh-server"), ssh = maybePeer("ssh", "openssh-client");
  if (sshd === undefined || ssh === undefined) return undefined;
  await using built = new AsyncDisposableStack();
  const own = `${folder}/openssh`, listen = freePort(), port = freePort();
  await Deno.mkdir(own);
  for (const name of ["host", "user"]) {
    const args = ["-q", "-t", "ed25519", "-N", "", "-f", `${own}/${name}`];
    const { success } = await new Deno.Command("ssh-keygen", { args }).output();
    if (!success) throw new Error("ssh-keygen failed");
  }
  const server = `Port ${listen}
ListenAddress 127.0.0.1
HostKey ${own}/host
AuthorizedKeysFile ${own}/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
`;
  await Deno.writeTextFile(`${own}/sshd_config`, server);
  // Of root, it wants an empty directory for its processes without privileges.
  if (Deno.uid() === 0) await Deno.mkdir("/run/sshd", { recursive: true });
  built.use(started(sshd, ["-D", "-e", "-f", `${own}/sshd_config`]));
  await until("sshd listens", () => Deno.connect({ port: listen }).then((it) => (it.close(), true), () => false));
  const options = [
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "ExitOnForwardFailure=yes",
    "IdentitiesOnly=yes",
  ];
  const forward = `127.0.0.1:${port}:${target.host}:${target.port}`;
  built.use(started(ssh, [
    ...["-F", "none", "-N", "-c", "aes128-gcm@openssh.com", "-i", `${own}/user`, "-p", `${listen}`],
    ...options.flatMap((option) => ["-o", option]),
    ...["-R", forward, "127.0.0.1"],
  ]));
  await until("ssh has its forward", () => Deno.connect({ port }).then((it) => (it.close(), true), () => false));
  const moved = built.move();
  return { port, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

function started(program: string, args: string[]): AsyncDisposable {
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended.
      }
      await child.status;
    },
  };
}
