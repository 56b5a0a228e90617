/** Options of `serve` for what other programs are told or ask. */
import type { Command } from "commander";
import { UsageError } from "../../../common/core/errors.ts";
import type { InterfaceServeOptions } from "./host.ts";
import { parseListen } from "./serve_command.ts";

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
