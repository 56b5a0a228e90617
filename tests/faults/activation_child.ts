/** Tries a code in a process of its own that kills itself (SIGKILL) before its nth step on the disk: FOLDER PORT CA CODE N. */
import { denoDisk, type Disk } from "../../common/host/disk.ts";
import { storeIn, tryCode } from "../fixtures/activation_fixture.ts";

const [folder = "", port = "", caFile = "", code = "", dieAt = ""] = Deno.args;
let steps = 0;

function step(): void {
  if (++steps === Number(dieAt)) Deno.kill(Deno.pid, "SIGKILL");
}

const disk: Disk = {
  ...denoDisk,
  create(path, options) {
    step();
    const file = denoDisk.create(path, options);
    return {
      write: (bytes) => file.write(bytes),
      writeSync(bytes) {
        // Half of it: what a crash in the middle of a write leaves.
        const half = file.writeSync(bytes.subarray(0, bytes.length / 2));
        step();
        return half + file.writeSync(bytes.subarray(half));
      },
      syncSync: () => file.syncSync(),
      close: () => file.close(),
    };
  },
  rename(from, to) {
    step();
    denoDisk.rename(from, to);
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
