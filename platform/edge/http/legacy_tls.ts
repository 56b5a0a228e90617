/**
 * TLS that the runtime does not have (1.0 and 1.1, CBC, RSA key exchange, keys of 1024 bits), by the system's `socat`
 * with OpenSSL at security level 0. One process for each connection: it has the plain side at its standard input and
 * output, and the encrypted one at a connection of loopback that is passed on to the printer.
 */
import { Buffer } from "node:buffer";
import { randomInt } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { ConfigError, messageOf, UnavailableError } from "../../../common/core/errors.ts";
import { safeText } from "../../../common/core/safe_text.ts";
import { fingerprintOf, readServerFlight, versionName } from "./server_flight.ts";

/** An absolute path: a name would be looked up in PATH. `--allow-run` in deno.json has the same. */
export const socatProgram = "/usr/bin/socat";

/** OpenSSL's configuration for the helper: Debian's own forbids what it is for. No ciphers without a certificate. */
export const opensslConfig = `openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = legacy
[legacy]
MinProtocol = TLSv1
MaxProtocol = TLSv1.2
CipherString = ALL:!aNULL:!eNULL:@SECLEVEL=0
Options = UnsafeLegacyServerConnect
`;

export interface LegacyConnection {
  /** What is written here goes to the printer encrypted. */
  plain: Duplex;
  /** Such as "TLS 1.0, AES128-SHA". */
  encryption: string;
}

export interface LegacyTls {
  /**
   * TLS on the channel. `check` is given the certificate's fingerprint before the printer's answer is passed to the
   * helper; nothing is encrypted when it throws. Throws UnavailableError with OpenSSL's reason.
   */
  open(channel: Duplex, check: (fingerprint: string) => Promise<void>): Promise<LegacyConnection>;
}

export interface LegacyTlsOptions {
  program: string;
  /** File with `opensslConfig`. */
  configFile: string;
  /** Maximum number of processes. */
  mostProcesses?: number;
}

