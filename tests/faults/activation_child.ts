/** Tries a code in a process of its own that kills itself (SIGKILL) before its nth step on the disk: FOLDER PORT CA CODE N. */
import { denoStateDisk, type StateDisk } from "../../common/host/state_disk.ts";
import { storeIn, tryCode } from "../fixtures/activation_fixture.ts";

const [folder = "", port = "", caFile = "", code = "", dieAt = ""] = Deno.args;
let steps = 0;

function step(): void {
  if (++steps === Number(dieAt)) Deno.kill(Deno.pid, "SIGKILL");
}

const disk: StateDisk = {
  ...denoStateDisk,
  async writeSynced(path, text) {
    step();
    // Half of it: what a crash in the middle of a write leaves.
    await Deno.writeTextFile(path, text.slice(0, text.length / 2));
    step();
    await denoStateDisk.writeSynced(path, text);
  },
  async rename(from, to) {
    step();
    await denoStateDisk.rename(from, to);
    step();
  },
};

try {
  const platform = { port: Number(port), authority: { pem: await Deno.readTextFile(caFile) } };
  await tryCode(code, storeIn(folder, { disk }), platform);
  console.log("activated");
} catch (error) {
  console.log(`${error instanceof Error ? error.name : error}`);
}
