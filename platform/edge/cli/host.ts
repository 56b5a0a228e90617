import type { OpenOptions, OpenPlatform } from "../../agents/platform.ts";
import type { RunningServer, ServeOptions } from "../grpc/start_server.ts";
import type { MqttPorts, MqttServeOptions } from "../mqtt/start_mqtt.ts";
import type { WebServeOptions } from "../http/start_web_access.ts";
import type { SshServeOptions, SshServer } from "../ssh/ssh_gateway.ts";
import type { SshdServeOptions } from "../ssh/sshd_gateway.ts";
import type { DeliveryOptions } from "../../interfaces/deliver_webhooks.ts";
import type { PortalServeOptions } from "../../portal/start_portal.ts";
import type { Clock } from "../../../common/core/clock.ts";

export type PlatformServeOptions =
  & ServeOptions
  & MqttServeOptions
  & SshServeOptions
  & SshdServeOptions
  & WebServeOptions
  & PortalServeOptions
  & InterfaceServeOptions;

export interface InterfaceServeOptions {
  /** Who may be called, and how. */
  webhooks?: DeliveryOptions | undefined;
  /** Where Prometheus asks. */
  metrics?: { host: string; port: number } | undefined;
}

export interface RunningPlatform extends RunningServer, Partial<SshServer> {
  /** Undefined without MQTT. */
  mqttPorts: MqttPorts | undefined;
  webPort?: number;
  metricsPort?: number;
  /** `firstUser`: the link for the first administrator, while there is no user. */
  portal?: { port: number; origin: string; firstUser: string | undefined; frontPort?: number };
}

/** The environment of the commands: the machine (`deno_host.ts`), and the assembled platform (`compose.ts`). */
export interface PlatformHost extends PlatformMachine {
  openPlatform(options: OpenOptions): Promise<OpenPlatform>;
  serve(
    platform: OpenPlatform,
    options: PlatformServeOptions,
  ): Promise<RunningPlatform>;
}

export interface PlatformMachine {
  clock: Pick<Clock, "now" | "monotonicMs">;
  env(name: string): string | undefined;
  /** The operating system's user, used if the environment has no name: `uid 0`. */
  account: string;
  /** Width of the terminal in cells; 100 without one. */
  columns: number;
  /** Width of table lines in cells: that of the terminal, Infinity without one. */
  tableWidth: number;
  stdout(text: string): Promise<void>;
  stderr(text: string): Promise<void>;
  /** The file of this program; undefined if it runs from source. */
  executable?(): string | undefined;
  /** "-" is standard input, which can only be read once. */
  readTextFile(path: string): Promise<string>;
  /** Resolves when the process is asked to end. */
  untilStopped(): Promise<void>;
  /** Calls back with what was rejected where nobody waited for it, in place of ending the process; until disposed of. */
  onUnhandledRejection?(callback: (reason: unknown) => void): Disposable;
}
