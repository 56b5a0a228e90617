import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Command } from "commander";
import { ConfigError, messageOf, UsageError } from "../../../common/core/errors.ts";
import { escapeInvisible } from "../../../common/core/escape_invisible.ts";
import { tryParseIp } from "../../../common/core/ip.ts";
import { type IpRange, tryParseCidr } from "../../../common/core/ip_range.ts";
import type { CertificateFiles } from "../../keys/server_certificate.ts";
import { type CommandContext, type GlobalOptions, storeOptions, timeOption, wholeNumber } from "./command_context.ts";
import { socatProgram } from "../http/legacy_tls.ts";
import { isDomain } from "../http/printer_origin.ts";
import type { ExternalOptions } from "../mqtt/external_broker.ts";
import type { WebServeOptions } from "../http/start_web_access.ts";
import type { GatewayHost } from "../../access/gateways.ts";
import type { Platform } from "../../agents/platform.ts";
import type { SshServeOptions } from "../ssh/ssh_gateway.ts";
import type { SshdServeOptions } from "../ssh/sshd_gateway.ts";
import type { PlatformHost } from "./host.ts";
import {
  addInterfaceOptions,
  addPortalOptions,
  type InterfaceFlags,
  interfacesOf,
  maybePortal,
  type PortalFlags,
} from "./portal_options.ts";
import { addRetentionOptions, type RetentionFlags, retentionOf } from "./retention_options.ts";
import { checkedRegion, stateRegion } from "../../trust/region.ts";
import { refuseAltered } from "./verify_command.ts";

interface ServeFlags extends GlobalOptions, PortalFlags, InterfaceFlags, RetentionFlags {
  listen: string;
  hostName?: string[];
  tlsCertificate?: string;
  tlsKey?: string;
  sshListen?: string;
  sshHost?: string[];
  sshdKeys?: string;
  sshdHostKey?: string;
  sshdUser?: string;
  sshdPorts?: string;
  accessListen?: string;
  accessDomain?: string;
  accessCertificate?: string;
  accessKey?: string;
  legacyTlsHelper?: string;
  region?: string;
  /** Milliseconds. */
  pollSeconds?: number;
  proxyProtocol?: string[];
  agentQuota: number;
  customerQuota: number;
  /** MiB a second. */
  updateRate: number;
  mqttListen?: string;
  mqttWssListen?: string;
  mqttBroker?: string[];
  mqttBrokerCa?: string;
  mqttCrl?: string;
  mqttAcl?: string;
  mqttAccessListen?: string;
}

/** `opendca-platform serve`: prints one line of JSON when it is ready, logs JSON lines to standard error. */
export function addServeCommand(program: Command, { host }: CommandContext): void {
  const serve = program.command("serve")
    .description("run the server until it is stopped")
    .option("--listen <host:port>", "where to listen; port 0 takes any that is free", "0.0.0.0:8443")
    .option("--mqtt-listen <host:port>", "where to listen for MQTT over TLS, usually port 8883 (default: nowhere)")
    .option(
      "--mqtt-wss-listen <host:port>",
      "where to listen for MQTT in WebSockets over TLS, usually port 443 (default: nowhere)",
    )
    .option(
      "--mqtt-broker <url...>",
      "mqtts://HOST:PORT of another broker, in place of the platform's own; of a cluster each node, tried in turn",
    )
    .option("--mqtt-broker-ca <file>", "what its certificate is checked with, PEM (default: the system's authorities)")
    .option("--mqtt-crl <file>", "kept for that broker: which certificates are revoked, PEM (default: none)")
    .option("--mqtt-acl <file>", "kept for a Mosquitto: what its agents may do, and revoked ones not (default: none)")
    .option(
      "--mqtt-access-listen <host:port>",
      "where RabbitMQ asks by HTTP what agents may do; reachable from its nodes only (default: nowhere)",
    )
    .option(
      "--host-name <name...>",
      "names that agents connect to, for the certificate that the platform makes (default: localhost)",
    )
    .option("--tls-certificate <file>", "a certificate of your own, PEM, with its chain; - for standard input")
    .option("--tls-key <file>", "its private key, PEM; - for standard input")
    .option("--ssh-listen <host:port>", "where agents open sessions of web access by SSH (default: nowhere)")
    .option(
      "--ssh-host <name...>",
      "names, with or without a port, at which agents reach that (default: those of --host-name)",
    )
    .option(
      "--sshd-keys <host:port>",
      "where OpenSSH's sshd asks for the keys of sessions, on loopback; in place of --ssh-listen (default: nowhere)",
    )
    .option("--sshd-host-key <file>", "sshd's public host key, such as /etc/ssh/ssh_host_ed25519_key.pub")
    .option("--sshd-user <name>", "the user that agents sign in as (default: opendca-gateway)")
    .option("--sshd-ports <first-last>", "ports of loopback for sessions (default: 20000-20999)")
    .option(
      "--proxy-protocol <address...>",
      "balancers that begin each connection with a PROXY header (v1 or v2), which says whose it is: 10.0.0.5, 10.0.0.0/28",
    )
    .option(
      "--access-listen <host:port>",
      "where browsers see the pages of printers by HTTPS, usually port 443 (default: nowhere)",
    )
    .option("--access-domain <domain>", "each session is at a name of its own below it: *.DOMAIN must lead there")
    .option("--access-certificate <file>", "a certificate of your own for *.DOMAIN, PEM, with its chain")
    .option("--access-key <file>", "its private key, PEM")
    .option(
      "--legacy-tls-helper <program>",
      "socat, or its path: for printers with TLS that is not safe, where access legacy-tls allows it (default: none)",
    );
  addRetentionOptions(addLimits(addInterfaceOptions(addPortalOptions(serve)))).action((_, command: Command) =>
    runServe(host, command.optsWithGlobals<ServeFlags>())
  );
}

