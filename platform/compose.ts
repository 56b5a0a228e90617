/** Where the platform's parts are joined. */
import { messageOf } from "../common/core/errors.ts";
import { idleJournals, journalLookMs } from "../common/host/idle_journals.ts";
import { mendTlsWrites } from "../common/host/tls_writes.ts";
import type { Tunnels } from "./access/tunnels.ts";
import { startAlertWatch } from "./alerts/alert_watch.ts";
import { forgetActivationCalls } from "./agents/activation_calls.ts";
import { guessWatch } from "./agents/guess_watch.ts";
import type { OpenOptions, OpenPlatform } from "./agents/platform.ts";
import { defaultQuotas } from "./agents/quota.ts";
import { moveReadings } from "./devices/move_readings.ts";
import { startRetention } from "./devices/retention.ts";
import { denoMachine } from "./edge/cli/deno_host.ts";
import type { PlatformHost, PlatformServeOptions, RunningPlatform } from "./edge/cli/host.ts";
import type { LegacyTls } from "./edge/http/legacy_tls.ts";
import type { WebAccess, WebServeOptions } from "./edge/http/start_web_access.ts";
import type { SshGateway } from "./edge/ssh/kept_sessions.ts";
import type { SshServeOptions } from "./edge/ssh/ssh_gateway.ts";
import type { SshdGatewayOptions } from "./edge/ssh/sshd_gateway.ts";
import type { Portal, PortalServeOptions } from "./portal/start_portal.ts";
import { openDataDirectory } from "./keys/data_directory.ts";
import { noteKeysAtStart } from "./billing/known_keys.ts";
import { keptKeys, keptServerCertificate } from "./keys/kept_keys.ts";
import { openSqliteStore } from "./store/sqlite/sqlite_store.ts";
import type { openPostgresStore } from "./store/postgres/postgres_store.ts";
import type { Store } from "./store/store.ts";

const storeName = "platform.db";

/** What the command line runs on. */
export function denoPlatformHost(): PlatformHost {
  return { ...denoMachine(), openPlatform, serve };
}

