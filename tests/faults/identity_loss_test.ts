/** How many devices a fleet is for the service while a real firewall loses datagrams each way, and while views hide who they are. */
import assert from "node:assert/strict";
import type { LossyFleetFindings, LossyFleetScene } from "./lossy_fleet.ts";
import { succeeds, systemTest } from "../fixtures/peers.ts";

const explorer = new URL("lossy_fleet.ts", import.meta.url).pathname;
const namespaces = ["-U", "-r", "-n"];
const randomly = "add table inet t; add chain inet t c; add rule inet t c numgen random mod 100 < 15 drop";
const allowed = await succeeds(["unshare", ...namespaces, "sh", "-c", `echo '${randomly}' | nft -f -`]);

async function explore(scene: LossyFleetScene): Promise<LossyFleetFindings> {
  const script = 'ip link set lo up; exec "$1" run --no-prompt --no-check --allow-all "$2" "$3"';
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: [...namespaces, "sh", "-c", script, "sh", Deno.execPath(), explorer, JSON.stringify(scene)],
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(code, 0, text(stderr));
  return JSON.parse(text(stdout));
}

const needs = { needs: "network namespaces with a firewall", allowed, programs: ["ip", "nft", "snmpd", "snmpget"] };

for (const lossPercent of [15, 40]) {
  systemTest(`a fleet is as many devices as it has printers, at ${lossPercent} % loss each way`, needs, async () => {
    const scene = { printers: 12, hidden: 3, lossPercent, rounds: 3 };
    const { devices, events, dropped } = await explore(scene);
    assert.ok(dropped > 50, `only ${dropped} datagrams were lost`);
    const all = scene.printers + scene.hidden;
    assert.ok(devices.every((count) => count <= all), devices.join());
    assert.equal(devices.at(-1), all, devices.join());
    for (const wrong of ["deviceReplaced", "deviceMoved", "identityConflict"]) assert.equal(events[wrong], undefined);
    assert.equal(events.deviceAdded, all);
  });
}
