import assert from "node:assert/strict";
import { freePort } from "../../../tests/fixtures/free_port.ts";
import { peerTest, postgresServer } from "../../../tests/fixtures/peers.ts";
import { startPostgres } from "../../../tests/fixtures/postgres_server.ts";
import { createTestAuthority } from "../../../tests/fixtures/test_authority.ts";
import { ConfigError } from "../../../common/core/errors.ts";
import { parseDatabaseUrl } from "./database_url.ts";
import { openPostgresStore } from "./postgres_store.ts";

peerTest(
  "openPostgresStore() verifies the server as sslmode says, and shows no password",
  [postgresServer],
  async (t) => {
    const authority = await createTestAuthority(), stranger = await createTestAuthority("Stranger");
    const port = freePort();
    const certificate = await authority.issue({ names: ["localhost"] });
    await using server = await startPostgres({ tcp: { port, certificate }, isSmall: true });
    await using database = await server.database("own");
    await server.sql("ALTER ROLE opendca PASSWORD 'correct horse'");
    const name = URL.parse(database.url)!.pathname;
    const folder = await Deno.makeTempDir();
    const ca = `${folder}/ca.pem`, other = `${folder}/other.pem`;
    await Deno.writeTextFile(ca, authority.pem);
    await Deno.writeTextFile(other, stranger.pem);
    const cases: { name: string; url: string; refused?: RegExp }[] = [
      { name: "verify-full", url: `localhost:${port}${name}?sslmode=verify-full&sslrootcert=${ca}` },
      { name: "verify-ca under another name", url: `127.0.0.1:${port}${name}?sslmode=verify-ca&sslrootcert=${ca}` },
      { name: "require", url: `127.0.0.1:${port}${name}?sslmode=require` },
      {
        name: "verify-full under another name",
        url: `127.0.0.1:${port}${name}?sslmode=verify-full&sslrootcert=${ca}`,
        refused: /certificate|name|altnames/i,
      },
      {
        name: "verify-full with another authority",
        url: `localhost:${port}${name}?sslmode=verify-full&sslrootcert=${other}`,
        refused: /certificate/i,
      },
      {
        name: "verify-ca with another authority",
        url: `localhost:${port}${name}?sslmode=verify-ca&sslrootcert=${other}`,
        refused: /certificate/i,
      },
      { name: "no TLS", url: `127.0.0.1:${port}${name}?sslmode=disable`, refused: /no encryption|pg_hba/ },
    ];
    for (const { name, url, refused } of cases) {
      await t.step(name, async () => {
        const opening = openPostgresStore(parseDatabaseUrl(`postgres://opendca:correct%20horse@${url}`));
        if (refused === undefined) {
          await using store = await opening;
          assert.deepEqual(await store.transaction((tx) => tx.all("SELECT * FROM customers")), []);
          return;
        }
        await assert.rejects(opening, (error) => {
          assert(error instanceof ConfigError, String(error));
          assert.match(error.message, refused);
          assert.doesNotMatch(`${error.stack}${error.hint}`, /horse/);
          return true;
        });
      });
    }
    for (const password of ["wrong%20horse", ""]) {
      await t.step(`password "${password}"`, () =>
        assert.rejects(
          openPostgresStore(
            parseDatabaseUrl(`postgres://opendca:${password}@127.0.0.1:${port}${name}?sslmode=require`),
          ),
          (error) => {
            assert(error instanceof ConfigError, String(error));
            assert.match(error.message, /password/);
            assert.doesNotMatch(`${error.stack}${error.hint}`, /horse/);
            return true;
          },
        ));
    }
    await Deno.remove(folder, { recursive: true });
  },
);
