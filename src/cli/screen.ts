import { hasColor } from "../../common/core/color.ts";
import type { Host } from "./host.ts";

export interface ScreenOptions {
  columns: number;
  color: boolean;
  unicode: boolean;
}

/** How text may look on standard output; plain and 100 columns wide without a host, which means in a file. */
export function screenOptions(host: Host | undefined): ScreenOptions {
  const screen = host?.stdout;
  return {
    columns: screen?.isTerminal ? screen.columns() : 100,
    color: host !== undefined &&
      hasColor({ choice: host.options?.color, isTerminal: host.stdout.isTerminal, env: host.env }),
    unicode: host === undefined || speaksUnicode(host),
  };
}

function speaksUnicode(host: Host): boolean {
  const locale = host.env("LC_ALL") || host.env("LC_CTYPE") || host.env("LANG");
  // No locale at all is what services, containers and Windows have; they show UTF-8.
  return locale === undefined || locale === "" || /utf-?8/i.test(locale);
}
