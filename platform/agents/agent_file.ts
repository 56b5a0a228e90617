/** agent.yaml for new agents: this platform, its authority and unlock key, and what to scan. */
import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { ConfigError, UsageError } from "../../common/core/errors.ts";
import { pemOf } from "../keys/authority.ts";
import type { OpenPlatform } from "./platform.ts";

const port = 8443;

export type AgentFilePlatform = Pick<OpenPlatform, "directory" | "serverAuthority" | "signingKey">;

export interface AgentFileOptions {
  endpoint?: string;
  network: string;
}

/** The text of agent.yaml for new agents of this platform. Throws UsageError, and ConfigError without a known name. */
export function agentFile(platform: AgentFilePlatform, targets: readonly string[], options: AgentFileOptions): string {
  const strange = targets.find((target) => !/^[\w.:/%[\]-]+$/.test(target));
  if (strange !== undefined) {
    throw new UsageError(
      `Cannot use "${strange}" as a target`,
      "name ranges or hosts, such as 10.1.0.0/16 or plotter.example.com",
    );
  }
  const { host, endpoint, authority } = reachedAt(platform, options.endpoint);
  const isRange = (target: string) => /^[\d.]+([-/:]|$)|^\[|:.*:/.test(target);
  const list = (texts: string[]) => `[${texts.map((text) => JSON.stringify(text)).join(", ")}]`;
  const ranges = targets.filter(isRange), hosts = targets.filter((target) => !isRange(target));
  return `# Configuration of the OpenDCA agent: /etc/opendca/agent.yaml; docs/configuration.md has every key.
platform:
  rootDomain: ${host}
  endpoints: [${JSON.stringify(endpoint)}]
  unlockKey: ${Buffer.from(platform.signingKey.publicKey).toString("base64")}
${authority === undefined ? "" : `  ca: |\n${authority.trim().replace(/^/gm, "    ")}\n`}
sites:
  - name: ${JSON.stringify(options.network)}
${ranges.length === 0 ? "" : `    ranges: ${list(ranges)}\n`}${
    hosts.length === 0 ? "" : `    hosts: ${list(hosts)}\n`
  }`;
}

interface ReachedAt {
  host: string;
  endpoint: string;
  /** PEM; undefined where the server has a certificate of somebody else. */
  authority: string | undefined;
}

function reachedAt({ directory, serverAuthority }: AgentFilePlatform, endpoint: string | undefined): ReachedAt {
  const pem = directory.maybeText("server.pem");
  const own = pem === undefined ? undefined : new X509Certificate(pem);
  const [, name] = /DNS:([^,]+)/.exec(own?.subjectAltName ?? "") ?? [];
  const [, host] = /^([a-z\d](?:[a-z\d.-]*[a-z\d])?)(?::\d{1,5})?$/i.exec(endpoint ?? name ?? "") ?? [];
  if (host === undefined && endpoint !== undefined) {
    throw new UsageError(
      `Cannot use --endpoint as HOST:PORT: current value is "${endpoint}"`,
      "a name, as the certificate is checked: --endpoint dca.example.com:8443",
    );
  }
  if (host === undefined) {
    throw new ConfigError(
      "Cannot tell where agents reach this platform as it has made no certificate for a name yet",
      "start it with serve --host-name NAME, or name it: --endpoint dca.example.com:8443",
    );
  }
  return {
    host,
    endpoint: endpoint ?? `${host}:${port}`,
    authority: own?.checkHost(host) === undefined ? undefined : pemOf(serverAuthority.certificate),
  };
}

/** SHA-256 of the authority that agents know this platform by, as `openssl x509 -fingerprint -sha256` prints it. */
export function authorityFingerprint({ serverAuthority }: Pick<OpenPlatform, "serverAuthority">): string {
  return new X509Certificate(pemOf(serverAuthority.certificate)).fingerprint256;
}
