/** Debian's squid on loopback: a proxy as customers have it, with passwords, rules and inspection of TLS. */
import { type Peer, startPeer, toolOutput } from "../fixtures/started_peer.ts";
import { until } from "../fixtures/until.ts";

/** What a test with it lists as needed. */
export const squidPrograms = ["squid", "openssl"];

/** For one that opens TLS; only the package squid-openssl has it. */
export const inspectionPrograms = [...squidPrograms, "../lib/squid/security_file_certgen"];

const helpers = "/usr/lib/squid";

export interface SquidOptions {
  /** Where it was before, to come back there; any free port of 127.0.0.1 without it. */
  port?: number;
  /** Listens there instead of 127.0.0.1. */
  address?: string;
  /** Users with passwords for Basic authentication; everybody may use it without. */
  users?: Record<string, string>;
  /** Names that this proxy alone knows, all at 127.0.0.1. */
  names?: string[];
  /** Lines before the rules that let requests through. */
  rules?: string[];
  /** Opens every TLS connection with certificates of an authority of this name. */
  inspector?: string;
  /** PEM of the authority that an inspecting squid believes. */
  trusts?: string;
}

export interface Squid extends Peer {
  /** Of the inspecting authority. */
  inspectorPem: string;
  /** Requests so far, "METHOD TARGET STATUS USER", each written when its connection has ended. */
  requests(): string[];
  /** Everything that it wrote down, to look for what must not be there. */
  written(): string;
}

/** The address that squid's own connections come from, by which a platform tells them from others. */
export const squidOutgoing = "127.0.0.77";

export async function startSquid(options: SquidOptions = {}): Promise<Squid> {
  let home = "", port = 0;
  const service = `t${crypto.randomUUID().slice(0, 8)}`;
  const peer = await startPeer("squid", "Accepting", async (folder, free) => {
    home = folder;
    port = options.port ?? free;
    await Deno.writeTextFile(`${folder}/hosts`, `127.0.0.1 ${["localhost", ...options.names ?? []].join(" ")}\n`);
    if (options.users !== undefined) await writePasswords(`${folder}/passwords`, options.users);
    if (options.inspector !== undefined) await prepareInspection(folder, options);
    await Deno.writeTextFile(`${folder}/squid.conf`, configuration(folder, port, options));
    return ["-N", "-d", "1", "-n", service, "-f", `${folder}/squid.conf`];
  });
  // It says that it accepts a moment before it does.
  const hostname = options.address?.replace(/^\[(.*)\]$/, "$1") ?? peer.address;
  await until(
    "squid accepts connections",
    () => Deno.connect({ hostname, port }).then((it) => it.close()).then(() => true, () => false),
  );
  let stopped: Promise<void> | undefined;
  return {
    address: options.address ?? peer.address,
    port,
    inspectorPem: options.inspector === undefined ? "" : Deno.readTextFileSync(`${home}/inspector.pem`),
    requests: () => Deno.readTextFileSync(`${home}/access.log`).split("\n").filter((line) => /^[A-Z]/.test(line)),
    written: () => ["access.log", "cache.log"].map((name) => Deno.readTextFileSync(`${home}/${name}`)).join("\n"),
    [Symbol.asyncDispose]: () => stopped ??= stop(),
  };

  async function stop(): Promise<void> {
    await peer[Symbol.asyncDispose]();
    // What is killed leaves its shared memory, which is named after the service.
    for (const { name } of Deno.readDirSync("/dev/shm")) {
      if (name.startsWith(`${service}-`)) await Deno.remove(`/dev/shm/${name}`);
    }
  }
}

function configuration(folder: string, port: number, options: SquidOptions): string {
  const { address = "127.0.0.1", users, inspector, rules = [] } = options;
  const bump = inspector === undefined
    ? ""
    : ` ssl-bump generate-host-certificates=on tls-cert=${folder}/inspector.pem tls-key=${folder}/inspector.key`;
  return [
    `http_port ${address}:${port}${bump}`,
    "visible_hostname squid.test",
    "pid_filename none",
    // As root it would keep the rights of root otherwise only for the start; nobody else's files are needed.
    ...Deno.uid() === 0 ? ["cache_effective_user proxy"] : [],
    "max_filedescriptors 1024",
    "shutdown_lifetime 0 seconds",
    "memory_cache_shared off",
    "pinger_enable off",
    "netdb_filename none",
    "cache deny all",
    `coredump_dir ${folder}`,
    `hosts_file ${folder}/hosts`,
    // Nobody answers there, so that a name that is not in the file is never asked for outside.
    "dns_nameservers 127.0.0.1",
    "dns_timeout 1 second",
    "connect_timeout 2 seconds",
    "forward_timeout 3 seconds",
    `tcp_outgoing_address ${squidOutgoing}`,
    "logformat request %rm %ru %>Hs %un",
    `access_log stdio:${folder}/access.log logformat=request`,
    `cache_log ${folder}/cache.log`,
    ...inspector === undefined ? [] : [
      `sslcrtd_program ${helpers}/security_file_certgen -s ${folder}/certificates -M 4MB`,
      "sslcrtd_children 1 startup=1 idle=1",
      "acl start at_step SslBump1",
      "ssl_bump peek start",
      "ssl_bump bump all",
      ...options.trusts === undefined ? [] : [`tls_outgoing_options cafile=${folder}/trusted.pem`],
    ],
    ...users === undefined ? [] : [
      `auth_param basic program ${helpers}/basic_ncsa_auth ${folder}/passwords`,
      "auth_param basic children 1 startup=1 idle=1",
      "auth_param basic casesensitive on",
      "auth_param basic realm squid of a test",
      "acl known proxy_auth REQUIRED",
    ],
    ...rules,
    users === undefined ? "http_access allow localhost" : "http_access allow known",
    "http_access deny all",
    "",
  ].join("\n");
}

async function writePasswords(file: string, users: Record<string, string>): Promise<void> {
  const lines = await Promise.all(
    Object.entries(users).map(async ([user, password]) =>
      `${user}:${(await toolOutput("openssl", ["passwd", "-apr1", "-stdin"], password)).trim()}`
    ),
  );
  await Deno.writeTextFile(file, lines.join("\n") + "\n", { mode: 0o644 });
}

async function prepareInspection(folder: string, { inspector, trusts }: SquidOptions): Promise<void> {
  const [key, pem] = [`${folder}/inspector.key`, `${folder}/inspector.pem`];
  const usage = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
  const made = ["req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", "30", "-keyout", key, "-out", pem];
  await toolOutput("openssl", [...made, "-subj", `/CN=${inspector}`, ...usage]);
  await Deno.chmod(key, 0o644);
  if (trusts !== undefined) await Deno.writeTextFile(`${folder}/trusted.pem`, trusts);
  await toolOutput(`${helpers}/security_file_certgen`, ["-c", "-s", `${folder}/certificates`, "-M", "4MB"]);
  if (Deno.uid() === 0) await toolOutput("chown", ["-R", "proxy", `${folder}/certificates`]);
}