/** Throws ConfigError unless the program runs and has OpenSSL. */
export async function checkLegacyTls({ program, configFile }: LegacyTlsOptions): Promise<void> {
  const hint = "install the package socat, and start the platform with --allow-run for it: see docs/web-access.md";
  let said: string;
  try {
    const { stdout } = await commandOf({ program, configFile }, { args: ["-V"] }).output();
    said = new TextDecoder().decode(stdout);
  } catch (error) {
    throw new ConfigError(`Cannot run "${program}" for --legacy-tls-helper: ${messageOf(error)}`, hint, {
      cause: error,
    });
  }
  if (/^\s*#define WITH_OPENSSL 1/m.test(said)) return;
  throw new ConfigError(`Cannot use "${program}" for --legacy-tls-helper as it is not socat with OpenSSL`, hint);
}

function commandOf(
  { program, configFile }: LegacyTlsOptions,
  options: Pick<Deno.CommandOptions, "args" | "stdin">,
): Deno.Command {
  return new Deno.Command(program, {
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    clearEnv: true,
    env: { OPENSSL_CONF: configFile, LC_ALL: "C" },
    ...options,
  });
}

/* How long the helper may take to end after the printer's end of the connection. */
const lingerMs = 3000;

export function createLegacyTls(options: LegacyTlsOptions): LegacyTls {
  const { mostProcesses = 64 } = options;
  let processes = 0;
  return {
    async open(channel, check) {
      if (processes >= mostProcesses) {
        throw new UnavailableError(`The gateway has reached its limit of connections with old TLS: ${processes}`);
      }
      processes++;
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      void ended.then(() => processes--);
      return await openOne(options, { channel, check, onEnd: resolve });
    },
  };
}

async function openOne(
  options: LegacyTlsOptions,
  { channel, check, onEnd }: { channel: Duplex; check(fingerprint: string): Promise<void>; onEnd(): void },
): Promise<LegacyConnection> {
  // Nobody else on this machine can be told apart from the helper but by an address that was chosen for it alone.
  const source = `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  let lingering: ReturnType<typeof setTimeout> | undefined;
  let version = 0, child: Deno.ChildProcess | undefined;
  let server: Server | undefined;
  let isOver = false;
  const stop = () => {
    isOver = true;
    clearTimeout(lingering);
    server?.close();
    channel.destroy();
    try {
      child?.kill();
    } catch {
      // It has ended.
    }
  };
  // The helper still decrypts the last octets, or says why it could not.
  channel.once("close", () => {
    if (!isOver) lingering = setTimeout(stop, lingerMs);
  });
  try {
    server = await listenFor(source, (socket) =>
      passOn(socket, channel, async (fingerprint, shown) => {
        version = shown;
        await check(fingerprint);
      }).catch((error) => {
        socket.destroy();
        failed.reject(error);
      }));
    const { port } = server.address() as { port: number };
    const peer = `OPENSSL:127.0.0.1:${port},bind=${source},verify=0,nosni`;
    child = commandOf(options, { args: ["-d", "-d", "-t", "0.5", "-", peer], stdin: "piped" }).spawn();
    const helper = child;
    void helper.status.finally(() => {
      stop();
      onEnd();
    });
    const cipher = await Promise.race([untilReady(helper.stderr), failed.promise]);
    const plain = duplexOf(helper);
    plain.once("close", stop);
    return { plain, encryption: `${versionName(version)}, ${cipher}` };
  } catch (error) {
    stop();
    if (child === undefined) onEnd();
    child?.stdout.cancel().catch(() => {});
    child?.stdin.abort().catch(() => {});
    throw error;
  }
}

async function listenFor(source: string, take: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (socket.remoteAddress !== source) return void socket.destroy();
    server.close();
    socket.setNoDelay(true);
    take(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
  server.on("error", () => {});
  return server;
}

/** Passes octets both ways; those of the printer from when its certificate was checked. */
async function passOn(
  socket: Socket,
  channel: Duplex,
  check: (fingerprint: string, version: number) => Promise<void>,
): Promise<void> {
  if (channel.destroyed) return void socket.destroy();
  socket.once("close", () => channel.end());
  channel.once("close", () => socket.end());
  socket.pipe(channel);
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>();
  let held = Buffer.alloc(0);
  const take = (part: Uint8Array) => {
    held = Buffer.concat([held, part]);
    const flight = readServerFlight(held);
    if (flight.kind === "incomplete" || flight.kind === "hello" && flight.certificate === undefined && !flight.isDone) {
      return;
    }
    channel.off("data", take);
    channel.pause();
    // What is no hello is for the helper to refuse: it says why.
    if (flight.kind !== "hello") return resolve(held);
    const { certificate, version } = flight;
    if (certificate === undefined) return reject(new UnavailableError("The printer shows no certificate"));
    fingerprintOf(certificate).then((fingerprint) => check(fingerprint, version)).then(() => resolve(held), reject);
  };
  channel.on("data", take);
  channel.once("end", () => resolve(undefined));
  const first = await promise;
  if (first === undefined) return void socket.end(held);
  if (socket.destroyed) return;
  socket.write(first);
  channel.pipe(socket);
}

/** Resolves with the cipher when the handshake is complete; the log is read on, so that the helper never waits. */
async function untilReady(log: ReadableStream<Uint8Array>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  void (async () => {
    let cipher = "", failure = "", rest = "";
    try {
      for await (const part of log.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + part).split("\n");
        rest = lines.pop()!.slice(-1000);
        for (const line of lines) {
          cipher = /SSL connection using (\S+)/.exec(line)?.[1] ?? cipher;
          failure = /^\S+ \S+ socat\[\d+\] E (.*)/.exec(line)?.[1] ?? failure;
          if (line.includes("starting data transfer loop")) resolve(cipher);
        }
      }
    } catch {
      // It was killed.
    }
    const why = failure.replace(/^SSL_connect\(\): /, "") || "the connection was closed";
    reject(new UnavailableError(`OpenSSL cannot connect either: ${safeText(why)}`));
  })();
  return await promise;
}

/** Standard input and output of a process as one stream, which waits for slow readers on both sides. */
function duplexOf(child: Deno.ChildProcess): Duplex {
  const reader = child.stdout.getReader(), writer = child.stdin.getWriter();
  return new Duplex({
    read() {
      reader.read().then(({ value, done }) => this.push(done ? null : value), (error) => this.destroy(error));
    },
    write: (part: Uint8Array, _, done) => void writer.write(part).then(() => done(), done),
    final: (done) => void writer.close().then(() => done(), () => done()),
    destroy(error, done) {
      reader.cancel().catch(() => {});
      writer.abort().catch(() => {});
      done(error);
    },
  });
}
