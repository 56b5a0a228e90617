import assert from "node:assert/strict";
import { once } from "node:events";
import { maybeProgram, postgresServer, succeeds, systemTest } from "../../../tests/fixtures/peers.ts";
import { sharedPostgres } from "../../../tests/fixtures/postgres_server.ts";
import { UnixSocket } from "./unix_socket.ts";

/** A socket that is connected to one that the test drives. */
async function pair(): Promise<{ socket: UnixSocket; peer: Deno.UnixConn } & AsyncDisposable> {
  const folder = Deno.makeTempDirSync();
  using listener = Deno.listen({ transport: "unix", path: `${folder}/s` });
  const socket = new UnixSocket().connect(`${folder}/s`);
  const [peer] = await Promise.all([listener.accept(), once(socket, "connect")]);
  Deno.removeSync(folder, { recursive: true });
  return {
    socket,
    peer,
    async [Symbol.asyncDispose]() {
      if (!socket.closed) await once(socket.destroy(), "close");
      try {
        peer.close();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error;
      }
    },
  };
}

async function readAll(connection: Deno.UnixConn): Promise<Uint8Array> {
  return new Uint8Array(await new Response(connection.readable).arrayBuffer());
}

Deno.test("a UnixSocket sends what it was given and then its end, in order and whole", async () => {
  await using both = await pair();
  const received = readAll(both.peer);
  both.socket.cork();
  both.socket.write("a");
  both.socket.write("b");
  both.socket.uncork();
  const large = new Uint8Array(3_000_000).map((_, i) => i);
  both.socket.write(large);
  both.socket.resume().end("z");
  const expected = [...new TextEncoder().encode("ab"), ...large, ...new TextEncoder().encode("z")];
  assert.deepEqual(await received, Uint8Array.from(expected));
});

Deno.test("a UnixSocket reads each byte once, keeps earlier ones as they were, and ends with its peer", async () => {
  await using both = await pair();
  const large = new Uint8Array(300_000).map((_, i) => i * 7);
  const chunks: Uint8Array[] = [];
  both.socket.on("data", (chunk) => chunks.push(chunk));
  const closed = once(both.socket, "close");
  for (let sent = 0; sent < large.length;) sent += await both.peer.write(large.subarray(sent));
  both.peer.close();
  await closed;
  const whole = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
  assert.deepEqual(whole, large);
});

Deno.test("a UnixSocket that cannot connect says why, and closes", async () => {
  const socket = new UnixSocket().connect("/nowhere/s").resume();
  const closed = once(socket, "close").catch(() => {});
  const [error] = await once(socket, "error");
  assert.equal(error.code, "ENOENT");
  await closed;
  assert(socket.destroyed);
});

Deno.test("a UnixSocket whose peer is gone fails what is written", async () => {
  await using both = await pair();
  both.peer.close();
  const failed = once(both.socket, "error");
  both.socket.write(new Uint8Array(1_000_000));
  const [error] = await failed;
  assert.match(error.code, /EPIPE|ECONNRESET/);
});

Deno.test("a UnixSocket that is destroyed before it is connected closes", async () => {
  const folder = Deno.makeTempDirSync();
  using _listener = Deno.listen({ transport: "unix", path: `${folder}/s` });
  const socket = new UnixSocket().connect(`${folder}/s`).resume();
  const closed = once(socket, "close");
  socket.on("connect", () => assert.fail("connected"));
  socket.destroy();
  await closed;
  Deno.removeSync(folder, { recursive: true });
});

const mayTrace = {
  needs: "tracing of programs",
  allowed: maybeProgram("strace") === undefined || await succeeds(["strace", "-o", "/dev/null", "true"]),
  programs: [postgresServer, "strace"],
};

systemTest("a pool closes no descriptor twice", mayTrace, async () => {
  await using database = await (await sharedPostgres()).database();
  const folder = Deno.makeTempDirSync();
  const program = `
    import { createPool } from "${import.meta.resolve("./postgres_pool.ts")}";
    import { parseDatabaseUrl } from "${import.meta.resolve("./database_url.ts")}";
    const pool = createPool(parseDatabaseUrl(Deno.args[0]));
    const others = "FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()";
    await Promise.all([1, 2, 3].map(() => pool.query("SELECT pg_sleep(0.1)")));
    await pool.query("SELECT pg_terminate_backend(pid) " + others);
    await pool.end();
  `;
  Deno.writeTextFileSync(`${folder}/program.ts`, program);
  const config = new URL("../../../deno.json", import.meta.url).pathname;
  const { success, stderr } = await new Deno.Command("strace", {
    args: ["-f", "-o", `${folder}/trace`, "-e", "trace=connect,close", Deno.execPath(), "run", "--no-prompt", "-A"]
      .concat("--config", config, `${folder}/program.ts`, database.url),
    stdin: "null",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const trace = Deno.readTextFileSync(`${folder}/trace`);
  assert.match(trace, /connect\(\d+, \{sa_family=AF_UNIX/);
  assert.deepEqual(trace.match(/.*close\(.*EBADF.*/g), null);
  Deno.removeSync(folder, { recursive: true });
});
