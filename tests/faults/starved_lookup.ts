/** Resolves a name with all file descriptors taken, and again with some free: what it was told, as JSON lines. */
import { messageOf } from "../../common/core/errors.ts";
import { lookUp } from "../../src/host/look_up.ts";
import { NameLookupError } from "../../src/targets/host_names.ts";

async function tell(name: string): Promise<void> {
  try {
    const { addresses } = await lookUp(name);
    console.log(JSON.stringify({ found: addresses.length > 0 }));
  } catch (error) {
    if (!(error instanceof NameLookupError)) throw error;
    console.log(JSON.stringify({ reason: error.reason, message: messageOf(error) }));
  }
}

function takeAll(): Deno.DatagramConn[] {
  const held: Deno.DatagramConn[] = [];
  for (;;) {
    try {
      held.push(Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }));
    } catch {
      return held;
    }
  }
}

// As every command does: the runtime opens what it needs for signals when it is first asked, and ends where it cannot.
Deno.addSignalListener("SIGHUP", () => {});
let held = takeAll();
await tell("localhost"); // No thread can be started.
for (const socket of held) socket.close();
await tell("localhost"); // Starts the thread.
held = takeAll();
await tell("localhost");
for (const socket of held) socket.close();
await tell("localhost");