function addLimits(serve: Command): Command {
  return serve
    .option("--region <region>", "where the data is stored, such as eu: refused if the database says otherwise")
    .option(
      "--poll-seconds <time>",
      "poll interval of all agents, instead of their own: 90s, 10m; a bare number is seconds",
      timeOption("--poll-seconds", { min: "30s", max: "24h", bareUnit: "s" }),
    )
    .option("--agent-quota <MiB>", "how much an agent may store per day", wholeNumber("--agent-quota", megabytes), 256)
    .option(
      "--customer-quota <MiB>",
      "how much all agents of a customer may store per day",
      wholeNumber("--customer-quota", megabytes),
      1024,
    )
    .option(
      "--update-rate <MiB>",
      "how much this process sends a second of updates, to all agents together",
      wholeNumber("--update-rate", { min: 1, max: 10_000 }),
      16,
    );
}

const megabytes = { min: 1, max: 1_000_000 };

async function runServe(host: PlatformHost, flags: ServeFlags): Promise<void> {
  await refuseAltered(host);
  const names = checkedNames(flags.hostName ?? ["localhost"]);
  const listen = parseListen("--listen", flags.listen);
  const retention = retentionOf(flags);
  const mqtt = {
    tls: flags.mqttListen === undefined ? undefined : parseListen("--mqtt-listen", flags.mqttListen),
    wss: flags.mqttWssListen === undefined ? undefined : parseListen("--mqtt-wss-listen", flags.mqttWssListen),
    access: flags.mqttAccessListen === undefined
      ? undefined
      : parseListen("--mqtt-access-listen", flags.mqttAccessListen),
  };
  const external = await maybeExternalBroker(host, flags);
  const hasMqtt = external !== undefined || Object.values(mqtt).some((at) => at !== undefined);
  const ssh = maybeSsh(flags, names), sshd = await maybeSshd(host, flags, names);
  const proxies = flags.proxyProtocol?.map(proxyRange);
  const certificate = await maybeCertificate(host, {
    certificate: { option: "--tls-certificate", file: flags.tlsCertificate },
    key: { option: "--tls-key", file: flags.tlsKey },
  });
  const web = await maybeWeb(host, flags), portal = await maybePortal(host, flags), interfaces = interfacesOf(flags);
  const log: Platform["log"] = (event, fields) => {
    // A failed log write must not stop the request.
    host.stderr(`${escapeInvisible(JSON.stringify({ at: host.clock.now(), event, ...fields }))}\n`).catch(() => {});
  };
  // A defect in one request must not end the server for all: its transaction is rolled back.
  using _rejections = host.onUnhandledRejection?.((reason) =>
    log("unhandledRejection", { message: messageOf(reason), stack: reason instanceof Error ? reason.stack ?? "" : "" })
  );
  await using platform = await host.openPlatform({
    ...storeOptions(host, flags),
    clock: host.clock,
    log,
    pollSeconds: flags.pollSeconds === undefined ? undefined : Math.ceil(flags.pollSeconds / 1000),
    quotas: { agentBytes: flags.agentQuota * 1024 * 1024, customerBytes: flags.customerQuota * 1024 * 1024 },
  });
  const by = { actor: "platform" } as const;
  const region = await stateRegion(platform, by, flags.region === undefined ? undefined : checkedRegion(flags.region));
  const stopped = host.untilStopped();
  await using server = await host.serve(platform, {
    ...listen,
    names,
    ssh,
    sshd,
    web,
    portal,
    ...interfaces,
    ...(proxies === undefined ? {} : { proxies }),
    updates: { bytesPerSecond: flags.updateRate * 1024 * 1024 },
    retention,
    ...(certificate === undefined ? {} : { certificate }),
    ...(hasMqtt ? { mqtt: { ...mqtt, external } } : {}),
  });
  await host.stdout(`${
    JSON.stringify({
      ready: true,
      port: server.port,
      ...(region === undefined ? {} : { region }),
      target: `${names[0]}:${server.port}`,
      ...(server.mqttPorts === undefined ? {} : { mqtt: server.mqttPorts }),
      ...(server.sshPort === undefined ? {} : { sshPort: server.sshPort }),
      ...(server.sshdKeysPort === undefined ? {} : { sshdKeysPort: server.sshdKeysPort }),
      ...(server.webPort === undefined ? {} : { accessPort: server.webPort }),
      ...(server.metricsPort === undefined ? {} : { metricsPort: server.metricsPort }),
      ...(server.portal === undefined ? {} : { portal: server.portal }),
      ...(certificate === undefined ? { ca: platform.directory.path("server-authority.pem") } : {}),
    })
  }\n`);
  await stopped;
}

