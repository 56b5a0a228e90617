/** The kinds of feeds, and what each can be told. Pure. */
import { UsageError } from "../../common/core/errors.ts";
import { withoutPassword } from "../../common/core/without_password.ts";
import type { SocketTarget } from "../../common/host/guarded_socket.ts";

export interface FeedSetting {
  name: string;
  help: string;
  isSecret?: true;
  usual?: string;
}

interface FeedKind {
  title: string;
  /** An address of it. */
  example: string;
  /** Port by protocol; those of the first are encrypted. */
  protocols: Readonly<Record<string, number>>;
  settings: readonly FeedSetting[];
}

const ca = { name: "ca", help: "PEM of the authority of its certificate (default: the system's)" } as const;
const certificate = { name: "certificate", help: "PEM of the certificate that the platform shows" } as const;
const key = { name: "key", help: "PEM of its private key", isSecret: true } as const;
const user = { name: "user", help: "whom the platform signs in as" } as const;
const password = { name: "password", help: "with this password", isSecret: true } as const;

export const feedKinds = {
  glpi: {
    title: "GLPI",
    example: "https://glpi.example.com/front/inventory.php",
    protocols: { "https:": 443, "http:": 80 },
    settings: [user, password, ca],
  },
  zabbix: {
    title: "Zabbix",
    example: "zabbixs://zabbix.example.com",
    protocols: { "zabbixs:": 10_051, "zabbix:": 10_051 },
    settings: [
      {
        name: "host",
        help: "the host in Zabbix that has the template; {customer} is the customer's id",
        usual: "opendca-{customer}",
      },
      ca,
      certificate,
      key,
    ],
  },
  mqtt: {
    title: "MQTT with Home Assistant discovery",
    example: "mqtts://broker.example.com",
    protocols: { "mqtts:": 8883, "mqtt:": 1883 },
    settings: [
      user,
      password,
      { name: "prefix", help: "topics of states begin with it; the customer's id follows", usual: "opendca" },
      {
        name: "discovery",
        help: "where Home Assistant looks for sensors; {customer} is the customer's id",
        usual: "homeassistant",
      },
      { name: "links", help: "yes: with the address of each printer's own page", usual: "no" },
      ca,
      certificate,
      key,
    ],
  },
} as const satisfies Record<string, FeedKind>;

export type FeedKindName = keyof typeof feedKinds;

export function isFeedKind(text: string): text is FeedKindName {
  return Object.hasOwn(feedKinds, text);
}

export type Settings = Readonly<Record<string, string>>;

/** With the usual values. */
export function settingOf(kind: FeedKindName, settings: Settings, name: string): string | undefined {
  const known: readonly FeedSetting[] = feedKinds[kind].settings;
  return settings[name] ?? known.find((each) => each.name === name)?.usual;
}

/** Where it is, and whether by TLS. Throws UsageError. */
export function feedTarget(kind: FeedKindName, text: string): SocketTarget & { url: URL } {
  const { protocols, example, title }: FeedKind = feedKinds[kind], url = URL.parse(text);
  const refuse = (why: string) =>
    new UsageError(`Cannot send to "${withoutPassword(text).slice(0, 200)}" as ${title}: ${why}`, `such as ${example}`);
  if (url === null || text.length > 2000) throw refuse("it is not an address");
  if (!Object.hasOwn(protocols, url.protocol)) throw refuse(`it does not begin with ${Object.keys(protocols)[0]}//`);
  if (url.username !== "" || url.password !== "") {
    throw refuse("it has a user or a password, which are settings");
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (!/^[\w.:-]{1,253}$/.test(host)) throw refuse("it has no host");
  if (kind !== "glpi" && (url.pathname.replace("/", "") !== "" || url.search !== "" || url.hash !== "")) {
    throw refuse("it has more than a host and a port");
  }
  const port = url.port === "" ? protocols[url.protocol]! : Number(url.port);
  if (port === 0) throw refuse("its port is 0");
  return { url, host, port, isTls: url.protocol === Object.keys(protocols)[0] };
}

/** Open and secret ones. Throws UsageError. */
export function checkedSettings(
  kind: FeedKindName,
  given: Settings,
): { settings: Record<string, string>; secrets: Record<string, string> } {
  const known: readonly FeedSetting[] = feedKinds[kind].settings;
  const settings: Record<string, string> = {}, secrets: Record<string, string> = {};
  const refuse = (name: string, why: string) => new UsageError(`Cannot use the setting ${name}: ${why}`);
  for (const [name, text] of Object.entries(given)) {
    const setting = known.find((each) => each.name === name);
    if (setting === undefined) {
      throw new UsageError(
        `Cannot use "${name}" as a setting of ${feedKinds[kind].title}`,
        `it has ${known.map(({ name }) => name).join(", ")}`,
      );
    }
    const isPem = /^(ca|certificate|key)$/.test(name);
    // What comes from a file ends with its line.
    const value = isPem ? text : text.replace(/\r?\n$/, "");
    if (value === "" || value.length > 20_000) throw refuse(name, "it is empty or too long");
    if (isPem && !value.includes("-----BEGIN ")) throw refuse(name, "it is no PEM");
    if (!isPem && (/\p{Cc}/u.test(value) || value.length > 500)) {
      throw refuse(name, "it has control characters or is too long");
    }
    (setting.isSecret ? secrets : settings)[name] = value;
  }
  if ((settings.certificate === undefined) !== (secrets.key === undefined)) {
    throw refuse("certificate", "certificate and key are given together");
  }
  if (secrets.password !== undefined && settings.user === undefined) throw refuse("password", "it has no user");
  for (const name of ["prefix", "discovery"]) {
    const topic = settings[name]?.replaceAll("{customer}", "");
    if (topic !== undefined && !/^[\w.-]*(\/[\w.-]+)*$/.test(topic)) {
      throw refuse(name, "it has other characters than letters, digits, -, _, . and /");
    }
  }
  if (settings.host !== undefined && !/^[\w .-]{1,100}$/.test(settings.host.replaceAll("{customer}", ""))) {
    throw refuse("host", "a host of Zabbix has letters, digits, spaces, dots, dashes and underscores");
  }
  if (settings.links !== undefined && !/^(yes|no)$/.test(settings.links)) throw refuse("links", "it is yes or no");
  return { settings, secrets };
}
