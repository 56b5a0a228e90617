/** A mount namespace in which the state directory of a scene is a file system of its own: small, or one that breaks. */
import type { AgentScene } from "../fixtures/agent_fixture.ts";
import { succeeds, systemTest } from "../fixtures/peers.ts";

/** `root`: of the machine, for loop devices; without it a user namespace does. */
function newNamespace(root: boolean): string[] {
  return root ? ["unshare", "-m"] : ["unshare", "-U", "-r", "-m"];
}

/** On a file system that was mounted by `mount`, which finds an empty folder `mounted`. */
export interface MountOptions {
  mount: string;
  root?: boolean;
}

const small: MountOptions = { mount: "mount -t tmpfs none mounted" };
const loop: MountOptions = { mount: `${loopDisk(10)} mounted`, root: true };

/** A file system of ext4, which can be made to break as by an error of the disk: `mount -o remount,abort`. */
export function loopDisk(megabytes: number): string {
  return `truncate -s ${megabytes}M disk.img; mkfs.ext4 -q disk.img; mount -o loop disk.img`;
}

async function canMount({ mount, root = false }: MountOptions): Promise<boolean> {
  const folder = await Deno.makeTempDir();
  try {
    return await succeeds([...newNamespace(root), "sh", "-ec", `cd "$0"; mkdir mounted; ${mount}`, folder]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const systems = {
  small: { needs: "mount namespaces", allowed: await canMount(small) },
  loop: { needs: "loop devices with ext4", allowed: await canMount(loop), programs: ["mkfs.ext4", "fsck.ext4"] },
};

/** Registers a test that needs file systems of its own. */
export function mountTest(name: string, needs: keyof typeof systems, body: () => Promise<void>): void {
  systemTest(name, systems[needs], body);
}

export interface MountedState extends AsyncDisposable {
  /** Runs shell commands in the namespace, in the folder of the scene; returns what they print. */
  sh(script: string): Promise<string>;
}

/** From now on the scene's `opendca` runs where its state directory has moved to what `mount` has mounted. */
export async function mountState(scene: AgentScene, { mount, root = false }: MountOptions): Promise<MountedState> {
  // What is not synced yet would go with a file system that breaks, as if it had never been there.
  const copy = "cp -a state/. mounted; sync -f mounted";
  const script = `cd "$0"; mkdir mounted; ${mount}; ${copy}; mount --bind mounted state`;
  const [program, ...rest] = newNamespace(root);
  // Lives for as long as its standard input is open, and the namespace with it.
  const holder = new Deno.Command(program!, {
    args: [...rest, "sh", "-ec", `${script}; echo mounted; exec cat`, scene.folder],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const said = holder.stdout.getReader();
  const { value } = await said.read();
  const end = async () => {
    await holder.stdin.close();
    await said.cancel();
    await holder.status;
  };
  if (new TextDecoder().decode(value) !== "mounted\n") {
    await end();
    throw new Error("the namespace was not made");
  }
  const user = root ? [] : ["-U", "--preserve-credentials"];
  const within = ["nsenter", "-t", String(holder.pid), ...user, "-m"];
  scene.within = within;
  return {
    async sh(script) {
      const { code, stdout, stderr } = await new Deno.Command(within[0]!, {
        args: [...within.slice(1), "sh", "-c", `cd "$0"; ${script}`, scene.folder],
      }).output();
      if (code !== 0) throw new Error(`${script} ended with ${code}: ${new TextDecoder().decode(stderr)}`);
      return new TextDecoder().decode(stdout);
    },
    [Symbol.asyncDispose]: end,
  };
}