function isName(text: string): boolean {
  return /^(?=.{1,253}$)(\*\.)?[a-z\d_]([a-z\d_-]*[a-z\d])?(\.[a-z\d_]([a-z\d_-]*[a-z\d])?)*$/i.test(text);
}

/** Whether it is a host name: agents accept no addresses. */
function isHost(text: string): boolean {
  return isName(text) && !text.startsWith("*.") && tryParseIp(text) === undefined;
}

function checkedNames(names: string[]): string[] {
  const wrong = names.find((name) => !isName(name) && tryParseIp(name) === undefined);
  if (wrong === undefined) return names;
  throw new UsageError(
    `Cannot use --host-name as a name or an address: current value is "${wrong}"`,
    "such as dca.example.com",
  );
}

/** Where the examples of hints listen, if not at 0.0.0.0:8443. */
const usualPlaces: Record<string, string> = {
  "--ssh-listen": "0.0.0.0:22",
  "--sshd-keys": "127.0.0.1:8022",
  "--access-listen": "0.0.0.0:443",
  "--mqtt-listen": "0.0.0.0:8883",
  "--mqtt-wss-listen": "0.0.0.0:443",
};

export function parseListen(
  option: string,
  text: string,
  example = usualPlaces[option] ?? "0.0.0.0:8443",
): { host: string; port: number } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match !== null && port <= 65_535) return { host: match[1]!, port };
  throw new UsageError(`Cannot use ${option} as HOST:PORT: current value is "${text}"`, `such as ${example}`);
}

function maybeSsh({ sshListen, sshHost, sshdKeys }: ServeFlags, names: string[]): SshServeOptions["ssh"] {
  if (sshListen === undefined) {
    if (sshHost === undefined || sshdKeys !== undefined) return undefined;
    throw new UsageError("Cannot use --ssh-host without --ssh-listen", "such as --ssh-listen 0.0.0.0:22");
  }
  const listen = parseListen("--ssh-listen", sshListen);
  return { ...listen, hosts: sshHosts(sshHost ?? names.filter(isHost), { option: "--ssh-listen", port: listen.port }) };
}

