/**
 * What a package in a thread would try that wants out of it. Plain JavaScript, as types would only be in the way. With
 * what a CommonJS package has as well: `require` and the class of its `module`, which `before_the_seal.ts` keeps.
 */
const text = { with: { type: "text" } };
const port = () => globalThis.probed.port;
const local = (hostname, portNumber = port()) => ({ hostname, port: portNumber });
/** What the bundler of a compiled file cannot see through. */
const computed = (...parts) => parts.join("");

/** Asks a thread that this one starts to do what it may not do itself. */
function startThread(entry, options) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(entry, { type: "module", ...options });
    worker.onmessage = () => resolve(worker.terminate());
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
}

const blob = (code) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
const require = (name) => globalThis.probed.require(name);
const moduleClass = () => globalThis.probed.Module;
const path = (name) => `${globalThis.probed.folder}/${name}`;
const target = () => globalThis.probed.target;

export const attempts = {
  "import a file's code": () => import(computed("file://", path("evil.mjs"))),
  "import a file as text": () => import(computed("file:///", "etc/passwd"), text),
  "import a file by a relative name": () => import(computed("../../../../../../../../../../", "etc/passwd"), text),
  "import data:": () => import(computed("data:text/javascript,", "export default 1")),
  "import blob:": () => import(blob("export default 1")),
  "import http:": () => import(computed("http://127.0.0.1:", port(), "/evil.js")),
  "import npm:": () => import(computed("npm:", "commander")),
  "import node:net": () => import(computed("node:", "net")),
  "import node:worker_threads": () => import(computed("node:", "worker_threads")),
  "import the runtime's inside": () => import(computed("ext:", "core/mod.js")),
  "import by eval": () => (0, eval)('import("data:text/javascript,export default 1")'),
  "import by eval with another name": () =>
    (0, eval)('import("data:text/javascript,export default 1")\n//# sourceURL=node:net'),
  "import by a compiled module": () => compileModule("/tmp/x.js", "data:text/javascript,export default 1"),
  "import by a module of the runtime's name": () => compileModule("node:net", "ext:core/mod.js"),
  "import by a module of the inside's name": () => compileModule("ext:core/mod.js", "ext:core/mod.js"),
  "require a file": () => require(computed("/etc/", "passwd")),
  "require a file's code": () => require(path("evil.cjs")),
  "require node:module": () => require(computed("node:", "module")),
  "require node:worker_threads": () => require(computed("node:", "worker_threads")),
  "require node:vm": () => require(computed("node:", "vm")),
  "require node:child_process": () => require(computed("node:", "child_process")),
  "load by Module._load": () => moduleClass()._load(computed("node:", "worker_threads")),
  "hook the loader": () => moduleClass().registerHooks({ resolve: (url) => ({ url, shortCircuit: true }) }),
  "process.getBuiltinModule": () => process.getBuiltinModule(computed("node:", "worker_threads")).Worker.name,
  "process.binding": () => new (process.binding(computed("tcp_", "wrap")).TCP)(0).bind("127.0.0.1", 0),
  "start a thread of data:": () => startThread("data:text/javascript,postMessage(1)"),
  "start a thread of blob:": () => startThread(blob("postMessage(1)")),
  "start a thread of a file": () => startThread(`file://${path("thread.mjs")}`),
  "start a thread with more rights": () =>
    startThread("data:text/javascript,postMessage(1)", { deno: { permissions: { read: true } } }),
  "listen on TCP": () => Deno.listen(local("0.0.0.0", 0)).close(),
  "listen on TCP of ::": () => Deno.listen(local("::", 0)).close(),
  "listen on TCP of 127.0.0.1": () => Deno.listen(local("127.0.0.1", 0)).close(),
  "listen on TCP of a target": () => Deno.listen(local(target())).close(),
  "listen by node:net": () =>
    new Promise((resolve, reject) => {
      require("node:net").createServer().on("error", reject).listen(0, "0.0.0.0", resolve);
    }),
  "listen on a UNIX socket": () => Deno.listen({ transport: "unix", path: path("sock") }).close(),
  "serve HTTP": () => Deno.serve({ ...local("0.0.0.0", 0), onListen() {} }, () => new Response()).shutdown(),
  "listen on QUIC": () => new Deno.QuicEndpoint(local("0.0.0.0", 0)).close(),
  "listen on UDP": () => Deno.listenDatagram({ transport: "udp", ...local("0.0.0.0", 0) }).close(),
  "listen on UDP of ::": () => Deno.listenDatagram({ transport: "udp", ...local("::", 0) }).close(),
  "listen on a UDP port": () => Deno.listenDatagram({ transport: "udp", ...local("0.0.0.0") }).close(),
  "listen by node:dgram": () =>
    new Promise((resolve, reject) => {
      require("node:dgram").createSocket("udp4").on("error", reject).bind(0, "0.0.0.0", resolve);
    }),
  "connect to a target by TCP": () => Deno.connect(local(target())),
  "connect to another by TCP": () => Deno.connect(local("127.0.0.1")),
  "connect to a target by node:net": () =>
    new Promise((resolve, reject) => {
      require("node:net").connect(port(), target(), resolve).on("error", reject);
    }),
  "connect by TLS": () => Deno.connectTls(local(target())),
  "send UDP to another by node:dgram": () =>
    new Promise((resolve, reject) => {
      const socket = require("node:dgram").createSocket("udp4").on("error", reject);
      socket.send("x", port(), "127.0.0.1", (error) => error ? reject(error) : resolve());
    }),
  "fetch a target": () => fetch(`http://${target()}:${port()}/`),
  "fetch a file": () => fetch(computed("file:///", "etc/passwd")).then((answer) => answer.text()),
  "open a WebSocket": () =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${target()}:${port()}/`);
      socket.onopen = resolve;
      socket.onerror = (event) => reject(new Error(event.message ?? "refused"));
    }),
  "ask a name server": () => Deno.resolveDns("localhost", "A"),
  "read a file": () => Deno.readTextFileSync("/etc/passwd"),
  "read a file by node:fs": () => require("node:fs").readFileSync("/etc/passwd"),
  "read its own source": () => require("node:fs").readFileSync(new URL(import.meta.url)),
  "list a folder": () => [...require("node:fs").readdirSync("/")],
  "write a file": () => require("node:fs").writeFileSync(path("written"), "x"),
  "open a database": () => new (require(computed("node:", "sqlite")).DatabaseSync)(":memory:"),
  "read the environment": () => Deno.env.get("HOME"),
  "read process.env": () => process.env.HOME.length,
  "run a program": () => new Deno.Command("/bin/true").outputSync(),
  "read the host name": () => Deno.hostname(),
  "load a library": () => Deno.dlopen("libc.so.6", {}),
  "load a library by process": () => process.dlopen({ exports: {} }, "/lib/x86_64-linux-gnu/libc.so.6"),
  "stop the process": () => Deno.kill(Deno.pid, "SIGCONT"),
  "stop the process by process": () => process.kill(process.pid, "SIGCONT"),
  "reach Deno.core": () => Deno.core.ops.length,
  "reach Deno.internal": () => Object.keys(Deno[Deno.internal]),
  "keep something in caches": () => globalThis.caches.open("x"),
  "open a debugger": () => require(computed("node:", "inspector")).open(0, "127.0.0.1"),
};

/** A CommonJS module is compiled under any name that its maker gives it. */
function compileModule(name, specifier) {
  const made = new (moduleClass())(name);
  made._compile(`module.exports = import(${JSON.stringify(specifier)})`, name);
  return made.exports;
}

/** Attempt → "allowed", or why it was refused. */
export async function tryAll() {
  const results = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await Promise.race([
        (async () => await attempt())(),
        new Promise((_, reject) => setTimeout(() => reject(new Error("no answer in 3 s")), 3000)),
      ]);
      results[name] = "allowed";
    } catch (error) {
      results[name] = `refused: ${error?.message ?? error}`;
    }
  }
  return results;
}
