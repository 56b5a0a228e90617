/** Options of `serve` for the portal, its mails, and what other programs are told or ask. */
import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import type { MailOptions } from "../../mail/start_mailer.ts";
import type { FrontOptions, PortalServeOptions } from "../../portal/start_portal.ts";
import { checkedEmail } from "../../users/manage_users.ts";
import type { InterfaceServeOptions, PlatformHost } from "./host.ts";
import { maybeCertificate, parseListen, readAuthorities } from "./serve_command.ts";

export interface PortalFlags {
  portalListen?: string;
  portalUrl?: string;
  portalCertificate?: string;
  portalKey?: string;
  portalFrontListen?: string;
  portalFrontCertificate?: string;
  portalFrontHeader: string;
  mailServer?: string;
  mailFrom?: string;
}

export function addPortalOptions(serve: Command): Command {
  return serve
    .option("--portal-listen <host:port>", "where people sign in by HTTPS, usually port 443 (default: nowhere)")
    .option("--portal-url <url>", "how people reach that (default: https, the first --host-name and the port)")
    .option("--portal-certificate <file>", "a certificate of your own for it, PEM, with its chain")
    .option("--portal-key <file>", "its private key, PEM")
    .option(
      "--portal-front-listen <host:port>",
      "where a web server connects that signs people in by Windows authentication (default: nowhere)",
    )
    .option("--portal-front-certificate <file>", "its client certificate, or an authority of its own for it, PEM")
    .option("--portal-front-header <name>", "header in which it says who has signed in", "X-Remote-User")
    .option(
      "--mail-server <url>",
      "smtps://USER@HOST or smtp://USER@HOST:587 (STARTTLS), with OPENDCA_MAIL_PASSWORD (default: no mails)",
    )
    .option("--mail-from <address>", "what mails are from");
}

export async function maybePortal(host: PlatformHost, flags: PortalFlags): Promise<PortalServeOptions["portal"]> {
  const { portalListen, portalUrl, portalCertificate, portalKey } = flags;
  if (portalListen === undefined) {
    const { mailServer, mailFrom, portalFrontListen, portalFrontCertificate } = flags;
    const ofFront = [portalFrontListen, portalFrontCertificate];
    const others = [portalUrl, portalCertificate, portalKey, mailServer, mailFrom, ...ofFront];
    if (others.every((value) => value === undefined)) return undefined;
    throw new UsageError("Cannot use the options of the portal and its mails without --portal-listen");
  }
  const origin = portalUrl === undefined ? undefined : URL.parse(portalUrl);
  if (origin === null || (origin !== undefined && (origin.protocol !== "https:" || origin.pathname !== "/"))) {
    throw new UsageError(
      `Cannot use --portal-url as an address: current value is "${portalUrl}"`,
      "such as https://portal.example.com",
    );
  }
  const certificate = await maybeCertificate(host, {
    certificate: { option: "--portal-certificate", file: portalCertificate },
    key: { option: "--portal-key", file: portalKey },
  });
  return {
    ...parseListen("--portal-listen", portalListen),
    origin: origin?.origin,
    certificate,
    mail: maybeMail(host, flags),
    front: await maybeFront(host, flags),
  };
}

async function maybeFront(host: PlatformHost, flags: PortalFlags): Promise<FrontOptions | undefined> {
  const { portalFrontListen: listen, portalFrontCertificate: file, portalFrontHeader: header } = flags;
  if (listen === undefined && file === undefined) return undefined;
  if (listen === undefined || file === undefined) {
    throw new UsageError("Cannot use one of --portal-front-listen and --portal-front-certificate without the other");
  }
  // RFC 9110, 5.6.2.
  if (!/^[\w!#$%&'*+.^`|~-]{1,100}$/.test(header)) {
    throw new UsageError(`Cannot use --portal-front-header as a name: current value is "${header}"`, "X-Remote-User");
  }
  const certificatePem = await readAuthorities(host, file);
  return { ...parseListen("--portal-front-listen", listen), certificatePem, header };
}

const mailPorts = { "smtp:": 587, "smtps:": 465 };

function maybeMail(host: PlatformHost, { mailServer, mailFrom }: PortalFlags): MailOptions | undefined {
  if (mailServer === undefined && mailFrom === undefined) return undefined;
  if (mailServer === undefined || mailFrom === undefined) {
    throw new UsageError("Cannot use one of --mail-server and --mail-from without the other");
  }
  const url = URL.parse(mailServer);
  const isKnown = url !== null && url.protocol in mailPorts && url.hostname !== "" && /^\/?$/.test(url.pathname);
  if (!isKnown || url.password !== "") {
    throw new UsageError(
      `Cannot use --mail-server as a mail server: current value is "${
        url === null ? mailServer : url.href.replace(/:[^:@/]*@/, ":…@")
      }"`,
      "such as smtps://dca@mail.example.com, with the password in OPENDCA_MAIL_PASSWORD",
    );
  }
  const user = decodeURIComponent(url.username);
  return {
    host: url.hostname,
    port: url.port === "" ? mailPorts[url.protocol as keyof typeof mailPorts] : Number(url.port),
    isImplicit: url.protocol === "smtps:",
    ...(user === "" ? {} : { user, password: host.env("OPENDCA_MAIL_PASSWORD") ?? "" }),
    from: checkedEmail(mailFrom),
  };
}

export interface InterfaceFlags {
  webhookAllow?: string[];
  metricsListen?: string;
}

export function addInterfaceOptions(serve: Command): Command {
  return serve
    .option(
      "--webhook-allow <host...>",
      "names or addresses that webhooks and feeds may call though they are not on the Internet (default: none)",
    )
    .option(
      "--metrics-listen <host:port>",
      "where Prometheus reads /metrics by HTTP; reachable from it only, as 127.0.0.1:9464 (default: nowhere)",
    );
}

export function interfacesOf({ webhookAllow = [], metricsListen }: InterfaceFlags): InterfaceServeOptions {
  const wrong = webhookAllow.find((host) => !/^[\w.:-]{1,253}$/.test(host));
  if (wrong !== undefined) {
    throw new UsageError(
      `Cannot use --webhook-allow as a host: current value is "${wrong}"`,
      "such as hooks.internal.example",
    );
  }
  return {
    webhooks: { allowed: webhookAllow.map((host) => host.toLowerCase()) },
    metrics: metricsListen === undefined ? undefined : parseListen("--metrics-listen", metricsListen, "127.0.0.1:9464"),
  };
}
