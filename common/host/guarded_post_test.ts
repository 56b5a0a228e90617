/** Requests to addresses that strangers choose: what may be called, and receivers that misbehave. Real servers on loopback. */
import assert from "node:assert/strict";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import fc from "fast-check";
import { createTestAuthority } from "../../tests/fixtures/test_authority.ts";
import { guardedConnect } from "./guarded_socket.ts";
import { ForbiddenTargetError, guardedPost, targetFault } from "./guarded_post.ts";
import { isPublicAddress } from "./public_address.ts";

const closed = [
  "127.0.0.1",
  "127.255.255.254",
  "0.0.0.0",
  "10.0.0.1",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "198.18.0.1",
  "192.0.2.1",
  "224.0.0.1",
  "239.255.255.255",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::ffff:127.0.0.1",
  "::127.0.0.1",
  "64:ff9b::7f00:1",
  "64:ff9b:1::a00:1",
  "fe80::1",
  "fe80::1%eth0",
  "fc00::1",
  "fd00:ec2::254",
  "fec0::1",
  "ff02::1",
  "2001::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "3fff::1",
  "100::1",
  "localhost",
  "",
];
const open = [
  "8.8.8.8",
  "1.1.1.1",
  "100.128.0.1",
  "172.32.0.1",
  "192.169.0.1",
  "223.255.255.255",
  "2606:4700::1111",
  "2a00:1450::1",
];

Deno.test("isPublicAddress() knows what is not of the Internet", () => {
  for (const text of closed) assert(!isPublicAddress(text), text);
  for (const text of open) assert(isPublicAddress(text), text);
});

Deno.test("targetFault() knows an address in every form that a URL takes", () => {
  const forms = [
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://[::ffff:7f00:1]/",
    "https://[::1]:8443/",
    "https://１２７.0.0.1/",
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "https://user:secret@hooks.example.com/",
    "file:///etc/passwd",
    "hooks.example.com",
    "",
  ];
  for (const text of forms) assert(targetFault(text, []) !== undefined, text);
  assert.equal(targetFault("https://hooks.example.com/x", []), undefined);
  assert.equal(targetFault("http://127.0.0.1:8080/x", ["127.0.0.1"]), undefined);
  fc.assert(fc.property(fc.string(), (text) => void targetFault(text, [])));
});

const request = (url: string) => ({ url, headers: { "x-test": "1" }, body: "{}" });
const options = { allowed: [] as string[], timeoutMs: 5000, mostBytes: 1000 };

