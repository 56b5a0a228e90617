/** Web access without a descriptor: accepting goes on afterwards. */
import assert from "node:assert/strict";
import net from "node:net";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { maybeProgram } from "../fixtures/peers.ts";
import { until } from "../fixtures/until.ts";
import { domain } from "../platform/web_access_fixture.ts";

Deno.test({
  name: "pages are served again after the process had no descriptor left",
  ignore: Deno.build.os !== "linux" || maybeProgram("prlimit") === undefined,
  async fn() {
    const script = fileURLToPath(new URL("web_access_child.ts", import.meta.url));
    const child = new Deno.Command(maybeProgram("prlimit")!, {
      args: ["--nofile=400:400", Deno.execPath(), "run", "--no-prompt", "--allow-all", script],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stderr = new Response(child.stderr).text();
    const lines = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    const line = async () => (await lines.next()).value as string;
    const writer = child.stdin.getWriter();
    const say = async (word: string) => {
      await writer.write(new TextEncoder().encode(`${word}\n`));
      assert.equal(await line(), `${word === "hold" ? "held" : "released"}\n`);
    };
    try {
      const { port, ca } = JSON.parse(await line());
      const handshake = () =>
        new Promise<boolean>((resolve) => {
          const socket = tls.connect({ port, host: "127.0.0.1", servername: `any.${domain}`, ca });
          const timer = setTimeout(() => socket.destroy(), 1000);
          socket.on("secureConnect", () => resolve(true)).on("error", () => {}).on("close", () => resolve(false));
          socket.once("secureConnect", () => socket.destroy()).once("close", () => clearTimeout(timer));
        });
      // So that it does not test the listener just now: the runtime ends if it cannot make a socket.
      await until("a handshake is answered", handshake);
      await say("hold");
      const waiting = Array.from({ length: 5 }, () => net.connect({ host: "127.0.0.1", port }).on("error", () => {}));
      // One of them is tried to be accepted now, which fails.
      await new Promise((resolve) => setTimeout(resolve, 2000));
      for (const socket of waiting) socket.destroy();
      await say("release");
      await until("a handshake is answered again", handshake, 30_000);
      await writer.close();
      await child.status;
      assert.match(await stderr, /listeningAnew/, "not by luck: the listener had ended");
    } finally {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
    }
  },
});
