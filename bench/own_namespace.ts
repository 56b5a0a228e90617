import { succeeds } from "../tests/fixtures/peers.ts";
import { programOptions } from "../tools/program_options.ts";

/**
 * Runs the benchmark again in a network namespace of its own, with a loopback device alone, and returns the exit code of
 * that; undefined in the namespace itself. So its ports and addresses are nobody else's.
 */
export async function maybeInOwnNamespace(entry: string, usage: string): Promise<number | undefined> {
  const { values } = programOptions(usage, { [inside]: false });
  if (values[inside]) return undefined;
  const unshare = ["unshare", "-U", "-r", "-n", "sh", "-ec", 'ip link set lo up; exec "$@"', "sh"];
  if (!await succeeds([...unshare, "true"])) {
    console.error("error: network namespaces are not allowed here; this benchmark needs one of its own");
    return 1;
  }
  const [program = "", ...args] = [
    ...unshare,
    Deno.execPath(),
    "run",
    "--no-prompt",
    "--allow-all",
    new URL(entry).pathname,
    ...Deno.args,
    `--${inside}`,
  ];
  const { code } = await new Deno.Command(program, { args, stdin: "null", stdout: "inherit", stderr: "inherit" })
    .output();
  return code;
}

const inside = "inside-own-namespace";
