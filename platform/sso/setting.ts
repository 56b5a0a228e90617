/** One setting of an identity provider, and checks that several kinds have. Pure. */
import { X509Certificate } from "node:crypto";
import { messageOf, UsageError } from "../../common/core/errors.ts";
import { withoutPassword } from "../../common/core/without_password.ts";

export interface Setting {
  /** As commands, the store and pages name it. */
  name: string;
  /** One line, for the help of commands. */
  help: string;
  isRequired?: true;
  /** Sealed in the store, and never shown. */
  isSecret?: true;
  /** Several lines, such as PEM. */
  isLong?: true;
  /** It says whose subjects these are: it stays as it is once there are users. */
  isIdentity?: true;
  /** What holds where nothing is set. */
  usual?: string;
  /** The value in its normal form. Throws UsageError. */
  check(text: string): string;
}

export function lineOf(name: string, most = 500): (text: string) => string {
  return (text) => {
    if (text.length <= most && !/\p{Cc}/u.test(text)) return text;
    throw new UsageError(`Cannot use the setting "${name}": it is one line of at most ${most} characters`);
  };
}

/** An address by HTTPS, without user, query or fragment. */
export function httpsAddress(name: string, { mayHaveQuery = false } = {}): (text: string) => string {
  return (text) => {
    const url = URL.parse(text);
    const isPlain = url !== null && url.username === "" && url.password === "" && url.hash === "" &&
      (mayHaveQuery || url.search === "");
    if (isPlain && url.protocol === "https:" && text.length <= 500) return text;
    throw new UsageError(
      `Cannot use the setting "${name}" as an address: current value is "${withoutPassword(text)}"`,
      "such as https://login.example.com/path",
    );
  };
}

/** One or several certificates. */
export function certificates(name: string): (text: string) => string {
  return (text) => {
    // An identity provider's metadata has them without the lines of PEM.
    const pem = text.includes("-----BEGIN") ? text : pemOf(text);
    const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    try {
      if (found.length > 0 && found.length <= 10) {
        return found.map((one) => new X509Certificate(one).toString()).join("");
      }
    } catch (error) {
      throw new UsageError(`Cannot read the setting "${name}" as certificates: ${messageOf(error)}`);
    }
    throw new UsageError(
      `Cannot read the setting "${name}" as certificates`,
      "it is PEM, with -----BEGIN CERTIFICATE-----",
    );
  };
}

function pemOf(base64: string): string {
  const lines = base64.replace(/\s/g, "").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

export function yesOrNo(name: string): (text: string) => string {
  return (text) => {
    if (/^(yes|no)$/.test(text)) return text;
    throw new UsageError(`Cannot use the setting "${name}": it is yes or no`);
  };
}

/** Words with spaces between them. */
export function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** Host names with spaces between them. */
export function hostNames(name: string): (text: string) => string {
  return (text) => {
    const hosts = wordsOf(text).map((host) => host.toLowerCase());
    const wrong = hosts.find((host) => !/^[a-z\d]([a-z\d.-]{0,251}[a-z\d])?$/.test(host));
    if (wrong === undefined && hosts.length <= 20) return hosts.join(" ");
    throw new UsageError(`Cannot use the setting "${name}" as host names: current value is "${text}"`);
  };
}
