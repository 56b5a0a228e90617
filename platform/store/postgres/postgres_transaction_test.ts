import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { UnavailableError } from "../../../common/core/errors.ts";
import { parseDatabaseUrl } from "./database_url.ts";
import { createPool } from "./postgres_pool.ts";
import { PostgresTransaction } from "./postgres_transaction.ts";
import { Turns } from "./turns.ts";

/* Messages of PostgreSQL's protocol (its manual, "Message Formats"). */
function message(type: string, ...parts: (string | number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const authenticated = message("R", [0, 0, 0, 0]), ready = message("Z", "I");
const shuttingDown = message("E", "SFATAL\0C57P01\0Mterminating connection\0\0");
const isStandby = message("S", "in_hot_standby\0on\0");

const answers: { name: string; bytes: Buffer[]; says: RegExp }[] = [
  // What a server that shuts down writes may arrive in one piece.
  { name: "ends as soon as it is made", bytes: [authenticated, ready, shuttingDown], says: /terminat|not queryable/i },
  { name: "is of a standby", bytes: [authenticated, isStandby, ready], says: /as it is a standby/ },
];
for (const { name, bytes, says } of answers) {
  Deno.test(`a connection that ${name} is an UnavailableError, and the process goes on`, async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write(Buffer.concat(bytes));
        if (bytes.includes(shuttingDown)) socket.end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const address = parseDatabaseUrl(`postgres://u@127.0.0.1:${port}/d`);
    const pool = createPool(address, { connections: 2 });
    const tx = new PostgresTransaction(pool, { address, readOnly: false, turns: new Turns(), turnTimeoutMs: 1000 });
    await assert.rejects(tx.all("SELECT 1"), (error) => {
      assert(error instanceof UnavailableError, String(error));
      assert.match(error.message, says);
      return true;
    });
    await tx.end("ROLLBACK");
    await pool.end();
    server.close();
    await once(server, "close");
  });
}