/** The store and the keys; both are made when the folder is new. The command line works on this, with or without a server. */
export async function openPlatform(options: OpenOptions): Promise<OpenPlatform> {
  const { clock, log, pollSeconds } = options;
  mendTlsWrites();
  await using built = new AsyncDisposableStack();
  const directory = openDataDirectory(options.dataDirectory);
  using _ = await directory.lock();
  const database = options.database === undefined
    ? undefined
    : built.use(await openPostgres(options.database, options.databaseLimits));
  const isUsed = database === undefined ? directory.has(storeName) : await hasCustomers(database);
  const keys = await keptKeys(directory, { isUsed, now: clock.now() });
  const store = database ?? built.use(openSqliteStore(directory.path(storeName)));
  await moveReadings(store, (left) => log("readingsMoved", { left }));
  const opened = built.move();
  return {
    ...keys,
    store,
    directory,
    clock,
    guesses: guessWatch({ store, clock, log }),
    quotas: { ...defaultQuotas, ...options.quotas },
    pollSeconds,
    log,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Listens until disposed. The store outlives the server, so that calls can end. */
export async function serve(platform: OpenPlatform, options: PlatformServeOptions): Promise<RunningPlatform> {
  const { directory, clock, guesses, log, serverAuthority: authority } = platform;
  await noteKeysAtStart(platform);
  const certificate = options.certificate ??
    await keptServerCertificate(directory, { authority, names: options.names, now: clock.now() });
  // Commands that send a task or show a list start without what listens.
  const { startServer } = await import("./edge/grpc/start_server.ts");
  await using built = new AsyncDisposableStack();
  const server = built.use(await startServer(platform, { ...options, certificate }));
  const mqtt = options.mqtt === undefined ? undefined : built.use(
    await (await import("./edge/mqtt/start_mqtt.ts"))
      .serveMqtt(platform, { ...options.mqtt, proxies: options.proxies, certificate, authority }),
  );
  // Pages are listened for first, so that the gateway can say where they are.
  const at: { gateway?: SshGateway } = {};
  const web = options.web === undefined ? undefined : built.use(
    await startWeb(platform, { ...options.web, proxies: options.proxies }, {
      of: (sessionId) => at.gateway?.tunnels.of(sessionId),
    }),
  );
  const webAt = web && `${options.web!.domain}${web.port === 443 ? "" : `:${web.port}`}`;
  const { ssh, sshd, proxies } = options;
  const gateway = (ssh && built.use(await startSsh(platform, { ...ssh, web: webAt, proxies }))) ??
    (sshd && built.use(await startSshd(platform, { ...sshd, web: webAt })));
  if (gateway !== undefined) at.gateway = gateway;
  const portal = options.portal && built.use(await openPortal(platform, { ...options, portal: options.portal }));
  const metrics = options.metrics && built.use(
    await (await import("./edge/metrics/start_metrics.ts")).startMetrics(platform, options.metrics),
  );
  await startTelling(platform, built, options.webhooks);
  const { keepProofs } = await import("./billing/keep_proofs.ts");
  const { retention: kept, retentionStartMs: startMs } = options;
  const retention = startRetention(platform, { retention: kept, keepProofs, startMs });
  const alerts = startAlertWatch(platform, options.alertLookMs);
  const truncate = idleJournals(platform.store.engine === "sqlite" ? [directory.path(storeName)] : []);
  const looking = setInterval(() => {
    truncate();
    // What fails is written with the next look.
    Promise.all([guesses.flush(), forgetActivationCalls(platform)]).catch((error) =>
      log("storeBusy", { message: messageOf(error) })
    );
  }, options.journalLookMs ?? journalLookMs);
  const edges = built.move();
  return {
    port: server.port,
    mqttPorts: mqtt?.ports,
    ...(web === undefined ? {} : { webPort: web.port }),
    ...(metrics && { metricsPort: metrics.port }),
    ...(portal && { portal: placeOf(portal) }),
    ...(gateway && { [ssh === undefined ? "sshdKeysPort" : "sshPort"]: gateway.port, tunnels: gateway.tunnels }),
    async [Symbol.asyncDispose]() {
      clearInterval(looking);
      await alerts[Symbol.asyncDispose]();
      await retention[Symbol.asyncDispose]();
      await edges.disposeAsync();
    },
  };
}

async function startTelling(
  platform: OpenPlatform,
  built: AsyncDisposableStack,
  options: PlatformServeOptions["webhooks"],
): Promise<void> {
  const { startWebhooks } = await import("./interfaces/deliver_webhooks.ts");
  const { watchSilent } = await import("./interfaces/silent_watch.ts");
  const { startFeeds } = await import("./feeds/push_feeds.ts");
  built.use(startWebhooks(platform, options));
  built.use(startFeeds(platform, options));
  built.use(watchSilent(platform));
  const { startNotifications } = await import("./notifications/start_notifications.ts");
  built.use(startNotifications(platform));
}

function placeOf({ port, origin, firstUser, frontPort }: Portal & { firstUser: string | undefined }) {
  return { port, origin, firstUser, ...(frontPort === undefined ? {} : { frontPort }) };
}

/** With the link for its first user, while there is none. */
async function openPortal(
  platform: OpenPlatform,
  { portal: { host, port, origin, certificate, mail, liveTimes, passwords: given, front }, names, proxies }:
    & Pick<PlatformServeOptions, "names" | "proxies">
    & { portal: NonNullable<PortalServeOptions["portal"]> },
): Promise<Portal & { firstUser: string | undefined }> {
  const { directory, clock, serverAuthority: authority } = platform;
  const { startPortal } = await import("./portal/start_portal.ts");
  const { programsApp } = await import("./edge/rest/programs_app.ts");
  const { createPasswordHasher } = await import("./users/password_hasher.ts");
  const { maybeFirstUserLink, setPortalOrigin } = await import("./users/manage_users.ts");
  const { keepUsers } = await import("./users/inactivity.ts");
  const { setMail } = await import("./users/user_mails.ts");
  const { keepProviderSessions } = await import("./sso/recheck.ts");
  await using built = new AsyncDisposableStack();
  const passwords = given ?? built.use(createPasswordHasher());
  const ofUsers = { ...platform, passwords };
  const file = "portal.pem", name = names[0]!;
  const started = built.use(
    await startPortal(ofUsers, {
      host,
      port,
      origin: (port) => origin ?? `https://${name}${port === 443 ? "" : `:${port}`}`,
      certificate: certificate ?? await keptServerCertificate(directory, { authority, names, now: clock.now(), file }),
      proxies,
      liveTimes,
      front,
      programs: (sourceOf) => programsApp(platform, { sourceOf }),
    }),
  );
  await platform.store.transaction((tx) => setMail(tx, mail?.from));
  if (mail !== undefined) built.use((await import("./mail/start_mailer.ts")).startMailer(platform, mail));
  if (mail !== undefined) built.use((await import("./billing/mail_statements.ts")).startStatementMails(platform));
  built.use(keepUsers(ofUsers));
  built.use(keepProviderSessions(ofUsers));
  await setPortalOrigin(platform, started.origin);
  const link = await maybeFirstUserLink(platform, { actor: "platform" });
  const all = built.move();
  return {
    port: started.port,
    origin: started.origin,
    frontPort: started.frontPort,
    firstUser: link?.address,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function openPostgres(...options: Parameters<typeof openPostgresStore>): Promise<Store & AsyncDisposable> {
  const { openPostgresStore } = await import("./store/postgres/postgres_store.ts");
  return await openPostgresStore(...options);
}

async function startWeb(
  platform: OpenPlatform,
  { host, port, domain, certificate, legacyTlsHelper, proxies }:
    & NonNullable<WebServeOptions["web"]>
    & Pick<PlatformServeOptions, "proxies">,
  tunnels: Tunnels,
): Promise<WebAccess> {
  const { directory, clock, log, serverAuthority: authority } = platform;
  const { createWebSessions } = await import("./access/web_sessions.ts");
  const { startWebAccess } = await import("./edge/http/start_web_access.ts");
  const legacyTls = legacyTlsHelper === undefined ? undefined : await startLegacyTls(platform, legacyTlsHelper);
  await using built = new AsyncDisposableStack();
  const sessions = built.use(createWebSessions(platform));
  const server = built.use(
    await startWebAccess({
      host,
      port,
      domain,
      certificate: certificate ??
        await keptServerCertificate(directory, {
          authority,
          names: [`*.${domain}`],
          now: clock.now(),
          file: "access.pem",
        }),
      sessions,
      tunnels,
      proxies,
      legacyTls,
      now: () => clock.now(),
      log,
    }),
  );
  const all = built.move();
  return { port: server.port, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function startLegacyTls({ directory }: OpenPlatform, program: string): Promise<LegacyTls> {
  const { checkLegacyTls, createLegacyTls, opensslConfig } = await import("./edge/http/legacy_tls.ts");
  const name = "legacy-tls.cnf";
  directory.write(name, opensslConfig);
  const options = { program, configFile: directory.path(name) };
  await checkLegacyTls(options);
  return createLegacyTls(options);
}

async function startSsh(
  platform: OpenPlatform,
  options: NonNullable<SshServeOptions["ssh"]> & { web: string | undefined } & Pick<PlatformServeOptions, "proxies">,
): Promise<SshGateway> {
  // Where there is no gateway, SSH is not loaded.
  const { keptHostKey } = await import("./edge/ssh/host_key.ts");
  const { startSshGateway } = await import("./edge/ssh/ssh_gateway.ts");
  return await startSshGateway(platform, { ...options, hostKey: await keptHostKey(platform.directory) });
}

async function startSshd(platform: OpenPlatform, options: SshdGatewayOptions): Promise<SshGateway> {
  const { startSshdGateway } = await import("./edge/ssh/sshd_gateway.ts");
  return await startSshdGateway(platform, options);
}

async function hasCustomers(store: Store): Promise<boolean> {
  const row = await store.transaction((tx) => tx.get("SELECT 1 FROM customers LIMIT 1"), { readOnly: true });
  return row !== undefined;
}