Deno.test("a name that leads to a private address is not called, also if it is one of several", async () => {
  for (const addresses of [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::1"], ["169.254.169.254"]]) {
    const resolve = () => Promise.resolve(addresses);
    await assert.rejects(guardedPost(request("https://hooks.example.com/"), { ...options, resolve }), (error) => {
      assert(error instanceof ForbiddenTargetError);
      assert.match(error.message, /is not an address of the Internet/);
      return true;
    });
  }
});

Deno.test("an address that may not be called is named without its path, which may be a secret", async () => {
  for (const url of ["https://10.0.0.1/hooks/s3cret?key=s3cret", "ftp://example.com/s3cret", "https://eva:s3cret@x/"]) {
    await assert.rejects(guardedPost(request(url), options), ({ message }) => {
      assert.match(message, /^Cannot call (10\.0\.0\.1|example\.com|x): /);
      assert.doesNotMatch(message, /s3cret/);
      return true;
    });
  }
});

Deno.test("what was stopped before it began, or while the name was asked, ends at once", async () => {
  await using silent = await receiver(() => {});
  const target = `http://127.0.0.1:${silent.port}/`;
  const own = { ...options, allowed: ["127.0.0.1", "localhost"], timeoutMs: 600_000 };
  await assert.rejects(guardedPost(request(target), { ...own, signal: AbortSignal.abort() }), /abort/i);
  const controller = new AbortController();
  const resolve = () => {
    controller.abort();
    return Promise.resolve(["127.0.0.1"]);
  };
  const late = { ...own, resolve, signal: controller.signal };
  await assert.rejects(guardedPost(request(`http://localhost:${silent.port}/`), late), /abort/i);
  assert.equal(silent.requests.length, 0);
  // By TLS to a server that says nothing, it would hang for ever.
  for (const signal of [AbortSignal.abort(), controller.signal]) {
    const socket = guardedConnect({ host: "localhost", port: silent.port, isTls: true }, { ...late, signal });
    await assert.rejects(socket, /abort/i);
  }
});

interface Receiver extends AsyncDisposable {
  port: number;
  requests: { headers: Record<string, unknown>; body: string }[];
}

async function receiver(answer: RequestListener, tls?: { cert: string; key: string }): Promise<Receiver> {
  const requests: Receiver["requests"] = [];
  const listener: RequestListener = (request, response) => {
    let body = "";
    request.on("data", (part) => body += part);
    request.on("end", () => {
      requests.push({ headers: request.headers, body });
      answer(request, response);
    });
  };
  const server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

Deno.test("the connection goes to the address that was checked, and the name is asked once", async () => {
  const authority = await createTestAuthority(), own = await authority.issue({ names: ["hooks.example.com"] });
  await using server = await receiver((_, response) => response.end("ok"), {
    cert: own.certificatePem,
    key: own.keyPem,
  });
  let asked = 0;
  const resolve = () => Promise.resolve(asked++ === 0 ? ["127.0.0.1"] : ["10.9.9.9"]);
  const target = `https://hooks.example.com:${server.port}/path?x=1`;
  const done = await guardedPost(request(target), {
    ...options,
    allowed: ["hooks.example.com"],
    resolve,
    ca: authority.pem,
  });
  assert.deepEqual([done.status, asked], [200, 1]);
  assert.equal(server.requests[0]!.headers.host, `hooks.example.com:${server.port}`);
  assert.equal(server.requests[0]!.body, "{}");
});

Deno.test("of several addresses, the first that can be reached is called, once", async () => {
  await using server = await receiver((_, response) => response.end("ok"));
  const call = (...addresses: string[]) => {
    const resolve = () => Promise.resolve(addresses), allowed = ["hooks.example.com"];
    return guardedPost(request(`http://hooks.example.com:${server.port}/`), { ...options, allowed, resolve });
  };
  // Nothing listens there, by the same port.
  assert.equal((await call("127.0.0.2", "::1", "127.0.0.1")).status, 200);
  const resolve = () => Promise.resolve(["127.0.0.2", "127.0.0.1"]), allowed = ["hooks.example.com"];
  const target = { host: "hooks.example.com", port: server.port, isTls: false };
  (await guardedConnect(target, { allowed, resolve, timeoutMs: 5000 })).destroy();
  await assert.rejects(call("127.0.0.2", "127.0.0.3"), { code: "ECONNREFUSED" });
  await assert.rejects(call(), /Cannot find the address/);
  assert.equal(server.requests.length, 1);
  // What was sent may have been taken.
  await using broken = await rawServer((socket) => socket.destroy());
  let asked = 0;
  await assert.rejects(guardedPost(request(`http://hooks.example.com:${broken.port}/`), {
    ...options,
    allowed,
    resolve: () => Promise.resolve((asked++, ["127.0.0.1", "127.0.0.1"])),
  }));
  assert.deepEqual([asked, broken.count()], [1, 1]);
});

Deno.test("a certificate of nobody, or of another name, is refused", async () => {
  const authority = await createTestAuthority(), own = await authority.issue({ names: ["other.example.com"] });
  await using server = await receiver((_, response) => response.end("ok"), {
    cert: own.certificatePem,
    key: own.keyPem,
  });
  const resolve = () => Promise.resolve(["127.0.0.1"]);
  const to = (name: string, ca?: string) =>
    guardedPost(request(`https://${name}:${server.port}/`), { ...options, allowed: [name], resolve, ca });
  await assert.rejects(to("hooks.example.com", authority.pem));
  await assert.rejects(to("other.example.com"));
  assert.equal(server.requests.length, 0);
  assert.equal((await to("other.example.com", authority.pem)).status, 200);
});

Deno.test("a redirect is not followed", async () => {
  await using inner = await receiver((_, response) => response.end("secret"));
  await using server = await receiver((_, response) => {
    response.writeHead(307, { location: `http://127.0.0.1:${inner.port}/` });
    response.end();
  });
  const done = await guardedPost(request(`http://127.0.0.1:${server.port}/`), { ...options, allowed: ["127.0.0.1"] });
  assert.deepEqual([done.status, inner.requests.length], [307, 0]);
});

Deno.test("a receiver that hangs ends by time: before the answer, and in the middle of it", async () => {
  await using silent = await receiver(() => {});
  await using slow = await receiver((_, response) => void response.write("x"));
  for (const { port } of [silent, slow]) {
    await assert.rejects(
      guardedPost(request(`http://127.0.0.1:${port}/`), { ...options, allowed: ["127.0.0.1"], timeoutMs: 300 }),
      /within 0.3 s/,
    );
  }
});

Deno.test("of an answer of ten gigabytes little is read", async () => {
  let sent = 0;
  await using server = await receiver((_, response) => {
    response.writeHead(200, { "content-length": String(10 * 1024 ** 3) });
    const part = new Uint8Array(65_536);
    const more = () => {
      while (!response.destroyed && response.write(part)) sent += part.length;
      sent += part.length;
    };
    response.on("drain", more);
    response.on("error", () => {});
    more();
  });
  const done = await guardedPost(request(`http://127.0.0.1:${server.port}/`), { ...options, allowed: ["127.0.0.1"] });
  assert.equal(done.status, 200);
  assert(sent < 64 * 1024 * 1024, String(sent));
});

/** Says what a stranger likes, byte by byte. */
async function rawServer(say: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => say(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    count: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/* As long as it is read, each time when the part before was taken. */
function endlessly(socket: Socket, part: string): { written: number } {
  const told = { written: 0 };
  const more = () => {
    while (!socket.destroyed && told.written < 256 * 1024 * 1024) {
      told.written += part.length;
      if (!socket.write(part)) return;
    }
  };
  socket.on("drain", more);
  more();
  return told;
}

function drip(socket: Socket, text: string): void {
  const timer = setInterval(() => socket.destroyed ? clearInterval(timer) : socket.write(text), 20);
  socket.on("close", () => clearInterval(timer));
}

const stages: { name: string; protocol?: string; say(socket: Socket): void }[] = [
  { name: "of TLS, saying nothing", protocol: "https", say: () => {} },
  {
    name: "of TLS, as what it says is none",
    protocol: "https",
    say: (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"),
  },
  { name: "in the first line", say: (socket) => socket.write("HTTP/1.1 2") },
  { name: "in its headers, which drip", say: (socket) => (socket.write("HTTP/1.1 200 OK\r\nx: "), drip(socket, "a")) },
  { name: "before its answer, with hints", say: (socket) => drip(socket, "HTTP/1.1 103 Early Hints\r\n\r\n") },
  {
    name: "in its body, which drips",
    say: (socket) => (socket.write("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n"), drip(socket, "a")),
  },
  {
    name: "in a chunk that does not end",
    say: (socket) => (socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0"), drip(socket, "0")),
  },
  { name: "by closing without an answer", say: (socket) => socket.destroy() },
];
for (const { name, protocol = "http", say } of stages) {
  Deno.test(`a receiver that fails ${name}, is an error within the time`, async () => {
    await using server = await rawServer(say);
    const allowed = ["127.0.0.1"], timeoutMs = 400, began = performance.now();
    await assert.rejects(
      guardedPost(request(`${protocol}://127.0.0.1:${server.port}/`), { allowed, timeoutMs, mostBytes: 1000 }),
    );
    assert(performance.now() - began < 10_000);
  });
}

Deno.test("of endless headers, and of a body that is said to be compressed, little is read and nothing unpacked", async () => {
  let told = { written: 0 };
  const head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
  for (
    const [begin, part] of [["HTTP/1.1 200 OK\r\n", `x-${"a".repeat(1000)}: b\r\n`], [
      head,
      `3e8\r\n${"\0".repeat(1000)}\r\n`,
    ]]
  ) {
    await using server = await rawServer((socket) => {
      socket.write(begin!);
      told = endlessly(socket, part!);
    });
    const allowed = ["127.0.0.1"], timeoutMs = 5000;
    const answer = await guardedPost(request(`http://127.0.0.1:${server.port}/`), {
      allowed,
      timeoutMs,
      mostBytes: 1000,
    })
      .catch((error) => error);
    assert(answer instanceof Error || answer.text.length === 1000);
    assert(told.written < 64 * 1024 * 1024, String(told.written));
  }
});
