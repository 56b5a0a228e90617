import { hasColor } from "../../common/core/color.ts";
import type { Host } from "./host.ts";

export interface ScreenOptions {
  columns: number;
  color: boolean;
  unicode: boolean;
}

/** Display options of standard output; without a host (for a file) plain and 100 columns wide. */
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
  // Services, containers and Windows have no locale variables; they show UTF-8.
  return locale === undefined || locale === "" || /utf-?8/i.test(locale);
}
