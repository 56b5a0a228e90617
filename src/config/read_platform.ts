/** The keys `platform` and `proxy`: the platform's addresses and the way to them. */
import { X509Certificate } from "node:crypto";
import { messageOf } from "../../common/core/errors.ts";
import { formatEndpoint } from "../../common/core/ip.ts";
import { tryParseCidr } from "../../common/core/ip_range.ts";
import { readSecret } from "./read_secret.ts";
import type { Secret } from "../../common/core/secret.ts";
import { readYamlText, yamlError, type YamlValue } from "./yaml_reader.ts";
import type { Endpoint, PlatformConfig, ProxyConfig } from "./agent_config.ts";
import { formatMqttEndpoint, parseMqttEndpoint } from "./mqtt_endpoint.ts";
import { isUnderRootDomain, parseDomain, parseEndpoint, parsePort } from "./endpoint.ts";
import { type Field, listField, optionalField, pathField, type TextField, textField } from "./field.ts";
import { parsePin } from "./public_keys.ts";
import { parseUnlockKey } from "./public_keys.ts";
import { type ConfigReader, openSection } from "./section.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

const defaultProxyPort = 3128;

/** Reads `platform`, which every file has. */
export function readPlatform(reader: ConfigReader, root: YamlValue, value: YamlValue | undefined): PlatformConfig {
  if (value === undefined) {
    const hint = "such as platform: { rootDomain: example.com, endpoints: [dca.example.com] }";
    reader.mistakes.push(yamlError(root, "platform is missing", hint));
  }
  const section = openSection(reader, value, {
    path: "platform",
    known: ["rootDomain", "endpoints", "mqtt", "ca", "pin", "unlockKey"],
  });
  const rootDomain = section.require("rootDomain", textField(parseDomain), {
    placeholder: "",
    hint: "the domain that all endpoints are under, such as rootDomain: example.com",
  });
  const endpoints = section.require(
    "endpoints",
    listField(hostField(rootDomain, parseEndpoint, showEndpoint), { mayBeEmpty: false }),
    {
      placeholder: [],
      hint: "such as endpoints: [dca.example.com]",
    },
  );
  const mqtt = section.read("mqtt", listField(hostField(rootDomain, parseMqttEndpoint, formatMqttEndpoint)), []);
  const ca = section.read("ca", optionalField(certificateField(reader)), null);
  const pins = section.read("pin", listField(textField(parsePin)), []);
  return {
    rootDomain,
    endpoints,
    ca,
    pins,
    unlockKeys: section.read("unlockKey", listField(textField(parseUnlockKey)), []),
    mqtt,
  };
}

function showEndpoint({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}

/** A field for a host under the root domain. */
function hostField<T extends Endpoint>(
  rootDomain: string,
  parse: (text: string) => T,
  show: (endpoint: T) => string,
): Field<T> {
  const field = textField((text) => {
    const endpoint = parse(text);
    if (rootDomain === "" || isUnderRootDomain(endpoint.host, rootDomain)) return endpoint;
    throw new ValueSyntaxError(
      `is outside the root domain "${rootDomain}"`,
      `name a host under ${rootDomain}, or change platform.rootDomain`,
    );
  }, show);
  return {
    ...field,
    read(value, what, onMistake) {
      // The text is not shown, as it may contain a password.
      if (!readYamlText(value, what).includes("@")) return field.read(value, what, onMistake);
      throw yamlError(value, `${what} contains a user or password`, "write host:port; the agent shows its certificate");
    },
  };
}

/** The path of a file, or the certificates themselves. */
function certificateField(reader: ConfigReader): Field<NonNullable<PlatformConfig["ca"]>> {
  return {
    read(value, what, onMistake) {
      const text = readYamlText(value, what);
      const isInline = text.includes("-----BEGIN");
      const file = isInline ? null : pathField.read(value, what, onMistake);
      const found = `current value is ${file === null ? "in this file" : `"${file}"`}`;
      let pem = text;
      try {
        if (file !== null) pem = reader.readFile(file);
      } catch (cause) {
        const reason = `${what} cannot be read (${messageOf(cause)}): ${found}`;
        throw yamlError(value, reason, "check the path and its permissions", { cause });
      }
      const certificates = pem.match(/-----BEGIN CERTIFICATE-----(?:[^-]|-(?!----END))*-----END CERTIFICATE-----/g) ??
        [];
      if (certificates.length === 0) {
        throw yamlError(value, `${what} contains no certificate: ${found}`, "it must be PEM, with BEGIN CERTIFICATE");
      }
      const damaged = certificates.findIndex((certificate) => !isCertificate(certificate));
      if (damaged < 0) return { file, pem };
      const reason = `${what} contains a damaged certificate, number ${
        damaged + 1
      } of ${certificates.length}: ${found}`;
      throw yamlError(
        value,
        reason,
        isInline ? 'copy it again, each line indented, after "ca: |"' : "copy the file again",
      );
    },
    show: (ca) => ca.file ?? "in this file",
  };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false; // Any error means that it cannot be used.
  }
}