/** `port` is the default. */
function sshHosts(texts: string[], { option, port: defaultPort }: { option: string; port: number }): GatewayHost[] {
  const hosts = texts.map((text) => {
    const [, host = "", port] = /^([^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
    if (isHost(host) && Number(port ?? 1) > 0 && Number(port ?? 1) <= 65_535) {
      return { host: host.toLowerCase(), port: port === undefined ? defaultPort : Number(port) };
    }
    throw new UsageError(
      `Cannot use --ssh-host as a host name: current value is "${text}"`,
      "such as gateway.example.com or gateway.example.com:22",
    );
  });
  if (hosts.length > 0) return hosts;
  throw new UsageError(`Cannot use ${option} as there is no name that agents reach it at`, "add --ssh-host");
}

async function maybeSshd(
  host: PlatformHost,
  { sshListen, sshHost, sshdKeys, sshdHostKey, sshdUser = "opendca-gateway", sshdPorts = "20000-20999" }: ServeFlags,
  names: string[],
): Promise<SshdServeOptions["sshd"]> {
  if (sshdKeys === undefined || sshdHostKey === undefined) {
    if (sshdKeys === undefined && sshdHostKey === undefined) return undefined;
    throw new UsageError("Cannot use one of --sshd-keys and --sshd-host-key without the other", "give both");
  }
  if (sshListen !== undefined) {
    throw new UsageError("Cannot use --sshd-keys with --ssh-listen", "agents connect to one of the two gateways");
  }
  const listen = parseListen("--sshd-keys", sshdKeys);
  if (!/^(127(\.\d+){3}|localhost|\[::1\])$/.test(listen.host)) {
    throw new UsageError(
      `Cannot use --sshd-keys as an address of loopback: current value is "${sshdKeys}"`,
      "sshd must be on this machine, such as 127.0.0.1:8022",
    );
  }
  if (!/^[a-z_][a-z\d_-]{0,31}$/.test(sshdUser)) {
    throw new UsageError(`Cannot use --sshd-user as a user name: current value is "${sshdUser}"`, "such as nobody");
  }
  const [firstPort, lastPort] = (/^(\d{1,5})-(\d{1,5})$/.exec(sshdPorts) ?? []).slice(1).map(Number);
  if (
    firstPort === undefined || lastPort === undefined || firstPort < 1024 || lastPort > 65_535 || firstPort > lastPort
  ) {
    throw new UsageError(
      `Cannot use --sshd-ports as FIRST-LAST of 1024 to 65535: current value is "${sshdPorts}"`,
      "such as 20000-20999",
    );
  }
  const hosts = sshHosts(sshHost ?? names.filter(isHost), { option: "--sshd-keys", port: 22 });
  const hostKey = await hostKeyOf(host, sshdHostKey);
  return { ...listen, hosts, hostKey, user: sshdUser, firstPort, lastPort };
}

async function hostKeyOf(host: PlatformHost, path: string): Promise<Uint8Array> {
  const text = await readFile(host, path);
  const base64 = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) ([A-Za-z0-9+/]+={0,2})(\s|$)/.exec(text.trim())?.[2];
  if (base64 !== undefined) return Uint8Array.fromBase64(base64);
  throw new ConfigError(
    `Cannot read "${path}" as a public key of SSH`,
    "sshd has it at /etc/ssh/ssh_host_ed25519_key.pub",
  );
}

function proxyRange(text: string): IpRange {
  const range = tryParseCidr(text);
  if (range !== undefined) return range;
  throw new UsageError(
    `Cannot use --proxy-protocol as an address: current value is "${text}"`,
    "such as 10.0.0.5, 10.0.0.0/28 or fd00::5",
  );
}

async function maybeExternalBroker(
  host: PlatformHost,
  { mqttBroker, mqttBrokerCa, mqttCrl, mqttAcl, mqttAccessListen, mqttListen, mqttWssListen }: ServeFlags,
): Promise<ExternalOptions | undefined> {
  if (mqttBroker === undefined) {
    if (mqttBrokerCa !== undefined) {
      throw new UsageError(
        "Cannot use --mqtt-broker-ca without --mqtt-broker",
        "it is for the certificate of that broker",
      );
    }
    if (mqttCrl !== undefined || mqttAcl !== undefined) {
      throw new UsageError(
        `Cannot use ${mqttCrl === undefined ? "--mqtt-acl" : "--mqtt-crl"} without --mqtt-broker`,
        "the platform's own broker looks into the store",
      );
    }
    if (mqttAccessListen === undefined) return undefined;
    throw new UsageError("Cannot use --mqtt-access-listen without --mqtt-broker", "RabbitMQ is that broker");
  }
  if (mqttListen !== undefined || mqttWssListen !== undefined) {
    throw new UsageError(
      "Cannot use --mqtt-broker with --mqtt-listen or --mqtt-wss-listen",
      "agents connect to the other broker then",
    );
  }
  const wrong = mqttBroker.find((url) => !/^mqtts:\/\/[^/@?#\s]+:\d{1,5}$/.test(url) || !URL.canParse(url));
  if (wrong !== undefined) {
    throw new UsageError(
      `Cannot use --mqtt-broker as mqtts://HOST:PORT: current value is "${wrong}"`,
      "such as mqtts://broker.example.com:8884",
    );
  }
  const ca = mqttBrokerCa === undefined ? undefined : await readAuthorities(host, mqttBrokerCa);
  return { urls: mqttBroker, ca, crl: mqttCrl, acl: mqttAcl };
}

async function maybeWeb(host: PlatformHost, flags: ServeFlags): Promise<WebServeOptions["web"]> {
  const { accessListen, accessDomain, accessCertificate, accessKey, sshListen, sshdKeys, legacyTlsHelper } = flags;
  const gateway = sshListen ?? sshdKeys;
  const needs = { "--access-listen": accessListen, "--access-domain": accessDomain, "--ssh-listen": gateway };
  if (accessListen === undefined && accessDomain === undefined) {
    if (accessCertificate === undefined && accessKey === undefined && legacyTlsHelper === undefined) return undefined;
    throw new UsageError(
      "Cannot use --access-certificate, --access-key or --legacy-tls-helper without --access-listen",
    );
  }
  const missing = Object.entries(needs).find(([, value]) => value === undefined)?.[0];
  if (missing !== undefined || accessListen === undefined || accessDomain === undefined) {
    const hint = "such as --access-listen 0.0.0.0:443 --access-domain access.example.com --ssh-listen 0.0.0.0:22";
    throw new UsageError(`Cannot show pages of printers without ${missing}`, hint);
  }
  if (!isDomain(accessDomain)) {
    throw new UsageError(
      `Cannot use --access-domain as a domain: current value is "${accessDomain}"`,
      "such as access.example.com, which is used for nothing else",
    );
  }
  const certificate = await maybeCertificate(host, {
    certificate: { option: "--access-certificate", file: accessCertificate },
    key: { option: "--access-key", file: accessKey },
  });
  return {
    ...parseListen("--access-listen", accessListen),
    domain: accessDomain.toLowerCase(),
    certificate,
    legacyTlsHelper: legacyTlsHelper === undefined ? undefined : socatOf(legacyTlsHelper),
  };
}

function socatOf(text: string): string {
  if (text === "socat") return socatProgram;
  if (/^\/.*\/socat[\w.-]*$/.test(text)) return text;
  throw new UsageError(
    `Cannot use --legacy-tls-helper as a program: current value is "${text}"`,
    `it takes socat, which is ${socatProgram}, or the path of another one`,
  );
}

interface FileOption {
  option: string;
  file: string | undefined;
}

/** The certificate of two options, checked to belong together. */
export async function maybeCertificate(
  host: PlatformHost,
  { certificate: { option, file: tlsCertificate }, key: { option: keyOption, file: tlsKey } }: {
    certificate: FileOption;
    key: FileOption;
  },
): Promise<CertificateFiles | undefined> {
  if (tlsCertificate === undefined && tlsKey === undefined) return undefined;
  if (tlsCertificate === undefined || tlsKey === undefined) {
    throw new UsageError(
      `Cannot use one of ${option} and ${keyOption} without the other`,
      "give both, or none for a certificate that the platform makes",
    );
  }
  if (tlsCertificate === "-" && tlsKey === "-") {
    throw new UsageError(
      `Cannot read both ${option} and ${keyOption} from standard input`,
      "give - for one of them and a file for the other",
    );
  }
  const certificatePem = await readFile(host, tlsCertificate);
  const privateKeyPem = await readFile(host, tlsKey);
  // The server would accept any pair, and then fail every handshake.
  const certificate = parsed(tlsCertificate, () => new X509Certificate(certificatePem));
  const key = parsed(tlsKey, () => createPrivateKey(privateKeyPem));
  if (!certificate.checkPrivateKey(key)) {
    throw new ConfigError(
      `Cannot use "${tlsKey}" as the key of "${tlsCertificate}": it belongs to another certificate`,
      "give the key that the certificate was requested with",
    );
  }
  if (Date.parse(certificate.validTo) <= host.clock.now().getTime()) {
    throw new ConfigError(`Cannot use "${tlsCertificate}" as it expired on ${certificate.validTo}`, "have it renewed");
  }
  return { certificatePem, privateKeyPem };
}

/** The PEM of one or several authorities. Throws ConfigError. */
export async function readAuthorities(host: PlatformHost, path: string): Promise<string> {
  const pem = await readFile(host, path);
  // TLS takes any text, and then trusts nobody.
  parsed(path, () => new X509Certificate(pem));
  return pem;
}

async function readFile(host: PlatformHost, path: string): Promise<string> {
  try {
    return await host.readTextFile(path);
  } catch (error) {
    const hint = "check the path, and that this user may read it";
    throw new ConfigError(`Cannot read "${path}": ${messageOf(error)}`, hint, { cause: error });
  }
}

function parsed<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const hint = "it begins with -----BEGIN";
    throw new ConfigError(`Cannot read "${path}" as PEM: ${messageOf(error)}`, hint, { cause: error });
  }
}
