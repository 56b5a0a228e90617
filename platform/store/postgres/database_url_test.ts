import assert from "node:assert/strict";
import { ConfigError } from "../../../common/core/errors.ts";
import { isDatabaseUrl, parseDatabaseUrl } from "./database_url.ts";

const cases: { url: string; want: Record<string, unknown> }[] = [
  {
    url: "postgres://opendca@localhost/opendca",
    want: { host: "localhost", port: 5432, user: "opendca", database: "opendca", password: undefined, tls: undefined },
  },
  {
    url: "postgresql://a%40b:p%3A%2F%23@127.0.0.1:6000/my%20data",
    want: { host: "127.0.0.1", port: 6000, user: "a@b", database: "my data", password: "p:/#" },
  },
  { url: "postgres://u@%2Fvar%2Frun%2Fpostgresql/d", want: { host: "/var/run/postgresql", port: 5432 } },
  { url: "postgres://u@localhost:5433/d?host=/run/pg", want: { host: "/run/pg", port: 5433 } },
  { url: "postgres://u@[::1]:80/d", want: { host: "::1", port: 80 } },
  { url: "postgres://u@db.example/d?sslmode=disable", want: { host: "db.example", tls: undefined } },
  {
    url: "postgres://u@db.example/d?sslmode=require",
    want: { tls: { rejectUnauthorized: false, servername: "db.example" } },
  },
  {
    url: "postgres://u@db.example/d?sslmode=verify-full",
    want: { tls: { rejectUnauthorized: true, servername: "db.example" } },
  },
];
for (const { url, want } of cases) {
  Deno.test(`parseDatabaseUrl() reads ${url}`, () => {
    const address = parseDatabaseUrl(url);
    const shown = Object.fromEntries(Object.keys(want).map((key) => [key, address[key as keyof typeof address]]));
    assert.deepEqual(shown, want);
  });
}

const wrong: { url: string; says: RegExp }[] = [
  { url: "mysql://u:secret@h/d", says: /Cannot read the URL/ },
  { url: "postgres://u:secret@h:port/d", says: /Cannot read the URL/ },
  { url: "postgres://u:secret%@localhost/d", says: /a % is not followed/ },
  { url: "postgres://localhost/d", says: /lacks a host, a user or a database/ },
  { url: "postgres://u:secret@localhost/", says: /lacks a host, a user or a database/ },
  { url: "postgres://u:secret@localhost/d?options=-c", says: /"options" in the URL/ },
  { url: "postgres://u:secret@db.example/d", says: /without a word about TLS/ },
  { url: "postgres://u:secret@db.example/d?sslmode=prefer", says: /sslmode=prefer/ },
  { url: "postgres://u:secret@db.example/d?sslmode=require&sslrootcert=/none", says: /Cannot read "\/none"/ },
  { url: "postgres://u@localhost/d?passfile=/none", says: /Cannot read "\/none"/ },
];
for (const { url, says } of wrong) {
  Deno.test(`parseDatabaseUrl() refuses ${url} without repeating the password`, () => {
    assert.throws(() => parseDatabaseUrl(url), (error) => {
      assert(error instanceof ConfigError);
      assert.match(error.message, says);
      assert.doesNotMatch(error.message + error.hint, /secret/);
      return true;
    });
  });
}

Deno.test("parseDatabaseUrl() shows the address without the password", () => {
  const shown = (url: string) => parseDatabaseUrl(url).shown;
  assert.equal(shown("postgres://u:secret@localhost/d"), "postgres://u@localhost:5432/d");
  assert.equal(shown("postgres://u:secret@localhost/d?host=/run/pg"), "postgres://u@localhost/d?host=/run/pg");
  assert.equal(isDatabaseUrl("platform.db"), false);
});

Deno.test("parseDatabaseUrl() takes the password from the first line of a password file that fits, if only its owner reads it", () => {
  const path = Deno.makeTempFileSync();
  try {
    const lines = [
      "# other",
      "db:5432:d:u:no",
      "localhost:5432:d:other:no",
      "localhost:*:d:u:a\\:b\\\\c",
      "*:*:*:*:no",
    ];
    Deno.writeTextFileSync(path, lines.join("\n"));
    Deno.chmodSync(path, 0o600);
    const passwordOf = (url: string) => parseDatabaseUrl(url, { passfile: path }).password;
    assert.equal(passwordOf("postgres://u@localhost/d"), "a:b\\c");
    assert.equal(passwordOf("postgres://u@%2Frun%2Fpg/d"), "a:b\\c");
    assert.equal(passwordOf("postgres://u:own@localhost/d"), "own");
    Deno.chmodSync(path, 0o640);
    assert.throws(() => passwordOf("postgres://u@localhost/d"), /as other users may read it/);
  } finally {
    Deno.removeSync(path);
  }
});