/** Reads `proxy`; null where there is none. */
export function readProxy(reader: ConfigReader, value: YamlValue | undefined): ProxyConfig | null {
  if (value === undefined) {
    // Registers the keys as known anyway.
    openSection(reader, value, { path: "proxy", known: proxyKeys });
    reader.settings.push({ path: "proxy", value: null, source: { kind: "default" } });
    return null;
  }
  const section = openSection(reader, value, { path: "proxy", known: proxyKeys, keysMayBeSecret: true });
  const address = section.require("url", {
    read: readProxyUrl,
    show: ({ host, port }) => `http://${formatEndpoint(host, port)}`,
  }, {
    placeholder: { host: "", port: 0 },
    hint: "such as url: http://proxy.example.com:3128",
  });
  const user = section.read("user", optionalField(besidePassword(textField(parseUser))), null);
  const password = section.read("password", optionalField(passwordField(reader)), null);
  for (const [key, other] of [["user", "password"], ["password", "user"]] as const) {
    const at = section.value(key);
    if (at === undefined || section.value(other) !== undefined) continue;
    reader.mistakes.push(yamlError(at, `proxy.${key} requires proxy.${other}`, "Basic authentication has both"));
  }
  return {
    ...address,
    user,
    password,
    noProxy: section.read("noProxy", listField(besidePassword(textField(parseNoProxy))), []),
  };
}

function passwordField(reader: ConfigReader): Field<Secret> {
  return { read: (value, what) => readSecret(value, what, reader), show: String };
}

const proxyKeys = ["url", "user", "password", "noProxy"] as const;

/** Messages do not show a text that may contain a password. */
function readProxyUrl(value: YamlValue, what: string): { host: string; port: number } {
  const text = readYamlText(value, what);
  if (text.includes("@")) {
    throw yamlError(value, `${what} contains a user or password`, "write them as proxy.user and proxy.password");
  }
  const [, scheme = "http", host, bracketed, port] =
    /^(?:([a-z0-9+.-]+):\/\/)?(?:([^:/[\]?#\s]+)|\[([0-9a-f:.]+)\])(?::(\d+))?\/?$/i.exec(text) ?? [];
  const name = host ?? bracketed;
  if (name === undefined) throw yamlError(value, `${what} is not a URL`, "such as http://proxy.example.com:3128");
  if (scheme.toLowerCase() !== "http") {
    const hint = `write http://${name}:PORT; the connection through it is encrypted anyway`;
    throw yamlError(value, `${what} is not an HTTP proxy: current value is "${scheme}"`, hint);
  }
  if (port === undefined) return { host: name, port: defaultProxyPort };
  try {
    return { host: name, port: parsePort(port) };
  } catch (error) {
    if (!(error instanceof ValueSyntaxError)) throw error;
    throw yamlError(value, `${what} ${error.reason}: current value is "${port}"`);
  }
}

/** Leaves the text out of mistakes: with a missing line break the password may be a part of it. */
function besidePassword<T>(field: TextField<T>): TextField<T> {
  return {
    ...field,
    read(value, what) {
      try {
        return field.parse(readYamlText(value, what));
      } catch (error) {
        if (!(error instanceof ValueSyntaxError)) throw error;
        throw yamlError(value, `${what} ${error.reason}`, error.hint);
      }
    },
  };
}

function parseUser(text: string): string {
  // RFC 7617 section 2.
  if (text.includes(":")) throw new ValueSyntaxError("contains a colon, which Basic authentication cannot send");
  return text;
}

function parseNoProxy(text: string): string {
  const bare = text.replace(/^\[(.*)\](?::\d{1,5})?$/, "$1").replace(/^([^:]*):\d{1,5}$/, "$1");
  if (/[\s@]|:\/\//.test(text) || (bare.includes(":") && tryParseCidr(bare) === undefined)) {
    throw new ValueSyntaxError(
      "is not a host, a .domain, an address or a block, nor one of them with a port",
      "such as .example.com or dca.example.com:443",
    );
  }
  return text.toLowerCase();
}
