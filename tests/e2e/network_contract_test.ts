/**
 * What the agent sends, and to whom, as a packet filter around it sees it: nothing but what docs/permissions.md says, also when
 * the platform orders something else. The scene is in network_contract_namespace.ts, in namespaces of its own.
 */
import assert from "node:assert/strict";
import { succeeds, systemTest } from "../fixtures/peers.ts";
import type { ContractScene } from "./network_contract_namespace.ts";

const programs = ["nft", "ip", "ss", "strace", "ping", "dnsmasq"];
const namespaces = ["-U", "-r", "-n", "-m"];
// The filter, a pair of interfaces between two namespaces, and the tracer have to be allowed.
const probe = `nft add table inet probe && strace -D -f -o /dev/null true && ip link add one type veth peer name two &&
  mount -t tmpfs none /mnt && unshare -n true`;
const allowed = await succeeds(["unshare", ...namespaces, "sh", "-c", probe]);
const needs = "network namespaces with a packet filter";

async function runScene(scene: ContractScene): Promise<void> {
  const program = new URL("network_contract_namespace.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: [
      ...[...namespaces, "--kill-child", "--fork", Deno.execPath(), "run", "--no-prompt", "--no-check", "--allow-all"],
      ...[program, JSON.stringify(scene)],
    ],
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(code, 0, `${text(stdout)}\n${text(stderr)}`);
  assert.match(text(stdout), /the contract was kept/);
}

systemTest("the agent sends to nobody but whom it may, and listens nowhere", { needs, allowed, programs }, () => {
  return runScene({ agent: "main.ts" });
});

const compiled = new URL("../../dist/opendca", import.meta.url).pathname as `/${string}`;
const isCompiled = await Deno.stat(compiled).then(({ isFile }) => isFile, () => false);
systemTest(
  "the compiled agent sends to nobody but whom it may, and listens nowhere",
  { needs: isCompiled ? needs : "dist/opendca; deno task compile makes it", allowed: allowed && isCompiled, programs },
  () => runScene({ agent: compiled }),
);
