/** Web access in a process of its own, which uses up its descriptors on `hold` and closes them again on `release`. */
import { startWebAccessFixture } from "../platform/web_access_fixture.ts";

// The runtime opens what it needs for signals some time after the start, and ends if it cannot.
Deno.addSignalListener("SIGUSR2", () => {});
await using web = await startWebAccessFixture({ tryListenerAfterMs: 1000 });
console.log(JSON.stringify({ port: web.port, ca: web.ca }));
const held: Deno.FsFile[] = [];
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  if (text.startsWith("hold")) {
    try {
      for (;;) held.push(Deno.openSync("/dev/null"));
    } catch {
      console.log("held");
    }
  } else {
    for (const file of held.splice(0)) file.close();
    console.log("released");
  }
}
console.error(web.log.join("\n"));
