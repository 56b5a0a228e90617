/**
 * A Debian system with its own systemd, booted by `systemd-nspawn` on a copy of a cached tree. Its network is its own, with
 * loopback alone.
 */
import { toolOutput } from "../fixtures/started_peer.ts";
import { until } from "../fixtures/until.ts";

const decoder = new TextDecoder();
// dbus: systemd-run. openssl: checks signatures, as minisign is not there.
const packages = ["systemd-sysv", "dbus", "iputils-ping", "openssl"];

/** This machine can make or boot no such system. */
export class NoMachineError extends Error {}

export interface Output {
  code: number;
  /** Standard output and error. */
  said: string;
}

export interface Machine extends AsyncDisposable {
  /** Its root folder, seen from here. */
  root: string;
  /** Runs a command as root of the machine, until it ends. */
  run(command: readonly string[], input?: string): Promise<Output>;
  /** The same; returns what it said, and throws unless it succeeds. */
  ok(command: readonly string[], input?: string): Promise<string>;
  /** What a program of this system needs before it to be in the network of the machine. */
  network(): string[];
  reboot(): Promise<void>;
}

/** Boots a machine whose names are those of `hosts`. Throws `NoMachineError`. */
export async function bootMachine(hosts: readonly string[]): Promise<Machine> {
  const tree = await cachedTree();
  const folder = await Deno.makeTempDir({ prefix: "opendca-machine-" });
  const root = `${folder}/root`;
  const parts = new AsyncDisposableStack();
  // Files of other users, which Deno.remove() takes as well.
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  try {
    await toolOutput("cp", ["-a", tree, root]);
    await Deno.writeTextFile(`${root}/etc/hosts`, `127.0.0.1 localhost ${hosts.join(" ")}\n`);
    // Empty: systemd makes an id of its own, and keeps it.
    await Deno.writeTextFile(`${root}/etc/machine-id`, "");
    // What is written of the first seconds is on disk after a reboot.
    await Deno.mkdir(`${root}/var/log/journal`, { recursive: true });
    let booted = await boot(root);
    parts.defer(() => booted.end());
    const run = (command: readonly string[], input?: string) => enter(booted.leader, command, input);
    const machine = {
      root,
      run,
      async ok(command: readonly string[], input?: string) {
        const { code, said } = await run(command, input);
        if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${said}`);
        return said.trim();
      },
      network: () => ["nsenter", "-t", String(booted.leader), "-n", "--"],
      async reboot() {
        // nspawn would reboot it by itself, but fails where /run is no file system of its own.
        await run(["systemctl", "poweroff"]);
        await until("the machine has ended", () => !isAlive(booted.leader));
        await booted.end();
        booted = await boot(root);
      },
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    };
    const kept = parts.move();
    return machine;
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

interface Booted {
  /** Its first process. */
  leader: number;
  end(): Promise<void>;
}

async function boot(root: string): Promise<Booted> {
  const nspawn = new Deno.Command("systemd-nspawn", {
    args: [
      ...["--boot", "--register=no", "--keep-unit", "--private-network", "--console=read-only", "--quiet"],
      ...["--machine", `opendca-${crypto.randomUUID().slice(0, 8)}`, "--directory", root],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let printed = "", ended = false, leader: number | undefined;
  const drained = Promise.all([nspawn.stdout, nspawn.stderr].map(async (stream) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) printed += text;
  }));
  const status = nspawn.status.then(() => ended = true);
  const end = async () => {
    // The first process takes every other one of the machine with it; nspawn alone would leave them.
    if (leader !== undefined) killIfAlive(leader);
    if (!ended) killIfAlive(nspawn.pid);
    await status;
    await drained;
    if (leader !== undefined) await until("the machine has ended", () => !isAlive(leader!));
  };
  try {
    await until("the machine boots", async () => {
      if (ended) throw new NoMachineError(`systemd-nspawn cannot boot: ${printed.trim().slice(-300)}`);
      leader ??= await leaderOf(nspawn.pid);
      if (leader === undefined) return false;
      const state = await enter(leader, ["systemctl", "is-system-running"]);
      return /^(running|degraded)$/.test(state.said.trim());
    });
  } catch (error) {
    await end();
    throw error;
  }
  return { leader: leader!, end };
}

async function enter(leader: number, command: readonly string[], input = ""): Promise<Output> {
  const child = new Deno.Command("nsenter", {
    args: [
      "-t",
      String(leader),
      "-a",
      "--",
      "env",
      "-i",
      "PATH=/usr/local/bin:/usr/bin:/usr/sbin",
      "LC_ALL=C.UTF-8",
      ...command,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A command that reads nothing may have ended.
  await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** The first process of the machine: the child of nspawn that is the first of a process namespace. */
async function leaderOf(nspawn: number): Promise<number | undefined> {
  try {
    const children = (await Deno.readTextFile(`/proc/${nspawn}/task/${nspawn}/children`)).trim().split(" ");
    for (const pid of children.filter((each) => each !== "")) {
      const status = await Deno.readTextFile(`/proc/${pid}/status`);
      if (/^NSpid:\s+\d+\s+1$/m.test(status)) return Number(pid);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return undefined;
}

function killIfAlive(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/** A minimal Debian, made once of the packages that this system's apt uses. */
export async function cachedTree(): Promise<string> {
  const targets = await toolOutput("apt-get", [
    "indextargets",
    "--format",
    "$(CREATED_BY) $(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)",
  ]);
  const [, mirror, release] = /^Packages (\S+) (\w+) main Debian$/m.exec(targets) ?? [];
  if (mirror === undefined || release === undefined) throw new NoMachineError("apt has no Debian mirror here");
  const cache = `${Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") || "/root"}/.cache`}/opendca-tests`;
  const tree = `${cache}/${release}-${packages.join("-")}`;
  if (await Deno.stat(tree).then(() => true, () => false)) return tree;
  await Deno.mkdir(cache, { recursive: true });
  const making = await Deno.makeTempDir({ dir: cache, prefix: "making-" });
  try {
    await Deno.chmod(making, 0o755);
    const { code, stdout } = await new Deno.Command("debootstrap", {
      args: ["--variant=minbase", `--include=${packages.join(",")}`, release, making, mirror],
      stderr: "null",
    }).output();
    if (code !== 0) throw new NoMachineError(`debootstrap cannot make a tree here: ${lastLine(stdout)}`);
    await toolOutput("chroot", [making, "apt-get", "clean"]);
    await Deno.rename(making, tree);
  } catch (error) {
    await Deno.remove(making, { recursive: true }).catch(() => {});
    // Another run was faster.
    if (!(await Deno.stat(tree).then(() => true, () => false))) throw error;
  }
  return tree;
}

function lastLine(bytes: Uint8Array): string {
  return decoder.decode(bytes).trim().split("\n").at(-1)!;
}
